//! What a camera says besides frames: `status`, `ledger`, `latest` and `stats`.

use bytes::Bytes;
use link::{Message, NO_TOKEN, PublishToken, Qos, Session, Will};
use protocol::event::CONTENT_TYPE_JPEG;
use protocol::frame::Frame;
use protocol::ledger::Ledger;
use protocol::topic::{CameraName, OFFLINE, ONLINE, TopicPrefix};

use crate::packet_limit::PacketLimit;
use crate::report::Stats;

/// Names the one ledger that may be on its way.
pub(crate) const LEDGER_TOKEN: PublishToken = PublishToken::MAX;

/// Publishes beside the frames.
pub(crate) struct Announcer {
    camera: CameraName,
    prefix: TopicPrefix,
    publishes_latest: bool,
    latest_sequence: u64,
}

impl Announcer {
    /// `publishes_latest`: whether the `latest` topic is wanted.
    pub(crate) fn new(camera: CameraName, prefix: TopicPrefix, publishes_latest: bool) -> Self {
        Self {
            camera,
            prefix,
            publishes_latest,
            latest_sequence: 0,
        }
    }

    /// What the broker is to publish should we vanish.
    pub(crate) fn will(camera: &CameraName, prefix: &TopicPrefix) -> Will {
        Will {
            topic: prefix.status(camera),
            payload: Bytes::from_static(OFFLINE.as_bytes()),
        }
    }

    /// Says that the camera is there, or that it leaves.
    pub(crate) fn status(&self, session: &mut Session, online: bool) {
        let status = if online { ONLINE } else { OFFLINE };
        let message = Message::retained_text(self.prefix.status(&self.camera), status);
        session.publish(message, NO_TOKEN);
    }

    /// Shows `newest` to late joiners, unless it, or a newer one, was shown before, or the broker may hang up on it.
    pub(crate) fn latest(
        &mut self,
        session: &mut Session,
        newest: Option<Frame>,
        limit: &PacketLimit,
    ) {
        let Some(frame) = newest.filter(|frame| frame.id.sequence > self.latest_sequence) else {
            return;
        };
        if !self.publishes_latest || !limit.surely_allows(frame.jpeg.len()) {
            return;
        }
        let message = Message {
            topic: self.prefix.latest(&self.camera),
            payload: frame.jpeg,
            qos: Qos::AtMostOnce,
            retain: true,
            content_type: Some(CONTENT_TYPE_JPEG),
            user_properties: Vec::new(),
            exchange: None,
        };
        if session.fits(&message) && session.publish(message, NO_TOKEN) {
            self.latest_sequence = frame.id.sequence;
        }
    }

    /// Says what can still be had. The answer comes under [`LEDGER_TOKEN`]. Whether it was sent.
    pub(crate) fn ledger(&self, session: &mut Session, ledger: &Ledger) -> bool {
        let message = Message {
            topic: self.prefix.ledger(&self.camera),
            payload: ledger.to_json().into(),
            qos: Qos::AtLeastOnce,
            retain: true,
            content_type: Some("application/json"),
            user_properties: Vec::new(),
            exchange: None,
        };
        // A broker with a tiny packet limit would hang up on it each time.
        session.fits(&message) && session.publish(message, LEDGER_TOKEN)
    }

    /// Publishes the camera's figures.
    pub(crate) fn stats(&self, session: &mut Session, stats: &Stats) {
        let Ok(json) = serde_json::to_vec(stats) else {
            return;
        };
        let message = Message {
            topic: self.prefix.stats(&self.camera),
            payload: json.into(),
            qos: Qos::AtMostOnce,
            retain: false,
            content_type: Some("application/json"),
            user_properties: Vec::new(),
            exchange: None,
        };
        session.publish(message, NO_TOKEN);
    }
}

//! Makes the camera known to Home Assistant, where that is wanted.

use std::time::{Duration, Instant};

use link::{Message, PublishOutcome, PublishToken, Qos, Received, Session};
use protocol::home_assistant::{Device, config_topic, status_topic};
use protocol::topic::{ONLINE, TopicPrefix};
use tracing::warn;

/// Names the one announcement that may be on its way.
pub(crate) const ANNOUNCEMENT_TOKEN: PublishToken = PublishToken::MAX - 2;

/// However often Home Assistant says that it has started, one announcement follows another no faster.
const INTERVAL: Duration = Duration::from_secs(1);

/// Announces the camera on each connection, and whenever Home Assistant has started.
pub(crate) struct HomeAssistant {
    status_topic: String,
    announcement: Message,
    is_due: bool,
    is_in_flight: bool,
    announced_at: Option<Instant>,
    has_warned: bool,
}

impl HomeAssistant {
    pub(crate) fn new(discovery: &TopicPrefix, device: &Device) -> Self {
        Self {
            status_topic: status_topic(discovery),
            announcement: Message {
                topic: config_topic(discovery, device.prefix, device.camera),
                payload: device.to_json().into(),
                qos: Qos::AtLeastOnce,
                retain: true,
                content_type: Some("application/json"),
                user_properties: Vec::new(),
                exchange: None,
            },
            is_due: true,
            is_in_flight: false,
            announced_at: None,
            has_warned: false,
        }
    }

    /// To be called on each connection: the broker may have lost what it retained.
    pub(crate) fn connected(&mut self, session: &mut Session) {
        session.subscribe(&self.status_topic, Qos::AtMostOnce);
        self.is_due = true;
        self.is_in_flight = false;
    }

    /// Takes a message if it is Home Assistant's. A retained one is as old as the connection, which has announced the camera.
    pub(crate) fn take(&mut self, received: &Received) {
        if received.topic == self.status_topic && !received.retain && received.payload == ONLINE {
            self.is_due = true;
        }
    }

    /// To be called several times a second.
    pub(crate) fn publish(&mut self, session: &mut Session) {
        let may_follow = self.announced_at.is_none_or(|at| at.elapsed() >= INTERVAL);
        if !self.is_due || self.is_in_flight || !may_follow {
            return;
        }
        if !session.fits(&self.announcement) {
            self.is_due = false;
            self.warn_once(
                "takes no packet of its size: raise max_packet_size in its configuration",
            );
            return;
        }
        if session.publish(self.announcement.clone(), ANNOUNCEMENT_TOKEN) {
            self.is_due = false;
            self.is_in_flight = true;
            self.announced_at = Some(Instant::now());
        }
    }

    /// The broker has settled the one that was on its way.
    pub(crate) fn settled(&mut self, outcome: PublishOutcome) {
        self.is_in_flight = false;
        if matches!(outcome, PublishOutcome::Denied | PublishOutcome::Refused) {
            self.warn_once("denies it: check its access list");
        }
    }

    fn warn_once(&mut self, why: &str) {
        if !std::mem::replace(&mut self.has_warned, true) {
            warn!(
                "Home Assistant does not find this camera: it is announced on {}, and the broker {why}",
                self.announcement.topic
            );
        }
    }
}

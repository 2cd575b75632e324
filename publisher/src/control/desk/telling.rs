//! What the desk says: an answer as a message, and how things stand.

use std::sync::atomic::Ordering::Relaxed;

use link::{Exchange, Message, Qos};
use protocol::control::{Answer, CONTENT_TYPE_JSON, Snapshot, State, Status};
use protocol::event::CONTENT_TYPE_JPEG;
use protocol::frame::Frame;

use super::super::figures::Figures;
use super::super::order::Envelope;
use super::ControlDesk;

impl ControlDesk {
    /// An answer on its way to whoever asked.
    pub(super) fn message(&self, envelope: Envelope, answer: Result<Answer, Snapshot>) -> Message {
        let (prefix, camera) = (&self.options.prefix, &self.options.camera);
        let (payload, content_type, user_properties) = match answer {
            Ok(answer) => (answer.to_json().into(), CONTENT_TYPE_JSON, Vec::new()),
            Err(snapshot) => {
                let properties = snapshot.user_properties(camera);
                (snapshot.jpeg, CONTENT_TYPE_JPEG, properties)
            }
        };
        Message {
            topic: prefix.answers(camera, &envelope.consumer),
            payload,
            qos: Qos::AtLeastOnce,
            retain: false,
            content_type: Some(content_type),
            user_properties,
            exchange: Some(Box::new(Exchange {
                response_topic: None,
                correlation_data: envelope.correlation_data,
            })),
        }
    }

    /// How things stand.
    pub(super) fn status(&self, figures: &Figures) -> Status {
        let (counters, depth) = (figures.counters, figures.outbox.depth());
        let size = |frame: Frame| format!("{}x{}", frame.width, frame.height);
        Status {
            state: if self.line.state.is_paused() {
                State::Paused
            } else {
                State::Capturing
            },
            source: self.options.spec.to_string(),
            stream: self.options.stream,
            uptime_seconds: self.started.elapsed().as_secs(),
            resolution: self.line.state.newest().map(size),
            fps: self.captured.per_second(),
            asked: self.line.state.asked(),
            captured: figures.captured(),
            delivered: counters.delivered.load(Relaxed),
            dropped: counters.dropped(),
            invalid: counters.invalid.load(Relaxed),
            queued_frames: depth.queued,
            spooled_frames: depth.spooled,
            reconnects: counters.reconnects.load(Relaxed),
        }
    }
}

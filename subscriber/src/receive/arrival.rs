//! What a message says: a frame, a bare picture, or neither. It knows nothing of connections.

use bytes::Bytes;
use jiff::Timestamp;
use link::Received;
use protocol::event::{self, Decoded};
use protocol::frame::FrameId;
use protocol::topic::CameraName;

use super::Reception;
use crate::store::{Arrival, Content};

/// A reason goes to the log and to an index. It may quote what could not be read, a whole payload even.
const MAX_REASON_CHARS: usize = 200;

pub(super) fn arrival(reception: &Reception, received: Received) -> Arrival {
    let received_at = Timestamp::now();
    let Some(camera) = camera_of(reception, &received.topic) else {
        let level = received.topic.rsplit('/').nth(1).unwrap_or_default();
        let reason = format!(
            "topic {:?} names no camera that we could take",
            received.topic
        );
        return Arrival {
            camera: CameraName::sanitized(level),
            received_at,
            content: Content::Nameless {
                payload: received.payload,
                reason: shortened(reason),
            },
        };
    };
    let payload = received.payload.clone();
    let decoded = event::decode(
        &camera,
        received.content_type.as_deref(),
        &received.user_properties,
        received.payload,
    );
    let content = match decoded {
        Ok(decoded) if decoded.jpeg().len() as u64 > reception.max_frame_bytes => undecodable(
            payload,
            format!(
                "larger than --max-frame-bytes {}",
                reception.max_frame_bytes
            ),
            certain_id(&decoded),
        ),
        Ok(decoded) => Content::Decoded(decoded),
        Err(error) => undecodable(payload, error.to_string(), None),
    };
    Arrival {
        camera,
        received_at,
        content,
    }
}

/// The camera of a frame, whether it goes to all or was sent again to us.
fn camera_of(reception: &Reception, topic: &str) -> Option<CameraName> {
    let prefix = &reception.prefix;
    prefix.camera_of_frames(topic).or_else(|| {
        let consumer = reception.consumer.as_ref()?;
        prefix.camera_of_resend(topic, consumer)
    })
}

/// Which frame it is, unless it was altered on its way: then it may be another.
fn certain_id(decoded: &Decoded) -> Option<FrameId> {
    match decoded {
        Decoded::Frame(frame) if frame.is_intact() => Some(frame.id.clone()),
        _ => None,
    }
}

fn undecodable(payload: Bytes, reason: String, id: Option<FrameId>) -> Content {
    Content::Undecodable {
        payload,
        reason: shortened(reason),
        id,
    }
}

fn shortened(mut reason: String) -> String {
    if let Some((end, _)) = reason.char_indices().nth(MAX_REASON_CHARS) {
        reason.truncate(end);
        reason.push_str("...");
    }
    reason
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_does_not_quote_a_whole_payload() {
        let payload = format!("\"{}\"", "\u{e9}".repeat(100_000));
        let json = Some(event::CONTENT_TYPE_STRUCTURED);
        let camera = "door".parse().unwrap();
        let error = event::decode(&camera, json, &[], payload.into()).unwrap_err();
        let Content::Undecodable { reason, .. } =
            undecodable(Bytes::new(), error.to_string(), None)
        else {
            panic!("it is undecodable");
        };
        assert!(reason.starts_with("not a CloudEvent in JSON: "), "{reason}");
        assert_eq!(reason.chars().count(), MAX_REASON_CHARS + 3);
    }
}

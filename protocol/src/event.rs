//! A frame on the wire: a CloudEvents 1.0 event in the MQTT protocol binding, in both of its modes.
//!
//! | | binary (MQTT 5) | structured (MQTT 5 or 3.1.1) |
//! |---|---|---|
//! | payload | the JPEG itself | one JSON object, the JPEG in `data_base64` |
//! | content type | `image/jpeg` | `application/cloudevents+json; charset=utf-8` |
//! | attributes | MQTT 5 user properties | JSON members |
//!
//! Sources: CloudEvents 1.0.2 "MQTT Protocol Binding" sections 3.1 and 3.2, "JSON Event Format" section 3.

mod attributes;
#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

use self::attributes::{Attributes, StructuredIn, StructuredOut};
use crate::frame::Frame;
use crate::topic::CameraName;

/// Content type of a frame in binary mode, and of a bare picture.
pub const CONTENT_TYPE_JPEG: &str = "image/jpeg";
/// Content type of a frame in structured mode.
pub const CONTENT_TYPE_STRUCTURED: &str = "application/cloudevents+json; charset=utf-8";
/// What every CloudEvents content type begins with: it tells the modes apart.
const STRUCTURED_PREFIX: &str = "application/cloudevents";
/// The version of CloudEvents.
pub(crate) const SPEC_VERSION: &str = "1.0";
/// The event type of a frame, and of no other event.
pub const EVENT_TYPE: &str = "framebridge.frame.v1";

/// How a frame is laid out in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The JPEG is the payload; its attributes are MQTT 5 user properties.
    Binary,
    /// The payload is one JSON object: for MQTT 3.1.1, and for scripts.
    Json,
}

/// A frame as a message: what is published, apart from the topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The message body. In binary mode it shares the frame's JPEG.
    pub payload: Bytes,
    /// MQTT 5 content type.
    pub content_type: &'static str,
    /// MQTT 5 user properties; empty in structured mode.
    pub user_properties: Vec<(String, String)>,
}

/// A message on a frames topic, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded {
    /// A frame of ours, with its identity.
    Frame(Frame),
    /// A bare JPEG from a foreign publisher: no identity, no capture time.
    Foreign(Bytes),
}

impl Decoded {
    /// The picture, whoever published it.
    #[must_use]
    pub fn jpeg(&self) -> &Bytes {
        match self {
            Self::Frame(frame) => &frame.jpeg,
            Self::Foreign(jpeg) => jpeg,
        }
    }
}

/// Why a message on a frames topic is no frame.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Neither a content type nor the first bytes say what it is.
    #[error("neither a CloudEvent nor a JPEG")]
    Unknown,
    /// The structured payload is not the JSON that it claims to be.
    #[error("not a CloudEvent in JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// `data_base64` is not base64.
    #[error("data_base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// An attribute is missing or unreadable.
    #[error("attribute `{name}` is {problem}")]
    Attribute {
        /// The attribute's name.
        name: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// Lays `frame` out for the wire.
///
/// # Panics
/// Never: every member serializes.
#[must_use]
pub fn encode(frame: &Frame, format: Format) -> Encoded {
    let attributes = Attributes::of(frame);
    match format {
        Format::Binary => Encoded {
            payload: frame.jpeg.clone(),
            content_type: CONTENT_TYPE_JPEG,
            user_properties: attributes.into_user_properties(),
        },
        Format::Json => Encoded {
            payload: structured(attributes, &frame.jpeg).into(),
            content_type: CONTENT_TYPE_STRUCTURED,
            user_properties: Vec::new(),
        },
    }
}

/// The JSON object of structured mode. The picture is written behind the rest: a serializer would first make a string of it, then look
/// at each of its characters for one that needs escaping, which base64 has none of.
fn structured(attributes: Attributes, jpeg: &[u8]) -> String {
    let event = StructuredOut {
        attributes,
        datacontenttype: CONTENT_TYPE_JPEG,
    };
    let mut json = serde_json::to_string(&event).expect("strings and numbers always serialize");
    let closing_brace = json.pop();
    json.reserve(jpeg.len().div_ceil(3) * 4 + 20);
    json.push_str(r#","data_base64":""#);
    BASE64.encode_string(jpeg, &mut json);
    json.push('"');
    json.extend(closing_brace);
    json
}

/// Reads a message that arrived on the frames topic of `camera`. The two modes and bare pictures are told apart by the
/// content type and, where there is none (MQTT 3.1.1), by the first byte.
///
/// Whether the picture is whole, and what its checksum says, is for the caller to ask ([`Frame::is_intact`]).
pub fn decode(
    camera: &CameraName,
    content_type: Option<&str>,
    user_properties: &[(String, String)],
    payload: Bytes,
) -> Result<Decoded, EventError> {
    let structured = match content_type {
        // Media types are told apart without regard to case (RFC 2045 section 5.1).
        Some(content_type) => content_type
            .get(..STRUCTURED_PREFIX.len())
            .is_some_and(|prefix| prefix.eq_ignore_ascii_case(STRUCTURED_PREFIX)),
        None => payload.first() == Some(&b'{'),
    };
    if structured {
        let event: StructuredIn = serde_json::from_slice(&payload)?;
        let jpeg = BASE64.decode(event.data_base64.as_bytes())?;
        return event
            .into_attributes()
            .into_frame(camera, jpeg.into())
            .map(Decoded::Frame);
    }
    // A picture in another type of event has an identity of its own kind: to us it is a bare one.
    if user_properties
        .iter()
        .any(|(name, value)| name == "type" && value == EVENT_TYPE)
    {
        return Attributes::from_user_properties(user_properties)
            .into_frame(camera, payload)
            .map(Decoded::Frame);
    }
    if payload.starts_with(&[0xff, 0xd8]) {
        Ok(Decoded::Foreign(payload))
    } else {
        Err(EventError::Unknown)
    }
}

//! A frame on the wire: a CloudEvents 1.0 event in the MQTT protocol binding, in both of its modes.
//!
//! | | binary (MQTT 5) | structured (MQTT 5 or 3.1.1) |
//! |---|---|---|
//! | payload | the JPEG itself | one JSON object, the JPEG in `data_base64` |
//! | content type | `image/jpeg` | `application/cloudevents+json; charset=utf-8` |
//! | attributes | MQTT 5 user properties | JSON members |
//!
//! Sources: CloudEvents 1.0.2 "MQTT Protocol Binding" sections 3.1 and 3.2, "JSON Event Format" section 3.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::frame::{Frame, FrameId, StreamId, to_microseconds};
use crate::topic::CameraName;

/// Content type of a frame in binary mode, and of a bare picture.
pub const CONTENT_TYPE_JPEG: &str = "image/jpeg";
/// Content type of a frame in structured mode.
pub const CONTENT_TYPE_STRUCTURED: &str = "application/cloudevents+json; charset=utf-8";
/// What every CloudEvents content type begins with: it tells the modes apart.
const STRUCTURED_PREFIX: &str = "application/cloudevents";
/// The event type of a frame, and of no other event.
pub const EVENT_TYPE: &str = "framebridge.frame.v1";
const SPEC_VERSION: &str = "1.0";
/// `sequence` as text: zero-padded, so that it sorts.
const SEQUENCE_DIGITS: usize = 20;

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
        Format::Json => {
            let event = StructuredOut {
                attributes,
                datacontenttype: CONTENT_TYPE_JPEG,
                data_base64: BASE64.encode(&frame.jpeg),
            };
            let json = serde_json::to_vec(&event).expect("strings and numbers always serialize");
            Encoded {
                payload: json.into(),
                content_type: CONTENT_TYPE_STRUCTURED,
                user_properties: Vec::new(),
            }
        }
    }
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

/// The attributes of a frame as text: the names of CloudEvents, the values of both modes.
#[derive(Debug, Default, Serialize)]
struct Attributes<'a> {
    specversion: Cow<'a, str>,
    id: Cow<'a, str>,
    source: Cow<'a, str>,
    #[serde(rename = "type")]
    kind: Cow<'a, str>,
    time: Cow<'a, str>,
    sequence: Cow<'a, str>,
    stream: Cow<'a, str>,
    dropped: Cow<'a, str>,
    framewidth: Cow<'a, str>,
    frameheight: Cow<'a, str>,
    crc32c: Cow<'a, str>,
}

#[derive(Serialize)]
struct StructuredOut<'a> {
    #[serde(flatten)]
    attributes: Attributes<'a>,
    datacontenttype: &'static str,
    data_base64: String,
}

/// What is read of a structured event. Integers may come as JSON numbers or as text.
#[derive(Deserialize)]
struct StructuredIn<'a> {
    #[serde(borrow)]
    specversion: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    time: Cow<'a, str>,
    #[serde(borrow, default)]
    sequence: Cow<'a, str>,
    #[serde(borrow, default)]
    stream: Cow<'a, str>,
    #[serde(borrow, default)]
    dropped: NumberOrText<'a>,
    #[serde(borrow, default)]
    framewidth: NumberOrText<'a>,
    #[serde(borrow, default)]
    frameheight: NumberOrText<'a>,
    #[serde(borrow, default)]
    crc32c: Cow<'a, str>,
    #[serde(borrow, default)]
    data_base64: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText<'a> {
    Number(u64),
    #[serde(borrow)]
    Text(Cow<'a, str>),
}

impl Default for NumberOrText<'_> {
    fn default() -> Self {
        Self::Text(Cow::Borrowed(""))
    }
}

impl<'a> From<NumberOrText<'a>> for Cow<'a, str> {
    fn from(value: NumberOrText<'a>) -> Self {
        match value {
            NumberOrText::Number(number) => Cow::Owned(number.to_string()),
            NumberOrText::Text(text) => text,
        }
    }
}

impl<'a> StructuredIn<'a> {
    fn into_attributes(self) -> Attributes<'a> {
        Attributes {
            specversion: self.specversion,
            id: self.id,
            source: self.source,
            kind: self.kind,
            time: self.time,
            sequence: self.sequence,
            stream: self.stream,
            dropped: self.dropped.into(),
            framewidth: self.framewidth.into(),
            frameheight: self.frameheight.into(),
            crc32c: self.crc32c,
        }
    }
}

impl<'a> Attributes<'a> {
    fn of(frame: &Frame) -> Self {
        let stream = frame.id.stream.to_string();
        let sequence = format!("{:0SEQUENCE_DIGITS$}", frame.id.sequence);
        Self {
            specversion: SPEC_VERSION.into(),
            id: format!("{stream}-{sequence}").into(),
            source: source_of(&frame.id.camera).into(),
            kind: EVENT_TYPE.into(),
            time: format!("{:.6}", frame.captured_at).into(),
            sequence: sequence.into(),
            stream: stream.into(),
            dropped: frame.dropped.to_string().into(),
            framewidth: frame.width.to_string().into(),
            frameheight: frame.height.to_string().into(),
            crc32c: format!("{:08x}", frame.crc32c).into(),
        }
    }

    fn into_user_properties(self) -> Vec<(String, String)> {
        [
            ("specversion", self.specversion),
            ("id", self.id),
            ("source", self.source),
            ("type", self.kind),
            ("time", self.time),
            ("sequence", self.sequence),
            ("stream", self.stream),
            ("dropped", self.dropped),
            ("framewidth", self.framewidth),
            ("frameheight", self.frameheight),
            ("crc32c", self.crc32c),
        ]
        .map(|(name, value)| (name.to_owned(), value.into_owned()))
        .into()
    }

    fn from_user_properties(properties: &'a [(String, String)]) -> Self {
        let mut attributes = Self::default();
        for (name, value) in properties {
            let slot = match name.as_str() {
                "specversion" => &mut attributes.specversion,
                "id" => &mut attributes.id,
                "source" => &mut attributes.source,
                "type" => &mut attributes.kind,
                "time" => &mut attributes.time,
                "sequence" => &mut attributes.sequence,
                "stream" => &mut attributes.stream,
                "dropped" => &mut attributes.dropped,
                "framewidth" => &mut attributes.framewidth,
                "frameheight" => &mut attributes.frameheight,
                "crc32c" => &mut attributes.crc32c,
                _ => continue,
            };
            *slot = Cow::Borrowed(value);
        }
        attributes
    }

    fn into_frame(self, camera: &CameraName, jpeg: Bytes) -> Result<Frame, EventError> {
        let wrong = |name, problem| EventError::Attribute { name, problem };
        if self.specversion != SPEC_VERSION {
            return Err(wrong("specversion", "not 1.0"));
        }
        if self.kind != EVENT_TYPE {
            return Err(wrong("type", "not framebridge.frame.v1"));
        }
        if self.source != source_of(camera) {
            return Err(wrong("source", "not the camera of this topic"));
        }
        let stream = StreamId::parse(&self.stream).ok_or_else(|| wrong("stream", "not a UUID"))?;
        let sequence = self
            .sequence
            .parse()
            .ok()
            .filter(|&n| n > 0)
            .ok_or_else(|| wrong("sequence", "not a number from 1"))?;
        if self.id != format!("{stream}-{sequence:0SEQUENCE_DIGITS$}") {
            return Err(wrong("id", "not <stream>-<sequence>"));
        }
        let captured_at: Timestamp = self
            .time
            .parse()
            .map_err(|_| wrong("time", "not an RFC 3339 time"))?;
        Ok(Frame {
            id: FrameId {
                camera: camera.clone(),
                stream,
                sequence,
            },
            captured_at: to_microseconds(captured_at),
            width: self
                .framewidth
                .parse()
                .map_err(|_| wrong("framewidth", "not a number of pixels"))?,
            height: self
                .frameheight
                .parse()
                .map_err(|_| wrong("frameheight", "not a number of pixels"))?,
            crc32c: u32::from_str_radix(&self.crc32c, 16)
                .map_err(|_| wrong("crc32c", "not eight hex digits"))?,
            dropped: self
                .dropped
                .parse()
                .map_err(|_| wrong("dropped", "not a number"))?,
            jpeg,
        })
    }
}

fn source_of(camera: &CameraName) -> String {
    format!("/cameras/{camera}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn camera() -> CameraName {
        "front-door".parse().unwrap()
    }

    fn frame(sequence: u64, micros: i64, jpeg: Vec<u8>) -> Frame {
        Frame {
            id: FrameId {
                camera: camera(),
                stream: StreamId::new(),
                sequence,
            },
            captured_at: Timestamp::from_microsecond(micros).unwrap(),
            width: 1280,
            height: 720,
            crc32c: crc32c::crc32c(&jpeg),
            dropped: 3,
            jpeg: jpeg.into(),
        }
    }

    fn through(frame: &Frame, format: Format, with_content_type: bool) -> Decoded {
        let sent = encode(frame, format);
        let content_type = with_content_type.then_some(sent.content_type);
        decode(&camera(), content_type, &sent.user_properties, sent.payload).unwrap()
    }

    proptest! {
        #[test]
        fn every_frame_comes_back_as_it_was(
            sequence in 1..u64::MAX,
            micros in 0..4_102_444_800_000_000_i64,
            jpeg in prop::collection::vec(any::<u8>(), 0..600),
        ) {
            let frame = frame(sequence, micros, jpeg);
            prop_assert_eq!(through(&frame, Format::Binary, true), Decoded::Frame(frame.clone()));
            prop_assert_eq!(through(&frame, Format::Json, true), Decoded::Frame(frame.clone()));
            prop_assert_eq!(through(&frame, Format::Json, false), Decoded::Frame(frame));
        }

        #[test]
        fn no_payload_panics(payload in prop::collection::vec(any::<u8>(), 0..300)) {
            for content_type in [None, Some(CONTENT_TYPE_JPEG), Some(CONTENT_TYPE_STRUCTURED)] {
                let _ = decode(&camera(), content_type, &[], payload.clone().into());
            }
        }
    }

    #[test]
    fn binary_mode_carries_the_documented_attributes() {
        let sent = encode(
            &frame(7, 1_763_821_805_123_456, vec![0xff, 0xd8]),
            Format::Binary,
        );
        let of = |name: &str| {
            sent.user_properties
                .iter()
                .find(|(n, _)| n == name)
                .unwrap()
                .1
                .clone()
        };
        assert_eq!(of("time"), "2025-11-22T14:30:05.123456Z");
        assert_eq!(of("sequence"), "00000000000000000007");
        assert_eq!(of("source"), "/cameras/front-door");
        assert_eq!(of("id"), format!("{}-{}", of("stream"), of("sequence")));
        assert!(
            sent.user_properties
                .iter()
                .all(|(name, _)| name.len() <= 20)
        );
    }

    #[test]
    fn a_bare_jpeg_is_foreign_whatever_its_content_type() {
        let jpeg = Bytes::from_static(&[0xff, 0xd8, 0xff, 0xd9]);
        for content_type in [
            None,
            Some(CONTENT_TYPE_JPEG),
            Some("application/octet-stream"),
        ] {
            assert_eq!(
                decode(&camera(), content_type, &[], jpeg.clone()).unwrap(),
                Decoded::Foreign(jpeg.clone())
            );
        }
    }

    #[test]
    fn a_picture_in_another_type_of_event_is_foreign() {
        let jpeg = Bytes::from_static(&[0xff, 0xd8, 0xff, 0xd9]);
        let attributes = [("specversion", "1.0"), ("type", "org.example.photo")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            decode(
                &camera(),
                Some(CONTENT_TYPE_JPEG),
                &attributes,
                jpeg.clone()
            )
            .unwrap(),
            Decoded::Foreign(jpeg)
        );
    }

    #[test]
    fn the_case_of_a_content_type_does_not_matter() {
        let frame = frame(1, 0, vec![1]);
        let payload = encode(&frame, Format::Json).payload;
        let content_type = Some("Application/CloudEvents+JSON");
        assert_eq!(
            decode(&camera(), content_type, &[], payload).unwrap(),
            Decoded::Frame(frame)
        );
    }

    #[test]
    fn a_frame_of_another_camera_is_refused() {
        let sent = encode(&frame(1, 0, vec![]), Format::Binary);
        let back_door = "back-door".parse().unwrap();
        let refused = decode(
            &back_door,
            Some(CONTENT_TYPE_JPEG),
            &sent.user_properties,
            sent.payload,
        )
        .unwrap_err();
        assert_eq!(
            refused.to_string(),
            "attribute `source` is not the camera of this topic"
        );
    }

    #[test]
    fn integers_may_come_as_json_numbers() {
        let frame = frame(1, 0, vec![1]);
        let mut json: serde_json::Value =
            serde_json::from_slice(&encode(&frame, Format::Json).payload).unwrap();
        json["framewidth"] = 1280.into();
        json["dropped"] = 3.into();
        let payload = serde_json::to_vec(&json).unwrap().into();
        assert_eq!(
            decode(&camera(), None, &[], payload).unwrap(),
            Decoded::Frame(frame)
        );
    }
}

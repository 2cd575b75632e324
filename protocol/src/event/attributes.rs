//! The attributes of a frame event, and the JSON object of structured mode.

use std::borrow::Cow;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{EVENT_TYPE, EventError, SPEC_VERSION};
use crate::frame::{Frame, FrameId, StreamId, to_microseconds};
use crate::topic::CameraName;

/// `sequence` as text: zero-padded, so that it sorts.
const SEQUENCE_DIGITS: usize = 20;

/// The attributes of a frame as text: the names of CloudEvents, the values of both modes.
#[derive(Debug, Default, Serialize)]
pub(super) struct Attributes<'a> {
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

/// What is written of a structured event, in front of its picture.
#[derive(Serialize)]
pub(super) struct StructuredOut<'a> {
    #[serde(flatten)]
    pub(super) attributes: Attributes<'a>,
    pub(super) datacontenttype: &'static str,
}

/// What is read of a structured event. Integers may come as JSON numbers or as text.
#[derive(Deserialize)]
pub(super) struct StructuredIn<'a> {
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
    pub(super) data_base64: Cow<'a, str>,
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
    pub(super) fn into_attributes(self) -> Attributes<'a> {
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
    pub(super) fn of(frame: &Frame) -> Self {
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

    pub(super) fn into_user_properties(self) -> Vec<(String, String)> {
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

    pub(super) fn from_user_properties(properties: &'a [(String, String)]) -> Self {
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

    pub(super) fn into_frame(self, camera: &CameraName, jpeg: Bytes) -> Result<Frame, EventError> {
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

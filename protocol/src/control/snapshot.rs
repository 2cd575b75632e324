//! The answer to `snapshot`: a CloudEvent in binary mode, of a type of its own.

use bytes::Bytes;
use jiff::Timestamp;

use crate::event::SPEC_VERSION;
use crate::frame::{Frame, StreamId, checksum, to_microseconds};
use crate::topic::CameraName;

/// The event type of a snapshot: whoever stores frames must not take it for one.
pub const SNAPSHOT_TYPE: &str = "framebridge.snapshot.v1";

/// A picture that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// A complete JPEG.
    pub jpeg: Bytes,
    /// When it was taken.
    pub captured_at: Timestamp,
    /// Pixels across.
    pub width: u16,
    /// Pixels down.
    pub height: u16,
    /// [`checksum`] of `jpeg`.
    pub crc32c: u32,
    /// Its stream and number, if it is a frame: what is taken while the camera is paused has none.
    pub place: Option<(StreamId, u64)>,
}

impl Snapshot {
    /// A picture that is no frame.
    #[must_use]
    pub fn unnumbered(jpeg: Bytes, captured_at: Timestamp, width: u16, height: u16) -> Self {
        Self {
            crc32c: checksum(&jpeg),
            jpeg,
            captured_at: to_microseconds(captured_at),
            width,
            height,
            place: None,
        }
    }

    /// The MQTT 5 user properties of the answer.
    #[must_use]
    pub fn user_properties(&self, camera: &CameraName) -> Vec<(String, String)> {
        let mut properties = vec![
            ("specversion", SPEC_VERSION.to_owned()),
            ("id", uuid::Uuid::now_v7().to_string()),
            ("source", format!("/cameras/{camera}")),
            ("type", SNAPSHOT_TYPE.to_owned()),
            ("time", format!("{:.6}", self.captured_at)),
            ("framewidth", self.width.to_string()),
            ("frameheight", self.height.to_string()),
            ("crc32c", format!("{:08x}", self.crc32c)),
        ];
        if let Some((stream, sequence)) = self.place {
            properties.push(("stream", stream.to_string()));
            properties.push(("sequence", format!("{sequence:020}")));
        }
        properties
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// Reads an answer. `None` if its properties are not all there, or the picture is not what its checksum says.
    #[must_use]
    pub fn read(properties: &[(String, String)], jpeg: Bytes) -> Option<Self> {
        let find = |wanted: &str| {
            let (_, value) = properties.iter().find(|(name, _)| name == wanted)?;
            Some(value.as_str())
        };
        let place = match (find("stream"), find("sequence")) {
            (Some(stream), Some(sequence)) => {
                Some((StreamId::parse(stream)?, sequence.parse().ok()?))
            }
            _ => None,
        };
        let snapshot = Self {
            captured_at: find("time")?.parse().ok()?,
            width: find("framewidth")?.parse().ok()?,
            height: find("frameheight")?.parse().ok()?,
            crc32c: u32::from_str_radix(find("crc32c")?, 16).ok()?,
            place,
            jpeg,
        };
        let is_ours = find("type")? == SNAPSHOT_TYPE;
        (is_ours && checksum(&snapshot.jpeg) == snapshot.crc32c).then_some(snapshot)
    }
}

impl From<Frame> for Snapshot {
    fn from(frame: Frame) -> Self {
        Self {
            jpeg: frame.jpeg,
            captured_at: frame.captured_at,
            width: frame.width,
            height: frame.height,
            crc32c: frame.crc32c,
            place: Some((frame.id.stream, frame.id.sequence)),
        }
    }
}

//! A frame: one JPEG picture with its identity and the moment it was captured.

use std::fmt;

use bytes::Bytes;
use jiff::Timestamp;

use crate::identifier::identifier;
use crate::topic::CameraName;

identifier! {
    /// One run of a publisher: a `UUIDv7`, made at its start. Frames are numbered within it, from 1.
    StreamId
}

impl StreamId {
    /// The last eight hex digits: random, where the first ones are the clock. For file names.
    #[must_use]
    pub fn short(&self) -> String {
        let text = self.to_string();
        text[text.len() - 8..].to_owned()
    }
}

/// What makes a frame itself, for ever: no two pictures share it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FrameId {
    /// The camera that took it.
    pub camera: CameraName,
    /// The publisher's run.
    pub stream: StreamId,
    /// Its number in that run, from 1.
    pub sequence: u64,
}

impl fmt::Display for FrameId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}-{}", self.camera, self.stream, self.sequence)
    }
}

/// A numbered picture. Cheap to clone: the JPEG is shared, never copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its identity.
    pub id: FrameId,
    /// When the picture was grabbed, UTC; microseconds count.
    pub captured_at: Timestamp,
    /// Picture width in pixels.
    pub width: u16,
    /// Picture height in pixels.
    pub height: u16,
    /// [`checksum`] of `jpeg`.
    pub crc32c: u32,
    /// How many numbered frames of this stream had been given up when this one was sent: a hint.
    pub dropped: u64,
    /// A complete JPEG, SOI to EOI.
    pub jpeg: Bytes,
}

impl Frame {
    /// Whether the picture is still what its checksum says.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        checksum(&self.jpeg) == self.crc32c
    }
}

/// `timestamp` cut to whole microseconds: what the wire, the file names and the index carry.
#[must_use]
pub fn to_microseconds(timestamp: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(timestamp.as_microsecond()).unwrap_or(timestamp)
}

/// The checksum that travels with a picture: CRC-32C (RFC 3720, Castagnoli) of its bytes.
#[must_use]
pub fn checksum(jpeg: &[u8]) -> u32 {
    crc32c::crc32c(jpeg)
}

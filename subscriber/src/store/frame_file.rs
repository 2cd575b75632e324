//! A frame's file, as the camera made it or with metadata, and what the index is to say of it.

use std::borrow::Cow;

use jiff::tz::TimeZone;
use protocol::frame::Frame;

use super::arrival::Arrival;
use crate::exif;
use crate::index::{Entry, Kind};

pub(super) struct FrameFile<'a> {
    pub(super) entry: Entry,
    pub(super) bytes: Cow<'a, [u8]>,
}

impl<'a> FrameFile<'a> {
    /// Named `name`; with metadata if there is a time zone for them.
    pub(super) fn new(
        arrival: &Arrival,
        frame: &'a Frame,
        size: (u16, u16),
        name: &str,
        exif: Option<&TimeZone>,
    ) -> Self {
        let (bytes, exif_bytes) = match exif {
            Some(zone) => exif::tagged(frame, zone),
            None => (Cow::Borrowed(&frame.jpeg[..]), 0),
        };
        let entry = Entry {
            file: name.to_owned(),
            camera: frame.id.camera.clone(),
            kind: Kind::Frame {
                stream: frame.id.stream,
                sequence: frame.id.sequence,
                captured_at: frame.captured_at,
                dropped: frame.dropped,
            },
            size: Some(size),
            bytes: frame.jpeg.len() as u64,
            crc32c: frame.crc32c,
            exif_bytes,
            received_at: arrival.received_at,
        };
        Self { entry, bytes }
    }
}

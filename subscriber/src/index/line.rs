//! An entry as a line of JSON, and back.

use std::borrow::Cow;

use jiff::Timestamp;
use protocol::frame::StreamId;
use serde::{Deserialize, Serialize};

use super::{Entry, Kind};

/// The members in the order in which they are written.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    file: Cow<'a, str>,
    #[serde(borrow)]
    camera: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    stream: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    time: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    width: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    height: Option<u16>,
    bytes: u64,
    #[serde(borrow)]
    crc32c: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exif: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dropped: Option<u64>,
    #[serde(borrow)]
    received: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    foreign: bool,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    quarantined: Option<Cow<'a, str>>,
}

/// `entry` as a line, with its line feed.
pub(crate) fn to_bytes(entry: &Entry) -> Vec<u8> {
    let mut line = Line {
        file: Cow::Borrowed(&entry.file),
        camera: Cow::Borrowed(entry.camera.as_str()),
        stream: None,
        sequence: None,
        time: None,
        width: entry.size.map(|(width, _)| width),
        height: entry.size.map(|(_, height)| height),
        bytes: entry.bytes,
        crc32c: format!("{:08x}", entry.crc32c).into(),
        exif: (entry.exif_bytes > 0).then_some(entry.exif_bytes),
        dropped: None,
        received: to_text(entry.received_at),
        foreign: false,
        quarantined: None,
    };
    match &entry.kind {
        Kind::Frame {
            stream,
            sequence,
            captured_at,
            dropped,
        } => {
            line.stream = Some(stream.to_string().into());
            line.sequence = Some(*sequence);
            line.time = Some(to_text(*captured_at));
            line.dropped = Some(*dropped);
        }
        Kind::Foreign => line.foreign = true,
        Kind::Quarantined { reason } => line.quarantined = Some(Cow::Borrowed(reason)),
    }
    let mut bytes = serde_json::to_vec(&line).expect("strings and numbers always serialize");
    bytes.push(b'\n');
    bytes
}

/// Reads a line. `None` if it is no entry.
pub(crate) fn parse(text: &[u8]) -> Option<Entry> {
    let line: Line = serde_json::from_slice(text).ok()?;
    // An entry speaks of its own folder: a name that leads elsewhere is none of ours.
    if line.file.is_empty() || line.file.contains(['/', '\\']) || line.file == ".." {
        return None;
    }
    let kind = if let Some(reason) = line.quarantined {
        Kind::Quarantined {
            reason: reason.into_owned(),
        }
    } else if line.foreign {
        Kind::Foreign
    } else {
        Kind::Frame {
            stream: StreamId::parse(&line.stream?)?,
            sequence: line.sequence?,
            captured_at: line.time?.parse().ok()?,
            dropped: line.dropped.unwrap_or(0),
        }
    };
    Some(Entry {
        file: line.file.into_owned(),
        camera: line.camera.parse().ok()?,
        kind,
        size: line.width.zip(line.height),
        bytes: line.bytes,
        crc32c: u32::from_str_radix(&line.crc32c, 16).ok()?,
        exif_bytes: line.exif.unwrap_or(0),
        received_at: line.received.parse().ok()?,
    })
}

fn to_text(time: Timestamp) -> Cow<'static, str> {
    format!("{time:.6}").into()
}

//! File names read back: which frame, picture or payload a name of ours stands for.

use jiff::Timestamp;

use super::template::Moment;

/// What `{time}_{stream8}_{sequence:09}.jpg` says, the name of a frame in the layouts `minutes` and `flat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FrameName {
    pub(crate) captured_at: Timestamp,
    pub(crate) stream8: String,
    pub(crate) sequence: u64,
}

impl FrameName {
    pub(crate) fn parse(file: &str) -> Option<Self> {
        let (time, rest) = file.strip_suffix(".jpg")?.split_once('_')?;
        let (stream8, sequence) = rest.split_once('_')?;
        let is_number = sequence.len() >= 9 && (sequence.len() == 9 || !sequence.starts_with('0'));
        Some(Self {
            captured_at: moment(time)?,
            stream8: hex8(stream8)?.to_owned(),
            sequence: digits(sequence).filter(|_| is_number)?,
        })
    }
}

/// What the name of a bare picture says ([`super::foreign_path`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ForeignName {
    pub(crate) received_at: Timestamp,
    pub(crate) crc32c: u32,
}

impl ForeignName {
    pub(crate) fn parse(file: &str) -> Option<Self> {
        let (time, crc32c) = file.strip_suffix(".jpg")?.split_once('_')?;
        Some(Self {
            received_at: moment(time)?,
            crc32c: u32::from_str_radix(hex8(crc32c)?, 16).ok()?,
        })
    }
}

/// What the name of a payload says that was set aside ([`super::quarantine_path`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QuarantineName {
    pub(crate) crc32c: u32,
    pub(crate) bytes: u64,
}

impl QuarantineName {
    pub(crate) fn parse(file: &str) -> Option<Self> {
        let (stem, extension) = file.rsplit_once('.')?;
        let (crc32c, bytes) = stem.split_once('_')?;
        if !matches!(extension, "jpg" | "bin") {
            return None;
        }
        Some(Self {
            crc32c: u32::from_str_radix(hex8(crc32c)?, 16).ok()?,
            bytes: digits(bytes)?,
        })
    }
}

/// A time as [`Moment::time`] writes it, and in no other way.
fn moment(text: &str) -> Option<Timestamp> {
    let time: Timestamp = text.parse().ok()?;
    (Moment::of(time).time() == text).then_some(time)
}

fn hex8(text: &str) -> Option<&str> {
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    (text.len() == 8 && text.bytes().all(is_hex)).then_some(text)
}

fn digits(text: &str) -> Option<u64> {
    let are_digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| are_digits)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use bytes::Bytes;
    use proptest::prelude::*;
    use protocol::frame::{Frame, FrameId, StreamId};

    use super::*;
    use crate::layout::{Layout, foreign_path, quarantine_path};

    fn file(path: &Path) -> &str {
        path.file_name().unwrap().to_str().unwrap()
    }

    proptest! {
        #[test]
        fn every_name_of_ours_is_read_back(
            micros in 0_i64..4_102_444_800_000_000, sequence in any::<u64>(), payload in any::<Vec<u8>>(), crc32c in any::<u32>(),
        ) {
            let time = Timestamp::from_microsecond(micros).unwrap();
            let camera: protocol::topic::CameraName = "door".parse().unwrap();
            let stream = StreamId::new();
            let id = FrameId { camera: camera.clone(), stream, sequence };
            let frame = Frame { id, captured_at: time, width: 1, height: 1, crc32c, dropped: 0, jpeg: Bytes::new() };
            for layout in ["minutes", "flat"] {
                let path = layout.parse::<Layout>().unwrap().path(&frame);
                let expected = FrameName { captured_at: time, stream8: stream.short(), sequence };
                prop_assert_eq!(FrameName::parse(file(&path)), Some(expected));
            }
            let path = foreign_path(&camera, time, crc32c);
            prop_assert_eq!(ForeignName::parse(file(&path)), Some(ForeignName { received_at: time, crc32c }));
            let path = quarantine_path(&camera, &payload);
            let expected = QuarantineName {
                crc32c: protocol::frame::checksum(&payload),
                bytes: payload.len() as u64,
            };
            prop_assert_eq!(QuarantineName::parse(file(&path)), Some(expected));
        }

        #[test]
        fn no_name_is_too_strange(name in ".*") {
            let _ = (FrameName::parse(&name), ForeignName::parse(&name), QuarantineName::parse(&name));
        }
    }

    #[test]
    fn names_that_only_look_like_ours_are_not() {
        for name in [
            "20261122T143005.123456Z_1a2b3c4d_000000123.jpeg",
            "20261122T143005.123456Z_1a2b3c4d_123.jpg",
            "20261122T143005.123456Z_1a2b3c4d_0000000123.jpg",
            "20261122T143005.123456Z_1A2B3C4D_000000123.jpg",
            "20261122T143005Z_1a2b3c4d_000000123.jpg",
            "20261132T143005.123456Z_1a2b3c4d_000000123.jpg",
            "2026-11-22T14:30:05.123456Z_1a2b3c4d_000000123.jpg",
            "image000123.jpg",
        ] {
            assert_eq!(FrameName::parse(name), None, "{name}");
        }
    }
}

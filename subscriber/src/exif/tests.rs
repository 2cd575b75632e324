use bytes::Bytes;
use proptest::prelude::*;
use protocol::frame::{FrameId, StreamId, checksum};
use protocol::jpeg;

use super::*;
use crate::fixture;

fn frame(jpeg: Bytes) -> Frame {
    Frame {
        id: FrameId {
            camera: "front-door".parse().unwrap(),
            stream: StreamId::parse("0199a1b2-c3d4-7e5f-8a1b-2c3d4e5f6071").unwrap(),
            sequence: 0x1f,
        },
        captured_at: "2026-11-22T14:30:05.123456Z".parse().unwrap(),
        width: 16,
        height: 8,
        crc32c: checksum(&jpeg),
        dropped: 0,
        jpeg,
    }
}

fn berlin() -> TimeZone {
    TimeZone::fixed(jiff::tz::offset(1))
}

/// A tag's text, as the reader of another library's making has it.
fn read(file: &[u8], tag: Tag) -> String {
    let exif = exif::Reader::new()
        .read_from_container(&mut Cursor::new(file))
        .unwrap();
    let field = exif.get_field(tag, In::PRIMARY).unwrap();
    match &field.value {
        Value::Ascii(texts) => String::from_utf8(texts.concat()).unwrap(),
        other => panic!("{tag} is {other:?}"),
    }
}

#[test]
fn a_file_says_when_it_was_taken_by_the_clock_on_the_wall() {
    let frame = frame(fixture::jpeg(3));
    let (file, exif_bytes) = tagged(&frame, &berlin());
    assert_eq!(file.len() as u64, frame.jpeg.len() as u64 + exif_bytes);
    for (tag, text) in [
        (Tag::DateTimeOriginal, "2026:11:22 15:30:05"),
        (Tag::SubSecTimeOriginal, "123456"),
        (Tag::OffsetTimeOriginal, "+01:00"),
        (Tag::Model, "front-door"),
        (Tag::ImageUniqueID, "8a1b2c3d4e5f6071000000000000001f"),
    ] {
        assert_eq!(read(&file, tag), text, "{tag}");
    }
    assert!(jpeg::check(&file).is_ok());
}

#[test]
fn a_picture_with_exif_of_its_own_keeps_it() {
    let original = frame(fixture::jpeg(3));
    let (file, _) = tagged(&original, &TimeZone::UTC);
    let again = frame(file.into_owned().into());
    let (file, exif_bytes) = tagged(&again, &TimeZone::UTC);
    assert_eq!((&file[..], exif_bytes), (&again.jpeg[..], 0));
}

#[test]
fn exif_behind_another_segment_is_seen() {
    let original = frame(fixture::jpeg(3));
    let (file, exif_bytes) = tagged(&original, &TimeZone::UTC);
    let comment = [0xFF, 0xFE, 0, 4, b'h', b'i'];
    let (soi, rest) = file.split_at(START);
    let moved = frame([soi, &comment, rest].concat().into());
    assert!(exif_bytes > 0 && tagged(&moved, &TimeZone::UTC).1 == 0);
}

#[test]
fn what_was_put_in_can_be_taken_out() {
    let frame = frame(fixture::jpeg(9));
    let (file, exif_bytes) = tagged(&frame, &berlin());
    assert_eq!(own_bytes(&file), exif_bytes);
    let mut file = file.into_owned();
    take_out(&mut file, exif_bytes + 1);
    assert_ne!(file, frame.jpeg, "another length is another file's");
    take_out(&mut file, exif_bytes);
    assert_eq!(file, frame.jpeg);
}

#[test]
fn an_empty_file_has_nothing_to_take_out() {
    let mut file = Vec::new();
    take_out(&mut file, 0);
    assert!(file.is_empty());
}

proptest! {
    #[test]
    fn any_bytes_are_looked_at_without_panic(mut bytes in any::<Vec<u8>>(), exif_bytes in 0..64_u64) {
        let before = bytes.clone();
        let own = own_bytes(&bytes);
        take_out(&mut bytes, exif_bytes);
        prop_assert!(own == exif_bytes || bytes == before);
    }

    #[test]
    fn a_broken_segment_is_no_reason_to_panic(at in 0..200_usize, value in any::<u8>()) {
        let frame = frame(fixture::jpeg(1));
        let mut file = tagged(&frame, &TimeZone::UTC).0.into_owned();
        file[at] = value;
        let own = own_bytes(&file);
        take_out(&mut file, own);
        tagged(&Frame { jpeg: file.into(), ..frame }, &TimeZone::UTC);
    }
}

//! What a frame's file says of itself, for Explorer and every other viewer: when it was taken, by which camera, and which
//! frame it is. An Exif segment (CIPA DC-008) behind the picture's first two bytes; nothing else of it changes.
//!
//! It can be taken out again: what is left is the picture as it came, of which the index has length and checksum.

use std::borrow::Cow;
use std::io::Cursor;

use exif::experimental::Writer;
use exif::{Field, In, Tag, Value};
use jiff::tz::TimeZone;
use protocol::frame::Frame;

/// SOI, behind which the segment stands.
const START: usize = 2;
const APP1: [u8; 2] = [0xFF, 0xE1];
const IDENTIFIER: &[u8] = b"Exif\0\0";

/// The picture of `frame` with its metadata, times as a clock in `zone` shows them, and how many bytes they are. A picture
/// that brings Exif of its own keeps it, and gets none.
pub(crate) fn tagged<'a>(frame: &'a Frame, zone: &TimeZone) -> (Cow<'a, [u8]>, u64) {
    let jpeg = &frame.jpeg[..];
    if has_exif(jpeg) {
        return (jpeg.into(), 0);
    }
    let segment = segment(frame, zone);
    let file = [&jpeg[..START], &segment, &jpeg[START..]].concat();
    (file.into(), segment.len() as u64)
}

/// Takes `exif_bytes` of metadata out of `file`, as [`tagged`] has put them in. What is no such file stays as it is.
pub(crate) fn take_out(file: &mut Vec<u8>, exif_bytes: u64) {
    // Without any there may be no start to stand behind: a file may be empty.
    if exif_bytes == 0 {
        return;
    }
    if let (true, Ok(len)) = (own_bytes(file) == exif_bytes, usize::try_from(exif_bytes)) {
        file.drain(START..START + len);
    }
}

/// How many bytes of metadata of ours are in `file`.
pub(crate) fn own_bytes(file: &[u8]) -> u64 {
    let Some(segment) = exif_segment(file.get(START..).unwrap_or_default()) else {
        return 0;
    };
    let tiff = segment[4 + IDENTIFIER.len()..].to_vec();
    let is_ours = exif::Reader::new().read_raw(tiff).is_ok_and(|exif| {
        let field = exif.get_field(Tag::Software, In::PRIMARY);
        field.is_some_and(|field| {
            matches!(&field.value, Value::Ascii(texts) if texts.concat() == SOFTWARE.as_bytes())
        })
    });
    if is_ours { segment.len() as u64 } else { 0 }
}

const SOFTWARE: &str = "Framebridge";

/// Whether one of the segments before the picture proper is Exif.
fn has_exif(jpeg: &[u8]) -> bool {
    let mut rest = jpeg.get(START..).unwrap_or_default();
    while let Some(segment) = application_segment(rest) {
        if is_exif(segment) {
            return true;
        }
        rest = &rest[segment.len()..];
    }
    false
}

/// The Exif segment that `bytes` begin with.
fn exif_segment(bytes: &[u8]) -> Option<&[u8]> {
    application_segment(bytes).filter(|segment| is_exif(segment))
}

fn is_exif(segment: &[u8]) -> bool {
    segment.starts_with(&APP1) && segment[4..].starts_with(IDENTIFIER)
}

/// The segment that `bytes` begin with, marker and all, if it is one of APP0 to APP15 or a comment.
fn application_segment(bytes: &[u8]) -> Option<&[u8]> {
    let &[0xFF, 0xE0..=0xEF | 0xFE, high, low, ..] = bytes else {
        return None;
    };
    let len = usize::from(u16::from_be_bytes([high, low]));
    if len < 2 { None } else { bytes.get(..2 + len) }
}

/// Its length depends on the camera's name alone.
fn segment(frame: &Frame, zone: &TimeZone) -> Vec<u8> {
    let tiff = tiff(&fields(frame, zone));
    let len = u16::try_from(2 + IDENTIFIER.len() + tiff.len()).expect("names are short");
    [&APP1, &len.to_be_bytes()[..], IDENTIFIER, &tiff].concat()
}

fn fields(frame: &Frame, zone: &TimeZone) -> Vec<Field> {
    let taken = frame.captured_at.to_zoned(zone.clone());
    let text = |tag, text: String| Field {
        tag,
        ifd_num: In::PRIMARY,
        value: Value::Ascii(vec![text.into_bytes()]),
    };
    let time = taken.strftime("%Y:%m:%d %H:%M:%S").to_string();
    let fraction = taken.strftime("%6f").to_string();
    let offset = taken.strftime("%:z").to_string();
    vec![
        text(Tag::Model, frame.id.camera.to_string()),
        text(Tag::Software, SOFTWARE.to_owned()),
        Field {
            tag: Tag::ExifVersion,
            ifd_num: In::PRIMARY,
            value: Value::Undefined(b"0232".to_vec(), 0),
        },
        text(Tag::DateTimeOriginal, time.clone()),
        text(Tag::DateTimeDigitized, time),
        text(Tag::SubSecTimeOriginal, fraction.clone()),
        text(Tag::SubSecTimeDigitized, fraction),
        text(Tag::OffsetTimeOriginal, offset.clone()),
        text(Tag::OffsetTimeDigitized, offset),
        text(Tag::ImageUniqueID, unique_id(frame)),
    ]
}

/// 128 bits in hexadecimal, as the standard asks (4.6.6): the random half of the stream, and the number.
fn unique_id(frame: &Frame) -> String {
    let stream = frame.id.stream.to_string().replace('-', "");
    format!("{}{:016x}", &stream[16..], frame.id.sequence)
}

fn tiff(fields: &[Field]) -> Vec<u8> {
    let mut writer = Writer::new();
    for field in fields {
        writer.push_field(field);
    }
    let mut bytes = Cursor::new(Vec::new());
    writer
        .write(&mut bytes, false)
        .expect("texts fit, and memory takes what is written");
    bytes.into_inner()
}

#[cfg(test)]
mod tests;

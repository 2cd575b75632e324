//! Where an Exif segment says that it holds its thumbnail (Exif 2.32, section 4.5: a TIFF file in an APP1 segment).
//!
//! Only asked for when a picture is torn: a thumbnail is a JPEG too, and must not be taken for the next picture.

const APP1: [u8; 2] = [0xFF, 0xE1];
/// Behind marker and length; TIFF's offsets count from its end.
const SIGNATURE: &[u8] = b"Exif\0\0";
const TIFF_AT: usize = 10;
/// The tag `JPEGInterchangeFormat`: the thumbnail's offset.
const THUMBNAIL_TAG: usize = 0x0201;
const ENTRY_LEN: usize = 12;
/// A thumbnail's directory has about ten entries: the bound keeps hostile ones cheap.
const MAX_ENTRIES: usize = 64;

/// Where the thumbnail begins, counted from the segment's marker. Whether it is really there is not asked.
pub(super) fn position(segment: &[u8]) -> Option<usize> {
    if !is_exif(segment) {
        return None;
    }
    let bytes = &segment[TIFF_AT..];
    let is_big_endian = match bytes.get(..4)? {
        b"MM\0*" => true,
        b"II*\0" => false,
        _ => return None,
    };
    let tiff = Tiff {
        bytes,
        is_big_endian,
    };
    let main = tiff.offset(4)?;
    let directory = tiff.offset(main + 2 + ENTRY_LEN * tiff.number(main)?)?;
    let entries = tiff.number(directory)?.min(MAX_ENTRIES);
    (0..entries)
        .map(|n| directory + 2 + ENTRY_LEN * n)
        .find(|&entry| tiff.number(entry) == Some(THUMBNAIL_TAG))
        .and_then(|entry| tiff.offset(entry + 8))
        .map(|offset| TIFF_AT + offset)
}

/// Whether a segment with Exif metadata begins here.
pub(super) fn is_exif(segment: &[u8]) -> bool {
    segment.starts_with(&APP1) && segment.get(4..TIFF_AT) == Some(SIGNATURE)
}

struct Tiff<'a> {
    bytes: &'a [u8],
    is_big_endian: bool,
}

impl Tiff<'_> {
    fn number(&self, at: usize) -> Option<usize> {
        self.read::<2>(at)
    }

    /// No segment is longer than 64 KiB, and sums of what that allows overflow nowhere.
    fn offset(&self, at: usize) -> Option<usize> {
        self.read::<4>(at).filter(|&offset| offset <= 0xFFFF)
    }

    fn read<const N: usize>(&self, at: usize) -> Option<usize> {
        let field: &[u8; N] = self.bytes.get(at..)?.first_chunk()?;
        let push = |value: u64, &byte: &u8| value << 8 | u64::from(byte);
        let value = if self.is_big_endian {
            field.iter().fold(0, push)
        } else {
            field.iter().rev().fold(0, push)
        };
        usize::try_from(value).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn both_byte_orders_are_read() {
        for is_big_endian in [false, true] {
            let thumbnail = b"\xFF\xD8\xFF...";
            let exif = samples::exif(thumbnail, is_big_endian);
            let segment = [&[0xFF, 0xE1, 0, 0][..], b"Exif\0\0", &exif].concat();
            let at = position(&segment).unwrap();
            assert!(segment[at..].starts_with(thumbnail));
        }
    }

    #[test]
    fn an_exif_segment_cut_anywhere_is_no_trouble() {
        let exif = samples::exif(b"", true);
        let segment = [&[0xFF, 0xE1, 0, 0][..], b"Exif\0\0", &exif].concat();
        for len in 0..segment.len() {
            let _ = position(&segment[..len]);
        }
        let mut hostile = segment.clone();
        for at in TIFF_AT + 4..segment.len() {
            hostile[at] = 0xFF;
            let _ = position(&hostile);
        }
    }
}

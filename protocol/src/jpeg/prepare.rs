//! One whole picture: is it one, how large is it, and does it have all that decoders need?

use super::walk::{Outline, Walker};
use super::{JpegError, Picture, Unprepared, huffman};

/// Makes what a source gave a complete picture of at most `max_frame_bytes`.
///
/// What follows EOI is cut off (USB cameras pad). Where a picture of baseline or extended sequential Huffman coding
/// defines no Huffman tables, as is usual with USB cameras, the standard ones are put in front of its first SOS: where
/// libjpeg writes them, so that every decoder has met them there. All other pictures share the bytes of `jpeg`.
pub fn prepare(
    picture: impl Into<Unprepared>,
    max_frame_bytes: usize,
) -> Result<Picture, JpegError> {
    let Unprepared {
        mut jpeg,
        outline: known,
    } = picture.into();
    let outline = known.map_or_else(|| outline(&jpeg), Ok)?;
    jpeg.truncate(outline.len);
    if outline.lacks_tables {
        jpeg = huffman::insert_standard_tables(&jpeg, outline.first_scan);
    }
    if jpeg.len() > max_frame_bytes {
        return Err(JpegError::TooLarge);
    }
    Ok(Picture {
        jpeg,
        width: outline.width,
        height: outline.height,
    })
}

/// Width and height of a picture that is complete from SOI to EOI.
///
/// Bytes behind EOI are allowed: decoders ignore them, and cameras and telephones that publish by themselves add
/// padding or pictures of their own. Huffman tables may be missing.
pub fn check(jpeg: &[u8]) -> Result<(u16, u16), JpegError> {
    outline(jpeg).map(|outline| (outline.width, outline.height))
}

/// [`check`] of bytes that a checksum has proved to be what their publisher prepared: the header is read, and the end must be
/// there. What lies between is not looked at again.
pub fn check_frame(jpeg: &[u8]) -> Result<(u16, u16), JpegError> {
    let has_both_ends = jpeg.starts_with(&[0xFF, 0xD8]) && jpeg.ends_with(&[0xFF, 0xD9]);
    if has_both_ends && let Some(size) = Walker::behind_soi().walk_header(jpeg)? {
        return Ok(size);
    }
    check(jpeg)
}

fn outline(jpeg: &[u8]) -> Result<Outline, JpegError> {
    if !jpeg.starts_with(&[0xFF, 0xD8]) {
        return Err(JpegError::NoStart);
    }
    Walker::behind_soi().walk(jpeg)?.ok_or(JpegError::Truncated)
}

#[cfg(test)]
mod tests;

//! JPEG as cameras emit it: split from a byte stream, checked, repaired. Never re-encoded.
//!
//! A [`Splitter`] finds the pictures of a byte stream; [`prepare()`] trims and repairs one picture; [`check`] says whether
//! bytes are a picture, [`check_frame`] trusts a checksum for what is behind the header. All follow the segments of ITU-T
//! T.81 with the same walker, which reads structure only: nothing here decodes, so a picture that lost bytes from the
//! middle of its entropy-coded data passes.
//!
//! Every function is total: arbitrary bytes give an answer, without panic and in time linear in their number.
//!
//! Refused as [`JpegError::Malformed`], because most decoders refuse them too: a height of 0 (to be told later by a DNL
//! segment), a width of 0, more than four components, quantization tables that come behind the first SOS or not at all,
//! hierarchical pictures, JPEG-LS.

mod huffman;
mod prepare;
mod segment;
mod split;
mod thumbnail;
mod unprepared;
mod walk;

#[cfg(test)]
mod samples;

use bytes::Bytes;

pub use prepare::{check, check_frame, prepare};
pub use split::Splitter;
pub use unprepared::Unprepared;

/// Why bytes are no usable picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JpegError {
    /// It does not begin with SOI (FF D8).
    #[error("no start of image")]
    NoStart,
    /// It ends, or another picture begins, before its EOI (FF D9).
    #[error("truncated")]
    Truncated,
    /// A segment is malformed or out of place.
    #[error("malformed")]
    Malformed,
    /// Larger than the limit that was set.
    #[error("too large")]
    TooLarge,
}

/// A complete picture, ready to be numbered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// SOI to EOI, with Huffman tables.
    pub jpeg: Bytes,
    /// Width in pixels.
    pub width: u16,
    /// Height in pixels.
    pub height: u16,
}

/// What a [`Splitter`] finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Split {
    /// One picture, SOI to EOI, as it came: [`prepare()`] gives it Huffman tables if it lacks them.
    Picture(Unprepared),
    /// A picture that began and cannot be used.
    Broken(JpegError),
}

//! JPEG as cameras emit it: split from a byte stream, checked, repaired. Never re-encoded.

use bytes::Bytes;

/// Why bytes are no usable picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JpegError {
    /// It does not begin with SOI (FF D8).
    #[error("no start of image")]
    NoStart,
    /// It ends before its EOI (FF D9).
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
    /// The bytes of one picture, SOI to EOI.
    Picture(Bytes),
    /// A picture that began and cannot be used.
    Broken(JpegError),
}

//! What the tests of several modules share.

use bytes::Bytes;
use jpeg_encoder::{ColorType, Encoder};

/// A small real JPEG, one for each shade.
pub(crate) fn jpeg(shade: u8) -> Bytes {
    let mut jpeg = Vec::new();
    Encoder::new(&mut jpeg, 80)
        .encode(&[shade; 16 * 8], 16, 8, ColorType::Luma)
        .unwrap();
    jpeg.into()
}

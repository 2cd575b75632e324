//! What the tests of all sources share.

use std::time::Duration;

use bytes::Bytes;

use super::{Captured, Resolution, SourceOptions};

/// No test waits longer for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn options() -> SourceOptions {
    SourceOptions {
        camera: "front-door".parse().unwrap(),
        resolution: Resolution {
            width: 320,
            height: 240,
        },
        fps: None,
        repeat: false,
        max_frame_bytes: 1 << 20,
        controls: Vec::new(),
        absence: super::Absence::default(),
    }
}

/// A small real JPEG, one for each shade.
pub(crate) fn picture(shade: u8) -> Bytes {
    let mut jpeg = Vec::new();
    jpeg_encoder::Encoder::new(&mut jpeg, 90)
        .encode(&[shade; 16 * 16], 16, 16, jpeg_encoder::ColorType::Luma)
        .unwrap();
    jpeg.into()
}

/// Every picture until the end.
pub(super) async fn drain(mut next: impl AsyncFnMut() -> anyhow::Result<Captured>) -> Vec<Bytes> {
    let mut pictures = Vec::new();
    loop {
        match next().await.unwrap() {
            Captured::Picture(raw) => pictures.push(raw.jpeg.bytes().clone()),
            Captured::Broken(error) => panic!("broken: {error}"),
            Captured::End => return pictures,
        }
    }
}

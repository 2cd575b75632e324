//! A moving picture with camera name, frame number and clock drawn in it: a camera for those who have none.

mod canvas;
mod card;

use anyhow::Context as _;
use jiff::Timestamp;

use self::card::TestCard;
use super::pace::Pace;
use super::{Captured, DEFAULT_FPS, RawPicture, SourceOptions};

/// Draws a picture at every tick.
#[derive(Debug)]
pub struct TestSource {
    card: TestCard,
    pace: Pace,
    number: u64,
}

impl TestSource {
    pub(super) fn new(options: &SourceOptions) -> Self {
        Self {
            card: TestCard::new(options.camera.as_str(), options.resolution),
            pace: Pace::new(options.fps.unwrap_or(DEFAULT_FPS)),
            number: 0,
        }
    }

    /// Draws pictures of another size, or at another rate, and counts on.
    pub(super) fn change_mode(&mut self, options: &SourceOptions) {
        *self = Self {
            number: self.number,
            ..Self::new(options)
        };
    }

    pub(super) async fn next(&mut self) -> anyhow::Result<Captured> {
        self.pace.tick().await;
        let captured_at = Timestamp::now();
        self.number += 1;
        self.card.draw(self.number, captured_at);
        let jpeg = self.card.encode().context("cannot encode a test picture")?;
        Ok(Captured::Picture(RawPicture {
            jpeg: jpeg.into(),
            captured_at,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Resolution;
    use super::super::fixture::options;
    use super::*;
    use bytes::Bytes;
    use zune_jpeg::JpegDecoder;
    use zune_jpeg::zune_core::bytestream::ZCursor;

    fn source(width: u32, height: u32) -> TestSource {
        let mut options = options();
        options.resolution = Resolution { width, height };
        TestSource::new(&options)
    }

    async fn next(source: &mut TestSource) -> RawPicture {
        match source.next().await.unwrap() {
            Captured::Picture(picture) => picture,
            other => panic!("not a picture: {other:?}"),
        }
    }

    fn decode(jpeg: &Bytes) -> (u32, u32, Vec<u8>) {
        let mut decoder = JpegDecoder::new(ZCursor::new(jpeg));
        let pixels = decoder.decode().unwrap();
        let (width, height) = decoder.dimensions().unwrap();
        let side = |side: usize| u32::try_from(side).unwrap();
        (side(width), side(height), pixels)
    }

    #[tokio::test(start_paused = true)]
    async fn pictures_of_any_size_decode_and_each_differs_from_the_last() {
        for (width, height) in [
            (16, 16),
            (17, 33),
            (320, 240),
            (1280, 720),
            (16, 2000),
            (2000, 16),
        ] {
            let mut source = source(width, height);
            let mut last = None;
            for _ in 0..4 {
                let (found_width, found_height, pixels) =
                    decode(next(&mut source).await.jpeg.bytes());
                assert_eq!((found_width, found_height), (width, height));
                assert_ne!(last.as_ref(), Some(&pixels), "{width}x{height}");
                last = Some(pixels);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_keeps_thirty_a_second_or_the_rate_asked_for() {
        for (fps, millis) in [(None, 1000), (Some(10.0), 3000), (Some(0.0), 0)] {
            let mut options = options();
            options.fps = fps;
            let mut source = TestSource::new(&options);
            let start = tokio::time::Instant::now();
            for _ in 0..31 {
                next(&mut source).await;
            }
            assert_eq!(start.elapsed().as_millis(), millis, "{fps:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_picture_is_stamped_when_its_tick_comes() {
        let mut source = source(64, 64);
        let before = Timestamp::now();
        let first = next(&mut source).await.captured_at;
        let second = next(&mut source).await.captured_at;
        assert!(before <= first && first < second && second <= Timestamp::now());
    }
}

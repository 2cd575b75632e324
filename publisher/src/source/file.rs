//! An MJPEG file: JPEG pictures one after another.
//!
//! A clip that is played again and again is a load, or a demonstration: one that fits into memory is read and split once.

use std::fs::File;
use std::io::Seek as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use protocol::jpeg::Unprepared;

use super::byte_stream::PictureStream;
use super::pace::Pace;
use super::{Captured, DEFAULT_FPS, RawPicture, SourceOptions};

/// Reads a file at a steady pace, once or again and again.
///
/// Reading blocks the thread, which is delivery's, too: half a megabyte at a time, after delivery's turn.
#[derive(Debug)]
pub struct FileSource {
    path: PathBuf,
    file: File,
    pictures: PictureStream,
    pace: Pace,
    repeat: bool,
    /// Whether this pass through the file has found a picture.
    found_any: bool,
    /// The file's end was met.
    read_through: bool,
    clip: Clip,
}

/// What is kept of a file that is to be repeated.
#[derive(Debug)]
enum Clip {
    /// Nothing: it is read once, is too large, or has a broken picture, which counts each time.
    Unkept,
    /// What this first pass has given so far, and its bytes.
    Filling(Vec<Unprepared>, usize),
    /// All of it, and the next one.
    Whole(Vec<Unprepared>, usize),
}

/// More of a file is not kept in memory.
const MAX_CLIP_BYTES: usize = 64 << 20;

impl Clip {
    fn new(repeat: bool) -> Self {
        if repeat {
            Self::Filling(Vec::new(), 0)
        } else {
            Self::Unkept
        }
    }

    fn keep(&mut self, captured: &Captured) {
        let Self::Filling(pictures, bytes) = self else {
            return;
        };
        match captured {
            Captured::Picture(picture) if *bytes + picture.jpeg.bytes().len() <= MAX_CLIP_BYTES => {
                *bytes += picture.jpeg.bytes().len();
                pictures.push(picture.jpeg.clone());
            }
            _ => *self = Self::Unkept,
        }
    }

    /// The first pass is over.
    fn is_whole_now(&mut self) {
        if let Self::Filling(pictures, _) = self {
            *self = Self::Whole(std::mem::take(pictures), 0);
        }
    }

    fn next(&mut self) -> Option<Unprepared> {
        let Self::Whole(pictures, next) = self else {
            return None;
        };
        let picture = pictures.get(*next).cloned();
        *next = (*next + 1) % pictures.len().max(1);
        picture
    }
}

impl FileSource {
    pub(super) fn open(path: &Path, options: &SourceOptions) -> anyhow::Result<Self> {
        let file = File::open(path)
            .with_context(|| format!("cannot open the source {}", path.display()))?;
        Ok(Self {
            path: path.into(),
            file,
            pictures: PictureStream::new(options.max_frame_bytes),
            pace: Pace::new(options.fps.unwrap_or(DEFAULT_FPS)),
            repeat: options.repeat,
            found_any: false,
            read_through: false,
            clip: Clip::new(options.repeat),
        })
    }

    pub(super) async fn next(&mut self) -> anyhow::Result<Captured> {
        loop {
            if let Some(jpeg) = self.clip.next() {
                return Ok(Captured::Picture(self.in_time(jpeg).await));
            }
            if let Some(captured) = self.pictures.next() {
                self.clip.keep(&captured);
                let Captured::Picture(picture) = captured else {
                    return Ok(captured);
                };
                self.found_any = true;
                return Ok(Captured::Picture(self.in_time(picture.jpeg).await));
            }
            if !self.read_through {
                // The picture before is sent first.
                tokio::task::yield_now().await;
                self.fill()?;
            } else if !self.begin_again()? {
                return Ok(Captured::End);
            }
        }
    }

    /// The picture when its time has come.
    async fn in_time(&mut self, jpeg: Unprepared) -> RawPicture {
        self.pace.tick().await;
        RawPicture {
            jpeg,
            captured_at: Timestamp::now(),
        }
    }

    /// Reads on, perhaps to the end.
    fn fill(&mut self) -> anyhow::Result<()> {
        let count = self
            .pictures
            .read_from(&mut self.file)
            .with_context(|| format!("cannot read {}", self.path.display()))?;
        if count == 0 {
            self.read_through = true;
            self.pictures.end();
        }
        Ok(())
    }

    /// After a pass: whether there is another.
    fn begin_again(&mut self) -> anyhow::Result<bool> {
        if !self.found_any {
            bail!(
                "{} holds no JPEG picture: an MJPEG file is needed (`ffmpeg -i VIDEO -c:v mjpeg -f mjpeg OUT.mjpeg` \
                 makes one)",
                self.path.display()
            );
        }
        if self.repeat {
            self.file
                .rewind()
                .with_context(|| format!("cannot begin {} again", self.path.display()))?;
            self.read_through = false;
            self.found_any = false;
            self.clip.is_whole_now();
        }
        Ok(self.repeat)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{drain, options, picture};
    use super::*;
    use tempfile::TempDir;

    fn file_of(content: &[u8]) -> (TempDir, PathBuf) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("clip.mjpeg");
        std::fs::write(&path, content).unwrap();
        (folder, path)
    }

    #[tokio::test(start_paused = true)]
    async fn every_picture_comes_at_thirty_a_second_and_then_the_end() {
        let clip: Vec<_> = (0..61).map(picture).collect();
        let (_folder, path) = file_of(&clip.concat());
        let mut source = FileSource::open(&path, &options()).unwrap();
        let start = tokio::time::Instant::now();
        assert_eq!(drain(async || source.next().await).await, clip);
        assert_eq!(start.elapsed().as_millis(), 2000);
        assert!(matches!(source.next().await.unwrap(), Captured::End));
    }

    #[tokio::test]
    async fn a_repeated_file_begins_again() {
        let (_folder, path) = file_of(&[picture(1), picture(2)].concat());
        let mut options = options();
        options.repeat = true;
        options.fps = Some(0.0);
        let mut source = FileSource::open(&path, &options).unwrap();
        for shade in [1, 2, 1, 2, 1] {
            let Captured::Picture(raw) = source.next().await.unwrap() else {
                panic!("not a picture");
            };
            assert_eq!(raw.jpeg.bytes(), &picture(shade));
        }
    }

    #[tokio::test]
    async fn a_broken_picture_of_a_repeated_file_is_broken_each_time() {
        let (_folder, path) = file_of(&[&picture(1)[..200], &picture(2)].concat());
        let mut options = options();
        options.repeat = true;
        options.fps = Some(0.0);
        let mut source = FileSource::open(&path, &options).unwrap();
        for _ in 0..3 {
            assert!(matches!(source.next().await.unwrap(), Captured::Broken(_)));
            assert!(matches!(source.next().await.unwrap(), Captured::Picture(_)));
        }
    }

    #[tokio::test]
    async fn a_file_without_a_picture_is_an_error_even_when_repeated() {
        for repeat in [false, true] {
            let (_folder, path) = file_of(b"no picture in here");
            let mut options = options();
            options.repeat = repeat;
            let mut source = FileSource::open(&path, &options).unwrap();
            let error = source.next().await.unwrap_err().to_string();
            assert!(error.contains("no JPEG picture"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_cut_last_picture_is_broken() {
        let mut content = [picture(1), picture(2)].concat();
        content.truncate(content.len() - 20);
        let (_folder, path) = file_of(&content);
        let mut source = FileSource::open(&path, &options()).unwrap();
        assert!(matches!(source.next().await.unwrap(), Captured::Picture(_)));
        assert!(matches!(source.next().await.unwrap(), Captured::Broken(_)));
        assert!(matches!(source.next().await.unwrap(), Captured::End));
    }
}

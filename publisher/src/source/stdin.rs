//! An MJPEG stream on standard input.

use std::io::{IsTerminal as _, Read};
use std::thread;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use tokio::sync::mpsc;

use super::byte_stream::{CHUNK_BYTES, PictureStream};
use super::pace::Pace;
use super::{Captured, SourceOptions};

/// Chunks read ahead of the capture thread: enough to keep it busy, few enough that a full queue stops the reading.
const READ_AHEAD: usize = 2;

/// Reads pictures from standard input until it ends.
#[derive(Debug)]
pub struct StdinSource {
    chunks: mpsc::Receiver<std::io::Result<Bytes>>,
    pictures: PictureStream,
    /// Only when a frame rate was asked for: otherwise the pace is that of whoever writes.
    pace: Option<Pace>,
    gave_any: bool,
    ended: bool,
}

impl StdinSource {
    pub(super) fn open(options: &SourceOptions) -> anyhow::Result<Self> {
        if std::io::stdin().is_terminal() {
            bail!(
                "standard input is a terminal: pipe an MJPEG stream into this program, or name another --source"
            );
        }
        Self::reading(std::io::stdin(), options)
    }

    fn reading(input: impl Read + Send + 'static, options: &SourceOptions) -> anyhow::Result<Self> {
        let (sender, chunks) = mpsc::channel(READ_AHEAD);
        // A plain thread, for it may wait in a read for ever: a runtime would wait for it at its end.
        thread::Builder::new()
            .name("stdin".into())
            .spawn(move || read_chunks(input, &sender))
            .context("cannot start the thread that reads standard input")?;
        Ok(Self {
            chunks,
            pictures: PictureStream::new(options.max_frame_bytes),
            pace: options.fps.map(Pace::new),
            gave_any: false,
            ended: false,
        })
    }

    pub(super) async fn next(&mut self) -> anyhow::Result<Captured> {
        loop {
            if let Some(captured) = self.pictures.next() {
                self.gave_any = true;
                if let Some(pace) = &mut self.pace {
                    pace.tick().await;
                }
                return Ok(captured);
            }
            if self.ended {
                break;
            }
            self.fill().await?;
        }
        if !self.gave_any {
            bail!("standard input ended without a picture: pipe an MJPEG stream into this program");
        }
        Ok(Captured::End)
    }

    /// Waits for more bytes, or the end.
    async fn fill(&mut self) -> anyhow::Result<()> {
        if let Some(chunk) = self.chunks.recv().await {
            let chunk = chunk.context("cannot read standard input")?;
            self.pictures.push(&chunk);
        } else {
            self.ended = true;
            self.pictures.end();
        }
        Ok(())
    }
}

/// Ends with the input, with its first error, or once nobody listens any more.
fn read_chunks(mut input: impl Read, chunks: &mpsc::Sender<std::io::Result<Bytes>>) {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let chunk = match input.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => Ok(Bytes::copy_from_slice(&buffer[..count])),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let failed = chunk.is_err();
        if chunks.blocking_send(chunk).is_err() || failed {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{drain, options, picture};
    use super::*;
    use std::io::Write as _;

    #[tokio::test]
    async fn pictures_come_as_they_are_written_until_the_pipe_closes() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let mut source = StdinSource::reading(reader, &options()).unwrap();
        for shade in [10, 200] {
            writer.write_all(&picture(shade)).unwrap();
            let Captured::Picture(raw) = source.next().await.unwrap() else {
                panic!("not a picture");
            };
            assert_eq!(raw.jpeg.bytes(), &picture(shade));
        }
        drop(writer);
        assert!(matches!(source.next().await.unwrap(), Captured::End));
        assert!(matches!(source.next().await.unwrap(), Captured::End));
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_paced_when_a_frame_rate_is_asked_for() {
        let stream = [picture(1), picture(2), picture(3)].concat();
        let mut options = options();
        options.fps = Some(2.0);
        let start = tokio::time::Instant::now();
        let mut source = StdinSource::reading(std::io::Cursor::new(stream), &options).unwrap();
        assert_eq!(drain(async || source.next().await).await.len(), 3);
        assert_eq!(start.elapsed().as_millis(), 1000);
    }

    #[tokio::test]
    async fn an_input_without_a_picture_is_an_error_and_a_cut_one_is_broken() {
        let mut empty = StdinSource::reading(std::io::empty(), &options()).unwrap();
        assert!(empty.next().await.is_err());

        let cut = picture(7)[..100].to_vec();
        let mut source = StdinSource::reading(std::io::Cursor::new(cut), &options()).unwrap();
        assert!(matches!(source.next().await.unwrap(), Captured::Broken(_)));
        assert!(matches!(source.next().await.unwrap(), Captured::End));
    }
}

//! A program's standard output as a camera.
//!
//! The program is started again, with growing waits, whenever it fails; when it ends with status 0 after giving
//! pictures, the stream has ended.

mod child;
mod lines;

use std::io;
use std::time::Duration;

use anyhow::bail;
use tokio::time::{sleep, timeout};

use self::child::ChildProgram;
use super::byte_stream::{CHUNK_BYTES, PictureStream};
use super::mask::Masked;
use super::outage::Outage;
use super::{Captured, SourceOptions, SourceSpec};

const SHORTEST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// After this long without a byte, the log says so: a program may be slow on purpose, so it is left alone.
const QUIET: Duration = Duration::from_secs(10);

/// Runs a program and reads pictures from its standard output.
#[derive(Debug)]
pub struct ExecSource {
    words: Vec<String>,
    /// The command as it may be shown.
    shown: String,
    running: Option<Running>,
    chunk: Vec<u8>,
    pictures: PictureStream,
    outage: Outage,
    /// Before the next start.
    wait: Duration,
    started_before: bool,
    /// It has given a picture: whatever goes wrong from now on may heal.
    worked: bool,
    ended: bool,
}

/// The program, from a start to its end.
#[derive(Debug)]
struct Running {
    program: ChildProgram,
    gave_any: bool,
    said_quiet: bool,
}

impl ExecSource {
    /// `words` must not be empty.
    pub(super) fn new(words: &[String], options: &SourceOptions) -> Self {
        Self::with_waits(words, options, SHORTEST_WAIT, LONGEST_WAIT)
    }

    fn with_waits(
        words: &[String],
        options: &SourceOptions,
        shortest: Duration,
        longest: Duration,
    ) -> Self {
        let shown = SourceSpec::Exec(words.into()).to_string();
        Self {
            words: words.into(),
            outage: Outage::new(shown.clone(), shortest, longest, options.absence.clone()),
            shown,
            running: None,
            chunk: vec![0; CHUNK_BYTES],
            pictures: PictureStream::new(options.max_frame_bytes),
            wait: Duration::ZERO,
            started_before: false,
            worked: false,
            ended: false,
        }
    }

    pub(super) async fn next(&mut self) -> anyhow::Result<Captured> {
        loop {
            if let Some(captured) = self.pictures.next() {
                if let (Some(running), Captured::Picture(_)) = (&mut self.running, &captured) {
                    running.gave_any = true;
                    self.worked = true;
                    self.outage.picture();
                }
                return Ok(captured);
            }
            match self.running.take() {
                _ if self.ended => return Ok(Captured::End),
                None => self.start().await?,
                Some(running) => self.fill(running).await?,
            }
        }
    }

    /// Ends the program; it is started again by the next [`next`](Self::next).
    pub(super) fn release(&mut self) {
        self.running = None;
        self.pictures.restart();
        self.wait = Duration::ZERO;
    }

    /// Whether the program runs.
    #[cfg(test)]
    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    async fn start(&mut self) -> anyhow::Result<()> {
        sleep(self.wait).await;
        match ChildProgram::start(&self.words) {
            Ok(program) => {
                self.started_before = true;
                self.running = Some(Running {
                    program,
                    gave_any: false,
                    said_quiet: false,
                });
            }
            Err(error) if !self.started_before => bail!(self.refusal(&error)),
            Err(error) => self.wait = self.outage.failed(format_args!("cannot start: {error}")),
        }
        Ok(())
    }

    /// Why the very first start failed, and what to do.
    fn refusal(&self, error: &io::Error) -> String {
        let program = Masked(&self.words[0]);
        match error.kind() {
            io::ErrorKind::NotFound => format!(
                "there is no program {program}: install it, or give its path (exec: runs no shell)"
            ),
            io::ErrorKind::PermissionDenied => {
                format!("{program} may not be run: is it an executable file?")
            }
            _ => format!("cannot start {}: {error}", self.shown),
        }
    }

    /// Waits for more bytes, or the program's end.
    async fn fill(&mut self, mut running: Running) -> anyhow::Result<()> {
        match timeout(QUIET, running.program.read(&mut self.chunk)).await {
            Err(_) => {
                if !running.said_quiet {
                    tracing::warn!("{}: has written nothing for {QUIET:?}", self.shown);
                    running.said_quiet = true;
                }
            }
            Ok(Ok(count)) if count > 0 => {
                self.pictures.push(&self.chunk[..count]);
                running.said_quiet = false;
            }
            Ok(Ok(_) | Err(_)) => {
                self.pictures.end();
                return self.judge_end_of(running).await;
            }
        }
        self.running = Some(running);
        Ok(())
    }

    /// The program has closed its output: the end of the stream, an outage, or useless from the start?
    async fn judge_end_of(&mut self, mut running: Running) -> anyhow::Result<()> {
        let (status, last_words) = running.program.end().await;
        let said = last_words.map_or_else(String::new, |line| format!(" ({line})"));
        self.wait = match status {
            Ok(status) if status.success() && running.gave_any => {
                tracing::info!("{}: ended with status 0: the stream is over", self.shown);
                self.ended = true;
                return Ok(());
            }
            Ok(status) if status.success() && !self.worked => bail!(
                "{} ended without a picture{said}: it must write MJPEG to its standard output",
                self.shown
            ),
            Ok(status) => self.outage.failed(format_args!("ended, {status}{said}")),
            Err(error) => self.outage.failed(format_args!("lost, {error}{said}")),
        };
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests;

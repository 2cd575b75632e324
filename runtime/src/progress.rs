//! The live line on a terminal; a log line every few seconds elsewhere.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing::info;
use tracing_subscriber::fmt::MakeWriter;

/// How often the live line changes.
const LIVE_INTERVAL: Duration = Duration::from_millis(500);
/// How often a line is logged where nobody looks on.
const LOG_INTERVAL: Duration = Duration::from_secs(5);

/// Where a program says how it is getting on. Cheap to clone; all clones are one line.
#[derive(Clone)]
pub struct Progress {
    live_line: Option<ProgressBar>,
}

impl Progress {
    /// A live line if standard error is a terminal.
    #[must_use]
    pub fn new() -> Self {
        Self {
            live_line: io::stderr().is_terminal().then(live_line),
        }
    }

    /// How often [`Progress::show`] is worth calling.
    #[must_use]
    pub fn interval(&self) -> Duration {
        if self.live_line.is_some() {
            LIVE_INTERVAL
        } else {
            LOG_INTERVAL
        }
    }

    /// Replaces the live line, or tells a service manager or the log. Not both of them: a service's log lies on disk, which on a Pi
    /// is an SD card, and the manager shows the line.
    pub fn show(&self, line: String) {
        if let Some(live_line) = &self.live_line {
            live_line.set_message(line);
        } else if !crate::service::status(&line) {
            info!("{line}");
        }
    }

    /// Takes the live line away.
    pub fn finish(&self) {
        if let Some(live_line) = &self.live_line {
            live_line.finish_and_clear();
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

fn live_line() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(ProgressStyle::with_template("{spinner} {wide_msg}").expect("constant template"));
    bar
}

/// Log lines go above the live line.
impl<'a> MakeWriter<'a> for Progress {
    type Writer = LogWriter;

    fn make_writer(&'a self) -> LogWriter {
        LogWriter {
            live_line: self.live_line.clone(),
        }
    }
}

/// Writes one log line to standard error.
pub struct LogWriter {
    live_line: Option<ProgressBar>,
}

impl io::Write for LogWriter {
    /// Never fails: a program does not stop because its log is not read any more.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let _ = match &self.live_line {
            Some(live_line) => live_line.suspend(|| io::stderr().write_all(line)),
            None => io::stderr().write_all(line),
        };
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

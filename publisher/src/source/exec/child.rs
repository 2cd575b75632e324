//! A running program in a process group of its own, which ends with it.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::super::mask::Masked;
use super::lines::{Line, Lines};

/// How long a program that has closed its standard output may take to end.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// How long to wait for the last words on standard error once the program has gone: something it left behind may hold
/// it open for ever.
const LAST_WORDS_PATIENCE: Duration = Duration::from_millis(500);

/// A program whose standard output is read and whose standard error goes to the log.
///
/// When it is dropped, the program and all that it started have gone: a leftover would keep the camera busy.
#[derive(Debug)]
pub(super) struct ChildProgram {
    child: Child,
    stdout: ChildStdout,
    /// Copies standard error to the log; gives its last line.
    log: JoinHandle<Option<String>>,
    #[cfg(unix)]
    group: Option<rustix::process::Pid>,
}

impl ChildProgram {
    /// Starts the first of `words` with the others.
    pub(super) fn start(words: &[String]) -> io::Result<Self> {
        let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        runtime::child::die_with_parent(command.as_std_mut());
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let stderr = child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Self {
            #[cfg(unix)]
            group: group_of(&child),
            child,
            stdout,
            log: tokio::spawn(log_lines(stderr)),
        })
    }

    /// Reads from its standard output; 0 at the end. May be cancelled.
    pub(super) async fn read(&mut self, chunk: &mut [u8]) -> io::Result<usize> {
        self.stdout.read(chunk).await
    }

    /// Ends it once it has closed its standard output. Gives its exit status, and the last that it said.
    pub(super) async fn end(&mut self) -> (io::Result<ExitStatus>, Option<String>) {
        let waited = timeout(END_PATIENCE, self.child.wait()).await;
        self.end_group();
        let status = match waited {
            Ok(status) => status,
            Err(_) => self.child.wait().await,
        };
        let last_words = timeout(LAST_WORDS_PATIENCE, &mut self.log).await;
        (status, last_words.ok().and_then(Result::ok).flatten())
    }

    #[cfg(unix)]
    fn end_group(&mut self) {
        if let Some(group) = self.group.take() {
            end_group(group, &mut self.child);
        }
    }

    #[cfg(not(unix))]
    fn end_group(&mut self) {
        // An error says that it has gone already.
        let _ = self.child.start_kill();
    }
}

impl Drop for ChildProgram {
    fn drop(&mut self) {
        self.end_group();
        self.log.abort();
    }
}

/// The group that `process_group(0)` made has the number of its first member.
#[cfg(unix)]
fn group_of(child: &Child) -> Option<rustix::process::Pid> {
    let id = i32::try_from(child.id()?).ok()?;
    rustix::process::Pid::from_raw(id)
}

/// Asks all of `group` to end, and makes them if they do not.
#[cfg(unix)]
fn end_group(group: rustix::process::Pid, leader: &mut Child) {
    use rustix::process::{Signal, kill_process_group, test_kill_process_group};
    use std::time::Instant;

    const PATIENCE: Duration = Duration::from_secs(1);
    const LOOK_EVERY: Duration = Duration::from_millis(5);

    for signal in [Signal::TERM, Signal::KILL] {
        // An error says that nobody is left.
        if kill_process_group(group, signal).is_err() {
            return;
        }
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            // An ended leader counts as a member until it has been waited for.
            let _ = leader.try_wait();
            if test_kill_process_group(group).is_err() {
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

async fn log_lines(mut stderr: impl AsyncRead + Unpin) -> Option<String> {
    let mut lines = Lines::default();
    let mut last = None;
    let mut log = |line| match line {
        Line::Message(text) => {
            let text = Masked(&text).to_string();
            tracing::info!(target: "exec", "{text}");
            last = Some(text);
        }
        Line::Progress(text) => tracing::debug!(target: "exec", "{}", Masked(&text)),
    };
    let mut chunk = [0; 4096];
    while let Ok(count) = stderr.read(&mut chunk).await
        && count > 0
    {
        lines.push(&chunk[..count], &mut log);
    }
    lines.finish().into_iter().for_each(&mut log);
    last
}

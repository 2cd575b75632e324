//! Starting a program under test, or a tool beside it, with its output captured.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tempfile::TempDir;

use super::outcome::Outcome;
use super::program::{Program, SUMMARY_FILE, Transcript};

/// A command line being put together.
pub(crate) struct Launch {
    name: &'static str,
    command: Command,
    stdin: Stdio,
    scratch: TempDir,
}

impl Launch {
    /// `program` without arguments; `name` stands before its output when a test fails.
    pub(crate) fn new(name: &'static str, program: impl AsRef<Path>) -> Self {
        let mut command = Command::new(program.as_ref());
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("FRAMEBRIDGE_") {
                command.env_remove(variable);
            }
        }
        command
            .env_remove("RUST_LOG")
            .env_remove("NOTIFY_SOCKET")
            .env("NO_COLOR", "1");
        Self {
            name,
            command,
            stdin: Stdio::null(),
            scratch: TempDir::new().expect("making a scratch folder"),
        }
    }

    /// Appends words that contain no spaces themselves, as one line.
    pub(crate) fn flags(mut self, words: &str) -> Self {
        self.command.args(words.split_whitespace());
        self
    }

    /// Appends one argument as it is.
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Has the program leave its figures where [`Outcome::count`] finds them.
    pub(crate) fn with_summary(self) -> Self {
        let summary = self.scratch.path().join(SUMMARY_FILE);
        self.arg("--summary-json").arg(summary)
    }

    /// Runs it in `folder`.
    pub(crate) fn in_folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Feeds the file at `path` into standard input.
    pub(crate) fn stdin_from(mut self, path: &Path) -> Self {
        self.stdin = File::open(path).expect("opening what goes to stdin").into();
        self
    }

    /// The same command line as the last words of `outer`, which is expected to run it.
    pub(crate) fn inside(self, mut outer: Command) -> Self {
        outer.arg(self.command.get_program());
        outer.args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => outer.env(name, value),
                None => outer.env_remove(name),
            };
        }
        Self {
            command: outer,
            ..self
        }
    }

    /// Starts it. It ends with the test, even if that is killed.
    #[track_caller]
    pub(crate) fn start(mut self) -> Program {
        runtime::child::die_with_parent(&mut self.command);
        let mut child = self
            .command
            .stdin(self.stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("starting {:?}: {error}", self.command));
        let (stdout, read_stdout) = collect(child.stdout.take().expect("stdout is piped"));
        let (stderr, read_stderr) = collect(child.stderr.take().expect("stderr is piped"));
        let transcript = Transcript::new(self.name, stdout, stderr, self.scratch);
        Program::new(child, vec![read_stdout, read_stderr], transcript)
    }

    /// Starts it and waits for its end.
    #[track_caller]
    pub(crate) fn run(self, deadline: Duration) -> Outcome {
        self.start().wait(deadline)
    }
}

fn collect(mut stream: impl Read + Send + 'static) -> (Arc<Mutex<Vec<u8>>>, JoinHandle<()>) {
    let collected = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&collected);
    let reader = thread::spawn(move || {
        let mut chunk = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = stream.read(&mut chunk) {
            into.lock()
                .expect("a reader panicked")
                .extend_from_slice(&chunk[..length]);
        }
    });
    (collected, reader)
}

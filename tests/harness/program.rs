//! A program under test, or a tool beside it, while it runs: it is ended with the test.
//!
//! Output is printed again when the test fails. Each program leads a process group of its own, and dropping a
//! [`Program`] kills the group: no test leaves a process behind.

use std::fs;
use std::process::Child;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process, kill_process_group, waitid,
};
use serde_json::Value;
use tempfile::TempDir;

use super::eventually::{SOON, eventually};
use super::outcome::Outcome;

/// Where a program leaves its figures, in its scratch folder.
pub(super) const SUMMARY_FILE: &str = "summary.json";

/// What a program has written so far. Printed when the test that holds it fails.
pub(crate) struct Transcript {
    name: &'static str,
    stdout: Arc<Mutex<Vec<u8>>>,
    stderr: Arc<Mutex<Vec<u8>>>,
    scratch: TempDir,
}

impl Transcript {
    pub(super) fn new(
        name: &'static str,
        stdout: Arc<Mutex<Vec<u8>>>,
        stderr: Arc<Mutex<Vec<u8>>>,
        scratch: TempDir,
    ) -> Self {
        Self {
            name,
            stdout,
            stderr,
            scratch,
        }
    }

    /// The figures that the program left at its end.
    pub(crate) fn summary(&self) -> Option<Value> {
        let text = fs::read(self.scratch.path().join(SUMMARY_FILE)).ok()?;
        Some(serde_json::from_slice(&text).expect("the summary is JSON"))
    }

    pub(crate) fn stdout(&self) -> Vec<u8> {
        self.stdout.lock().expect("a reader panicked").clone()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr.lock().expect("a reader panicked")).into_owned()
    }
}

impl Drop for Transcript {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- stderr of {} ---\n{}", self.name, self.stderr());
            if let Ok(stdout) = String::from_utf8(self.stdout()) {
                eprintln!("--- stdout of {} ---\n{stdout}", self.name);
            }
        }
    }
}

/// A running program.
pub(crate) struct Program {
    child: Child,
    readers: Vec<JoinHandle<()>>,
    transcript: Rc<Transcript>,
}

impl Program {
    pub(super) fn new(child: Child, readers: Vec<JoinHandle<()>>, transcript: Transcript) -> Self {
        Self {
            child,
            readers,
            transcript: Rc::new(transcript),
        }
    }

    /// Waits for its end, and for the end of its output: a child that it left behind would hold that open.
    #[track_caller]
    pub(crate) fn wait(&self, deadline: Duration) -> Outcome {
        let name = self.transcript.name;
        let exit = eventually(deadline, &format!("{name} to end"), || self.exited_with());
        eventually(SOON, &format!("the output of {name} to close"), || {
            self.has_ended().then_some(())
        });
        Outcome::new(&exit, Rc::clone(&self.transcript))
    }

    /// Presses Ctrl-C: a terminal signals the whole group.
    pub(crate) fn interrupt(&self) {
        kill_process_group(self.pid(), Signal::INT).expect("sending a signal");
    }

    /// Asks it to end, as systemd and `docker stop` do.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Asks it to end until it does: Mosquitto forgets a SIGTERM that comes while it is starting.
    #[track_caller]
    pub(crate) fn terminate_for_certain(&self) {
        eventually(SOON, &format!("{} to end", self.transcript.name), || {
            let exit = self.exited_with();
            if exit.is_none() {
                self.terminate();
            }
            exit
        });
        self.wait(SOON);
    }

    /// Stops it in its tracks, as a debugger would.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets a paused program go on.
    pub(crate) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    /// Kills it at once (`kill -9`) and waits until it is gone.
    #[track_caller]
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
        self.wait(SOON);
    }

    /// Waits until its log says `words`.
    #[track_caller]
    pub(crate) fn says(&self, words: &str) {
        let what = format!("{} to say {words:?}", self.transcript.name);
        eventually(SOON, &what, || {
            // In this order: it may say so and end at once.
            let ended = self.has_ended();
            let said = self.stderr().contains(words);
            assert!(said || !ended, "waited in vain for {what}: it has ended");
            said.then_some(())
        });
    }

    /// What it has written to stderr so far.
    pub(crate) fn stderr(&self) -> String {
        self.transcript.stderr()
    }

    /// What it has written to stdout so far.
    pub(crate) fn stdout(&self) -> Vec<u8> {
        self.transcript.stdout()
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has in memory, in KiB, as the kernel counts it: `VmRSS` now, `VmHWM` at most so far.
    #[track_caller]
    pub(crate) fn memory_kib(&self, figure: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()));
        let status = status.expect("the program runs");
        let line = status.lines().find_map(|line| line.strip_prefix(figure));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        kib.expect("the kernel counts it")
            .parse()
            .expect("a number")
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_running(&self) -> bool {
        self.exited_with().is_none()
    }

    /// Whether it is gone and all that it wrote has been read.
    fn has_ended(&self) -> bool {
        !self.is_running() && self.readers.iter().all(JoinHandle::is_finished)
    }

    /// Looks without reaping: until the drop, the process id, and so the group, stays this program's own.
    fn exited_with(&self) -> Option<WaitIdStatus> {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(self.pid()), look).expect("asking for the exit status")
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("sending a signal");
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // The group may still have members when its leader has ended; an empty one is not an error worth a word.
        let _ = kill_process_group(self.pid(), Signal::KILL);
        let _ = self.child.wait();
    }
}

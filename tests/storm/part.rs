//! One of the programs in a storm, over all its lives.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::eventually::{SOON, eventually_true};
use crate::harness::launch::Launch;
use crate::harness::outcome::Outcome;
use crate::harness::program::Program;

/// When a program that has ended by itself is started again, as a service manager would.
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// A program that is started and ended again and again.
pub(crate) struct Part {
    name: &'static str,
    program: Option<Program>,
    /// Since when it is gone though nobody ended it.
    missed_since: Option<Instant>,
    pub(crate) kills: usize,
    /// What it said in each of its lives.
    pub(crate) logs: Vec<String>,
    /// What it counted in its last life, if it was asked to end.
    pub(crate) figures: Option<Value>,
    /// How it ended when nobody had asked it to, and what was wrong when somebody had.
    pub(crate) complaints: Vec<String>,
}

impl Part {
    /// It does not run yet.
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            program: None,
            missed_since: None,
            kills: 0,
            logs: Vec::new(),
            figures: None,
            complaints: Vec::new(),
        }
    }

    /// Starts it, unless it runs.
    pub(crate) fn start(&mut self, launch: Launch) {
        self.missed_since = None;
        if self.program.is_none() {
            self.program = Some(launch.start());
        }
    }

    /// Kills it, if it runs.
    pub(crate) fn kill(&mut self) {
        self.look_after();
        self.missed_since = None;
        if let Some(program) = self.program.take() {
            program.kill();
            self.logs.push(program.stderr());
            self.kills += 1;
        }
    }

    /// Waits until it has connected, if it runs: before that, it may not hear that it is asked to end.
    fn await_connection(&self) {
        let Some(program) = &self.program else { return };
        eventually_true(&format!("the {} to connect", self.name), || {
            program.stderr().contains("connected to") || !program.is_running()
        });
    }

    /// Whether it runs, or is about to.
    pub(crate) fn is_there(&self) -> bool {
        self.program.is_some() || self.missed_since.is_some()
    }

    pub(crate) fn pause(&self) {
        if let Some(program) = &self.program {
            program.pause();
        }
    }

    pub(crate) fn go_on(&self) {
        if let Some(program) = &self.program {
            program.go_on();
        }
    }

    /// Notes if it has ended by itself. Whether it is time to start it again.
    pub(crate) fn look_after(&mut self) -> bool {
        if self
            .program
            .as_ref()
            .is_some_and(|program| !program.is_running())
            && let Some(program) = self.program.take()
        {
            let outcome = program.wait(SOON);
            let stderr = outcome.stderr();
            let last = stderr.lines().last().unwrap_or("without a word");
            self.complaints.push(format!(
                "the {} ended by itself with {}: {last}",
                self.name,
                outcome.end()
            ));
            self.logs.push(stderr);
            self.missed_since = Some(Instant::now());
        }
        self.missed_since
            .is_some_and(|since| since.elapsed() >= RESTART_DELAY)
    }

    /// Asks it to end, and notes if it does not do so as it should, or if its figures are not as they should be: `sum` is
    /// the sum of `parts`.
    pub(crate) fn end(&mut self, sum: &str, parts: &[&str]) {
        self.await_connection();
        self.look_after();
        self.missed_since = None;
        let Some(program) = self.program.take() else {
            return;
        };
        program.terminate();
        let outcome = program.wait(SOON);
        self.figures = outcome.figures();
        let complaint = complaint(&outcome, sum, parts);
        let complaint = complaint.map(|why| format!("the {}, asked to end, {why}", self.name));
        self.complaints.extend(complaint);
        self.logs.push(outcome.stderr());
    }
}

/// What is wrong with the end of a program that was asked to end.
fn complaint(outcome: &Outcome, sum: &str, parts: &[&str]) -> Option<String> {
    if outcome.code() != Some(0) {
        let stderr = outcome.stderr();
        let last = stderr.lines().last().unwrap_or("without a word");
        return Some(format!("ended with {}: {last}", outcome.end()));
    }
    let figures = outcome.figures()?;
    let count = |name: &str| figures[name].as_u64().unwrap_or(0);
    let total: u64 = parts.iter().map(|part| count(part)).sum();
    (count(sum) != total).then(|| format!("has books that do not balance: {figures}"))
}

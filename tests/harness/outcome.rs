//! How a program ended: its exit code, what it said, and its figures.

use std::rc::Rc;

use rustix::process::WaitIdStatus;
use serde_json::Value;

use super::program::Transcript;

/// An ended program.
pub(crate) struct Outcome {
    code: Option<i32>,
    signal: Option<i32>,
    transcript: Rc<Transcript>,
}

impl Outcome {
    pub(crate) fn new(exit: &WaitIdStatus, transcript: Rc<Transcript>) -> Self {
        Self {
            code: exit.exit_status(),
            signal: exit.terminating_signal(),
            transcript,
        }
    }

    /// Asserts that it did its work: exit code 0.
    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        self.exited_with(0)
    }

    /// Asserts that it ended with `code`.
    #[track_caller]
    pub(crate) fn exited_with(self, code: i32) -> Self {
        assert_eq!(
            (self.code, self.signal),
            (Some(code), None),
            "exit code and signal"
        );
        self
    }

    /// Asserts that it ended with `code` and exactly one line `error: ...`, which contains `words` in any case.
    #[track_caller]
    pub(crate) fn failed(self, code: i32, words: &str) -> Self {
        let ended = self.exited_with(code);
        let stderr = ended.stderr();
        let errors: Vec<_> = stderr
            .lines()
            .filter(|line| line.starts_with("error:"))
            .collect();
        assert_eq!(errors.len(), 1, "one line says what is wrong: {errors:#?}");
        assert!(
            errors[0].to_lowercase().contains(&words.to_lowercase()),
            "{words:?} is not in: {}",
            errors[0]
        );
        assert!(!stderr.contains("panicked"), "a panic is no answer");
        ended
    }

    /// Everything that it wrote to stdout.
    pub(crate) fn stdout(&self) -> Vec<u8> {
        self.transcript.stdout()
    }

    /// [`Outcome::stdout`] as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout()).expect("stdout is text")
    }

    /// Everything that it wrote to stderr.
    pub(crate) fn stderr(&self) -> String {
        self.transcript.stderr()
    }

    /// How many lines of its log contain `words`.
    pub(crate) fn lines_with(&self, words: &str) -> usize {
        self.stderr()
            .lines()
            .filter(|line| line.contains(words))
            .count()
    }

    /// A figure of its summary.
    #[track_caller]
    pub(crate) fn count(&self, name: &str) -> u64 {
        let summary = self.summary();
        summary[name]
            .as_u64()
            .unwrap_or_else(|| panic!("no count {name:?} in {summary}"))
    }

    /// How it ended, in words.
    pub(crate) fn end(&self) -> String {
        match (self.code, self.signal) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "an end of its own kind".to_owned(),
        }
    }

    /// Its exit code, if it has one.
    pub(crate) fn code(&self) -> Option<i32> {
        self.code
    }

    /// The figures that it left, if it came to that.
    pub(crate) fn figures(&self) -> Option<Value> {
        self.transcript.summary()
    }

    /// Asserts that the publisher can account for every frame that it captured.
    #[track_caller]
    pub(crate) fn publisher_balances(&self) -> &Self {
        let parts = ["delivered", "dropped", "spooled", "unconfirmed"].map(|part| self.count(part));
        assert_eq!(
            self.count("captured"),
            parts.iter().sum::<u64>(),
            "{}",
            self.summary()
        );
        self
    }

    /// Asserts that the subscriber can account for every message that it received.
    #[track_caller]
    pub(crate) fn subscriber_balances(&self) -> &Self {
        let parts = ["stored", "duplicates", "quarantined", "foreign"].map(|part| self.count(part));
        assert_eq!(
            self.count("received"),
            parts.iter().sum::<u64>(),
            "{}",
            self.summary()
        );
        self
    }

    #[track_caller]
    fn summary(&self) -> Value {
        self.figures().expect("the program left a summary")
    }
}

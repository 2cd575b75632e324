//! What delivery hands to capture for a request, and what it gets back.

use bytes::Bytes;
use protocol::control::{Controls, Size, Snapshot};
use protocol::topic::ConsumerName;
use tokio::sync::mpsc;

/// What a source is to do, and where to say what came of it.
pub(crate) struct Order {
    pub(super) wish: Wish,
    pub(super) reply: Reply,
}

/// What a source is to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wish {
    Pause,
    Resume,
    Snapshot,
    Fps(f64),
    Resolution(Size),
    Set(Controls),
}

/// Whom to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(super) consumer: ConsumerName,
    pub(super) correlation_data: Option<Bytes>,
    /// What was asked for, in a word.
    pub(super) command: &'static str,
}

/// What came of a request.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    Done,
    /// Why not.
    Refused(String),
    /// Later, perhaps.
    Busy,
    /// The newest frame is the picture that was asked for.
    Newest,
    /// A picture that was taken for the request.
    Picture(Snapshot),
}

/// The duty to answer one request: it is answered even if it is dropped.
pub(super) struct Reply {
    envelope: Option<Envelope>,
    outcomes: mpsc::UnboundedSender<(Envelope, Outcome)>,
}

impl Reply {
    pub(super) fn new(
        envelope: Envelope,
        outcomes: mpsc::UnboundedSender<(Envelope, Outcome)>,
    ) -> Self {
        Self {
            envelope: Some(envelope),
            outcomes,
        }
    }

    pub(super) fn done(self) {
        self.give(Outcome::Done);
    }

    pub(super) fn refuse(self, why: impl Into<String>) {
        self.give(Outcome::Refused(why.into()));
    }

    pub(super) fn give(mut self, outcome: Outcome) {
        self.send(outcome);
    }

    fn send(&mut self, outcome: Outcome) {
        if let Some(envelope) = self.envelope.take() {
            // Whoever would answer has gone at the end.
            let _ = self.outcomes.send((envelope, outcome));
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.send(Outcome::Refused("the capture has ended".to_owned()));
    }
}

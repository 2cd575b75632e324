//! What delivery does beside sending frames: it keeps the ledger true, and looks after consumers that must confirm.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use link::Session;
use tracing::{debug, warn};

use super::Delivery;

/// How often this is looked after.
pub(super) const UPKEEP_INTERVAL: Duration = Duration::from_millis(200);
/// A ledger follows another no faster than this ...
const LEDGER_INTERVAL: Duration = Duration::from_secs(1);
/// ... and, changed or not, this often: a consumer that has lost one gets the next.
const LEDGER_REPEAT: Duration = Duration::from_secs(30);
/// How long a consumer that must confirm may be silent before that is said.
const SAY_SILENT_AFTER: Duration = Duration::from_secs(20);

/// When the ledger was published, and what it said.
#[derive(Debug, Default)]
pub(super) struct LedgerDesk {
    counter: u64,
    published_at: Option<Instant>,
    /// What it said, without its counter, and of which state that was.
    said: Vec<u8>,
    said_changes: Option<u64>,
    in_flight: bool,
    connected_at: Option<Instant>,
    said_silent: bool,
}

impl LedgerDesk {
    /// A new connection: whoever listens must be told again.
    pub(super) fn connected(&mut self) {
        self.published_at = None;
        self.in_flight = false;
        self.connected_at = Some(Instant::now());
    }

    /// The broker has the last one.
    pub(super) fn acknowledged(&mut self) {
        self.in_flight = false;
    }

    /// The end does not wait for its turn.
    fn may_follow_at_once(&mut self) {
        self.in_flight = false;
        self.published_at = self
            .published_at
            .and_then(|at| at.checked_sub(LEDGER_INTERVAL));
    }

    fn is_due(&self, now: Instant) -> bool {
        !self.in_flight
            && self
                .published_at
                .is_none_or(|at| now >= at + LEDGER_INTERVAL)
    }
}

impl Delivery {
    pub(super) fn upkeep(&mut self, session: &mut Session) {
        let in_flight = self.in_flight.unacknowledged();
        self.counters.in_flight.store(in_flight, Relaxed);
        let now = Instant::now();
        self.publish_ledger(session);
        self.look_after_requests();
        if let (Some(home_assistant), None) = (&mut self.home_assistant, self.trial_over) {
            home_assistant.publish(session);
        }
        let Some(depot) = self.outbox.depot() else {
            return;
        };
        depot.bring_back();
        let lacking = depot.look_for_idle_tails(self.options.window);
        if lacking > 0 {
            debug!("{lacking} frames are sent again: their receipts are overdue");
        }
        let unknown = depot.unknown_confirmer();
        if unknown.is_none() || self.backlog_waits_until.is_some_and(|until| now >= until) {
            self.backlog_waits_until = None;
        }
        let overdue = self
            .ledger
            .connected_at
            .is_some_and(|at| now >= at + SAY_SILENT_AFTER);
        if let (Some(name), true, false) = (unknown, overdue, self.ledger.said_silent) {
            warn!(
                "consumer {name} has confirmed nothing since the start: frames stay in the spool until it does \
                 (frame-subscriber --consumer {name} --receipts)"
            );
            self.ledger.said_silent = true;
        }
    }

    /// Says how things stand at the end.
    pub(super) fn publish_last_ledger(&mut self, session: &mut Session) {
        self.ledger.may_follow_at_once();
        self.publish_ledger(session);
    }

    /// Says what can still be had, if that has changed or was not said for long.
    pub(super) fn publish_ledger(&mut self, session: &mut Session) {
        let now = Instant::now();
        if !self.ledger.is_due(now) {
            return;
        }
        let repeat = self
            .ledger
            .published_at
            .is_none_or(|at| now >= at + LEDGER_REPEAT);
        let changes = self.outbox.ledger_changes();
        if changes.is_some() && changes == self.ledger.said_changes && !repeat {
            return;
        }
        let mut ledger = self.outbox.ledger(0, self.in_flight.oldest());
        let says = ledger.to_json();
        if says == self.ledger.said && !repeat {
            return;
        }
        self.ledger.counter += 1;
        ledger.counter = self.ledger.counter;
        self.ledger.published_at = Some(now);
        if self.announcer.ledger(session, &ledger) {
            self.ledger.in_flight = true;
            self.ledger.said = says;
            self.ledger.said_changes = changes;
        }
    }
}

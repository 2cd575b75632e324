//! The subscriber's books: every message that was dealt with is in exactly one of them.

use std::ops::RangeInclusive;

use crate::gaps::{Gaps, Missing};
use crate::store::Outcome;
use crate::storing::Stored;

/// Totals since the start. `received = stored + duplicates + quarantined + foreign`.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) received: u64,
    pub(crate) bytes: u64,
    pub(crate) stored: u64,
    pub(crate) duplicates: u64,
    pub(crate) quarantined: u64,
    pub(crate) foreign: u64,
    /// Whether frames are shared with others of a `--group`: those that go to them are not missing.
    pub(crate) is_shared: bool,
    gaps: Gaps,
}

impl Counters {
    /// Enters what became of one message. Gives the numbers that are missing since.
    pub(crate) fn enter(&mut self, stored: &Stored) -> Option<RangeInclusive<u64>> {
        self.received += 1;
        self.bytes += stored.bytes;
        match &stored.outcome {
            Outcome::Stored { .. } => self.stored += 1,
            Outcome::Duplicate => self.duplicates += 1,
            Outcome::Foreign { .. } => self.foreign += 1,
            Outcome::Quarantined { .. } | Outcome::Conflict { .. } => self.quarantined += 1,
        }
        let is_frame = matches!(stored.outcome, Outcome::Stored { .. } | Outcome::Duplicate);
        let frame = stored
            .frame
            .as_ref()
            .filter(|_| is_frame && !self.is_shared);
        frame.and_then(|frame| self.gaps.observe(frame).opened_gap)
    }

    /// Frames that have not come, and in how many runs.
    pub(crate) fn missing(&self) -> Missing {
        self.gaps.missing()
    }
}

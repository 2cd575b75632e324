//! How things stand, for answers.

use std::sync::atomic::Ordering::Relaxed;

use crate::counters::Counters;
use crate::outbox::Outbox;

/// Where delivery keeps what an answer tells.
pub(crate) struct Figures<'a> {
    pub(crate) counters: &'a Counters,
    pub(crate) outbox: &'a Outbox,
}

impl Figures<'_> {
    pub(super) fn captured(&self) -> u64 {
        self.counters.captured.load(Relaxed)
    }
}

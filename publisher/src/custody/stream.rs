//! What is known of the frames of one stream.

use std::collections::BTreeMap;

use protocol::ranges::RangeSet;

use super::Facts;

/// The order in which the broker accepted frames.
pub(super) type Order = u64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// To be sent: by whoever has it in memory, or from the backlog.
    Waiting,
    /// Being sent.
    Flying,
    /// The broker has accepted it.
    Sent(Order),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) facts: Facts,
    pub(super) state: State,
}

#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) held: BTreeMap<u64, Held>,
    /// The numbers of `held`.
    pub(super) held_numbers: RangeSet,
    /// Those that wait and are in nobody's memory.
    pub(super) backlog: RangeSet,
    pub(super) given_up: RangeSet,
    pub(super) last: u64,
}

impl Stream {
    pub(super) fn give_up(&mut self, sequence: u64) {
        self.given_up.insert(sequence);
        self.given_up.keep_highest_ranges(MAX_GIVEN_UP_RANGES);
    }
}

/// Beyond this the lowest are not named any more: what is written down and published holds fewer in any case.
const MAX_GIVEN_UP_RANGES: usize = 1024;

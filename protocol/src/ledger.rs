//! A camera's ledger: what can still be had of it. The payload of `<prefix>/<camera>/ledger`, retained.
//!
//! ```json
//! {"stream":"0199...","counter":12,
//!  "streams":[{"stream":"0199...","last":1234,"available":[[1200,1234]],"given_up":[[17,42]]}]}
//! ```
//!
//! What was numbered and is neither available nor given up has been delivered to those who had to confirm it. A consumer
//! that lacks a number that is not available writes it off: it will not come, or if it does, from the broker.
//!
//! What a ledger says of a number holds for ever: what is not available does not become so again. So an old ledger, sent
//! again by a broker that has forgotten the last minutes, does no harm.

use serde::{Deserialize, Serialize};

use crate::frame::StreamId;
use crate::ranges::RangeSet;
use crate::receipt::at_most;

/// Longer than any ledger, in bytes.
const MAX_LEDGER_BYTES: usize = 4 << 20;

/// Most streams in a ledger: the present one, and the oldest, which are delivered first.
pub const MAX_LEDGER_STREAMS: usize = 64;
/// Most ranges of each kind for a stream.
pub const MAX_LEDGER_RANGES: usize = 256;

/// What can still be had of a camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The present run of the publisher.
    pub stream: StreamId,
    /// Grows with each ledger of a run.
    pub counter: u64,
    /// The streams of which something can be had, or was given up; the present one is always among them.
    pub streams: Vec<StreamLedger>,
}

/// What can still be had of one stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamLedger {
    /// Which.
    pub stream: StreamId,
    /// The highest number given to a frame so far; 0 if there is none.
    pub last: u64,
    /// What the publisher still has.
    #[serde(default, skip_serializing_if = "RangeSet::is_empty")]
    pub available: RangeSet,
    /// What it has given up before it was delivered.
    #[serde(default, skip_serializing_if = "RangeSet::is_empty")]
    pub given_up: RangeSet,
}

impl StreamLedger {
    /// The same with no more than [`MAX_LEDGER_RANGES`] of each kind. Nothing that is available is denied: gaps between
    /// available ranges are closed, the lowest first. Of what was given up, the lowest is no longer named.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        while self.available.ranges().len() > MAX_LEDGER_RANGES {
            self.available.close_lowest_gap();
        }
        self.given_up.keep_highest_ranges(MAX_LEDGER_RANGES);
        self
    }
}

impl Ledger {
    /// As JSON.
    ///
    /// # Panics
    /// Never: identifiers and numbers always serialize.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("identifiers and numbers always serialize")
    }

    /// Reads a ledger.
    pub fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        at_most(json, MAX_LEDGER_BYTES).and_then(serde_json::from_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_is_read_as_it_was_written() {
        let stream = StreamId::new();
        let ledger = Ledger {
            stream,
            counter: 3,
            streams: vec![StreamLedger {
                stream,
                last: 9,
                available: [7..=9].into_iter().collect(),
                given_up: [2..=2].into_iter().collect(),
            }],
        };
        assert_eq!(Ledger::from_json(&ledger.to_json()).unwrap(), ledger);
        assert!(Ledger::from_json(b"{}").is_err());
    }

    #[test]
    fn a_bounded_ledger_denies_nothing_that_is_available() {
        let every_other: RangeSet = (1..=1000).map(|n| 2 * n..=2 * n).collect();
        let bounded = StreamLedger {
            stream: StreamId::new(),
            last: 2000,
            available: every_other.clone(),
            given_up: every_other.clone(),
        }
        .bounded();
        assert_eq!(bounded.available.ranges().len(), MAX_LEDGER_RANGES);
        assert!(every_other.numbers().all(|n| bounded.available.contains(n)));
        assert_eq!(bounded.given_up.ranges().len(), MAX_LEDGER_RANGES);
        assert!(bounded.given_up.numbers().all(|n| every_other.contains(n)));
    }
}

//! The subscriber's books: every message that was dealt with is in exactly one of them.

use std::ops::RangeInclusive;

use protocol::frame::FrameId;

use crate::gaps::{Gaps, Missing};
use crate::store::Outcome;
use crate::storing::Stored;

/// Totals since the start. `received = stored + duplicates + quarantined + foreign`; what was skipped is outside.
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
    /// Whether only the latest frames are wanted: those that did not come were skipped, too.
    pub(crate) is_latest_only: bool,
    /// Frames and pictures that came and were left out.
    left_out: u64,
    gaps: Gaps,
}

impl Counters {
    /// Enters what became of one message. Gives the numbers that are missing since.
    pub(crate) fn enter(&mut self, stored: &Stored) -> Option<RangeInclusive<u64>> {
        if stored.outcome == Outcome::Skipped {
            self.skip(stored.frame.as_ref());
            return None;
        }
        self.received += 1;
        self.bytes += stored.bytes;
        match &stored.outcome {
            Outcome::Stored { .. } => self.stored += 1,
            Outcome::Duplicate => self.duplicates += 1,
            Outcome::Foreign { .. } => self.foreign += 1,
            Outcome::Quarantined { .. } | Outcome::Conflict { .. } => self.quarantined += 1,
            Outcome::Skipped => {}
        }
        let is_frame = matches!(stored.outcome, Outcome::Stored { .. } | Outcome::Duplicate);
        let frame = stored
            .frame
            .as_ref()
            .filter(|_| is_frame && !self.is_shared);
        let opened_gap = frame.and_then(|frame| self.gaps.observe(frame).opened_gap);
        opened_gap.filter(|_| !self.is_latest_only)
    }

    /// Enters what came and was left out: a frame, or something without an identity. A repeat is none more.
    pub(crate) fn skip(&mut self, frame: Option<&FrameId>) {
        let is_repeat = frame.is_some_and(|frame| self.gaps.observe(frame).duplicate);
        self.left_out += u64::from(!is_repeat);
    }

    /// Frames that have not come, and in how many runs.
    pub(crate) fn missing(&self) -> Missing {
        if self.is_latest_only {
            Missing::default()
        } else {
            self.gaps.missing()
        }
    }

    /// Frames that were left out because only the latest are wanted, here or by the broker.
    pub(crate) fn skipped(&self) -> u64 {
        let left_to_the_broker = if self.is_latest_only {
            self.gaps.missing().frames
        } else {
            0
        };
        self.left_out.saturating_add(left_to_the_broker)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use protocol::frame::StreamId;

    use super::*;

    #[test]
    fn what_was_skipped_is_counted_once_and_is_not_missing() {
        let stream = StreamId::new();
        let id = |sequence| FrameId {
            camera: "door".parse().unwrap(),
            stream,
            sequence,
        };
        let mut counters = Counters {
            is_latest_only: true,
            ..Counters::default()
        };
        let store = |counters: &mut Counters, sequence| {
            let stored = Stored {
                ack: None,
                outcome: Outcome::Stored {
                    path: "x.jpg".into(),
                },
                frame: Some(id(sequence)),
                bytes: 1,
                latency: Duration::ZERO,
            };
            assert_eq!(counters.enter(&stored), None);
        };
        store(&mut counters, 1);
        counters.skip(Some(&id(2)));
        counters.skip(Some(&id(2)));
        // The broker has forgotten 3 and 4.
        store(&mut counters, 5);
        counters.skip(None);
        assert_eq!((counters.received, counters.stored), (2, 2));
        assert_eq!(counters.skipped(), 4);
        assert_eq!(counters.missing(), Missing::default());
    }
}

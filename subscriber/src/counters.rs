//! The subscriber's books: every message that was dealt with is in exactly one of them.

use std::ops::RangeInclusive;

use protocol::ranges::RangeSet;

use crate::gaps::{Gaps, Missing};
use crate::ledger::{StoreLedger, StreamBook};
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
    /// Whether receipts are sent: then all that the cameras give up is this store's business, also before its first frame.
    pub(crate) confirms: bool,
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

    /// Frames that have not come, of the streams that were heard of in this run.
    pub(crate) fn shortfall(&self, ledger: &StoreLedger) -> Shortfall {
        let mut shortfall = Shortfall::default();
        if self.is_shared {
            return shortfall;
        }
        shortfall.missing.add(self.gaps.settled());
        for (camera, stream, seen) in self.gaps.streams() {
            shortfall.missing.add(seen.settled());
            let book = ledger.stream(camera, stream);
            shortfall.add(seen.gaps().collect(), book, self.confirms);
        }
        for camera in ledger.cameras() {
            for (stream, book) in camera.heard_streams() {
                if self.gaps.stream(camera.camera(), stream).is_none() {
                    shortfall.add(RangeSet::default(), Some(book), self.confirms);
                }
            }
        }
        shortfall
    }
}

/// What has not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Shortfall {
    /// Lost, or still to come.
    pub(crate) missing: Missing,
    /// Given up by the camera.
    pub(crate) given_up: u64,
}

impl Shortfall {
    /// Adds a stream: `gaps` is what did not come in this run; the store may have it from another.
    fn add(&mut self, mut gaps: RangeSet, book: Option<&StreamBook>, confirms: bool) {
        if let Some(book) = book {
            gaps.remove_all(&book.known());
            gaps.insert_all(&book.lost());
            let given_up = if confirms {
                book.all_given_up().count()
            } else {
                book.given_up().count()
            };
            self.given_up = self.given_up.saturating_add(given_up);
        }
        self.missing.add(Missing {
            gaps: gaps.ranges().len() as u64,
            frames: gaps.count(),
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use protocol::frame::{FrameId, StreamId};
    use protocol::ledger::{Ledger, StreamLedger};

    use super::*;

    #[test]
    fn what_the_camera_gave_up_is_not_missing_and_what_came_before_is_not_either() {
        let (mut counters, mut ledger) = (Counters::default(), StoreLedger::new());
        let stream = StreamId::new();
        let id = |sequence| FrameId {
            camera: "door".parse().unwrap(),
            stream,
            sequence,
        };
        // Frame 7 came in an earlier run.
        ledger.enter_stored(&id(7), true);
        for sequence in [4, 10] {
            ledger.enter_stored(&id(sequence), true);
            counters.enter(&Stored {
                ack: None,
                outcome: Outcome::Stored { path: "x".into() },
                frame: Some(id(sequence)),
                bytes: 1,
                latency: Duration::ZERO,
            });
        }
        let missing = |gaps, frames, given_up| Shortfall {
            missing: Missing { gaps, frames },
            given_up,
        };
        assert_eq!(counters.shortfall(&ledger), missing(2, 4, 0));
        let said = Ledger {
            stream,
            counter: 1,
            streams: vec![StreamLedger {
                stream,
                last: 12,
                available: [8..=8].into_iter().collect(),
                given_up: [1..=1, 5..=6, 11..=11].into_iter().collect(),
            }],
        };
        ledger.take(&id(1).camera, &said);
        // 8 may still come, 9 and 12 are lost; what is below 4 was never meant for this store.
        assert_eq!(counters.shortfall(&ledger), missing(2, 3, 3));
        counters.is_shared = true;
        assert_eq!(counters.shortfall(&ledger), Shortfall::default());
    }
}

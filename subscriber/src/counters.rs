//! The subscriber's books: every message that was dealt with is in exactly one of them.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use protocol::frame::FrameId;
use protocol::ranges::RangeSet;
use protocol::topic::CameraName;

use crate::gaps::{Gaps, Missing};
use crate::ledger::{StoreLedger, StreamBook};
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
    /// Whether receipts are sent: then all that the cameras give up is this store's business, also before its first frame.
    pub(crate) confirms: bool,
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

    /// Frames that have not come, of the streams that were heard of in this run.
    pub(crate) fn shortfall(&self, ledger: &StoreLedger) -> Shortfall {
        let mut shortfall = Shortfall::default();
        if self.is_shared {
            return shortfall;
        }
        shortfall.missing.add(self.gaps.settled());
        self.for_each_stream(ledger, |_, of_stream| shortfall.add(of_stream));
        if self.is_latest_only {
            let left_to_the_broker = std::mem::take(&mut shortfall.missing).frames;
            shortfall.skipped = self.left_out.saturating_add(left_to_the_broker);
        }
        shortfall
    }

    /// [`Counters::shortfall`] of each camera; what was missing of streams that are told apart no more is nobody's.
    pub(crate) fn shortfalls(&self, ledger: &StoreLedger) -> HashMap<CameraName, Shortfall> {
        let mut shortfalls = HashMap::<_, Shortfall>::new();
        if self.is_shared {
            return shortfalls;
        }
        self.for_each_stream(ledger, |camera, of_stream| {
            shortfalls.entry(camera.clone()).or_default().add(of_stream);
        });
        if self.is_latest_only {
            for shortfall in shortfalls.values_mut() {
                shortfall.missing = Missing::default();
            }
        }
        shortfalls
    }

    fn for_each_stream(&self, ledger: &StoreLedger, mut enter: impl FnMut(&CameraName, Shortfall)) {
        for (camera, stream, seen) in self.gaps.streams() {
            let mut shortfall = self.stream(seen.gaps().collect(), ledger.stream(camera, stream));
            shortfall.missing.add(seen.settled());
            enter(camera, shortfall);
        }
        for book in ledger.cameras() {
            let camera = book.camera();
            for (stream, book) in book.heard_streams() {
                if self.gaps.stream(camera, stream).is_none() {
                    enter(camera, self.stream(RangeSet::default(), Some(book)));
                }
            }
        }
    }

    /// What has not come of a stream: `gaps` is what did not come in this run; the store may have it from another.
    fn stream(&self, mut gaps: RangeSet, book: Option<&StreamBook>) -> Shortfall {
        let mut shortfall = Shortfall::default();
        if let Some(book) = book {
            gaps.remove_all(&book.accounted_for());
            // What was skipped here is lost as well, and is counted already.
            if !self.is_latest_only {
                gaps.insert_all(&book.lost());
            }
            shortfall.given_up = if self.confirms {
                book.all_given_up().count()
            } else {
                book.given_up().count()
            };
        }
        shortfall.missing = Missing {
            gaps: gaps.ranges().len() as u64,
            frames: gaps.count(),
        };
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
    /// Left out because only the latest are wanted, here or by the broker.
    pub(crate) skipped: u64,
}

impl Shortfall {
    /// Numbers come from the network: they may be as large as numbers go.
    fn add(&mut self, other: Self) {
        self.missing.add(other.missing);
        self.given_up = self.given_up.saturating_add(other.given_up);
        self.skipped = self.skipped.saturating_add(other.skipped);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use protocol::frame::StreamId;
    use protocol::ledger::{Ledger, StreamLedger};

    use super::*;

    fn id(stream: StreamId, sequence: u64) -> FrameId {
        FrameId {
            camera: "door".parse().unwrap(),
            stream,
            sequence,
        }
    }

    fn enter_stored(counters: &mut Counters, ledger: &mut StoreLedger, id: FrameId) {
        ledger.enter_stored(&id, true);
        counters.enter(&Stored {
            ack: None,
            outcome: Outcome::Stored { path: "x".into() },
            frame: Some(id),
            stranger: None,
            taken_at: jiff::Timestamp::UNIX_EPOCH,
            bytes: 1,
            latency: Duration::ZERO,
            transit: jiff::SignedDuration::ZERO,
        });
    }

    #[test]
    fn what_was_skipped_is_counted_once_and_is_not_missing() {
        let (mut ledger, stream) = (StoreLedger::new(), StreamId::new());
        let mut counters = Counters {
            is_latest_only: true,
            ..Counters::default()
        };
        enter_stored(&mut counters, &mut ledger, id(stream, 1));
        counters.skip(Some(&id(stream, 2)));
        counters.skip(Some(&id(stream, 2)));
        // The broker has forgotten 3 and 4.
        enter_stored(&mut counters, &mut ledger, id(stream, 5));
        counters.skip(None);
        assert_eq!((counters.received, counters.stored), (2, 2));
        let skipped = |skipped, given_up| Shortfall {
            given_up,
            skipped,
            ..Shortfall::default()
        };
        assert_eq!(counters.shortfall(&ledger), skipped(4, 0));
        // The camera never sent 3, and has none of them any more.
        let said = Ledger {
            stream,
            counter: 1,
            streams: vec![StreamLedger {
                stream,
                last: 6,
                available: RangeSet::default(),
                given_up: [3..=3].into_iter().collect(),
            }],
        };
        ledger.take(&id(stream, 1).camera, &said, true);
        assert_eq!(counters.shortfall(&ledger), skipped(3, 1));
    }

    #[test]
    fn what_the_camera_gave_up_is_not_missing_and_what_came_before_is_not_either() {
        let (mut counters, mut ledger) = (Counters::default(), StoreLedger::new());
        let stream = StreamId::new();
        // Frame 7 came in an earlier run.
        ledger.enter_stored(&id(stream, 7), true);
        for sequence in [4, 10] {
            enter_stored(&mut counters, &mut ledger, id(stream, sequence));
        }
        let missing = |gaps, frames, given_up| Shortfall {
            missing: Missing { gaps, frames },
            given_up,
            skipped: 0,
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
        ledger.take(&id(stream, 1).camera, &said, true);
        // 8 may still come, 9 and 12 are lost; what is below 4 was never meant for this store.
        assert_eq!(counters.shortfall(&ledger), missing(2, 3, 3));
        counters.is_shared = true;
        assert_eq!(counters.shortfall(&ledger), Shortfall::default());
    }
}

//! Which frames of a stream have come, and which numbers are missing between them.
//!
//! Pure bookkeeping: it knows nothing of files, connections or clocks. Memory is bounded: what is too old to be told
//! range by range is settled, that is, only counted.
//!
//! A stream joined in its middle has no gap before its first frame: numbers count as missing only between the lowest
//! and the highest that were seen.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use protocol::frame::{FrameId, StreamId};
use protocol::ranges::{Inserted, RangeSet};
use protocol::topic::CameraName;

/// Streams that are told apart at one time; the one that has been silent longest is settled first.
const MAX_STREAMS: usize = 256;
/// Ranges kept for a stream; the oldest gap is settled first.
const MAX_RANGES: usize = 256;

/// What one frame changed in the books.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observation {
    /// It is the first of its stream that was seen here.
    pub first: bool,
    /// This number was seen before. For a gap that was settled this is a guess; the store's index knows.
    pub duplicate: bool,
    /// The numbers between this frame and its nearest neighbour, now missing.
    pub opened_gap: Option<RangeInclusive<u64>>,
    /// It was missing until now.
    pub filled: bool,
}

/// What is missing at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Missing {
    /// Runs of missing numbers.
    pub gaps: u64,
    /// Missing numbers.
    pub frames: u64,
}

impl Missing {
    /// Numbers come from the network: they may be as large as numbers go.
    pub(crate) fn add(&mut self, other: Self) {
        self.gaps += other.gaps;
        self.frames = self.frames.saturating_add(other.frames);
    }
}

/// The books of every stream.
#[derive(Debug, Default)]
pub struct Gaps {
    /// The stream that spoke last stands last.
    streams: VecDeque<(CameraName, StreamId, StreamLedger)>,
    settled: Missing,
}

impl Gaps {
    /// Enters a frame that has arrived.
    pub fn observe(&mut self, id: &FrameId) -> Observation {
        let known = self
            .streams
            .iter()
            .rposition(|(camera, stream, _)| *stream == id.stream && *camera == id.camera);
        let mut entry = known
            .and_then(|at| self.streams.remove(at))
            .unwrap_or_else(|| (id.camera.clone(), id.stream, StreamLedger::default()));
        let observation = entry.2.observe(id.sequence);
        self.streams.push_back(entry);
        if self.streams.len() > MAX_STREAMS
            && let Some((_, _, silent)) = self.streams.pop_front()
        {
            self.settled.add(silent.missing());
        }
        observation
    }

    /// What is missing now, over all streams. Late arrivals make it less.
    #[must_use]
    pub fn missing(&self) -> Missing {
        let mut total = self.settled;
        for (_, _, ledger) in &self.streams {
            total.add(ledger.missing());
        }
        total
    }

    /// The books of every stream that is told apart.
    pub(crate) fn streams(&self) -> impl Iterator<Item = (&CameraName, StreamId, &StreamLedger)> {
        let streams = self.streams.iter();
        streams.map(|(camera, stream, ledger)| (camera, *stream, ledger))
    }

    /// What was missing of streams that are told apart no more.
    pub(crate) fn settled(&self) -> Missing {
        self.settled
    }

    /// The books of one stream, unless it is unknown or settled.
    #[must_use]
    pub fn stream(&self, camera: &CameraName, stream: StreamId) -> Option<&StreamLedger> {
        self.streams
            .iter()
            .find(|(c, s, _)| *s == stream && c == camera)
            .map(|(_, _, ledger)| ledger)
    }
}

/// The books of one stream.
#[derive(Debug, Default)]
pub struct StreamLedger {
    seen: RangeSet,
    settled: Missing,
}

impl StreamLedger {
    /// Enters the number of a frame that has arrived.
    pub fn observe(&mut self, sequence: u64) -> Observation {
        let first = self.seen.is_empty();
        let observation = match self.seen.insert(sequence) {
            Inserted::Known => Observation {
                duplicate: true,
                ..Observation::default()
            },
            Inserted::Outside { gap } => Observation {
                first,
                opened_gap: gap,
                ..Observation::default()
            },
            Inserted::Inside => Observation {
                filled: true,
                ..Observation::default()
            },
        };
        if self.seen.ranges().len() > MAX_RANGES
            && let Some(gap) = self.seen.close_lowest_gap()
        {
            self.settled.add(Missing {
                gaps: 1,
                frames: gap.end() - gap.start() + 1,
            });
        }
        observation
    }

    /// The lowest number that was seen: 1 unless the stream was joined in its middle.
    #[must_use]
    pub fn joined_at(&self) -> Option<u64> {
        self.seen.ranges().first().map(|range| *range.start())
    }

    /// The runs of missing numbers that are still told one by one, lowest first.
    pub fn gaps(&self) -> impl Iterator<Item = RangeInclusive<u64>> {
        self.seen.gaps()
    }

    /// What is missing, and is told range by range no more.
    pub(crate) fn settled(&self) -> Missing {
        self.settled
    }

    /// What is missing between the lowest and the highest number seen.
    #[must_use]
    pub fn missing(&self) -> Missing {
        let mut total = self.settled;
        for gap in self.gaps() {
            total.add(Missing {
                gaps: 1,
                frames: gap.end() - gap.start() + 1,
            });
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(camera: &str, stream: StreamId, sequence: u64) -> FrameId {
        FrameId {
            camera: camera.parse().unwrap(),
            stream,
            sequence,
        }
    }

    #[test]
    fn a_gap_opens_and_late_arrivals_fill_it() {
        let (mut gaps, stream) = (Gaps::default(), StreamId::new());
        assert!(gaps.observe(&id("door", stream, 1)).first);
        assert_eq!(gaps.observe(&id("door", stream, 5)).opened_gap, Some(2..=4));
        assert_eq!(gaps.missing(), Missing { gaps: 1, frames: 3 });
        assert!(gaps.observe(&id("door", stream, 3)).filled);
        assert_eq!(gaps.missing(), Missing { gaps: 2, frames: 2 });
        gaps.observe(&id("door", stream, 2));
        gaps.observe(&id("door", stream, 4));
        assert_eq!(gaps.missing(), Missing::default());
        assert!(gaps.observe(&id("door", stream, 4)).duplicate);
    }

    #[test]
    fn a_stream_joined_in_its_middle_has_no_gap_before_it() {
        let (mut gaps, stream) = (Gaps::default(), StreamId::new());
        let joined = gaps.observe(&id("door", stream, 900));
        assert_eq!((joined.first, joined.opened_gap), (true, None));
        assert_eq!(gaps.missing(), Missing::default());
        let door = "door".parse().unwrap();
        let ledger = gaps.stream(&door, stream).unwrap();
        assert_eq!(ledger.joined_at(), Some(900));
    }

    #[test]
    fn streams_and_cameras_have_books_of_their_own() {
        let (mut gaps, one, two) = (Gaps::default(), StreamId::new(), StreamId::new());
        for (camera, stream) in [("door", one), ("door", two), ("gate", one)] {
            assert!(gaps.observe(&id(camera, stream, 7)).first);
            assert!(!gaps.observe(&id(camera, stream, 8)).first);
        }
        assert_eq!(gaps.missing(), Missing::default());
    }

    #[test]
    fn more_missing_than_a_number_can_say_is_as_much_as_it_can_say() {
        let mut gaps = Gaps::default();
        for stream in [StreamId::new(), StreamId::new()] {
            gaps.observe(&id("door", stream, 1));
            gaps.observe(&id("door", stream, u64::MAX));
        }
        let frames = u64::MAX;
        assert_eq!(gaps.missing(), Missing { gaps: 2, frames });
    }

    #[test]
    fn what_is_settled_still_counts_as_missing() {
        let (mut gaps, stream) = (Gaps::default(), StreamId::new());
        let frames = 3 * MAX_RANGES as u64;
        for n in 0..frames {
            gaps.observe(&id("door", stream, 1 + 2 * n));
        }
        let missing = Missing {
            gaps: frames - 1,
            frames: frames - 1,
        };
        assert_eq!(gaps.missing(), missing);
        for _ in 0..2 * MAX_STREAMS {
            gaps.observe(&id("door", StreamId::new(), 1));
        }
        assert_eq!(gaps.missing(), missing);
        assert_eq!(gaps.streams.len(), MAX_STREAMS);
    }
}

//! Which numbers of a camera's streams are there, and when those were taken that stand beside a gap.
//!
//! Pure bookkeeping of bounded size: where there are more gaps than anybody could look at, the oldest are forgotten.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use protocol::frame::StreamId;

/// Runs of one camera that are told apart: some 100 bytes each.
const MAX_RUNS: usize = 20_000;

/// Numbers that are missing between two frames of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::view) struct Gap {
    pub(in crate::view) stream: StreamId,
    pub(in crate::view) missing: RangeInclusive<u64>,
    /// When the frames beside it were taken, in microseconds since 1970.
    pub(in crate::view) from: i64,
    pub(in crate::view) to: i64,
}

/// Numbers without a gap, from the one under which it is entered.
#[derive(Debug, Clone, Copy)]
struct Run {
    last: u64,
    first_time: i64,
    last_time: i64,
}

/// The numbers of a camera.
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// By stream, which begins with the clock, and first number.
    streams: BTreeMap<StreamId, BTreeMap<u64, Run>>,
    count: usize,
}

impl Runs {
    /// Enters a frame.
    pub(super) fn enter(&mut self, stream: StreamId, sequence: u64, time: i64) {
        let runs = self.streams.entry(stream).or_default();
        let before = runs.range(..=sequence).next_back();
        let before = before.map(|(first, run)| (*first, *run));
        if before.is_some_and(|(_, run)| sequence <= run.last) {
            return;
        }
        let mut first = sequence;
        let mut entered = Run {
            last: sequence,
            first_time: time,
            last_time: time,
        };
        if let Some((start, run)) = before
            && run.last.checked_add(1) == Some(sequence)
        {
            (first, entered.first_time) = (start, run.first_time);
            runs.remove(&start);
            self.count -= 1;
        }
        let next = sequence.checked_add(1);
        if let Some(run) = next.and_then(|next| runs.remove(&next)) {
            (entered.last, entered.last_time) = (run.last, run.last_time);
            self.count -= 1;
        }
        runs.insert(first, entered);
        self.count += 1;
        while self.count > MAX_RUNS {
            self.forget_the_oldest();
        }
    }

    /// Gaps that lie, in part at least, between two times, at most `most`, and whether there are more.
    pub(super) fn gaps(&self, from: i64, to: i64, most: usize) -> (Vec<Gap>, bool) {
        let mut gaps = self
            .all_gaps()
            .filter(|gap| gap.to >= from && gap.from <= to);
        let found = gaps.by_ref().take(most).collect();
        (found, gaps.next().is_some())
    }

    fn all_gaps(&self) -> impl Iterator<Item = Gap> {
        self.streams.iter().flat_map(|(stream, runs)| {
            let beside = runs.iter().zip(runs.iter().skip(1));
            beside.map(|((_, before), (first, after))| Gap {
                stream: *stream,
                missing: before.last + 1..=first - 1,
                // A camera's clock may be set back.
                from: before.last_time.min(after.first_time),
                to: before.last_time.max(after.first_time),
            })
        })
    }

    /// Closes the oldest gap or, where there is none, forgets the oldest stream.
    fn forget_the_oldest(&mut self) {
        let with_gap = self.streams.values_mut().find(|runs| runs.len() > 1);
        if let Some(runs) = with_gap
            && let (Some((first, run)), Some((_, next))) = (runs.pop_first(), runs.pop_first())
        {
            let joined = Run {
                first_time: run.first_time,
                ..next
            };
            runs.insert(first, joined);
            self.count -= 1;
        } else if let Some((_, runs)) = self.streams.pop_first() {
            self.count -= runs.len();
        } else {
            self.count = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use protocol::ranges::RangeSet;

    use super::*;

    fn missing(runs: &Runs) -> Vec<RangeInclusive<u64>> {
        runs.all_gaps().map(|gap| gap.missing).collect()
    }

    proptest! {
        #[test]
        fn in_whatever_order_frames_come_the_gaps_are_those_of_a_plain_set(
            numbers in prop::collection::vec(0_u64..60, 0..80),
        ) {
            let (mut runs, mut plain, stream) = (Runs::default(), RangeSet::default(), StreamId::new());
            for number in numbers {
                runs.enter(stream, number, number.cast_signed() * 10);
                plain.insert(number);
                prop_assert_eq!(missing(&runs), plain.gaps().collect::<Vec<_>>());
                prop_assert_eq!(runs.count, plain.ranges().len());
            }
            for gap in runs.all_gaps() {
                prop_assert_eq!(gap.from, (gap.missing.start().cast_signed() - 1) * 10);
                prop_assert_eq!(gap.to, (gap.missing.end().cast_signed() + 1) * 10);
            }
        }
    }

    #[test]
    fn gaps_are_told_where_they_touch_what_is_looked_at_and_only_so_many() {
        let (mut runs, stream) = (Runs::default(), StreamId::new());
        for number in (0..100).filter(|number| number % 10 != 5) {
            runs.enter(stream, number, number.cast_signed());
        }
        let (gaps, more) = runs.gaps(16, 44, 9);
        let numbers: Vec<_> = gaps.iter().map(|gap| *gap.missing.start()).collect();
        assert_eq!((numbers, more), (vec![15, 25, 35, 45], false));
        assert!(runs.gaps(16, 44, 2).1);
    }

    #[test]
    fn frames_without_end_take_no_memory_without_end() {
        let mut runs = Runs::default();
        for _ in 0..3 {
            let stream = StreamId::new();
            for number in 0..MAX_RUNS as u64 {
                runs.enter(stream, 2 * number, 0);
            }
        }
        runs.enter(StreamId::new(), u64::MAX, 0);
        assert!(runs.count <= MAX_RUNS);
        let held: usize = runs.streams.values().map(BTreeMap::len).sum();
        assert_eq!(held, runs.count);
        assert!(
            runs.all_gaps()
                .any(|gap| *gap.missing.end() == 2 * MAX_RUNS as u64 - 3)
        );
    }
}

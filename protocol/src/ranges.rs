//! A set of numbers as sorted ranges that neither touch nor overlap: the frames of a stream that somebody has, or lacks.
//!
//! A stream without gaps costs one range, however long it is. As JSON it is a list of pairs, first and last:
//! `[[1,1200],[1203,1240]]`.

use std::ops::RangeInclusive;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What an insertion found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted {
    /// The number was in the set.
    Known,
    /// It lies below or above all others; `gap` is what lies between.
    Outside {
        /// The numbers between it and its nearest neighbour, if any.
        gap: Option<RangeInclusive<u64>>,
    },
    /// It lay in a gap.
    Inside,
}

/// A set of numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RangeSet {
    ranges: Vec<RangeInclusive<u64>>,
}

impl RangeSet {
    /// Adds `number`.
    pub fn insert(&mut self, number: u64) -> Inserted {
        let at = self.first_above(number);
        let below = at.checked_sub(1).map(|i| *self.ranges[i].end());
        let above = self.ranges.get(at).map(|range| *range.start());
        if below.is_some_and(|end| number <= end) {
            return Inserted::Known;
        }
        let touches_below = below.is_some_and(|end| end + 1 == number);
        let touches_above = above.is_some_and(|start| number + 1 == start);
        match (touches_below, touches_above) {
            (true, true) => {
                let end = *self.ranges[at].end();
                self.ranges[at - 1] = *self.ranges[at - 1].start()..=end;
                self.ranges.remove(at);
            }
            (true, false) => self.ranges[at - 1] = *self.ranges[at - 1].start()..=number,
            (false, true) => self.ranges[at] = number..=*self.ranges[at].end(),
            (false, false) => self.ranges.insert(at, number..=number),
        }
        match (below, above) {
            (Some(_), Some(_)) => Inserted::Inside,
            (Some(end), None) => Inserted::Outside {
                gap: (!touches_below).then(|| end + 1..=number - 1),
            },
            (None, Some(start)) => Inserted::Outside {
                gap: (!touches_above).then(|| number + 1..=start - 1),
            },
            (None, None) => Inserted::Outside { gap: None },
        }
    }

    /// Adds every number of `range`; an empty one adds nothing.
    pub fn insert_range(&mut self, range: RangeInclusive<u64>) {
        let (mut start, mut end) = (*range.start(), *range.end());
        if start > end {
            return;
        }
        // All that overlaps or touches becomes one.
        let from = self
            .ranges
            .partition_point(|other| other.end().saturating_add(1) < start);
        let to = self
            .ranges
            .partition_point(|other| *other.start() <= end.saturating_add(1));
        if from < to {
            start = start.min(*self.ranges[from].start());
            end = end.max(*self.ranges[to - 1].end());
        }
        self.ranges.splice(from..to, [start..=end]);
    }

    /// Takes out every number of `range`.
    pub fn remove_range(&mut self, range: RangeInclusive<u64>) {
        let (start, end) = (*range.start(), *range.end());
        if start > end {
            return;
        }
        let from = self.ranges.partition_point(|other| *other.end() < start);
        let to = self.ranges.partition_point(|other| *other.start() <= end);
        if from >= to {
            return;
        }
        let before =
            (*self.ranges[from].start() < start).then(|| *self.ranges[from].start()..=start - 1);
        let after =
            (*self.ranges[to - 1].end() > end).then(|| end + 1..=*self.ranges[to - 1].end());
        self.ranges
            .splice(from..to, before.into_iter().chain(after));
    }

    /// Takes out `number`. Whether it was there.
    pub fn remove(&mut self, number: u64) -> bool {
        let was_there = self.contains(number);
        if was_there {
            self.remove_range(number..=number);
        }
        was_there
    }

    /// Adds every number of `other`.
    pub fn insert_all(&mut self, other: &Self) {
        for range in &other.ranges {
            self.insert_range(range.clone());
        }
    }

    /// Takes out every number of `other`.
    pub fn remove_all(&mut self, other: &Self) {
        for range in &other.ranges {
            self.remove_range(range.clone());
        }
    }

    /// Whether `number` is in the set.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        self.first_above(number)
            .checked_sub(1)
            .is_some_and(|at| number <= *self.ranges[at].end())
    }

    /// Whether every number of `range` is in the set.
    #[must_use]
    pub fn contains_range(&self, range: RangeInclusive<u64>) -> bool {
        self.first_above(*range.start())
            .checked_sub(1)
            .is_some_and(|at| range.end() <= self.ranges[at].end())
    }

    /// Whether it has no numbers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many numbers it has; as many as a number can say if there are more.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.ranges.iter().fold(0, |count: u64, range| {
            count
                .saturating_add(range.end() - range.start())
                .saturating_add(1)
        })
    }

    /// The lowest number.
    #[must_use]
    pub fn first(&self) -> Option<u64> {
        self.ranges.first().map(|range| *range.start())
    }

    /// The highest number.
    #[must_use]
    pub fn last(&self) -> Option<u64> {
        self.ranges.last().map(|range| *range.end())
    }

    /// The ranges, lowest first.
    #[must_use]
    pub fn ranges(&self) -> &[RangeInclusive<u64>] {
        &self.ranges
    }

    /// Every number, lowest first.
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        self.ranges.iter().cloned().flatten()
    }

    /// What lies between the ranges, lowest first.
    pub fn gaps(&self) -> impl Iterator<Item = RangeInclusive<u64>> {
        self.ranges
            .windows(2)
            .map(|pair| pair[0].end() + 1..=pair[1].start() - 1)
    }

    /// What is not in the set from 1 to `last`.
    #[must_use]
    pub fn missing_through(&self, last: u64) -> Self {
        let mut missing: Self = [1..=last].into_iter().collect();
        missing.remove_all(self);
        missing
    }

    /// Adds every number of the lowest gap, and returns it.
    pub fn close_lowest_gap(&mut self) -> Option<RangeInclusive<u64>> {
        let gap = self.gaps().next()?;
        let lowest = self.ranges.remove(0);
        self.ranges[0] = *lowest.start()..=*self.ranges[0].end();
        Some(gap)
    }

    /// Keeps the `most` highest ranges.
    pub fn keep_highest_ranges(&mut self, most: usize) {
        let surplus = self.ranges.len().saturating_sub(most);
        self.ranges.drain(..surplus);
    }

    /// Where the first range stands that begins above `number`.
    fn first_above(&self, number: u64) -> usize {
        match self.ranges.last() {
            // Numbers come nearly in order: the search almost always ends here.
            Some(last) if *last.start() <= number => self.ranges.len(),
            _ => self
                .ranges
                .partition_point(|range| *range.start() <= number),
        }
    }
}

impl FromIterator<RangeInclusive<u64>> for RangeSet {
    fn from_iter<I: IntoIterator<Item = RangeInclusive<u64>>>(ranges: I) -> Self {
        let mut set = Self::default();
        for range in ranges {
            set.insert_range(range);
        }
        set
    }
}

impl Serialize for RangeSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.ranges.iter().map(|range| [range.start(), range.end()]))
    }
}

/// In any order: what overlaps is merged.
impl<'de> Deserialize<'de> for RangeSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut pairs = Vec::<[u64; 2]>::deserialize(deserializer)?;
        if pairs.iter().any(|[first, last]| first > last) {
            return Err(D::Error::custom("a range ends before it begins"));
        }
        // In order, each is added at the end, however many come.
        pairs.sort_unstable();
        Ok(pairs
            .into_iter()
            .map(|[first, last]| first..=last)
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn gaps_of(numbers: &BTreeSet<u64>) -> Vec<RangeInclusive<u64>> {
        let sorted: Vec<u64> = numbers.iter().copied().collect();
        sorted
            .windows(2)
            .filter(|pair| pair[1] - pair[0] > 1)
            .map(|pair| pair[0] + 1..=pair[1] - 1)
            .collect()
    }

    #[derive(Debug, Clone)]
    enum Change {
        Insert(u64, u64),
        Remove(u64, u64),
    }

    fn changes() -> impl Strategy<Value = Vec<Change>> {
        let change = (any::<bool>(), 0_u64..60, 0_u64..8).prop_map(|(add, start, more)| {
            let end = start + more;
            if add {
                Change::Insert(start, end)
            } else {
                Change::Remove(start, end)
            }
        });
        prop::collection::vec(change, 0..60)
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_plain_set(numbers in prop::collection::vec(0_u64..60, 0..80)) {
            let (mut set, mut plain) = (RangeSet::default(), BTreeSet::new());
            for number in numbers {
                let outside = plain.first().is_none_or(|&low| number < low)
                    || plain.last().is_none_or(|&high| number > high);
                let before = gaps_of(&plain);
                let new = plain.insert(number);
                let after = gaps_of(&plain);
                let expected = match (new, outside) {
                    (false, _) => Inserted::Known,
                    (true, false) => Inserted::Inside,
                    (true, true) => Inserted::Outside {
                        gap: after.iter().find(|gap| !before.contains(gap)).cloned(),
                    },
                };
                prop_assert_eq!(set.insert(number), expected);
                prop_assert_eq!(set.gaps().collect::<Vec<_>>(), after);
                prop_assert_eq!(set.count(), plain.len() as u64);
            }
        }

        #[test]
        fn ranges_come_and_go_as_their_numbers_would(changes in changes()) {
            let (mut set, mut plain) = (RangeSet::default(), BTreeSet::new());
            for change in changes {
                match change {
                    Change::Insert(start, end) => {
                        set.insert_range(start..=end);
                        plain.extend(start..=end);
                    }
                    Change::Remove(start, end) => {
                        set.remove_range(start..=end);
                        plain.retain(|number| !(start..=end).contains(number));
                    }
                }
                prop_assert!(set.numbers().eq(plain.iter().copied()));
                prop_assert!(set.ranges().windows(2).all(|pair| pair[0].end() + 1 < *pair[1].start()));
                prop_assert_eq!((set.first(), set.last()), (plain.first().copied(), plain.last().copied()));
                prop_assert!((0..70).all(|number| set.contains(number) == plain.contains(&number)));
                prop_assert!((0..70).all(|n| set.contains_range(n..=n + 3) == (n..=n + 3).all(|n| plain.contains(&n))));
                prop_assert!(set.missing_through(64).numbers().eq((1..=64).filter(|n| !plain.contains(n))));
            }
            let json = serde_json::to_string(&set).unwrap();
            prop_assert_eq!(serde_json::from_str::<RangeSet>(&json).unwrap(), set);
        }

        #[test]
        fn closing_the_lowest_gap_adds_just_that(numbers in prop::collection::btree_set(0_u64..60, 0..40)) {
            let mut set = RangeSet::default();
            for number in &numbers {
                set.insert(*number);
            }
            let mut expected = gaps_of(&numbers);
            let closed = set.close_lowest_gap();
            prop_assert_eq!(&closed, &expected.first().cloned());
            if closed.is_some() {
                expected.remove(0);
            }
            prop_assert_eq!(set.gaps().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn the_ends_of_the_number_line_are_numbers_too() {
        let mut set = RangeSet::default();
        for number in [u64::MAX, 0, u64::MAX - 1, u64::MAX, 1] {
            set.insert(number);
        }
        assert_eq!(set.ranges(), [0..=1, u64::MAX - 1..=u64::MAX]);
        set.insert_range(1..=u64::MAX);
        assert_eq!(set.ranges(), [0..=u64::MAX]);
        assert_eq!(set.count(), u64::MAX);
        set.remove_range(0..=u64::MAX);
        assert!(set.is_empty());
    }

    #[test]
    fn what_ends_before_it_begins_is_no_range() {
        assert!(serde_json::from_str::<RangeSet>("[[3,2]]").is_err());
        assert_eq!(
            serde_json::from_str::<RangeSet>("[[5,6],[1,4]]").unwrap(),
            [1..=6].into_iter().collect()
        );
    }
}

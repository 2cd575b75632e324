//! A set of numbers as sorted ranges that neither touch nor overlap.

use std::ops::RangeInclusive;

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

/// Numbers seen. A stream without gaps costs one range.
#[derive(Debug, Clone, Default)]
pub struct RangeSet {
    ranges: Vec<RangeInclusive<u64>>,
}

impl RangeSet {
    /// Adds `number`.
    pub fn insert(&mut self, number: u64) -> Inserted {
        // Numbers come nearly in order: the search almost always ends at the last range.
        let at = match self.ranges.last() {
            Some(last) if *last.start() <= number => self.ranges.len(),
            _ => self
                .ranges
                .partition_point(|range| *range.start() <= number),
        };
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

    /// Whether nothing was added yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The ranges, lowest first.
    #[must_use]
    pub fn ranges(&self) -> &[RangeInclusive<u64>] {
        &self.ranges
    }

    /// What lies between the ranges, lowest first.
    pub fn gaps(&self) -> impl Iterator<Item = RangeInclusive<u64>> {
        self.ranges
            .windows(2)
            .map(|pair| pair[0].end() + 1..=pair[1].start() - 1)
    }

    /// Adds every number of the lowest gap, and returns it.
    pub fn close_lowest_gap(&mut self) -> Option<RangeInclusive<u64>> {
        let gap = self.gaps().next()?;
        let lowest = self.ranges.remove(0);
        self.ranges[0] = *lowest.start()..=*self.ranges[0].end();
        Some(gap)
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
                let total: u64 = set.ranges().iter().map(|r| r.end() - r.start() + 1).sum();
                prop_assert_eq!(total, plain.len() as u64);
            }
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
    }
}

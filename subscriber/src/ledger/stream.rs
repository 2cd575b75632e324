//! The book of one stream: which of its frames are on disk, which were set aside, which will never come.

use protocol::ledger::StreamLedger;
use protocol::ranges::RangeSet;
use serde::{Deserialize, Serialize};

/// Ranges that are kept apart where they need not be.
const MAX_RANGES: usize = 1024;
/// Ranges of each kind that are kept in any case.
const MOST_RANGES: usize = 4 * MAX_RANGES;

/// What is known of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It was stored; its file may have been moved away since.
    Stored,
    /// It was stored, and may be gone since: the disk did not keep it.
    Doubtful,
    /// It was not stored as far as is known.
    Unknown,
}

/// What is known of the frames of one stream, by their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StreamBook {
    /// What was stored. Where there are too many ranges, gaps between them are closed in which all is written off.
    #[serde(default, skip_serializing_if = "RangeSet::is_empty")]
    stored: RangeSet,
    /// What was set aside as no usable frame, although its identity is beyond doubt.
    #[serde(default, skip_serializing_if = "RangeSet::is_empty")]
    set_aside: RangeSet,
    /// What was written off, because the camera has given it up.
    #[serde(default, skip_serializing_if = "RangeSet::is_empty")]
    given_up: RangeSet,
    /// What was written off although the camera has not given it up.
    #[serde(default, skip_serializing_if = "RangeSet::is_empty")]
    lost: RangeSet,
    /// What was stored, and may be gone since.
    #[serde(default, skip_serializing_if = "RangeSet::is_empty")]
    doubtful: RangeSet,
    /// The lowest number ever stored: what is below was never meant for this store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first: Option<u64>,
    /// What a power cut could still take.
    #[serde(skip)]
    unsynced: RangeSet,
    /// Ranges that were left when gaps were closed last.
    #[serde(skip)]
    ranges_left: usize,
    /// What no checkpoint on disk has.
    #[serde(skip)]
    unclaimed: RangeSet,
}

impl StreamBook {
    pub(super) fn standing(&self, number: u64) -> Standing {
        if self.doubtful.contains(number) {
            Standing::Doubtful
        } else if self.stored.contains(number)
            && !self.lost.contains(number)
            && !self.given_up.contains(number)
        {
            Standing::Stored
        } else {
            Standing::Unknown
        }
    }

    pub(super) fn has(&self, numbers: &RangeSet) -> bool {
        let missing = difference(numbers, &self.surely_stored());
        difference(&missing, &self.doubtful).is_empty()
    }

    pub(super) fn enter_stored(&mut self, number: u64, is_synced: bool) {
        self.stored.insert(number);
        for other in [
            &mut self.set_aside,
            &mut self.given_up,
            &mut self.lost,
            &mut self.doubtful,
        ] {
            other.remove(number);
        }
        self.first = Some(self.first.map_or(number, |first| first.min(number)));
        self.enter_new(number, is_synced);
        self.bound();
    }

    /// A second picture under the number of a stored frame changes nothing.
    pub(super) fn enter_set_aside(&mut self, number: u64, is_synced: bool) {
        if self.standing(number) == Standing::Stored || self.set_aside.contains(number) {
            return;
        }
        self.set_aside.insert(number);
        for other in [&mut self.given_up, &mut self.lost, &mut self.doubtful] {
            other.remove(number);
        }
        self.enter_new(number, is_synced);
        self.bound();
    }

    pub(super) fn enter_recorded(&mut self, numbers: &RangeSet) {
        let mut new = numbers.clone();
        new.remove_all(&self.doubtful);
        new.remove_all(&self.surely_stored());
        for other in [&mut self.set_aside, &mut self.given_up, &mut self.lost] {
            other.remove_all(&new);
        }
        self.stored.insert_all(&new);
        self.unclaimed.insert_all(&new);
        self.first = self.first.into_iter().chain(new.first()).min();
        self.bound();
    }

    pub(super) fn enter_synced(&mut self, number: u64) {
        self.unsynced.remove(number);
    }

    pub(super) fn doubt(&mut self, number: u64) {
        for set in [
            &mut self.stored,
            &mut self.set_aside,
            &mut self.unsynced,
            &mut self.unclaimed,
        ] {
            set.remove(number);
        }
        self.doubtful.insert(number);
    }

    pub(super) fn keep_synced(&mut self) {
        let unsynced = std::mem::take(&mut self.unsynced);
        self.stored.remove_all(&unsynced);
        self.set_aside.remove_all(&unsynced);
    }

    pub(super) fn synced_and_unclaimed(&self) -> RangeSet {
        difference(&self.unclaimed, &self.unsynced)
    }

    pub(super) fn claim(&mut self, checkpointed: &RangeSet) {
        // What was written again meanwhile waits for the next one.
        self.unclaimed
            .remove_all(&difference(checkpointed, &self.unsynced));
    }

    /// Writes off what the camera has no more and this store lacks. Whether that was news.
    pub(super) fn write_off(&mut self, ledger: &StreamLedger) -> bool {
        let before = (self.given_up.clone(), self.lost.clone());
        let mut gone = RangeSet::default();
        gone.insert_range(1..=ledger.last);
        gone.remove_all(&ledger.available);
        gone.remove_all(&self.surely_stored());
        gone.remove_all(&self.set_aside);
        gone.remove_all(&self.given_up);
        let not_named = difference(&gone, &ledger.given_up);
        let named = difference(&gone, &not_named);
        self.given_up.insert_all(&named);
        self.lost.remove_all(&named);
        self.lost.insert_all(&not_named);
        self.bound();
        before != (self.given_up.clone(), self.lost.clone())
    }

    /// What needs no more sending, as far as a checkpoint has it.
    pub(super) fn claimed(&self) -> RangeSet {
        let mut claimed = self.known();
        claimed.remove_all(&self.unclaimed);
        claimed
    }

    /// All that is stored, set aside or written off.
    pub(super) fn known(&self) -> RangeSet {
        let mut known = self.stored.clone();
        for other in [&self.set_aside, &self.given_up, &self.lost] {
            known.insert_all(other);
        }
        known
    }

    /// What is neither lost nor still to come: stored, set aside or given up.
    pub(crate) fn accounted_for(&self) -> RangeSet {
        difference(&self.known(), &self.lost)
    }

    /// What the camera has given up of what was meant for this store.
    pub(crate) fn given_up(&self) -> RangeSet {
        self.meant_for_us(&self.given_up)
    }

    /// All that the camera has given up of the stream.
    pub(crate) fn all_given_up(&self) -> &RangeSet {
        &self.given_up
    }

    /// What was lost of what was meant for this store.
    pub(crate) fn lost(&self) -> RangeSet {
        self.meant_for_us(&self.lost)
    }

    fn meant_for_us(&self, numbers: &RangeSet) -> RangeSet {
        let mut ours = numbers.clone();
        match self.first {
            Some(first) => ours.remove_range(0..=first.saturating_sub(1)),
            None => ours = RangeSet::default(),
        }
        ours
    }

    /// What was stored, without the gaps that were closed.
    fn surely_stored(&self) -> RangeSet {
        difference(&difference(&self.stored, &self.lost), &self.given_up)
    }

    fn enter_new(&mut self, number: u64, is_synced: bool) {
        self.unclaimed.insert(number);
        if !is_synced {
            self.unsynced.insert(number);
        }
    }

    /// Only a stream with thousands of gaps comes here. What may still come is never settled for want of room: gaps are
    /// closed where all in them is written off already, the lowest first. Should that not be enough, the lowest ranges are
    /// forgotten: a frame of theirs that comes again is known by its folder's index.
    fn bound(&mut self) {
        // Where gaps must stay open it would be in vain with each frame: it is tried now and then.
        if self.stored.ranges().len() > MAX_RANGES.max(self.ranges_left + MAX_RANGES / 8) {
            let mut written_off = self.given_up.clone();
            written_off.insert_all(&self.lost);
            let surplus = self.stored.ranges().len() - MAX_RANGES;
            let gaps: Vec<_> = self.stored.gaps().collect();
            let closed = gaps
                .into_iter()
                .filter(|gap| written_off.contains_range(gap.clone()));
            for gap in closed.take(surplus).collect::<Vec<_>>() {
                self.stored.insert_range(gap);
            }
            self.ranges_left = self.stored.ranges().len();
        }
        self.stored.keep_highest_ranges(MOST_RANGES);
        for set in [&mut self.set_aside, &mut self.given_up, &mut self.lost] {
            // What is no longer known to be written off must not pass for stored because a gap was closed over it.
            while set.ranges().len() > MOST_RANGES
                && let Some(lowest) = set.ranges().first().cloned()
            {
                set.remove_range(lowest.clone());
                self.stored.remove_range(lowest);
            }
        }
        self.doubtful.keep_highest_ranges(MOST_RANGES);
    }
}

fn difference(of: &RangeSet, without: &RangeSet) -> RangeSet {
    let mut rest = of.clone();
    rest.remove_all(without);
    rest
}

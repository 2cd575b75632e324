//! A warning that may come with every frame: said once, then counted for a while. The indexes have each case.

use std::time::{Duration, Instant};

/// How long what is said once goes on being only counted.
const QUIET: Duration = Duration::from_secs(10);

/// One kind of warning.
#[derive(Debug, Default)]
pub(super) struct Seldom {
    said_at: Option<Instant>,
    unsaid: u64,
}

impl Seldom {
    /// Whether a case at `now` is to be said. If not, it is counted.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let is_due = !self.is_quiet(now);
        if is_due {
            self.said_at = Some(now);
        } else {
            self.unsaid += 1;
        }
        is_due
    }

    /// How many cases were not said, once it is time to tell.
    pub(super) fn more(&mut self, now: Instant) -> Option<u64> {
        if self.unsaid == 0 || self.is_quiet(now) {
            return None;
        }
        self.said_at = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }

    /// How many cases were not said, at the end.
    pub(super) fn rest(&mut self) -> Option<u64> {
        self.said_at = None;
        Some(std::mem::take(&mut self.unsaid)).filter(|&unsaid| unsaid > 0)
    }

    fn is_quiet(&self, now: Instant) -> bool {
        self.said_at.is_some_and(|at| now < at + QUIET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_said_once_and_then_counted() {
        let (mut warning, start) = (Seldom::default(), Instant::now());
        assert!(warning.is_due(start));
        for _ in 0..1000 {
            assert!(!warning.is_due(start));
        }
        assert_eq!(warning.more(start), None);
        assert_eq!(warning.more(start + QUIET), Some(1000));
        assert_eq!(warning.more(start + 2 * QUIET), None);
        assert!(warning.is_due(start + 2 * QUIET));
    }

    #[test]
    fn what_is_not_said_in_time_is_said_at_the_end() {
        let (mut warning, start) = (Seldom::default(), Instant::now());
        assert_eq!(warning.rest(), None);
        warning.is_due(start);
        warning.is_due(start);
        assert_eq!(warning.rest(), Some(1));
        assert_eq!(warning.rest(), None);
    }
}

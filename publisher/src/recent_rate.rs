//! The recent rate of a counter, for whoever is asked for it now and then.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How far back a rate is measured.
const SPAN: Duration = Duration::from_secs(2);

/// The recent rate of a counter that is looked at now and then. Pure.
#[derive(Debug, Default)]
pub(crate) struct RecentRate(VecDeque<(Instant, u64)>);

impl RecentRate {
    /// The counter stood at `total` at `now`.
    pub(crate) fn note(&mut self, now: Instant, total: u64) {
        // The last look before the span's beginning stays: rates are between two looks.
        while self.0.get(1).is_some_and(|(at, _)| *at + SPAN <= now) {
            self.0.pop_front();
        }
        self.0.push_back((now, total));
    }

    /// Growth a second, to two decimals.
    pub(crate) fn per_second(&self) -> f64 {
        let (Some((from, first)), Some((to, last))) = (self.0.front(), self.0.back()) else {
            return 0.0;
        };
        let seconds = to.saturating_duration_since(*from).as_secs_f64();
        if seconds > 0.0 {
            ((last - first) as f64 / seconds * 100.0).round() / 100.0
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_of_the_last_two_seconds() {
        let start = Instant::now();
        let mut rate = RecentRate::default();
        assert!(rate.per_second().abs() < 1e-9);
        let tick = Duration::from_millis(200);
        for nth in 0..100 {
            rate.note(start + tick * nth, u64::from(nth) * 6);
        }
        assert!((rate.per_second() - 30.0).abs() < 0.01);
        for nth in 100..111 {
            rate.note(start + tick * nth, 594);
        }
        assert!(rate.per_second().abs() < 0.01, "{rate:?}");
    }
}

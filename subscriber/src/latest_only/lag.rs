//! By how much a camera's frames come later than they could.
//!
//! The camera's clock and ours need not agree: what counts is how much longer a frame took, from its capture by the one to
//! its arrival by the other, than the quickest one lately. Ours is monotonic. The camera's may drift: so much is allowed
//! for that what queued slowly is still found.

use std::time::Duration;

use jiff::Timestamp;

/// Clocks drift apart by one part in so many at most: NTP corrects a clock by 500 ppm at most.
const DRIFT: i64 = 2000;

/// The quickest frame lately, as a way between two clocks.
#[derive(Debug, Default)]
pub(super) struct Lag {
    quickest: Option<Way>,
}

/// Microseconds from one clock's capture to the other one's arrival; negative or huge where the clocks do not agree.
#[derive(Debug, Clone, Copy)]
struct Way {
    micros: i64,
    arrived: i64,
}

impl Way {
    fn new(captured_at: Timestamp, arrived: Duration) -> Self {
        let arrived = i64::try_from(arrived.as_micros()).unwrap_or(i64::MAX);
        Self {
            micros: arrived.saturating_sub(captured_at.as_microsecond()),
            arrived,
        }
    }

    /// What a frame as quick as this one may take at `arrived`.
    fn at(self, arrived: i64) -> i64 {
        let since = arrived.saturating_sub(self.arrived).max(0);
        self.micros.saturating_add(since / DRIFT)
    }

    fn lag_behind(self, quickest: i64) -> Duration {
        Duration::from_micros(u64::try_from(self.micros.saturating_sub(quickest)).unwrap_or(0))
    }
}

impl Lag {
    /// Enters a frame that arrived so long after some fixed moment, and gives its lag.
    pub(super) fn observe(&mut self, captured_at: Timestamp, arrived: Duration) -> Duration {
        let way = Way::new(captured_at, arrived);
        let known = self.quickest.unwrap_or(way);
        let quickest = known.at(way.arrived).min(way.micros);
        self.quickest = Some(Way {
            micros: quickest,
            arrived: way.arrived.max(known.arrived),
        });
        way.lag_behind(quickest)
    }

    /// The lag that a frame would have if it arrived now.
    pub(super) fn of(&self, captured_at: Timestamp, arrived: Duration) -> Duration {
        let way = Way::new(captured_at, arrived);
        self.quickest.map_or(Duration::ZERO, |quickest| {
            way.lag_behind(quickest.at(way.arrived))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_microsecond(micros).unwrap()
    }

    /// The lags of frames that take `delays` (in microseconds), one captured every `period`, by a clock that is `offset` off.
    fn lags(offset: i64, period: i64, delays: &[i64]) -> Vec<Duration> {
        let mut lag = Lag::default();
        (0..)
            .zip(delays)
            .map(|(n, delay)| {
                let captured: i64 = n * period;
                let arrived = Duration::from_micros((captured + delay).cast_unsigned());
                lag.observe(at(captured + offset), arrived)
            })
            .collect()
    }

    proptest! {
        #[test]
        fn clocks_that_disagree_change_nothing(
            offset in -1_000_000_000_000_i64..1_000_000_000_000, delays in prop::collection::vec(0_i64..10_000_000, 1..60),
        ) {
            prop_assert_eq!(lags(offset, 33_333, &delays), lags(0, 33_333, &delays));
        }

        #[test]
        fn a_lag_is_what_a_frame_took_longer_than_the_quickest(
            delays in prop::collection::vec(0_i64..10_000_000, 1..60),
        ) {
            for (n, lag) in lags(0, 33_333, &delays).into_iter().enumerate() {
                let quickest = delays[..=n].iter().min().unwrap();
                let exact = Duration::from_micros((delays[n] - quickest).cast_unsigned());
                prop_assert!(lag <= exact, "{lag:?} is more than {exact:?}");
                // Drift is allowed for: less than 10 ms over these few seconds.
                prop_assert!(lag + Duration::from_millis(10) > exact, "{lag:?} is less than {exact:?}");
            }
        }

        #[test]
        fn a_clock_that_drifts_makes_no_lag(ppm in -490_i64..490, frames in 2_i64..3000) {
            let mut lag = Lag::default();
            for n in 0..frames {
                let second = n * 1_000_000;
                let arrived = Duration::from_micros((second + 20_000).cast_unsigned());
                let found = lag.observe(at(second + second / 1_000_000 * ppm), arrived);
                prop_assert!(found < Duration::from_millis(1), "{found:?} after {n} seconds");
            }
        }

        #[test]
        fn what_queues_slowly_is_found(lost_permille in 2_i64..900) {
            // Each frame takes a little longer than the one before.
            let delays: Vec<_> = (0..200_000).map(|n| n * 33_333 * lost_permille / 1000).take(60_000).collect();
            let most = lags(0, 33_333, &delays).into_iter().max().unwrap();
            prop_assert!(most > Duration::from_secs(1), "{most:?}");
        }
    }

    #[test]
    fn a_clock_that_is_set_forward_makes_no_lag_and_one_that_is_set_back_makes_one() {
        let mut lag = Lag::default();
        let second = Duration::from_secs(1);
        assert_eq!(lag.observe(at(0), second), Duration::ZERO);
        assert_eq!(lag.observe(at(9_000_000), second), Duration::ZERO);
        assert_eq!(lag.observe(at(0), second), Duration::from_secs(9));
        assert_eq!(lag.of(at(1_000_000), second), Duration::from_secs(8));
    }
}

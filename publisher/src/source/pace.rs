//! Keeps a frame rate.
//!
//! Ticks lie on an absolute schedule, so that neither the work between two of them nor a late wake-up makes the rate
//! drift: 30 a second are 30.00 a second over any time.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How far behind the schedule ticks are still made up for. Later than that, the schedule starts anew: what waited
/// long for room, or for a suspended machine to wake, must not come as one burst.
const MAX_LAG: Duration = Duration::from_millis(500);

/// One frame in this many seconds is the slowest pace.
const LONGEST_PERIOD_SECS: f64 = 86_400.0;

/// A schedule of ticks.
#[derive(Debug)]
pub(super) struct Pace {
    /// `None`: as fast as possible.
    fps: Option<f64>,
    start: Option<Instant>,
    ticks: u64,
}

impl Pace {
    /// Ticks `fps` times a second, the first time at once; 0 is as fast as possible.
    pub(super) fn new(fps: f64) -> Self {
        let paced = fps.is_finite() && fps > 0.0;
        Self {
            fps: paced.then(|| fps.max(1.0 / LONGEST_PERIOD_SECS)),
            start: None,
            ticks: 0,
        }
    }

    /// Waits for the next tick.
    pub(super) async fn tick(&mut self) {
        let Some(fps) = self.fps else {
            // Whoever shares this thread gets a turn even when nothing here ever waits.
            tokio::task::yield_now().await;
            return;
        };
        let now = Instant::now();
        let start = *self.start.get_or_insert(now);
        let mut due = start + Duration::from_secs_f64(self.ticks as f64 / fps);
        if now > due + MAX_LAG {
            self.start = Some(now);
            self.ticks = 0;
            due = now;
        }
        self.ticks += 1;
        sleep_until(due).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    async fn time_of(pace: &mut Pace, ticks: u32) -> Duration {
        let start = Instant::now();
        for _ in 0..ticks {
            pace.tick().await;
        }
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn thirty_a_second_are_thirty_a_second_over_time() {
        let mut pace = Pace::new(30.0);
        pace.tick().await;
        let taken = time_of(&mut pace, 30 * 600).await;
        assert!(
            taken.abs_diff(Duration::from_mins(10)) < Duration::from_millis(2),
            "{taken:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn work_between_ticks_and_short_delays_do_not_slow_it() {
        let mut pace = Pace::new(10.0);
        let start = Instant::now();
        for frame in 0..100 {
            pace.tick().await;
            advance(Duration::from_millis(if frame % 10 == 0 {
                250
            } else {
                40
            }))
            .await;
        }
        pace.tick().await;
        let taken = start.elapsed();
        assert!(
            taken.abs_diff(Duration::from_secs(10)) < Duration::from_millis(2),
            "{taken:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_wait_is_not_followed_by_a_burst() {
        let mut pace = Pace::new(10.0);
        pace.tick().await;
        advance(Duration::from_mins(1)).await;
        assert!(time_of(&mut pace, 11).await >= Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn zero_and_nonsense_are_as_fast_as_possible() {
        for fps in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(time_of(&mut Pace::new(fps), 1000).await, Duration::ZERO);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_tiny_rate_is_at_least_one_a_day() {
        let taken = time_of(&mut Pace::new(1e-300), 2).await;
        assert!(taken <= Duration::from_secs(86_401), "{taken:?}");
    }
}

//! Pictures that the camera made and we never saw.
//!
//! The driver's sequence numbers tell of pictures that it had and dropped (no free buffer, or damaged). A picture lost on
//! the USB bus never had a number: only the time since the one before is too long. That is a guess, for a camera
//! may also expose longer when it gets dark; so it is counted apart.

use std::time::{Duration, Instant};

/// At most one line about gaps in this time.
const BETWEEN_LINES: Duration = Duration::from_secs(30);

/// So many pictures show a camera's usual pace; the first ones after a start come as they like.
const WARM_UP: u32 = 10;

/// A larger leap is a counter that began again.
const LARGEST_LEAP: u32 = 10_000;

/// What was missed since the last line about it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Missed {
    /// Dropped by the driver: certain.
    pub(super) by_sequence: u64,
    /// Not dropped by the driver, yet the time for them has passed.
    pub(super) by_time: u64,
}

/// Watches one camera, over all its reopenings.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    last: Option<(u32, i128)>,
    /// The usual time between pictures of late.
    usual_ns: Option<i128>,
    /// Pictures until the time tells anything.
    warm_up: u32,
    unsaid: Missed,
    last_said: Option<Instant>,
}

impl Gaps {
    /// The device was opened anew: numbers and stamps begin again, and what was missed in between is no gap.
    pub(super) fn restart(&mut self) {
        self.last = None;
        self.usual_ns = None;
        self.warm_up = WARM_UP;
    }

    /// A picture came. Returns what was missed just before it.
    pub(super) fn picture(&mut self, sequence: u32, stamp_ns: i128) -> Missed {
        let Some((last_sequence, last_ns)) = self.last.replace((sequence, stamp_ns)) else {
            return Missed::default();
        };
        let step = sequence.wrapping_sub(last_sequence);
        let passed_ns = stamp_ns - last_ns;
        if !(1..=LARGEST_LEAP).contains(&step) || passed_ns <= 0 {
            return Missed::default();
        }
        let each_ns = passed_ns / i128::from(step);
        let usual_ns = self.usual_ns.unwrap_or(each_ns).max(1);
        // Pictures that came in time are within half an interval of it; cameras are not exact.
        self.warm_up = self.warm_up.saturating_sub(1);
        let late = if self.warm_up == 0 && each_ns * 4 > usual_ns * 7 {
            (passed_ns + usual_ns / 2) / usual_ns - i128::from(step)
        } else {
            0
        };
        self.usual_ns = Some(usual_ns + (each_ns - usual_ns) / 4);
        let missed = Missed {
            by_sequence: u64::from(step - 1),
            by_time: u64::try_from(late).unwrap_or(0),
        };
        self.unsaid.by_sequence += missed.by_sequence;
        self.unsaid.by_time += missed.by_time;
        missed
    }

    /// What to say now, if anything is to be said and the last line is long enough ago.
    pub(super) fn due(&mut self, now: Instant) -> Option<Missed> {
        let early = self
            .last_said
            .is_some_and(|said| now.saturating_duration_since(said) < BETWEEN_LINES);
        if early || self.unsaid == Missed::default() {
            return None;
        }
        self.last_said = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i128 = 1_000_000;

    fn missed(by_sequence: u64, by_time: u64) -> Missed {
        Missed {
            by_sequence,
            by_time,
        }
    }

    /// Pictures 0 to 9, one each 33 ms.
    fn steady() -> Gaps {
        let mut gaps = Gaps::default();
        gaps.restart();
        for number in 0..10_u32 {
            let came = gaps.picture(number, 33 * MS * i128::from(number));
            assert_eq!(came, missed(0, 0));
        }
        gaps
    }

    #[test]
    fn a_hole_in_the_sequence_is_counted_once_and_not_by_time_again() {
        assert_eq!(steady().picture(12, 33 * MS * 12), missed(2, 0));
    }

    #[test]
    fn a_picture_lost_on_the_bus_is_seen_by_the_time() {
        assert_eq!(steady().picture(10, 33 * MS * 11), missed(0, 1));
    }

    #[test]
    fn the_first_pictures_may_come_at_any_pace() {
        let mut gaps = Gaps::default();
        gaps.restart();
        for (number, at_ms) in [(0, 0), (1, 5), (2, 40), (3, 300), (4, 333)] {
            assert_eq!(gaps.picture(number, at_ms * MS), missed(0, 0));
        }
    }

    #[test]
    fn a_camera_that_slows_down_in_the_dark_is_soon_believed() {
        let mut gaps = steady();
        let start = 33 * MS * 9;
        let late: u64 = (1..=20_u32)
            .map(|n| gaps.picture(9 + n, start + 66 * MS * i128::from(n)).by_time)
            .sum();
        assert_eq!(late, 1);
    }

    #[test]
    fn a_counter_that_begins_again_is_no_gap() {
        let mut gaps = steady();
        assert_eq!(gaps.picture(0, 33 * MS * 10), missed(0, 0));
        gaps.restart();
        assert_eq!(gaps.picture(500, 9_999 * MS), missed(0, 0));
    }

    #[test]
    fn the_sequence_may_wrap_around() {
        let mut gaps = Gaps::default();
        gaps.picture(u32::MAX, 33 * MS);
        assert_eq!(gaps.picture(0, 66 * MS), missed(0, 0));
        assert_eq!(gaps.picture(2, 132 * MS), missed(1, 0));
    }

    #[test]
    fn gaps_are_said_at_once_and_then_summed_for_a_while() {
        let mut gaps = steady();
        let start = Instant::now();
        assert_eq!(gaps.due(start), None);
        gaps.picture(11, 33 * MS * 11);
        assert_eq!(gaps.due(start), Some(missed(1, 0)));
        gaps.picture(13, 33 * MS * 13);
        gaps.picture(15, 33 * MS * 15);
        assert_eq!(gaps.due(start + Duration::from_secs(29)), None);
        assert_eq!(
            gaps.due(start + Duration::from_secs(30)),
            Some(missed(2, 0))
        );
    }
}

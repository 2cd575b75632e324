//! From the driver's clock to the wall's.
//!
//! V4L2 stamps a picture with `CLOCK_MONOTONIC`, which counts from boot and never jumps. Both clocks are read when the
//! picture is taken from the driver, and the picture's age by the one is subtracted from the other.

use jiff::Timestamp;
use rustix::time::{ClockId, Timespec, clock_gettime};

/// Older than any picture that four buffers can hold: such a stamp is not of this clock, or not set at all.
const OLDEST_PLAUSIBLE_NS: i128 = 60 * NS_PER_SEC;

const NS_PER_SEC: i128 = 1_000_000_000;

/// Both clocks at one moment, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clocks {
    pub(super) monotonic_ns: i128,
    wall_ns: i128,
}

impl Clocks {
    pub(super) fn now() -> Self {
        Self {
            monotonic_ns: nanoseconds(clock_gettime(ClockId::Monotonic)),
            wall_ns: nanoseconds(clock_gettime(ClockId::Realtime)),
        }
    }

    /// The wall time of a picture that was stamped `stamp_ns` on the monotonic clock; `None`: it bears no such stamp,
    /// and now is the best guess. Never in the future, which some drivers' stamps are.
    pub(super) fn captured_at(self, stamp_ns: Option<i128>) -> Timestamp {
        let age_ns = stamp_ns
            .filter(|&stamp_ns| stamp_ns > 0)
            .map(|stamp_ns| (self.monotonic_ns - stamp_ns).max(0))
            .filter(|&age_ns| age_ns <= OLDEST_PLAUSIBLE_NS)
            .unwrap_or(0);
        Timestamp::from_nanosecond(self.wall_ns - age_ns).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// A time of whole seconds and microseconds, as V4L2 gives it. Its fields have 32 bits on 32-bit machines.
pub(super) fn stamp_ns(sec: impl Into<i128>, usec: impl Into<i128>) -> i128 {
    sec.into() * NS_PER_SEC + usec.into() * 1_000
}

fn nanoseconds(time: Timespec) -> i128 {
    i128::from(time.tv_sec) * NS_PER_SEC + i128::from(time.tv_nsec)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 14:30 UTC, 100 s after boot.
    const CLOCKS: Clocks = Clocks {
        monotonic_ns: 100 * NS_PER_SEC,
        wall_ns: 1_795_357_800 * NS_PER_SEC,
    };

    fn captured_at(stamp_ns: Option<i128>) -> String {
        CLOCKS.captured_at(stamp_ns).to_string()
    }

    #[test]
    fn a_picture_is_as_old_by_the_wall_as_by_the_monotonic_clock() {
        let stamp = stamp_ns(99_i64, 750_000_i64);
        assert_eq!(captured_at(Some(stamp)), "2026-11-22T14:29:59.75Z");
    }

    #[test]
    fn a_stamp_in_the_future_becomes_now() {
        let stamp = stamp_ns(100_i32, 1_i32);
        assert_eq!(captured_at(Some(stamp)), "2026-11-22T14:30:00Z");
    }

    #[test]
    fn a_stamp_of_no_use_becomes_now() {
        let unset = Some(0);
        let of_another_clock = Some(CLOCKS.wall_ns);
        let far_too_old = Some(stamp_ns(39_i64, 0_i64));
        for stamp in [None, unset, of_another_clock, far_too_old] {
            assert_eq!(captured_at(stamp), "2026-11-22T14:30:00Z", "{stamp:?}");
        }
    }

    #[test]
    fn the_wall_clock_read_is_the_one_that_everybody_else_reads() {
        let before = Timestamp::now();
        let now = Clocks::now().captured_at(None);
        assert!(before <= now && now <= Timestamp::now());
    }
}

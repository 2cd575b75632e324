//! Whether a camera's clock agrees with ours, as far as its frames show. Pure.
//!
//! A frame that comes before it was taken proves that they disagree. One that comes late proves nothing: an outage's backlog is
//! late, too. But a backlog shrinks or grows, or loses frames, or is overtaken by new ones; frames that come for a good while one
//! after the other, each as late as the last, and very late, point to a clock.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use protocol::frame::{FrameId, StreamId};
use protocol::topic::CameraName;

/// NTP keeps clocks closer to each other than that, and frames take time besides.
const FUTURE: SignedDuration = SignedDuration::from_millis(-100);
/// Nothing comes as late over a network that keeps up.
const LATE: SignedDuration = SignedDuration::from_secs(2);
/// Frames that vary by more wait for something.
const SPREAD: SignedDuration = SignedDuration::from_millis(300);
/// So long, and so many frames, must be as late as each other.
const STEADY_FOR: Duration = Duration::from_mins(1);
const STEADY_FRAMES: u32 = 10;
/// A difference that was said is said again once it is another one by more than this, and by half.
const NEWS: SignedDuration = SignedDuration::from_secs(1);

/// What is known of all cameras.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    cameras: HashMap<CameraName, Watch>,
    from_future: u64,
}

/// By how much a frame comes after it was taken, in whole or in part for a wrong clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disagreement {
    /// It came so long before it was taken.
    Future(SignedDuration),
    /// All come so late.
    Late(SignedDuration),
}

#[derive(Debug)]
struct Watch {
    steady: Steady,
    /// The transit that was said last.
    said: Option<SignedDuration>,
}

/// Frames in a row that take the same time.
#[derive(Debug)]
struct Steady {
    stream: StreamId,
    last: u64,
    since: Instant,
    frames: u32,
    least: SignedDuration,
    most: SignedDuration,
}

impl Clocks {
    /// Enters a frame that came at `now`, and took `transit` from the camera's clock to ours. Gives what is news.
    pub(super) fn observe(
        &mut self,
        frame: &FrameId,
        transit: SignedDuration,
        now: Instant,
    ) -> Option<Disagreement> {
        let begun = || Steady::begin(frame, transit, now);
        let Some(watch) = self.cameras.get_mut(&frame.camera) else {
            let steady = begun();
            let watch = Watch { steady, said: None };
            let watch = self.cameras.entry(frame.camera.clone()).or_insert(watch);
            self.from_future += u64::from(transit < FUTURE);
            return watch.judge(transit, now);
        };
        self.from_future += u64::from(transit < FUTURE);
        if !watch.steady.goes_on_with(frame, transit) {
            watch.steady = begun();
        }
        watch.judge(transit, now)
    }

    /// By how much the clock of `camera` disagrees with ours, as far as its last frames show.
    pub(super) fn disagreement(&self, camera: &CameraName, now: Instant) -> Option<Disagreement> {
        let steady = &self.cameras.get(camera)?.steady;
        if steady.least < FUTURE {
            Some(Disagreement::Future(steady.least.abs()))
        } else {
            steady
                .is_late(now)
                .then_some(Disagreement::Late(steady.least))
        }
    }

    /// Frames that were taken later than they came.
    pub(super) fn frames_from_future(&self) -> u64 {
        self.from_future
    }
}

impl Disagreement {
    /// By how much the camera's clock is ahead of ours, in seconds; behind, if negative.
    pub(super) fn ahead_seconds(self) -> f64 {
        match self {
            Self::Future(by) => by.as_secs_f64(),
            Self::Late(by) => -by.as_secs_f64(),
        }
    }
}

impl Watch {
    fn judge(&mut self, transit: SignedDuration, now: Instant) -> Option<Disagreement> {
        let found = if transit < FUTURE {
            transit
        } else if self.steady.is_late(now) {
            self.steady.least
        } else {
            return None;
        };
        if let Some(said) = self.said {
            let change = (found - said).abs();
            if change <= NEWS || change <= said.abs() / 2 {
                return None;
            }
        }
        self.said = Some(found);
        Some(if found < FUTURE {
            Disagreement::Future(found.abs())
        } else {
            Disagreement::Late(found)
        })
    }
}

impl Steady {
    fn begin(frame: &FrameId, transit: SignedDuration, now: Instant) -> Self {
        Self {
            stream: frame.stream,
            last: frame.sequence,
            since: now,
            frames: 1,
            least: transit,
            most: transit,
        }
    }

    /// Takes the frame in, if it is the next one and as late as the others.
    fn goes_on_with(&mut self, frame: &FrameId, transit: SignedDuration) -> bool {
        let (least, most) = (self.least.min(transit), self.most.max(transit));
        let is_next =
            frame.stream == self.stream && self.last.checked_add(1) == Some(frame.sequence);
        if !is_next || least < LATE || most - least > SPREAD {
            return false;
        }
        self.last = frame.sequence;
        self.frames = self.frames.saturating_add(1);
        (self.least, self.most) = (least, most);
        true
    }

    fn is_late(&self, now: Instant) -> bool {
        self.least >= LATE
            && self.frames >= STEADY_FRAMES
            && now.duration_since(self.since) >= STEADY_FOR
    }
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Future(by) => write!(
                f,
                "a frame came {:.1} s before it was taken: the camera's clock is ahead of this machine's by at least that; let \
                 a time service keep both",
                by.as_secs_f64()
            ),
            Self::Late(by) => write!(
                f,
                "all frames come {:.1} s after they were taken, and none is held up on its way: the camera's clock seems to be \
                 behind this machine's; let a time service keep both",
                by.as_secs_f64()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PERIOD: Duration = Duration::from_millis(100);

    /// What is said of frames of one stream, ten a second, that take `transits` (in milliseconds) and bear `sequences`.
    fn said(frames: impl IntoIterator<Item = (u64, i64)>) -> (Vec<Disagreement>, u64) {
        let (mut clocks, stream, start) = (Clocks::default(), StreamId::new(), Instant::now());
        let mut said = Vec::new();
        for (at, (sequence, millis)) in (0..).zip(frames) {
            let frame = FrameId {
                camera: "door".parse().unwrap(),
                stream,
                sequence,
            };
            let transit = SignedDuration::from_millis(millis);
            said.extend(clocks.observe(&frame, transit, start + at * PERIOD));
        }
        (said, clocks.frames_from_future())
    }

    fn numbered(transits: impl IntoIterator<Item = i64>) -> impl Iterator<Item = (u64, i64)> {
        (1..).zip(transits)
    }

    #[test]
    fn a_frame_from_the_future_is_said_once_and_counted_each_time() {
        let (said, from_future) = said(numbered([-3000, -3020, -2990, -3900]));
        assert_eq!(said, [Disagreement::Future(SignedDuration::from_secs(3))]);
        assert_eq!(from_future, 4);
    }

    #[test]
    fn clocks_that_time_services_keep_are_not_spoken_of() {
        assert_eq!(said(numbered([-90, 0, 40, -20, 900])), (Vec::new(), 0));
    }

    #[test]
    fn a_difference_that_changes_much_is_said_again() {
        let (said, _) = said(numbered([-3000, -3000, -60_000, -61_000, -200]));
        let seconds: Vec<_> = said.iter().map(ToString::to_string).collect();
        assert_eq!(seconds.len(), 3, "{seconds:#?}");
        assert!(seconds[1].contains("60.0 s before"), "{}", seconds[1]);
    }

    #[test]
    fn frames_that_are_all_as_late_point_to_a_clock() {
        let jitter = [3_600_000, 3_600_030, 3_600_120];
        let (said, from_future) = said(numbered(jitter.into_iter().cycle().take(900)));
        assert_eq!(said, [Disagreement::Late(SignedDuration::from_hours(1))]);
        assert_eq!(from_future, 0);
    }

    #[test]
    fn lateness_must_last_to_be_said() {
        assert!(said(numbered([3_600_000; 600])).0.is_empty());
    }

    #[test]
    fn what_loses_frames_or_is_overtaken_is_a_backlog_and_no_clock() {
        // A full queue that drops: every second one is missing.
        let with_gaps = (1..2000).map(|n| (2 * n, 60_000));
        assert!(said(with_gaps).0.is_empty());
        // A spool: an old frame and a new one in turn.
        let in_turn = (1..2000).map(|n| {
            if n % 2 == 0 {
                (n, 60_000)
            } else {
                (9000 + n, 20)
            }
        });
        assert!(said(in_turn).0.is_empty());
    }

    proptest! {
        /// The queue empties, or fills, by some part of what comes.
        #[test]
        fn a_backlog_that_shrinks_or_grows_is_no_clock(
            start in 2_000_i64..600_000, change_permille in prop_oneof![-900_i64..-20, 20_i64..900],
        ) {
            let transits = (0..3000).map(|n| (start + n * 100 * change_permille / 1000).max(20));
            prop_assert!(said(numbered(transits)).0.is_empty());
        }
    }
}

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

/// Cameras that are watched: names come from the network. Of more, the one whose frame is oldest is left out, and begins anew.
const MAX_CAMERAS: usize = 256;

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
    heard_at: Instant,
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
            let watch = Watch {
                steady: begun(),
                said: None,
                heard_at: now,
            };
            self.make_room();
            let watch = self.cameras.entry(frame.camera.clone()).or_insert(watch);
            self.from_future += u64::from(transit < FUTURE);
            return watch.judge(transit, now);
        };
        self.from_future += u64::from(transit < FUTURE);
        watch.heard_at = now;
        if !watch.steady.goes_on_with(frame, transit) {
            watch.steady = begun();
        }
        watch.judge(transit, now)
    }

    fn make_room(&mut self) {
        if self.cameras.len() < MAX_CAMERAS {
            return;
        }
        let silent = self.cameras.iter().min_by_key(|(_, watch)| watch.heard_at);
        if let Some(camera) = silent.map(|(camera, _)| camera.clone()) {
            self.cameras.remove(&camera);
        }
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
mod tests;

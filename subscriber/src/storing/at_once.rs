//! Storing on the spot, by whoever has received the frame.
//!
//! On a healthy disk a file takes less time than waking the store's thread for it, and its bytes are still in this
//! processor's cache. But the connection waits meanwhile: a disk that is slow, or was once very slow, gets its frames through
//! the thread for a while, and so does one that refuses them.

use std::sync::{Arc, TryLockError};
use std::time::{Duration, Instant};

use super::{Job, SharedOutputs, Stored, answer, is_new};
use crate::store::SyncMode;

/// A disk that takes longer than this for a frame, in the mean, is slow. The answer to a ping may stand behind all that the
/// broker has queued (Mosquitto 2.0 sends it whatever Receive Maximum says, its issue 2301): a thousand frames a second are
/// through with the largest queue before the keep-alive is over.
const SLOW: Duration = Duration::from_millis(1);
/// The mean is of about so many frames.
const FRAMES: u32 = 16;
/// A frame that took longer than this is a sign of worse to come.
const VERY_SLOW: Duration = Duration::from_millis(100);
/// For so long after either, frames go through the thread.
const CAUTION: Duration = Duration::from_secs(30);

/// How fast the disk was lately.
#[derive(Debug, Default)]
struct Pace {
    mean: Duration,
    slow_until: Option<Instant>,
}

impl Pace {
    fn is_fast(&self, now: Instant) -> bool {
        self.slow_until.is_none_or(|until| now >= until)
    }

    /// A frame was stored, or refused, by `now`.
    fn took(&mut self, time: Duration, now: Instant) {
        self.mean = (self.mean * (FRAMES - 1) + time) / FRAMES;
        if self.mean > SLOW || time > VERY_SLOW {
            *self = Self {
                mean: Duration::ZERO,
                slow_until: Some(now + CAUTION),
            };
        }
    }
}

/// The right to store without the store's thread while that has nothing to do.
pub(crate) struct AtOnce {
    outputs: SharedOutputs,
    pace: Pace,
}

impl AtOnce {
    /// `None` where frames take more than a file each: a sync, or a picture shown elsewhere.
    pub(crate) fn of(outputs: &SharedOutputs) -> Option<Self> {
        let shared = Arc::clone(outputs);
        let outputs = super::lock(outputs);
        let is_plain = outputs.latest.is_none()
            && outputs.stdout.is_none()
            && !outputs.latest_only
            && outputs.store.ledger().sync_mode() != SyncMode::Always;
        is_plain.then_some(Self {
            outputs: shared,
            pace: Pace::default(),
        })
    }

    /// Deals with `job`; `None` if the thread had better. The thread must have no job: nothing is overtaken.
    pub(crate) fn store(&mut self, job: &Job) -> Option<Stored> {
        let began = Instant::now();
        if !self.pace.is_fast(began) {
            return None;
        }
        let mut outputs = match self.outputs.try_lock() {
            Ok(outputs) => outputs,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        outputs.room()?;
        let outcome = outputs.store.put(&job.arrival);
        let ended = Instant::now();
        self.pace.took(ended - began, ended);
        // The thread says what is wrong, and tries again.
        let outcome = outcome.ok()?;
        if is_new(&outcome) {
            outputs.stored += 1;
            outputs.show_on_page(&job.arrival);
        }
        Some(answer(job, outcome))
    }

    /// Whether no more pictures are wanted.
    pub(crate) fn has_enough(&self) -> bool {
        super::room(&self.outputs).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_is_slow_in_the_mean_gets_its_frames_through_the_thread_for_a_while() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        for _ in 0..100 {
            pace.took(SLOW / 2, now);
        }
        pace.took(8 * SLOW, now);
        assert!(pace.is_fast(now), "one slow frame is none too many");
        for _ in 0..2 * FRAMES {
            pace.took(2 * SLOW, now);
        }
        assert!(!pace.is_fast(now));
        assert!(pace.is_fast(now + CAUTION));
    }

    #[test]
    fn one_very_slow_frame_is_enough() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        pace.took(2 * VERY_SLOW, now);
        assert!(!pace.is_fast(now));
    }
}

//! Retention: of each camera only so much is kept, or only what arrived so long ago. The oldest arrivals go first.
//!
//! A thread of its own deletes, at most every few seconds. At its start it reads the indexes below the output folder (not
//! the pictures) and keeps one small summary for each folder and camera ([`shelf`]); from then on it hears of each file
//! that was stored **and acknowledged**, and reads its folder's index on from where it left off. What it deletes it first
//! notes in its [`journal`], so that `verify` takes it for no loss. A folder of which nothing is left goes with its index,
//! unless the store has it open, and not before the store's ledger on disk has all that the index says.
//!
//! "Now" is the wall clock at the start plus the time since: a clock that is set while the program runs deletes nothing.
//!
//! It knows nothing of MQTT. It changes nothing in what the store remembers: what is deleted stays stored, and does not
//! come back.

pub(crate) mod journal;
mod keeper;
mod remover;
mod shelf;

#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::store::{FrameStore, Outcome};
use keeper::Keeper;

pub(crate) use shelf::Limits;

/// Time between two passes over what is due.
const PAUSE: Duration = Duration::from_secs(2);
/// How long the pass at the end may take; what is left is for the next start.
const LAST_PASS: Duration = Duration::from_secs(2);

/// What was deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Deleted {
    /// Files: frames, foreign pictures, and what was set aside.
    pub(crate) files: u64,
    /// Their size.
    pub(crate) bytes: u64,
}

/// The running thread.
pub(crate) struct Retention {
    thread: JoinHandle<Deleted>,
    ending: Arc<AtomicBool>,
}

/// Tells the thread of files; one that leads nowhere tells nobody.
#[derive(Debug, Default)]
pub(crate) struct RetentionFeed(Option<Sender<PathBuf>>);

impl RetentionFeed {
    /// Tells of a file that is stored and acknowledged: from now on it may be deleted.
    pub(crate) fn tell(&self, outcome: &Outcome) {
        let (Some(sender), Some(path)) = (&self.0, outcome.path()) else {
            return;
        };
        // The thread ends last; had it died, it would be said at the end.
        let _ = sender.send(path.to_owned());
    }
}

impl Retention {
    /// Starts the thread on the output folder of `store`.
    pub(crate) fn start(store: &FrameStore, limits: Limits) -> io::Result<(Self, RetentionFeed)> {
        let (feed, told) = mpsc::channel();
        let ending = Arc::new(AtomicBool::new(false));
        let keeper = Keeper::new(store, limits, ending.clone());
        let thread = thread::Builder::new()
            .name("retention".into())
            .spawn(move || keep(keeper, &told, &Clock::start()))?;
        Ok((Self { thread, ending }, RetentionFeed(Some(feed))))
    }

    /// Waits for the last pass, which is short. The feed must be gone. `None` if the thread has died.
    pub(crate) fn finish(self) -> Option<Deleted> {
        self.ending.store(true, Ordering::Relaxed);
        self.thread.join().ok()
    }
}

fn keep(mut keeper: Keeper, told: &Receiver<PathBuf>, clock: &Clock) -> Deleted {
    keeper.survey();
    loop {
        let is_over = hear(&mut keeper, told, Instant::now() + PAUSE);
        if is_over {
            keeper.last_pass(clock.now(), Instant::now() + LAST_PASS);
            return keeper.deleted();
        }
        keeper.pass(clock.now());
    }
}

/// Hears of files until `moment`. Whether there will be no more of them.
fn hear(keeper: &mut Keeper, told: &Receiver<PathBuf>, moment: Instant) -> bool {
    loop {
        match told.recv_timeout(moment.saturating_duration_since(Instant::now())) {
            Ok(path) => keeper.hear(&path),
            Err(RecvTimeoutError::Timeout) => return false,
            Err(RecvTimeoutError::Disconnected) => return true,
        }
    }
}

/// The wall clock at the start and the time since.
struct Clock {
    wall: Timestamp,
    monotonic: Instant,
}

impl Clock {
    fn start() -> Self {
        Self {
            wall: Timestamp::now(),
            monotonic: Instant::now(),
        }
    }

    fn now(&self) -> Timestamp {
        self.wall
            .checked_add(self.monotonic.elapsed())
            .unwrap_or(Timestamp::MAX)
    }
}

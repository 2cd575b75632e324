//! The store's thread: one arrival after another becomes a file, however long the disk takes.
//!
//! What cannot be stored now is tried again until it can: the frame is not acknowledged meanwhile, and nothing
//! overtakes it; where only the latest frames are wanted, it is left out instead. With `--sync always` a few frames share one sync, and are answered after it.

mod at_once;
mod group;
mod syncing;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use link::AckToken;
use protocol::event::Decoded;
use protocol::frame::{Frame, FrameId};
use protocol::topic::CameraName;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::latest::{LatestFile, MjpegOut, Shot};
use crate::store::{Arrival, Content, FrameStore, Outcome};
use crate::view::Feed;

pub(crate) use at_once::AtOnce;
pub(crate) use syncing::{Syncing, SyncingEnds};

/// How long a disk that refused a frame is left alone.
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// How long a reader of standard output may take for the last pictures.
const STDOUT_PATIENCE: Duration = Duration::from_secs(2);

/// An arrival, and the right to acknowledge it.
pub(crate) struct Job {
    pub(crate) arrival: Arrival,
    pub(crate) ack: Option<AckToken>,
}

/// An arrival that is dealt with and may be acknowledged.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) ack: Option<AckToken>,
    pub(crate) outcome: Outcome,
    /// Which frame it was, if it was one.
    pub(crate) frame: Option<FrameId>,
    /// Whose topic it came on, if it was none; nobody's, where the topic names no camera.
    pub(crate) stranger: Option<CameraName>,
    /// The moment of the grab, or of its arrival if it says none.
    pub(crate) taken_at: Timestamp,
    /// Size of the picture or payload.
    pub(crate) bytes: u64,
    /// From the grab to the file under its final name; zero if the two clocks say less.
    pub(crate) latency: Duration,
    /// From the grab, by the camera's clock, to the arrival, by ours: the one figure that may be negative.
    pub(crate) transit: SignedDuration,
}

impl Stored {
    /// The camera that it came of.
    pub(crate) fn camera(&self) -> Option<&CameraName> {
        let of_frame = self.frame.as_ref().map(|frame| &frame.camera);
        of_frame.or(self.stranger.as_ref())
    }
}

/// Everything that frames are written to.
pub(crate) struct Outputs {
    pub(crate) store: FrameStore,
    pub(crate) latest: Option<LatestFile>,
    /// Whether the last attempt to write `latest` failed: it is said once.
    pub(crate) latest_failed: bool,
    pub(crate) stdout: Option<MjpegOut>,
    /// To the page, if there is one.
    pub(crate) page: Option<Feed>,
    /// End after so many stored pictures: what comes later is left to the broker.
    pub(crate) frames_limit: Option<u64>,
    /// New pictures so far.
    pub(crate) stored: u64,
    /// Whether the disk takes none at the moment: it is said once.
    pub(crate) refused: Arc<AtomicBool>,
    /// Whether a frame that cannot be stored now gives way to a newer one.
    pub(crate) latest_only: bool,
}

/// The outputs, for the store's thread and for [`AtOnce`].
pub(crate) type SharedOutputs = Arc<Mutex<Outputs>>;

/// A stage that panicked ends the program elsewhere.
fn lock(outputs: &SharedOutputs) -> MutexGuard<'_, Outputs> {
    outputs.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many new pictures may still come, if any.
fn room(outputs: &SharedOutputs) -> Option<u64> {
    lock(outputs).room()
}

/// Takes jobs in order and answers each that is dealt with. Ends when `jobs` is closed, or at `give_up`.
pub(crate) fn spawn(
    outputs: SharedOutputs,
    jobs: mpsc::Receiver<Job>,
    answers: mpsc::UnboundedSender<Stored>,
    give_up: CancellationToken,
) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new()
        .name("store".into())
        .spawn(move || store_all(&outputs, jobs, &answers, &give_up))
}

fn store_all(
    outputs: &SharedOutputs,
    mut jobs: mpsc::Receiver<Job>,
    answers: &mpsc::UnboundedSender<Stored>,
    give_up: &CancellationToken,
) {
    let mut left_over = None;
    while room(outputs).is_some()
        && let Some(first) = left_over.take().or_else(|| jobs.blocking_recv())
    {
        let mut outputs = lock(outputs);
        let Some(room) = outputs.room() else {
            break;
        };
        let group = group::gather(&mut outputs, first, &mut jobs, room, give_up);
        let dealt_with = group.and_then(|group| {
            left_over = group.left_over;
            group::settle(&mut outputs, group.dealt_with, give_up)
        });
        let Some(dealt_with) = dealt_with else {
            break;
        };
        for (job, outcome) in dealt_with {
            let is_new = is_new(&outcome);
            // First the answer: showing the picture elsewhere is no part of storing it, and must not hold up its
            // acknowledgement.
            if answers.send(answer(&job, outcome)).is_err() {
                return;
            }
            if is_new {
                outputs.stored += 1;
                outputs.show(&job.arrival);
            }
        }
    }
}

fn is_new(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Stored { .. } | Outcome::Foreign { .. })
}

/// Puts `arrival` into the store, however often it takes. `None`: given up, nothing is stored.
fn put(outputs: &mut Outputs, arrival: &Arrival, give_up: &CancellationToken) -> Option<Outcome> {
    loop {
        match outputs.store.put(arrival) {
            Ok(outcome) => {
                if outputs.refused.swap(false, Relaxed) {
                    info!("frames can be stored again");
                }
                return Some(outcome);
            }
            Err(error) => {
                if !outputs.refused.swap(true, Relaxed) {
                    let what = if outputs.latest_only {
                        "are skipped"
                    } else {
                        "wait at the broker"
                    };
                    warn!(
                        "cannot store frames in {}: {error}; they {what} until it works",
                        outputs.store.root().display()
                    );
                }
            }
        }
        if give_up.is_cancelled() {
            return None;
        }
        thread::sleep(RETRY_DELAY);
        if outputs.latest_only {
            return Some(Outcome::Skipped);
        }
    }
}

impl Outputs {
    /// How many new pictures may still come, if any.
    fn room(&self) -> Option<u64> {
        let room = self.frames_limit.unwrap_or(u64::MAX) - self.stored;
        (room > 0).then_some(room)
    }

    /// Shows a picture that was just stored to those who want only the newest.
    fn show(&mut self, arrival: &Arrival) {
        self.show_on_page(arrival);
        if self.latest.is_none() && self.stdout.is_none() {
            return;
        }
        let Some(shot) = shot(arrival) else {
            return;
        };
        if let Some(latest) = &mut self.latest {
            let failed = latest.offer(&shot).err();
            if let (Some(error), false) = (&failed, self.latest_failed) {
                warn!("cannot write the newest picture: {error}; trying again with each frame");
            }
            self.latest_failed = failed.is_some();
        }
        if let Some(stdout) = &mut self.stdout {
            stdout.offer(&shot);
        }
    }

    /// Leaves a picture that was just stored to the page, if there is one: that takes no time.
    fn show_on_page(&mut self, arrival: &Arrival) {
        if let Some(page) = &mut self.page
            && let Some(shot) = shot(arrival)
        {
            page.offer(shot);
        }
    }

    /// Lets the reader of standard output have what it was promised, and says what it missed.
    pub(crate) fn finish(&mut self) {
        let Some(stdout) = self.stdout.take() else {
            return;
        };
        let totals = stdout.finish(STDOUT_PATIENCE);
        if totals.skipped > 0 && !totals.reader_is_gone {
            warn!(
                "the reader of standard output was too slow for {} pictures",
                totals.skipped
            );
        }
    }
}

/// The picture of an arrival, if it is one.
fn shot(arrival: &Arrival) -> Option<Shot> {
    match &arrival.content {
        Content::Decoded(Decoded::Frame(frame)) => Some(Shot::from(frame)),
        Content::Decoded(Decoded::Foreign(jpeg)) => {
            let (camera, at) = (arrival.camera.clone(), arrival.received_at);
            Some(Shot::foreign(camera, at, jpeg.clone()))
        }
        Content::Undecodable { .. } | Content::Nameless { .. } => None,
    }
}

fn answer(job: &Job, outcome: Outcome) -> Stored {
    let (frame, bytes) = match &job.arrival.content {
        Content::Decoded(Decoded::Frame(frame)) => (Some(frame), frame.jpeg.len()),
        Content::Decoded(Decoded::Foreign(jpeg)) => (None, jpeg.len()),
        Content::Undecodable { payload, .. } | Content::Nameless { payload, .. } => {
            (None, payload.len())
        }
    };
    Stored {
        ack: job.ack,
        outcome,
        frame: frame.map(|frame| frame.id.clone()),
        stranger: match (frame, &job.arrival.content) {
            (Some(_), _) | (None, Content::Nameless { .. }) => None,
            (None, _) => Some(job.arrival.camera.clone()),
        },
        taken_at: frame.map_or(job.arrival.received_at, |frame| frame.captured_at),
        bytes: bytes as u64,
        latency: frame.map(age).unwrap_or_default(),
        transit: frame.map_or(SignedDuration::ZERO, |frame| {
            job.arrival.received_at.duration_since(frame.captured_at)
        }),
    }
}

fn age(frame: &Frame) -> Duration {
    Duration::try_from(Timestamp::now().duration_since(frame.captured_at)).unwrap_or_default()
}

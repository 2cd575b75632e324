//! Frames that share a sync: with `--sync always` a frame is answered only after its file is on disk for good.

use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Job, Outputs, RETRY_DELAY, is_new, put};
use crate::store::{Outcome, SyncMode};

/// Most frames that share a sync.
const MOST: usize = 16;
/// A group that is not full is synced after this time.
const LONGEST: Duration = Duration::from_millis(50);

/// Jobs that are dealt with, but for the sync that they share.
pub(super) struct Group {
    pub(super) dealt_with: Vec<(Job, Outcome)>,
    /// What the disk refused: the others need not wait for it.
    pub(super) left_over: Option<Job>,
}

/// Deals with `first` and, if frames share a sync, with what else is there; of all these `room` may be new pictures.
/// `None`: given up.
pub(super) fn gather(
    outputs: &mut Outputs,
    first: Job,
    jobs: &mut mpsc::Receiver<Job>,
    room: u64,
    give_up: &CancellationToken,
) -> Option<Group> {
    let deadline = Instant::now() + LONGEST;
    let most = match outputs.store.ledger().sync_mode() {
        SyncMode::Always => MOST,
        SyncMode::None | SyncMode::Interval => 1,
    };
    let outcome = put(outputs, &first.arrival, give_up)?;
    let mut new = u64::from(is_new(&outcome));
    let mut group = Group {
        dealt_with: vec![(first, outcome)],
        left_over: None,
    };
    while group.dealt_with.len() < most
        && new < room
        && Instant::now() < deadline
        && let Ok(job) = jobs.try_recv()
    {
        let Ok(outcome) = outputs.store.put(&job.arrival) else {
            group.left_over = Some(job);
            break;
        };
        new += u64::from(is_new(&outcome));
        group.dealt_with.push((job, outcome));
    }
    Some(group)
}

/// Has the group on disk for good, if it is to be, however often it takes: what a sync has failed for is written again.
/// `None`: given up.
pub(super) fn settle(
    outputs: &mut Outputs,
    mut dealt_with: Vec<(Job, Outcome)>,
    give_up: &CancellationToken,
) -> Option<Vec<(Job, Outcome)>> {
    if outputs.store.ledger().sync_mode() != SyncMode::Always {
        return Some(dealt_with);
    }
    let mut refused = false;
    while let Err(error) = outputs.store.ledger().sync() {
        if !refused {
            warn!(
                "frames do not reach the disk of {}: {error}; they are written again until they do",
                outputs.store.root().display()
            );
            refused = true;
        }
        if give_up.is_cancelled() {
            return None;
        }
        thread::sleep(RETRY_DELAY);
        for (job, outcome) in &mut dealt_with {
            *outcome = put(outputs, &job.arrival, give_up)?;
        }
    }
    if refused {
        info!("frames reach the disk again");
    }
    Some(dealt_with)
}

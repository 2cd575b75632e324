//! What one camera has on disk, a summary for each folder, and what of it has to go: the oldest arrivals.
//!
//! Pure bookkeeping: it knows nothing of files or clocks. A folder's index is a queue, its first entry the one that
//! arrived first, whatever the times in it say: a clock may have been set while it was written. What goes by its age has
//! an old time itself; one from the future keeps what stands behind it in its folder, until there is too much.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

/// How much is kept of each camera.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    /// What arrived longer ago goes.
    pub(crate) keep_for: Option<Duration>,
    /// What is more than this goes.
    pub(crate) keep_bytes: Option<u64>,
}

/// One camera's files: a summary for each folder.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    parts: HashMap<Arc<Path>, Part>,
    /// The folders by the arrival of their oldest files.
    queue: BTreeSet<(Timestamp, Arc<Path>)>,
    bytes: u64,
}

/// This camera's files in one folder.
#[derive(Debug)]
struct Part {
    /// Where the line of the oldest one begins in the index.
    start: u64,
    files: u64,
    bytes: u64,
    /// When the oldest one arrived, as its line says.
    first: Timestamp,
}

impl Shelf {
    /// Enters a file of `folder` whose line begins at `start`: the newest of that folder.
    pub(super) fn add(
        &mut self,
        folder: &Arc<Path>,
        start: u64,
        bytes: u64,
        received_at: Timestamp,
    ) {
        let mut part = self.take_out(folder).unwrap_or(Part {
            start,
            files: 0,
            bytes: 0,
            first: received_at,
        });
        part.files += 1;
        part.bytes = part.bytes.saturating_add(bytes);
        self.put_in(folder.clone(), part);
    }

    /// Takes off the shelf all that was in `folder`.
    pub(super) fn forget(&mut self, folder: &Path) {
        self.take_out(&folder.into());
    }

    /// Whether something of `folder` is here.
    pub(super) fn has(&self, folder: &Path) -> bool {
        self.parts.contains_key(folder)
    }

    /// Where to begin deleting; `None` if all is within `limits` at `now`.
    pub(super) fn cut(&self, limits: &Limits, now: Timestamp) -> Option<Cut> {
        let mut queue = self.queue.iter();
        let (first, folder) = queue.next()?;
        let part = self.parts.get(folder)?;
        let cut = Cut {
            folder: folder.clone(),
            start: part.start,
            files: 0,
            bytes: 0,
            files_left: part.files,
            excess: limits
                .keep_bytes
                .map_or(0, |keep| self.bytes.saturating_sub(keep)),
            // A time before all times: nothing is older.
            expired_before: limits.keep_for.and_then(|keep| now.checked_sub(keep).ok()),
            next_folder: queue.next().map(|(first, _)| *first),
        };
        cut.is_due(*first).then_some(cut)
    }

    /// Takes off the shelf what `cut` took. `next` is the line after it of this camera, where it begins and when its file
    /// arrived. Whether anything is left of the folder.
    pub(super) fn taken(&mut self, cut: &Cut, next: Option<(u64, Timestamp)>) -> bool {
        let Some(mut part) = self.take_out(&cut.folder) else {
            return false;
        };
        part.files = part.files.saturating_sub(cut.files);
        part.bytes = part.bytes.saturating_sub(cut.bytes);
        let Some((start, first)) = next.filter(|_| part.files > 0) else {
            // Should the index have lost lines, their files are no longer ours to count.
            return false;
        };
        (part.start, part.first) = (start, first);
        self.put_in(cut.folder.clone(), part);
        true
    }

    fn take_out(&mut self, folder: &Arc<Path>) -> Option<Part> {
        let part = self.parts.remove(folder)?;
        self.queue.remove(&(part.first, folder.clone()));
        self.bytes = self.bytes.saturating_sub(part.bytes);
        Some(part)
    }

    fn put_in(&mut self, folder: Arc<Path>, part: Part) {
        self.bytes = self.bytes.saturating_add(part.bytes);
        self.queue.insert((part.first, folder.clone()));
        self.parts.insert(folder, part);
    }
}

/// Files that go: from the oldest one of a folder on, as long as [`Cut::takes`] says so.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) folder: Arc<Path>,
    /// Where the line of the first one begins.
    pub(super) start: u64,
    files: u64,
    bytes: u64,
    files_left: u64,
    excess: u64,
    expired_before: Option<Timestamp>,
    /// Where another folder has something as old, it is that folder's turn.
    next_folder: Option<Timestamp>,
}

impl Cut {
    /// Whether the next file of the folder goes, too. If so, it is taken.
    pub(super) fn takes(&mut self, received_at: Timestamp, bytes: u64) -> bool {
        let is_others_turn =
            self.files > 0 && self.next_folder.is_some_and(|next| received_at > next);
        if self.files_left == 0 || is_others_turn || !self.is_due(received_at) {
            return false;
        }
        self.files += 1;
        self.files_left -= 1;
        self.bytes = self.bytes.saturating_add(bytes);
        self.excess = self.excess.saturating_sub(bytes);
        true
    }

    fn is_due(&self, received_at: Timestamp) -> bool {
        self.excess > 0
            || self
                .expired_before
                .is_some_and(|before| received_at < before)
    }
}

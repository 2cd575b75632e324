//! The store ledger as the threads share it: the store enters frames, reception takes in ledgers and makes receipts, and
//! whoever syncs writes checkpoints.
//!
//! Its lock is held for moments only, never while the disk works: reception must not wait for a disk.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use protocol::frame::FrameId;

use super::checkpoint::{self, Checkpoint, FolderMark};
use super::durability::{SyncMode, sync_file, sync_folder};
use super::recovery::{self, Recovered};
use crate::index::INDEX_FILE;
use crate::ledger::{Numbers, Standing, StoreLedger};

/// Files without a number that are remembered as doubtful. Beyond that they are taken for good.
const MAX_DOUBTFUL_FILES: usize = 10_000;

/// The ledger of one output folder.
#[derive(Debug)]
pub struct SharedLedger {
    root: PathBuf,
    sync: SyncMode,
    books: Mutex<Books>,
    /// Checkpoints are written one after the other.
    checkpoint: Mutex<()>,
    #[cfg(test)]
    pub(super) disk_fails: std::sync::atomic::AtomicBool,
}

#[derive(Debug)]
struct Books {
    ledger: StoreLedger,
    /// By their paths below the output folder, with slashes.
    folders: BTreeMap<String, FolderInUse>,
    /// What was written and is not synced.
    unsynced: Vec<Written>,
    /// Files without a number that a sync has failed for: they are written again if they come again.
    doubtful_files: HashSet<(String, String)>,
    /// Whether there is news for a checkpoint.
    is_ahead: bool,
}

#[derive(Debug)]
struct FolderInUse {
    /// Length of its index.
    index_bytes: u64,
    /// Up to here the ledger has all that is in it, synced if need be.
    entered_bytes: u64,
    /// Whether the checkpoint on disk names it.
    is_named: bool,
    /// Whether the way to it from the output folder was synced.
    is_rooted: bool,
}

/// What a file is to the ledger.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role<'a> {
    Frame(&'a FrameId),
    /// No usable frame; its identity is known and beyond doubt.
    SetAside(&'a FrameId),
    /// Neither.
    Unnumbered,
}

/// A file that was written.
#[derive(Debug)]
struct Written {
    folder: String,
    file: String,
    id: Option<FrameId>,
}

impl SharedLedger {
    /// Reads the ledger of `root`, and brings it up to date.
    pub(super) fn open(root: &Path, sync: SyncMode) -> Self {
        let Recovered { ledger, folders } = recovery::recover(root, sync);
        let in_use = |mark: FolderMark| {
            let folder = FolderInUse {
                index_bytes: mark.index_bytes,
                entered_bytes: mark.index_bytes,
                is_named: true,
                is_rooted: false,
            };
            (mark.path, folder)
        };
        let shared = Self {
            root: root.to_owned(),
            sync,
            books: Mutex::new(Books {
                ledger,
                folders: folders.into_iter().map(in_use).collect(),
                unsynced: Vec::new(),
                doubtful_files: HashSet::new(),
                is_ahead: true,
            }),
            checkpoint: Mutex::new(()),
            #[cfg(test)]
            disk_fails: false.into(),
        };
        // If this disk takes nothing now, the first frame says so.
        if let Err(error) = shared.write_checkpoint() {
            tracing::debug!("no checkpoint at the start: {error}");
        }
        shared
    }

    /// How frames are synced.
    #[must_use]
    pub fn sync_mode(&self) -> SyncMode {
        self.sync
    }

    /// Reads the books.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&StoreLedger) -> T) -> T {
        look(&self.books().ledger)
    }

    /// Changes the books.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut StoreLedger) -> T) -> T {
        let mut books = self.books();
        books.is_ahead = true;
        change(&mut books.ledger)
    }

    pub(super) fn standing(&self, id: &FrameId) -> Standing {
        self.read(|ledger| ledger.standing(id))
    }

    pub(super) fn doubts(&self, folder: &Path, file: &str) -> bool {
        let books = self.books();
        let is_doubtful = |key| books.doubtful_files.contains(&key);
        !books.doubtful_files.is_empty() && is_doubtful((self.below_root(folder), file.to_owned()))
    }

    /// The index of `folder` was read: it has these numbers and this length.
    pub(super) fn folder_opened(&self, folder: &Path, index_bytes: u64, recorded: &[Numbers]) {
        let key = self.below_root(folder);
        let mut books = self.books();
        for numbers in recorded {
            books.ledger.enter(numbers);
        }
        if let Some(known) = books.folders.get_mut(&key) {
            // It was moved away, and this is another index: the checkpoint speaks of the former.
            known.is_named &= known.entered_bytes <= index_bytes;
            known.index_bytes = index_bytes;
            known.entered_bytes = known.entered_bytes.min(index_bytes);
        }
    }

    /// Makes sure that the checkpoint on disk names `folder`, before a frame goes into it: without that a start would
    /// not know where to look for it. `in_use` says of a folder whether it is open.
    pub(super) fn prepare_folder(
        &self,
        folder: &Path,
        index_bytes: u64,
        in_use: impl Fn(&Path) -> bool,
    ) -> io::Result<()> {
        let key = self.below_root(folder);
        {
            let mut books = self.books();
            if books.folders.get(&key).is_some_and(|known| known.is_named) {
                return Ok(());
            }
            // What is closed, and entered as far as it goes, need not be looked at again.
            books.folders.retain(|path, known| {
                known.entered_bytes < known.index_bytes || in_use(&self.root.join(path))
            });
            books.folders.entry(key).or_insert(FolderInUse {
                index_bytes,
                entered_bytes: index_bytes,
                is_named: false,
                is_rooted: false,
            });
            books.is_ahead = true;
        }
        self.write_checkpoint()
    }

    /// Enters a file that was written into a prepared folder.
    pub(super) fn enter(&self, folder: &Path, file: &str, index_bytes: u64, role: Role) {
        let key = self.below_root(folder);
        let is_synced = self.sync == SyncMode::None;
        let mut books = self.books();
        books.is_ahead = true;
        let id = match role {
            Role::Frame(id) => {
                books.ledger.enter_stored(id, is_synced);
                Some(id)
            }
            Role::SetAside(id) => {
                books.ledger.enter_set_aside(id, is_synced);
                Some(id)
            }
            Role::Unnumbered => None,
        };
        if let Some(known) = books.folders.get_mut(&key) {
            known.index_bytes = index_bytes;
            if is_synced {
                known.entered_bytes = index_bytes;
            }
        }
        if !books.doubtful_files.is_empty() {
            books.doubtful_files.remove(&(key.clone(), file.to_owned()));
        }
        if !is_synced {
            books.unsynced.push(Written {
                folder: key,
                file: file.to_owned(),
                id: id.cloned(),
            });
        }
    }

    /// A frame was set aside that had been set aside before.
    pub(super) fn enter_set_aside_again(&self, id: &FrameId) {
        self.change(|ledger| ledger.enter_set_aside(id, true));
    }

    /// Forces all that was written to the disk.
    ///
    /// # Errors
    /// The disk may have kept nothing of it: those frames are in doubt, and are written again if they come again.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let (written, index_bytes, unrooted) = self.books().take_unsynced();
        if written.is_empty() {
            return Ok(());
        }
        let synced = self.force(&written, index_bytes.keys(), &unrooted);
        let mut books = self.books();
        books.is_ahead = true;
        for (path, bytes) in index_bytes {
            if let Some(known) = books.folders.get_mut(&path) {
                known.entered_bytes = bytes.min(known.index_bytes);
                known.is_rooted |= synced.is_ok();
            }
        }
        for Written { folder, file, id } in written {
            match (&synced, id) {
                (Ok(()), Some(id)) => books.ledger.enter_synced(&id),
                (Err(_), Some(id)) => books.ledger.doubt(&id),
                (Err(_), None) if books.doubtful_files.len() < MAX_DOUBTFUL_FILES => {
                    books.doubtful_files.insert((folder, file));
                }
                (_, None) => {}
            }
        }
        synced
    }

    fn force<'a>(
        &self,
        written: &[Written],
        folders: impl Iterator<Item = &'a String>,
        unrooted: &[String],
    ) -> io::Result<()> {
        self.test_failure()?;
        for Written { folder, file, .. } in written {
            sync_file(&self.root.join(folder).join(file))?;
        }
        for folder in folders {
            let folder = self.root.join(folder);
            sync_file(&folder.join(INDEX_FILE))?;
            sync_folder(&folder)?;
        }
        for folder in unrooted {
            for above in self.root.join(folder).ancestors().skip(1) {
                sync_folder(above)?;
                if above == self.root {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Whether a checkpoint would say anything new.
    pub(crate) fn is_ahead(&self) -> bool {
        self.books().is_ahead
    }

    /// Writes down what is known. Then it can be claimed.
    pub(crate) fn write_checkpoint(&self) -> io::Result<()> {
        let _one_at_a_time = self
            .checkpoint
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (checkpoint, named, claims) = {
            let mut books = self.books();
            books.is_ahead = false;
            let marks: Vec<_> = books.folders.iter().map(mark).collect();
            let kept = books.ledger.kept();
            (
                Checkpoint::new(kept, marks.clone()),
                marks,
                books.ledger.unclaimed(),
            )
        };
        let written = self.test_failure().and_then(|()| {
            checkpoint::write(
                &self.root,
                &checkpoint.to_json(),
                self.sync != SyncMode::None,
            )
        });
        let mut books = self.books();
        if written.is_err() {
            books.is_ahead = true;
            return written;
        }
        books.ledger.claim(&claims);
        for mark in named {
            if let Some(folder) = books.folders.get_mut(&mark.path) {
                // One that was moved away meanwhile has begun again.
                folder.is_named |= folder.entered_bytes >= mark.index_bytes;
            }
        }
        Ok(())
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn below_root(&self, folder: &Path) -> String {
        let below = folder.strip_prefix(&self.root).unwrap_or(folder);
        let names: Vec<_> = below.iter().map(|name| name.to_string_lossy()).collect();
        names.join("/")
    }

    #[cfg(test)]
    fn test_failure(&self) -> io::Result<()> {
        if self.disk_fails.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(io::Error::other("the disk fails"));
        }
        Ok(())
    }

    #[cfg(not(test))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "only a test has its disk fail"
    )]
    fn test_failure(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Books {
    /// What was written, how long the indexes of its folders are now, and which of these hang by names not synced yet.
    fn take_unsynced(&mut self) -> (Vec<Written>, BTreeMap<String, u64>, Vec<String>) {
        let written = std::mem::take(&mut self.unsynced);
        let (mut index_bytes, mut unrooted) = (BTreeMap::new(), Vec::new());
        for Written { folder, .. } in &written {
            let known = self.folders.get(folder);
            let new =
                index_bytes.insert(folder.clone(), known.map_or(0, |known| known.index_bytes));
            if new.is_none() && known.is_none_or(|known| !known.is_rooted) {
                unrooted.push(folder.clone());
            }
        }
        (written, index_bytes, unrooted)
    }
}

fn mark((path, folder): (&String, &FolderInUse)) -> FolderMark {
    FolderMark {
        path: path.clone(),
        index_bytes: folder.entered_bytes,
    }
}

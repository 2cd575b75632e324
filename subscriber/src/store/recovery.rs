//! The store ledger at the start: the last checkpoint, and what was stored after it.
//!
//! Of the folders that the checkpoint names only what their indexes have gained is read, and only there is looked for
//! what a crash left. A start takes as long with a million files as with ten.

use std::fs;
use std::path::{Path, PathBuf};

use protocol::frame::{FrameId, checksum};
use protocol::ranges::RangeSet;
use tracing::warn;

use super::checkpoint::{self, Checkpoint, FolderMark, Found, boot};
use super::durability::{SyncMode, sync_file, sync_folder};
use super::folder::remove_leftovers;
use crate::index::{self, Entry, INDEX_FILE};
use crate::ledger::{Numbers, StoreLedger};
use crate::retention::journal::Journal;

/// What is known of an output folder at the start.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) ledger: StoreLedger,
    /// The folders that were in use, and how far the ledger knows their indexes now.
    pub(super) folders: Vec<FolderMark>,
}

/// Reads the ledger of `root`, and brings it up to date.
pub(super) fn recover(root: &Path, sync: SyncMode) -> Recovered {
    match checkpoint::read(root) {
        Found::Whole(checkpoint) => bring_up_to_date(root, checkpoint, sync),
        Found::Nothing => {
            if has_frames(root) {
                warn_of_new_ledger(root, "it has no ledger yet");
            }
            begin()
        }
        Found::Unreadable(error) => {
            warn_of_new_ledger(root, &format!("its ledger cannot be read: {error}"));
            begin()
        }
    }
}

fn begin() -> Recovered {
    Recovered {
        ledger: StoreLedger::new(),
        folders: Vec::new(),
    }
}

fn warn_of_new_ledger(root: &Path, why: &str) {
    warn!(
        "{}: {why}; frames that it has stand in no receipt until `frame-subscriber verify --repair {}` has entered them",
        root.display(),
        root.display()
    );
}

/// Whether there is anything but files of our own.
fn has_frames(root: &Path) -> bool {
    let items = fs::read_dir(root).into_iter().flatten().flatten();
    items
        .filter(|item| !item.file_name().to_string_lossy().starts_with('.'))
        .any(|item| item.path().is_dir())
}

fn bring_up_to_date(root: &Path, checkpoint: Checkpoint, sync: SyncMode) -> Recovered {
    // What was not synced lives on as long as the system does.
    let is_same_boot = checkpoint.boot.is_some() && checkpoint.boot == boot();
    // One that cannot be read excuses nothing.
    let deletions = Journal::read(root).unwrap_or_default();
    let mut ledger = checkpoint.ledger;
    let mut folders = Vec::new();
    for mark in checkpoint.folders {
        let Some(folder) = below(root, &mark.path) else {
            continue;
        };
        // Its owner has moved it away.
        if !folder.is_dir() {
            continue;
        }
        let tail = Tail {
            folder: &folder,
            sync,
            is_same_boot,
            deletions: &deletions,
        };
        match tail.enter_into(&mut ledger, mark.index_bytes) {
            Ok(index_bytes) => folders.push(FolderMark {
                path: mark.path,
                index_bytes,
            }),
            Err(error) => {
                warn!(
                    "{}: what was stored there last cannot be read: {error}",
                    folder.display()
                );
                folders.push(mark);
            }
        }
    }
    Recovered { ledger, folders }
}

/// What was added to a folder since the checkpoint.
struct Tail<'a> {
    folder: &'a Path,
    sync: SyncMode,
    is_same_boot: bool,
    /// What retention has deleted.
    deletions: &'a Journal,
}

impl Tail<'_> {
    fn enter_into(&self, ledger: &mut StoreLedger, known_bytes: u64) -> std::io::Result<u64> {
        remove_leftovers(self.folder)?;
        let mut has_new = false;
        let len = index::read_tail(self.folder, known_bytes, |entry| {
            has_new = true;
            self.enter_entry(ledger, &entry);
        })?;
        if has_new && self.sync != SyncMode::None {
            sync_file(&self.folder.join(INDEX_FILE))?;
            sync_folder(self.folder)?;
        }
        Ok(len)
    }

    fn enter_entry(&self, ledger: &mut StoreLedger, entry: &Entry) {
        let Some((stream, sequence)) = entry.identity() else {
            return;
        };
        if self.is_kept(entry) {
            ledger.enter(&Numbers {
                camera: entry.camera.clone(),
                stream,
                numbers: RangeSet::from_iter([sequence..=sequence]),
            });
        } else {
            ledger.doubt(&FrameId {
                camera: entry.camera.clone(),
                stream,
                sequence,
            });
        }
    }

    /// Whether the file is what its entry says. While the system runs, one that is gone was moved away by its owner; after
    /// a power cut it may never have reached the disk, unless retention has noted that it deleted it.
    fn is_kept(&self, entry: &Entry) -> bool {
        let path = self.folder.join(&entry.file);
        let is_whole = if self.is_same_boot && self.sync == SyncMode::None {
            fs::metadata(&path).map(|metadata| metadata.len() == entry.bytes)
        } else {
            // A disk that was pulled out may have the length and not the content.
            fs::read(&path).map(|bytes| checksum(&bytes) == entry.crc32c)
        };
        match is_whole {
            Ok(is_whole) => is_whole && (self.sync == SyncMode::None || sync_file(&path).is_ok()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.is_same_boot || self.was_deleted(entry)
            }
            Err(_) => false,
        }
    }

    fn was_deleted(&self, entry: &Entry) -> bool {
        entry.identity().is_some_and(|(stream, sequence)| {
            self.deletions.has_deleted(&entry.camera, stream, sequence)
        })
    }
}

/// The folder at `path` below `root`; `None` if it leads elsewhere.
fn below(root: &Path, path: &str) -> Option<PathBuf> {
    let mut folder = root.to_owned();
    for name in path.split('/').filter(|name| !name.is_empty()) {
        if name == "." || name == ".." || name.contains(['\\', ':']) {
            return None;
        }
        folder.push(name);
    }
    Some(folder)
}

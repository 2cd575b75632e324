//! The store ledger at the start: the last checkpoint, and what was stored after it.
//!
//! Of the folders that the checkpoint names only what their indexes have gained is read, and only there is looked for
//! what a crash left. A start takes as long with a million files as with ten.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use tracing::warn;

use super::checkpoint::{self, Checkpoint, FolderMark, Found, boot};
use super::durability::{SyncMode, sync_file_systems};
use super::folder::remove_leftovers;
use super::keeping::{Findings, Keeping};
use crate::folders::folders;
use crate::index::{self, Entry};
use crate::ledger::{Numbers, StoreLedger};
use crate::retention::journal::Journal;

/// Folders whose indexes could not be read at a start, and are read at a later one: more than this are not remembered.
const MAX_UNREAD: usize = 256;

/// What was written so long before is on the disk without any syncing: systems leave nothing in memory for longer.
const WRITTEN_BACK: SignedDuration = SignedDuration::from_secs(60);

/// What is known of an output folder at the start.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) ledger: StoreLedger,
    /// The folders that were in use, and how far the ledger knows their indexes now.
    pub(super) folders: Vec<FolderMark>,
    /// Those that are not there now, or cannot be read, and how far the ledger knew their indexes.
    pub(super) unread: Vec<FolderMark>,
}

/// Reads the ledger of `root`, and brings it up to date.
///
/// # Errors
/// The disk does not give it, or one that makes no sense cannot be put aside.
pub(super) fn recover(root: &Path, sync: SyncMode) -> io::Result<Recovered> {
    match checkpoint::read(root)? {
        Found::Whole(checkpoint) => Ok(bring_up_to_date(root, checkpoint, sync)),
        Found::Nothing => {
            if has_frames(root) {
                warn_of_new_ledger(root, "it has no ledger yet");
            }
            Ok(begin())
        }
        Found::Unreadable(error) => {
            checkpoint::set_aside(root)?;
            let why = format!("its ledger made no sense and was put aside: {error}");
            warn_of_new_ledger(root, &why);
            Ok(begin())
        }
    }
}

fn begin() -> Recovered {
    Recovered {
        ledger: StoreLedger::new(),
        folders: Vec::new(),
        unread: Vec::new(),
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
    let keeping = Keeping {
        root,
        sync,
        is_same_boot,
        deletions: &deletions,
    };
    let mut ledger = checkpoint.ledger;
    if !checkpoint.synced {
        let recent = Unsynced {
            keeping,
            written_at: checkpoint::written_at(root),
        };
        recent.settle(&mut ledger, &checkpoint.folders);
    }
    let (mut folders, mut unread) = (Vec::new(), Vec::new());
    for mark in checkpoint.folders {
        let Some(folder) = below(root, &mark.path) else {
            continue;
        };
        let is_same_boot = is_same_boot && !mark.outlived_boot;
        let mark = FolderMark {
            outlived_boot: !is_same_boot,
            ..mark
        };
        // Its owner has moved it away, or its disk comes later.
        if !folder.is_dir() {
            unread.push(mark);
            continue;
        }
        let keeping = Keeping {
            is_same_boot,
            ..keeping
        };
        match enter_tail(&mut ledger, keeping, &folder, mark.index_bytes) {
            Ok(index_bytes) => folders.push(FolderMark {
                path: mark.path,
                index_bytes,
                outlived_boot: false,
            }),
            Err(error) => {
                warn!(
                    "{}: what was stored there last cannot be read: {error}",
                    folder.display()
                );
                unread.push(mark);
            }
        }
    }
    // Those that were named last are those of the newest frames, as a rule.
    unread.drain(..unread.len().saturating_sub(MAX_UNREAD));
    Recovered {
        ledger,
        folders,
        unread,
    }
}

/// A checkpoint of a program that synced nothing: the disk may not have what it says.
struct Unsynced<'a> {
    keeping: Keeping<'a>,
    written_at: Option<Timestamp>,
}

impl Unsynced<'_> {
    /// Syncs what it says if that can be done; if not, doubts what the disk has not.
    fn settle(&self, ledger: &mut StoreLedger, folders: &[FolderMark]) {
        let keeping = self.keeping;
        let there = folders
            .iter()
            .filter_map(|mark| below(keeping.root, &mark.path));
        let there: Vec<_> = there.filter(|folder| folder.is_dir()).collect();
        if keeping.is_same_boot {
            let disks = there.iter().map(PathBuf::as_path).chain([keeping.root]);
            if keeping.sync == SyncMode::None || matches!(sync_file_systems(disks), Ok(true)) {
                return;
            }
        }
        let since = self
            .written_at
            .and_then(|at| at.checked_sub(WRITTEN_BACK).ok());
        let is_recent = |entry: &Entry| since.is_none_or(|since| entry.received_at >= since);
        // What happened in between excuses nothing.
        let keeping = Keeping {
            is_same_boot: false,
            ..keeping
        };
        for folder in there {
            match inspect(keeping, &folder, is_recent) {
                Ok(findings) => findings.enter_into(ledger),
                Err(error) => warn!(
                    "{}: what was stored there last cannot be checked: {error}",
                    folder.display()
                ),
            }
        }
    }
}

/// Enters what was added to `folder` since the checkpoint. Gives the length of its index.
fn enter_tail(
    ledger: &mut StoreLedger,
    keeping: Keeping,
    folder: &Path,
    known_bytes: u64,
) -> io::Result<u64> {
    remove_leftovers(folder)?;
    let mut inspection = keeping.inspect(folder);
    let len = index::read_tail(folder, known_bytes, |entry| {
        if ledger.lacks(&entry) {
            inspection.look_at(&entry);
        }
    })?;
    inspection.finish().enter_into(ledger);
    Ok(len)
}

/// The ledger of an output folder whose indexes were mended: what its checkpoint has, what retention has deleted, and
/// what the indexes record beyond that, as far as the files are there.
///
/// # Errors
/// Something cannot be read.
pub(super) fn recover_all(root: &Path) -> io::Result<StoreLedger> {
    let sync = SyncMode::Always;
    let mut ledger = match checkpoint::read(root)? {
        Found::Whole(checkpoint) => bring_up_to_date(root, checkpoint, sync).ledger,
        Found::Nothing => StoreLedger::new(),
        Found::Unreadable(_) => {
            checkpoint::set_aside(root)?;
            StoreLedger::new()
        }
    };
    let deletions = Journal::read(root)?;
    for (camera, stream, numbers) in deletions.streams() {
        ledger.enter(&Numbers {
            camera,
            stream,
            numbers,
        });
    }
    let keeping = Keeping {
        root,
        sync,
        is_same_boot: false,
        deletions: &deletions,
    };
    for folder in folders(root) {
        inspect(keeping, &folder?, |entry| ledger.lacks(entry))?.enter_into(&mut ledger);
    }
    Ok(ledger)
}

/// Looks at the files of those entries of `folder` that are `wanted`.
pub(super) fn inspect(
    keeping: Keeping,
    folder: &Path,
    wanted: impl Fn(&Entry) -> bool,
) -> io::Result<Findings> {
    let mut inspection = keeping.inspect(folder);
    index::read(folder, |entry| {
        if wanted(&entry) {
            inspection.look_at(&entry);
        }
    })?;
    Ok(inspection.finish())
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

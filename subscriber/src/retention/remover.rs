//! Deleting files and folders. What cannot be deleted now is tried again, and said once.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use tracing::warn;

use super::Deleted;
use crate::index::{INDEX_FILE, UNREADABLE_FILE, read_from};
use crate::store::replace::is_partial;
use crate::store::{FoldersInUse, SharedLedger};

/// So many files may be held by somebody at a time; then nothing more is deleted until they are not.
const MOST_HELD: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Remover {
    deleted: Deleted,
    /// Files that could not be deleted, and what they are counted with.
    held: BTreeMap<PathBuf, u64>,
    /// Whether something failed in the pass before, and in this one.
    failed_before: bool,
    fails: bool,
}

impl Remover {
    pub(super) fn deleted(&self) -> Deleted {
        self.deleted
    }

    /// Deletes a file of `bytes`. One that is not there was moved by its owner.
    pub(super) fn remove(&mut self, path: PathBuf, bytes: u64) {
        match fs::remove_file(&path) {
            Ok(()) => {
                self.deleted.files += 1;
                self.deleted.bytes += bytes;
            }
            Err(error) if is_gone(&error) => {}
            Err(error) => {
                self.complain(&path, &error);
                self.held.insert(path, bytes);
            }
        }
    }

    /// Tries again what could not be deleted.
    pub(super) fn retry(&mut self) {
        for (path, bytes) in std::mem::take(&mut self.held) {
            self.remove(path, bytes);
        }
    }

    /// A pass is over: what fails after one in which nothing failed is news.
    pub(super) fn end_pass(&mut self) {
        self.failed_before = std::mem::take(&mut self.fails);
    }

    /// Whether too much could not be deleted to go on.
    pub(super) fn holds_too_much(&self) -> bool {
        self.held.len() >= MOST_HELD
    }

    /// Says that something could not be done at `path`; more of the same is not said.
    pub(super) fn complain(&mut self, path: &Path, error: &io::Error) {
        if !self.failed_before && !self.fails {
            warn!(
                "cannot delete {}: {error}; trying again until it works",
                path.display()
            );
        }
        self.fails = true;
    }

    /// Takes `folder` away, of whose index nothing is left beyond the byte `read_to`, and the folders above it as far as
    /// they are empty, up to `root`. `false`: not now, it is in use, or the ledger relies on it.
    pub(super) fn remove_folder(
        &mut self,
        root: &Path,
        folder: &Path,
        read_to: u64,
        in_use: &FoldersInUse,
        ledger: &SharedLedger,
    ) -> io::Result<bool> {
        if self.held.keys().any(|path| path.starts_with(folder)) {
            return Ok(false);
        }
        // After a crash files may be left that are noted as deleted.
        read_from(folder, 0, |line| {
            if let Some(entry) = line.entry {
                self.remove(folder.join(&entry.file), entry.file_bytes());
            }
            ControlFlow::Continue(())
        })?;
        if self.held.keys().any(|path| path.starts_with(folder)) {
            return Ok(false);
        }
        let in_use = in_use.now();
        let index = folder.join(INDEX_FILE);
        let mut has_grown = false;
        read_from(folder, read_to, |_| {
            has_grown = true;
            ControlFlow::Break(())
        })?;
        if in_use.at_or_below(folder) || has_grown || ledger.needs_folder(folder) {
            return Ok(false);
        }
        remove_if_there(&index)?;
        remove_if_there(&folder.join(UNREADABLE_FILE))?;
        for item in fs::read_dir(folder).into_iter().flatten().flatten() {
            if item.file_name().to_str().is_some_and(is_partial) {
                remove_if_there(&item.path())?;
            }
        }
        // What its owner has put there stays, and with it the folder.
        for empty in folder.ancestors().take_while(|above| *above != root) {
            if in_use.at_or_below(empty) || fs::remove_dir(empty).is_err() {
                break;
            }
        }
        Ok(true)
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if !is_gone(&error) => Err(error),
        _ => Ok(()),
    }
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

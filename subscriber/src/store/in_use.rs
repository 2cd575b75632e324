//! Which folders the store has open: whoever tidies up must not take their indexes away.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The folders that the store has open. Cheap to clone: every clone sees the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct FoldersInUse {
    folders: Arc<Mutex<HashSet<PathBuf>>>,
}

impl FoldersInUse {
    /// Marks the folder at `path` as in use until the claim is dropped.
    pub(super) fn claim(&self, path: &Path) -> Claim {
        self.now().0.insert(path.to_owned());
        Claim {
            path: path.to_owned(),
            folders: self.clone(),
        }
    }

    /// What is in use at this moment. No folder is opened or closed until it is dropped; the ledger may be asked meanwhile.
    pub(crate) fn now(&self) -> InUseNow<'_> {
        InUseNow(self.folders.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The folders in use, held still.
pub(crate) struct InUseNow<'a>(MutexGuard<'a, HashSet<PathBuf>>);

impl InUseNow<'_> {
    /// Whether the folder at `path` is in use.
    pub(crate) fn is(&self, path: &Path) -> bool {
        self.0.contains(path)
    }

    /// Whether the folder at `path`, or one below it, is in use.
    pub(crate) fn at_or_below(&self, path: &Path) -> bool {
        self.0.iter().any(|folder| folder.starts_with(path))
    }
}

/// One folder's being in use.
#[derive(Debug)]
pub(super) struct Claim {
    path: PathBuf,
    folders: FoldersInUse,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.folders.now().0.remove(&self.path);
    }
}

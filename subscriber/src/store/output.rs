//! Taking an output folder: it exists, it can be written, and no other subscriber writes into it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use runtime::folder::{Lock, lock};

/// Why an output folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another program holds the lock.
    #[error("another frame-subscriber writes into {}", .0.display())]
    InUse(PathBuf),
    /// A file is in the way.
    #[error("{} is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// It does not exist and cannot be made.
    #[error("cannot create the folder {}", path.display())]
    Create {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What it had cannot be told.
    #[error("cannot read the ledger of the output folder")]
    Ledger(#[source] io::Error),
    /// Nothing can be written into it.
    #[error("cannot write into the folder {}", path.display())]
    Unwritable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// An output folder that is this program's own until this is dropped.
#[derive(Debug)]
pub struct OutputFolder {
    root: PathBuf,
    /// `None` on a file system without locks.
    _lock: Option<File>,
}

impl OutputFolder {
    /// Takes `root` for this program alone, creating it if need be.
    pub fn take(root: &Path) -> Result<Self, StoreError> {
        let unwritable = |source| StoreError::Unwritable {
            path: root.to_owned(),
            source,
        };
        create(root)?;
        // A later change of the working folder must not move the output.
        let absolute = std::path::absolute(root).map_err(unwritable)?;
        let Lock::Held(lock) = lock(&absolute).map_err(unwritable)? else {
            return Err(StoreError::InUse(root.to_owned()));
        };
        // The lock file may be older than the folder's being read-only: only a new file proves that files can be made.
        let probe = absolute.join(".framebridge.probe");
        File::create(&probe)
            .and_then(|_| fs::remove_file(&probe))
            .map_err(unwritable)?;
        Ok(Self {
            root: absolute,
            _lock: lock,
        })
    }

    /// The folder, as an absolute path.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }
}

fn create(root: &Path) -> Result<(), StoreError> {
    if fs::metadata(root).is_ok_and(|metadata| !metadata.is_dir()) {
        return Err(StoreError::NotAFolder(root.to_owned()));
    }
    fs::create_dir_all(root).map_err(|source| StoreError::Create {
        path: root.to_owned(),
        source,
    })
}

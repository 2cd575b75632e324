//! Taking an output folder: it exists, it can be written, and no other subscriber writes into it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Locked as long as a subscriber writes into the folder. It stays, empty, when the subscriber ends.
pub(crate) const LOCK_FILE: &str = ".framebridge.lock";

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
    /// Nothing can be written into it.
    #[error("cannot write into the folder {}", path.display())]
    Unwritable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Creates `root` if need be and locks it. The lock is held until the file is dropped.
pub(crate) fn take(root: &Path) -> Result<(PathBuf, File), StoreError> {
    let unwritable = |source| StoreError::Unwritable {
        path: root.to_owned(),
        source,
    };
    create(root)?;
    // A later change of the working folder must not move the output.
    let root_path = std::path::absolute(root).map_err(unwritable)?;
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(root_path.join(LOCK_FILE))
        .map_err(unwritable)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(StoreError::InUse(root.to_owned())),
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
            tracing::warn!(
                "{} is on a file system without locks: take care that no other subscriber writes into it",
                root.display()
            );
        }
        Err(TryLockError::Error(error)) => return Err(unwritable(error)),
    }
    // The lock file may be older than the folder's being read-only: only a new file proves that files can be made.
    let probe = root_path.join(".framebridge.probe");
    File::create(&probe)
        .and_then(|_| fs::remove_file(&probe))
        .map_err(unwritable)?;
    Ok((root_path, lock))
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

//! Folders that only one program at a time may use.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

/// Locked as long as a program uses the folder. It stays, empty, when the program ends.
pub const LOCK_FILE: &str = ".framebridge.lock";

/// What became of an attempt to take a folder.
#[derive(Debug)]
pub enum Lock {
    /// It is this program's until the file is dropped. `None`: its file system has no locks, which is said.
    Held(Option<File>),
    /// Another program has it.
    InUse,
}

/// Takes `folder` for this program alone.
pub fn lock(folder: &Path) -> io::Result<Lock> {
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join(LOCK_FILE))?;
    match lock.try_lock() {
        Ok(()) => Ok(Lock::Held(Some(lock))),
        Err(TryLockError::WouldBlock) => Ok(Lock::InUse),
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
            tracing::warn!(
                "{} is on a file system without locks: take care that no other program of ours uses it",
                folder.display()
            );
            Ok(Lock::Held(None))
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether `error` says that there is no room: on the disk, or in somebody's share of it.
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

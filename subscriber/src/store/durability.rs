//! Making sure that a power cut takes nothing: what has been written is forced from the system's memory to the disk.
//!
//! A file that its owner has moved away meanwhile is no error: it is in their care.

use std::fs::File;
use std::io;
use std::path::Path;

use clap::ValueEnum;

use super::replace::{PATIENCE, is_sharing_violation, patiently};

/// When stored frames are forced to the disk. The descriptions are those of `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SyncMode {
    /// Leave it to the system. A frame is acknowledged once its file has its name. A power cut may cost what was stored
    /// in the last half minute or so; the end of a program costs nothing
    #[default]
    None,
    /// Once a second. A frame is acknowledged once its file has its name, and stands in a receipt after the sync. A power
    /// cut may cost the last second, which a publisher with --confirm sends again
    Interval,
    /// Before a frame is acknowledged; up to 16 share one sync. A power cut costs nothing. A few hundred frames a second on a
    /// good disk, far fewer on a hard disk or a memory card
    Always,
}

/// Forces the content of the file at `path` to the disk.
pub(super) fn sync_file(path: &Path) -> io::Result<()> {
    // Windows flushes only what is open for writing, and that has to wait for readers.
    let sync = || {
        let opened = if cfg!(windows) {
            File::options().write(true).open(path)
        } else {
            File::open(path)
        };
        opened.and_then(|file| file.sync_data())
    };
    unless_moved(patiently(
        PATIENCE,
        std::thread::sleep,
        is_sharing_violation,
        sync,
    ))
}

/// Forces all that was written to the file systems of these folders, and the names in them: for many files that costs far
/// less than one after the other. `false`: this system has no such call.
#[cfg(target_os = "linux")]
pub(super) fn sync_file_systems<'a>(
    folders: impl IntoIterator<Item = &'a Path>,
) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;

    let mut synced = std::collections::BTreeSet::new();
    for folder in folders {
        let opened = File::open(folder).and_then(|folder| Ok((folder.metadata()?.dev(), folder)));
        unless_moved(opened.and_then(|(device, folder)| {
            if synced.insert(device) {
                rustix::fs::syncfs(&folder)?;
            }
            Ok(())
        }))?;
    }
    Ok(true)
}

/// Only Linux has it.
#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
pub(super) fn sync_file_systems<'a>(
    _folders: impl IntoIterator<Item = &'a Path>,
) -> io::Result<bool> {
    Ok(false)
}

/// Forces the names in the folder at `path` to the disk. Windows has no such call, and keeps names in its journal; some
/// network file systems have none either, and leave it to their server.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(path).and_then(|folder| folder.sync_all()) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        synced => unless_moved(synced),
    }
}

fn unless_moved(synced: io::Result<()>) -> io::Result<()> {
    match synced {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        synced => synced,
    }
}

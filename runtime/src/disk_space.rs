//! How much room a folder's disk has, looked at now and then by a thread that may wait for that disk.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::interval;
#[cfg(windows)]
use windows_sys::Win32::Storage::FileSystem::GetDiskFreeSpaceExW;

/// How often it is looked at.
const INTERVAL: Duration = Duration::from_secs(10);

/// The room of a disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    /// What this user may still write.
    pub free: u64,
    /// All of it.
    pub total: u64,
}

/// The room of the disk that `folder` is on; `None` if the system does not say.
#[cfg(unix)]
#[must_use]
pub fn space(folder: &Path) -> Option<Space> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(Space {
        free: disk.f_bavail.saturating_mul(disk.f_frsize),
        total: disk.f_blocks.saturating_mul(disk.f_frsize),
    })
}

/// The room of the disk that `folder` is on; `None` if the system does not say.
#[cfg(windows)]
#[must_use]
#[expect(
    unsafe_code,
    reason = "the standard library does not ask Windows for it"
)]
pub fn space(folder: &Path) -> Option<Space> {
    use std::os::windows::ffi::OsStrExt as _;

    let path: Vec<u16> = folder.as_os_str().encode_wide().chain([0]).collect();
    let (mut free, mut total) = (0, 0);
    // SAFETY: the path ends in a zero, and all three outlive the call, which keeps none of them; the last figure is not asked for.
    let answered = unsafe {
        GetDiskFreeSpaceExW(
            path.as_ptr(),
            &raw mut free,
            &raw mut total,
            std::ptr::null_mut(),
        )
    };
    (answered != 0).then_some(Space { free, total })
}

/// The newest answer of [`space`], as long as somebody keeps the receiver. A disk that does not answer leaves the old one.
#[must_use]
pub fn watch_space(folder: PathBuf) -> watch::Receiver<Option<Space>> {
    let (sender, receiver) = watch::channel(None);
    tokio::spawn(async move {
        let mut ticks = interval(INTERVAL);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = sender.closed() => return,
            }
            let folder = folder.clone();
            if let Ok(space) = spawn_blocking(move || space(&folder)).await {
                sender.send_replace(space);
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_disk_is_larger_than_what_is_free_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut watched = watch_space(folder.path().to_owned());
        let seen = tokio::time::timeout(INTERVAL, watched.changed()).await;
        seen.expect("nobody looked").unwrap();
        let Space { free, total } = watched.borrow().unwrap();
        assert!(0 < free && free <= total, "{free} of {total}");
    }

    #[test]
    fn a_folder_that_is_not_there_has_no_room() {
        assert_eq!(space(Path::new("/no/such/folder")), None);
    }
}

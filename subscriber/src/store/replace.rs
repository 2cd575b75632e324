//! A whole file or none: written under another name, then renamed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// For how long a rename that meets a sharing violation is tried again, altogether.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// Whether `name` is a file's while it is being written.
pub(crate) fn is_partial(name: &str) -> bool {
    name.starts_with('.') && name.strip_suffix(".part").is_some()
}

/// Makes `bytes` the content of `folder`/`file`: a reader sees the old file or the new one. After an error the old one
/// is untouched.
pub(crate) fn replace(folder: &Path, file: &str, bytes: &[u8]) -> io::Result<()> {
    replace_within(PATIENCE, folder, file, bytes)
}

/// [`replace`], waiting no longer than `patience` for somebody who holds the old file.
pub(crate) fn replace_within(
    patience: Duration,
    folder: &Path,
    file: &str,
    bytes: &[u8],
) -> io::Result<()> {
    replace_after(patience, folder, file, bytes, |_| Ok(()))
}

/// [`replace`], with the bytes forced to the disk before they get their name: after a power cut, too, there is the old file
/// or the new one.
pub(crate) fn replace_synced(folder: &Path, file: &str, bytes: &[u8]) -> io::Result<()> {
    replace_after(PATIENCE, folder, file, bytes, File::sync_data)
}

fn replace_after(
    patience: Duration,
    folder: &Path,
    file: &str,
    bytes: &[u8],
    before_rename: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    let partial = folder.join(format!(".{file}.part"));
    let target = folder.join(file);
    write(&partial, bytes)
        .and_then(|written| before_rename(&written))
        .and_then(|()| {
            patiently(patience, std::thread::sleep, is_sharing_violation, || {
                fs::rename(&partial, &target)
            })
        })
        .map_err(|error| {
            // It may never have been made; the next use of the folder removes it in any case.
            let _ = fs::remove_file(&partial);
            at(&target, &error)
        })
}

/// `error` with the path at which it happened.
pub(crate) fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn write(path: &PathBuf, bytes: &[u8]) -> io::Result<File> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    Ok(file)
}

/// On Windows a virus scanner or a viewer may hold either file for a moment: `ACCESS_DENIED`,
/// `SHARING_VIOLATION`, `LOCK_VIOLATION`.
pub(super) fn is_sharing_violation(error: &io::Error) -> bool {
    cfg!(windows) && matches!(error.raw_os_error(), Some(5 | 32 | 33))
}

pub(super) fn patiently(
    patience: Duration,
    mut pause: impl FnMut(Duration),
    is_passing: impl Fn(&io::Error) -> bool,
    mut attempt: impl FnMut() -> io::Result<()>,
) -> io::Result<()> {
    let (mut waited, mut next) = (Duration::ZERO, FIRST_PAUSE);
    loop {
        match attempt() {
            Err(error) if waited < patience && is_passing(&error) => {
                pause(next);
                waited += next;
                next *= 2;
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held() -> io::Error {
        io::Error::from(io::ErrorKind::PermissionDenied)
    }

    #[test]
    fn a_file_that_is_held_for_a_moment_is_waited_for() {
        let (mut pauses, mut attempts) = (Vec::new(), 0);
        patiently(
            PATIENCE,
            |pause| pauses.push(pause),
            |_| true,
            || {
                attempts += 1;
                if attempts < 4 { Err(held()) } else { Ok(()) }
            },
        )
        .unwrap();
        assert_eq!(pauses, [5, 10, 20].map(Duration::from_millis));
    }

    #[test]
    fn a_file_that_is_held_for_ever_is_not() {
        let mut waited = Duration::ZERO;
        patiently(PATIENCE, |pause| waited += pause, |_| true, || Err(held())).unwrap_err();
        assert!(waited >= PATIENCE && waited < 2 * PATIENCE);
    }

    #[test]
    fn what_will_not_pass_fails_at_once() {
        let never = |_| unreachable!("no pause");
        patiently(PATIENCE, never, |_| false, || Err(held())).unwrap_err();
    }

    #[test]
    fn after_an_error_no_partial_file_is_left() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a.jpg/in-the-way")).unwrap();
        let error = replace(folder.path(), "a.jpg", b"x").unwrap_err();
        assert!(error.to_string().contains("a.jpg: "), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

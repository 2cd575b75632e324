//! How files with secrets are written: a reader finds the old one or the new one, and nobody else gets to read it.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Why a file is as it was.
#[derive(Debug)]
pub(super) enum NotReplaced {
    /// It is another user's, and this one may not give files away.
    #[cfg_attr(
        not(unix),
        expect(dead_code, reason = "there files have the rights of their folder")
    )]
    Owner,
    Io(io::Error),
}

impl From<io::Error> for NotReplaced {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Has `path` hold `text`, with the owner and the rights that it had. Where `path` is a link, what it points to is written.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), NotReplaced> {
    let path = pointed_at(path)?;
    let new = beside(&path, ".new");
    let _ = fs::remove_file(&new);
    let replaced = write_secret(&new, text)
        .map_err(NotReplaced::Io)
        .and_then(|()| like(&path, &new))
        .and_then(|()| Ok(fs::rename(&new, &path)?));
    if replaced.is_err() {
        let _ = fs::remove_file(&new);
    }
    replaced
}

/// Writes a file that is not there yet, for the eyes of its owner alone.
pub fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::File::options();
    options.write(true).create_new(true);
    // On Windows a file has the rights of its folder, and a user's folders are the user's own.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.to_owned().into_os_string();
    path.push(ending);
    path.into()
}

/// Where a chain of links ends, whether or not there is a file yet.
fn pointed_at(path: &Path) -> io::Result<PathBuf> {
    if path.exists() {
        return path.canonicalize();
    }
    Ok(match fs::read_link(path) {
        Ok(target) => path.parent().unwrap_or(Path::new("")).join(target),
        Err(_) => path.to_owned(),
    })
}

/// Gives `new` the owner and the rights of `old`, if there is one.
fn like(old: &Path, new: &Path) -> Result<(), NotReplaced> {
    let Ok(old) = fs::metadata(old) else {
        return Ok(());
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, chown};
        let made = fs::metadata(new)?;
        if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
            chown(new, Some(old.uid()), Some(old.gid())).map_err(|_| NotReplaced::Owner)?;
        }
    }
    Ok(fs::set_permissions(new, old.permissions())?)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn a_link_stays_a_link_and_rights_stay_rights() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("users"), folder.path().join("link"));
        symlink("users", &link).unwrap();
        replace(&link, "first").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "first");
        let mode = || fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        replace(&link, "second").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "second");
        assert_eq!(mode(), 0o640);
        assert!(link.is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}

//! The users' file: one line a user, with the salted hash of the password (Argon2id).
//!
//! ```text
//! camera nest $argon2id$v=19$m=19456,t=2,p=1$...
//! consumer office-pc $argon2id$...
//! ```
//!
//! It is read whenever somebody comes: who is added may come in at once, who is removed does not come in again.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use mqtt5::broker::PasswordAuthProvider;

pub use crate::access::User;

/// Bytes of chance in a password that we make.
const PASSWORD_BYTES: usize = 18;

/// What is wrong with the users' file, or with what is asked of it.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// It cannot be read or written.
    #[error("cannot use the users' file {}: {error}", path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It holds something else.
    #[error("line {line} of {} is not a user: make it anew with frame-subscriber broker add-camera and its like", path.display())]
    Line {
        /// Its path.
        path: PathBuf,
        /// Which, from 1.
        line: usize,
    },
    /// A name stands for one user.
    #[error("{} is in {} already: choose another name, or remove it first", .1, .0.display())]
    Taken(PathBuf, User),
    /// Nobody is called so.
    #[error("nobody in {} is called {}", .0.display(), .1)]
    Unknown(PathBuf, String),
    /// A password could not be made into a hash.
    #[error("the system gives no random numbers")]
    NoChance,
}

/// The file, wherever it is.
#[derive(Debug, Clone)]
pub struct UserFile {
    path: PathBuf,
}

struct Entry {
    user: User,
    hash: String,
}

impl UserFile {
    /// One that can be read.
    pub fn open(path: PathBuf) -> Result<Self, UsersError> {
        let file = Self { path };
        file.entries()?;
        Ok(file)
    }

    /// One that is made when the first user is added.
    pub fn open_or_new(path: PathBuf) -> Result<Self, UsersError> {
        if path.exists() {
            Self::open(path)
        } else {
            Ok(Self { path })
        }
    }

    /// The user with this name and password, if there is one.
    pub(crate) fn user(&self, name: &str, password: &str) -> Result<Option<User>, UsersError> {
        let entry = self
            .entries()?
            .into_iter()
            .find(|entry| entry.user.name() == name);
        let entry =
            entry.filter(|entry| PasswordAuthProvider::verify_password(password, &entry.hash));
        Ok(entry.map(|entry| entry.user))
    }

    /// Whether there is a user of this name.
    #[cfg(test)]
    fn has(&self, name: &str) -> Result<bool, UsersError> {
        Ok(self
            .entries()?
            .iter()
            .any(|entry| entry.user.name() == name))
    }

    /// Whether the name of `user` is nobody's yet.
    pub fn check_free(&self, user: &User) -> Result<(), UsersError> {
        if !self.path.exists() {
            return Ok(());
        }
        match self
            .entries()?
            .into_iter()
            .find(|entry| entry.user.name() == user.name())
        {
            Some(other) => Err(UsersError::Taken(self.path.clone(), other.user)),
            None => Ok(()),
        }
    }

    /// Adds a user.
    pub fn add(&self, user: User, password: &str) -> Result<(), UsersError> {
        let _turn = self.turn()?;
        self.check_free(&user)?;
        let mut entries = if self.path.exists() {
            self.entries()?
        } else {
            Vec::new()
        };
        let hash =
            PasswordAuthProvider::hash_password(password).map_err(|_| UsersError::NoChance)?;
        entries.push(Entry { user, hash });
        self.write(&entries)
    }

    /// Removes a user.
    pub fn remove(&self, name: &str) -> Result<User, UsersError> {
        let _turn = self.turn()?;
        let mut entries = self.entries()?;
        let nth = entries
            .iter()
            .position(|entry| entry.user.name() == name)
            .ok_or_else(|| UsersError::Unknown(self.path.clone(), name.to_owned()))?;
        let removed = entries.remove(nth);
        self.write(&entries)?;
        Ok(removed.user)
    }

    /// Two programs at a time would each write a file without the other's user. The lock is let go with what this gives.
    fn turn(&self) -> Result<fs::File, UsersError> {
        let lock = fs::File::options()
            .create(true)
            .append(true)
            .open(self.beside(".lock"));
        lock.and_then(|lock| lock.lock().map(|()| lock))
            .map_err(|error| self.unusable(error))
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(ending);
        path.into()
    }

    fn entries(&self) -> Result<Vec<Entry>, UsersError> {
        let text = fs::read_to_string(&self.path).map_err(|error| self.unusable(error))?;
        let lines = text.lines().enumerate();
        lines
            .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
            .map(|(nth, line)| {
                entry(line).ok_or_else(|| UsersError::Line {
                    path: self.path.clone(),
                    line: nth + 1,
                })
            })
            .collect()
    }

    fn write(&self, entries: &[Entry]) -> Result<(), UsersError> {
        let mut text = String::new();
        for Entry { user, hash } in entries {
            text.extend([&user.to_string(), " ", hash, "\n"]);
        }
        // A reader finds the old file or the new one.
        let new = self.beside(".new");
        let _ = fs::remove_file(&new);
        write_secret(&new, &text)
            .and_then(|()| fs::rename(&new, &self.path))
            .map_err(|error| self.unusable(error))
    }

    fn unusable(&self, error: io::Error) -> UsersError {
        UsersError::File {
            path: self.path.clone(),
            error,
        }
    }
}

fn entry(line: &str) -> Option<Entry> {
    let mut words = line.split_whitespace();
    let user = User::parse(words.next()?, words.next()?)?;
    let hash = words.next().filter(|hash| hash.starts_with("$argon2"))?;
    words.next().is_none().then(|| Entry {
        user,
        hash: hash.to_owned(),
    })
}

/// A password that nobody guesses.
pub fn new_password() -> Result<String, UsersError> {
    let mut bytes = [0; PASSWORD_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| UsersError::NoChance)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn camera(name: &str) -> User {
        User::parse("camera", name).unwrap()
    }

    #[test]
    fn a_user_is_known_by_name_and_password_until_removed() {
        let folder = tempfile::tempdir().unwrap();
        let file = UserFile::open_or_new(folder.path().join("users")).unwrap();
        file.add(camera("nest"), "secret").unwrap();
        assert_eq!(file.user("nest", "secret").unwrap(), Some(camera("nest")));
        assert_eq!(file.user("nest", "Secret").unwrap(), None);
        assert_eq!(file.user("door", "secret").unwrap(), None);
        assert!(matches!(
            file.add(camera("nest"), "x"),
            Err(UsersError::Taken(..))
        ));

        assert_eq!(file.remove("nest").unwrap(), camera("nest"));
        assert_eq!(file.user("nest", "secret").unwrap(), None);
        assert!(matches!(file.remove("nest"), Err(UsersError::Unknown(..))));
    }

    #[test]
    fn users_who_are_added_at_the_same_time_are_all_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = UserFile::open_or_new(folder.path().join("users")).unwrap();
        let names = ["a", "b", "c", "d"];
        std::thread::scope(|scope| {
            for name in names {
                let file = &file;
                scope.spawn(move || file.add(camera(name), "secret").unwrap());
            }
        });
        for name in names {
            assert!(file.has(name).unwrap(), "{name}");
        }
    }

    #[test]
    fn a_file_of_something_else_is_refused_by_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        for line in [
            "nest:$7$101$x",
            "camera nest",
            "robot nest $argon2id$x",
            "camera ../x $argon2id$x",
            "camera nest $argon2id$x y",
        ] {
            fs::write(&path, format!("# mine\n\n{line}\n")).unwrap();
            let refused = UserFile::open(path.clone());
            assert!(
                matches!(refused, Err(UsersError::Line { line: 3, .. })),
                "{line}"
            );
        }
    }

    #[test]
    fn no_two_passwords_are_alike() {
        let (one, other) = (new_password().unwrap(), new_password().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), 24);
    }
}

//! The users' file: one line a user, with the salted hash of the password (Argon2id).
//!
//! ```text
//! camera nest $argon2id$v=19$m=19456,t=2,p=1$...
//! consumer office-pc $argon2id$...
//! ```
//!
//! Empty lines and those that begin with `#` are a person's own, and stay.
//!
//! It is read whenever somebody comes: who is added may come in at once, who is removed does not come in again.

mod replacing;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use mqtt5::broker::PasswordAuthProvider;

pub use crate::access::User;
pub use replacing::write_secret;
use replacing::{NotReplaced, beside};

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
    /// Written anew, it would be somebody else's, and perhaps out of the broker's reach.
    #[error("{} belongs to another user, which would be lost: change it as that user, or with sudo", .0.display())]
    Owner(PathBuf),
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
    pub fn add(&self, user: &User, password: &str) -> Result<(), UsersError> {
        let _turn = self.turn()?;
        self.check_free(user)?;
        let mut text = if self.path.exists() {
            self.text()?
        } else {
            String::new()
        };
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.extend([&user.to_string(), " ", &hash(password)?, "\n"]);
        self.write(&text)
    }

    /// Removes a user. All other lines stay as they are.
    pub fn remove(&self, name: &str) -> Result<User, UsersError> {
        let _turn = self.turn()?;
        let removed = self
            .entries()?
            .into_iter()
            .find(|entry| entry.user.name() == name)
            .ok_or_else(|| UsersError::Unknown(self.path.clone(), name.to_owned()))?;
        let text = self.text()?;
        let others = text
            .split_inclusive('\n')
            .filter(|line| entry(line).is_none_or(|entry| entry.user.name() != name));
        self.write(&others.collect::<String>())?;
        Ok(removed.user)
    }

    /// Two programs at a time would each write a file without the other's user. The lock is let go with what this gives.
    fn turn(&self) -> Result<fs::File, UsersError> {
        let path = beside(&self.path, ".lock");
        let lock = fs::File::options().create(true).append(true).open(&path);
        // Made by root, it is there for others to read alone.
        lock.or_else(|_| fs::File::open(&path))
            .and_then(|lock| lock.lock().map(|()| lock))
            .map_err(|error| self.unusable(error))
    }

    fn entries(&self) -> Result<Vec<Entry>, UsersError> {
        let text = self.text()?;
        let lines = text.lines().enumerate();
        lines
            .filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
            .map(|(nth, line)| {
                entry(line).ok_or_else(|| UsersError::Line {
                    path: self.path.clone(),
                    line: nth + 1,
                })
            })
            .collect()
    }

    fn text(&self) -> Result<String, UsersError> {
        fs::read_to_string(&self.path).map_err(|error| self.unusable(error))
    }

    fn write(&self, text: &str) -> Result<(), UsersError> {
        replacing::replace(&self.path, text).map_err(|failed| match failed {
            NotReplaced::Owner => UsersError::Owner(self.path.clone()),
            NotReplaced::Io(error) => self.unusable(error),
        })
    }

    fn unusable(&self, error: io::Error) -> UsersError {
        UsersError::File {
            path: self.path.clone(),
            error,
        }
    }
}

/// Knows users by their passwords.
#[derive(Debug, Clone)]
pub(crate) struct Identities {
    file: UserFile,
    /// Of a password that nobody has: an unknown name takes as long to refuse as a known one.
    nobodys_hash: String,
}

impl Identities {
    pub(crate) fn new(file: UserFile) -> Result<Self, UsersError> {
        let nobodys_hash = hash(&new_password()?)?;
        Ok(Self { file, nobodys_hash })
    }

    /// The user with this name and password, if there is one.
    pub(crate) fn user(&self, name: &str, password: &str) -> Result<Option<User>, UsersError> {
        let entries = self.file.entries()?;
        let entry = entries.into_iter().find(|entry| entry.user.name() == name);
        let hash = entry
            .as_ref()
            .map_or(&self.nobodys_hash, |entry| &entry.hash);
        let is_right = PasswordAuthProvider::verify_password(password, hash);
        Ok(entry.filter(|_| is_right).map(|entry| entry.user))
    }
}

fn hash(password: &str) -> Result<String, UsersError> {
    PasswordAuthProvider::hash_password(password).map_err(|_| UsersError::NoChance)
}

fn entry(line: &str) -> Option<Entry> {
    let mut words = line.split_whitespace();
    let user = User::parse(words.next()?, words.next()?)?;
    let hash = words.next().filter(|hash| is_argon2(hash))?;
    words.next().is_none().then(|| Entry {
        user,
        hash: hash.to_owned(),
    })
}

/// Whether it is what `hash` makes, `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`, or another program of the same kind. Anything
/// else would keep its user out without a word.
fn is_argon2(hash: &str) -> bool {
    let [
        "",
        "argon2id" | "argon2i" | "argon2d",
        version,
        costs,
        salt,
        sum,
    ] = hash.split('$').collect::<Vec<_>>()[..]
    else {
        return false;
    };
    let costs: Vec<_> = costs
        .split(',')
        .filter_map(|cost| cost.split_once('='))
        .collect();
    let are_costs = matches!(costs[..], [("m", _), ("t", _), ("p", _)])
        && costs
            .iter()
            .all(|(_, cost)| cost.parse::<u32>().is_ok_and(|cost| cost > 0));
    let bytes = |text: &str| {
        BASE64_STANDARD_NO_PAD
            .decode(text)
            .unwrap_or_default()
            .len()
    };
    matches!(version, "v=16" | "v=19") && are_costs && bytes(salt) >= 8 && bytes(sum) >= 10
}

/// A password that nobody guesses.
pub fn new_password() -> Result<String, UsersError> {
    let mut bytes = [0; PASSWORD_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| UsersError::NoChance)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

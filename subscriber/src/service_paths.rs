//! The paths that a service is installed with: made to hold wherever Windows starts it, and what its account must be allowed there.
//!
//! This knows nothing of Windows' services, so that it is tested on any system.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{io, path};

use clap::{Args as _, ValueHint};

use crate::config::RunArgs;

/// Local Service by its number: its name is another one in each language of Windows.
const ACCOUNT: &str = "*S-1-5-19";

/// The options of receiving, as a service gets them.
#[derive(Debug)]
pub(crate) struct Lasting {
    /// The words of the command line; each path among them is absolute.
    pub(crate) words: Vec<OsString>,
    /// Those paths, with the option of each.
    paths: Vec<(String, PathBuf)>,
}

impl Lasting {
    /// Of `words`, which are known to be good options of receiving. Relative paths are below the current folder.
    pub(crate) fn new(words: impl Iterator<Item = OsString>) -> io::Result<Self> {
        let mut lasting = Self {
            words: Vec::new(),
            paths: Vec::new(),
        };
        let options = path_options();
        let mut before = None;
        for word in words {
            let text = word.to_str().map(str::to_owned).unwrap_or_default();
            if let Some(option) = before.take() {
                let path = lasting.keep(option, Path::new(&word))?;
                lasting.words.push(path.into());
            } else if let Some(option) = options.iter().find(|option| **option == text) {
                before = Some(option);
                lasting.words.push(word);
            } else if let Some((option, value)) = option_and_value(&options, &text) {
                let path = lasting.keep(option, Path::new(value))?;
                let mut word = OsString::from(format!("{option}="));
                word.push(path);
                lasting.words.push(word);
            } else {
                lasting.words.push(word);
            }
        }
        Ok(lasting)
    }

    /// The path that was given for `option`.
    pub(crate) fn path(&self, option: &str) -> Option<&Path> {
        let given = self.paths.iter().find(|(given, _)| given == option);
        given.map(|(_, path)| path.as_path())
    }

    /// Files that the service reads.
    pub(crate) fn read(&self) -> impl Iterator<Item = &Path> {
        let uses = self.paths.iter().map(used);
        uses.filter_map(|used| match used {
            Used::Read(file) => Some(file),
            Used::Written(_) => None,
        })
    }

    /// Folders that the service writes into.
    pub(crate) fn written(&self) -> impl Iterator<Item = &Path> {
        let uses = self.paths.iter().map(used);
        uses.filter_map(|used| match used {
            Used::Read(_) => None,
            Used::Written(folder) => Some(folder),
        })
    }

    /// Commands that let the account in, one for each folder. Files have their folder's rights: a users' file is replaced
    /// with each change, and rights of its own would be gone.
    pub(crate) fn grants(&self) -> Vec<String> {
        let folders = self.read().filter_map(Path::parent);
        let mut rights: BTreeMap<&Path, &str> = folders.map(|folder| (folder, "RX")).collect();
        rights.extend(self.written().map(|folder| (folder, "M")));
        let command = |(folder, right): (&Path, &str)| {
            let folder = folder.display();
            format!("icacls \"{folder}\" /grant \"{ACCOUNT}:(OI)(CI){right}\"")
        };
        rights.into_iter().map(command).collect()
    }

    fn keep(&mut self, option: &str, path: &Path) -> io::Result<PathBuf> {
        let path = path::absolute(path)?;
        self.paths.push((option.to_owned(), path.clone()));
        Ok(path)
    }
}

enum Used<'path> {
    Read(&'path Path),
    Written(&'path Path),
}

fn used((option, path): &(String, PathBuf)) -> Used<'_> {
    match option.as_str() {
        "--out" | "--log-dir" => Used::Written(path),
        "--latest" | "--summary-json" => Used::Written(folder_of(path)),
        _ => Used::Read(path),
    }
}

/// The folder that a file is in; with `{camera}` among the names of folders, the one that is there for all cameras.
fn folder_of(path: &Path) -> &Path {
    let is_named = |folder: &&Path| !folder.to_string_lossy().contains('{');
    path.ancestors().skip(1).find(is_named).unwrap_or(path)
}

/// The options whose value is a path.
fn path_options() -> Vec<String> {
    let command = RunArgs::augment_args(clap::Command::new("install"));
    let options = command.get_arguments();
    options
        .filter(|option| option.get_value_hint() == ValueHint::AnyPath)
        .filter_map(|option| option.get_long().map(|long| format!("--{long}")))
        .collect()
}

/// `--out=frames`, if it is one of the `options`.
fn option_and_value<'word>(
    options: &[String],
    word: &'word str,
) -> Option<(&'word str, &'word str)> {
    let (option, value) = word.split_once('=')?;
    options
        .iter()
        .any(|known| known == option)
        .then_some((option, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lasting(words: &str) -> Lasting {
        Lasting::new(words.split_whitespace().map(Into::into)).unwrap()
    }

    fn here(name: &str) -> String {
        path::absolute(name).unwrap().display().to_string()
    }

    #[test]
    fn the_path_of_an_option_is_known_if_it_was_given() {
        let given = lasting("--out frames --consumer pc");
        assert_eq!(given.path("--out"), Some(Path::new(&here("frames"))));
        assert_eq!(given.path("--log-dir"), None);
    }

    #[test]
    fn paths_are_made_absolute_and_other_words_stay_as_they_are() {
        let words = "--broker embedded:0.0.0.0:1883 --broker-users users.txt --consumer pc --out=frames --receipts";
        let (users, out) = (here("users.txt"), here("frames"));
        assert_eq!(
            lasting(words).words,
            format!(
                "--broker embedded:0.0.0.0:1883 --broker-users {users} --consumer pc --out={out} --receipts"
            )
            .split_whitespace()
            .collect::<Vec<_>>()
        );
    }

    #[test]
    fn every_path_of_receiving_is_known_as_one() {
        let mut options = path_options();
        options.sort();
        let known = "--ca-file --cert-file --key-file --latest --log-dir --out --password-file --summary-json --view-token-file";
        for option in known.split(' ') {
            assert!(
                options.iter().any(|one| one == option),
                "{option}: {options:?}"
            );
        }
        assert!(!options.iter().any(|one| one == "--layout"));
    }

    #[test]
    fn the_account_needs_each_folder_once_with_the_greater_right() {
        let granted = |words| lasting(words).grants();
        assert_eq!(
            granted("--password-file secrets/pc --ca-file secrets/ca.crt --out frames"),
            [
                format!(
                    "icacls \"{}\" /grant \"*S-1-5-19:(OI)(CI)M\"",
                    here("frames")
                ),
                format!(
                    "icacls \"{}\" /grant \"*S-1-5-19:(OI)(CI)RX\"",
                    here("secrets")
                ),
            ]
        );
        assert_eq!(
            granted("--password-file all/pc --latest all/now.jpg"),
            [format!(
                "icacls \"{}\" /grant \"*S-1-5-19:(OI)(CI)M\"",
                here("all")
            )]
        );
        assert_eq!(
            granted("--latest all/{camera}/now.jpg"),
            granted("--out all")
        );
        assert!(granted("--consumer pc").is_empty());
    }
}

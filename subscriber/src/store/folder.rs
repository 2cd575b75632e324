//! The folders that are being written into: each with its index open, and what that index records in memory.

use std::collections::HashMap;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::in_use::{Claim, FoldersInUse};
use super::keeping::NumberSets;
use super::replace::{at, is_partial, replace};
use crate::index::{Entry, INDEX_FILE, IndexWriter};
use crate::ledger::Numbers;

/// More folders than this are never open: each is a file handle.
const MAX_OPEN: usize = 128;
/// A folder that was not used for so long is closed when another opens: Windows lets nobody move an open one.
const IDLE: Duration = Duration::from_mins(2);

/// The folders in use; the one used last stands last.
#[derive(Debug, Default)]
pub(super) struct OpenFolders {
    open: Vec<Folder>,
    in_use: FoldersInUse,
}

impl OpenFolders {
    /// Which folders are open, now and later.
    pub(super) fn in_use(&self) -> FoldersInUse {
        self.in_use.clone()
    }

    /// The folder at `path`, made and opened if need be.
    pub(super) fn get(&mut self, path: &Path) -> io::Result<&mut Folder> {
        let now = Instant::now();
        let mut folder = match self.open.iter().rposition(|folder| folder.is_at(path)) {
            Some(last) if last + 1 == self.open.len() => self.open.pop(),
            Some(earlier) => Some(self.open.remove(earlier)),
            None => None,
        };
        if folder.is_none() {
            self.open.retain(|folder| now - folder.used < IDLE);
            if self.open.len() >= MAX_OPEN {
                self.open.remove(0);
            }
            let claim = self.in_use.claim(path);
            folder = Some(Folder::open(path, claim).map_err(|error| at(path, &error))?);
        }
        let mut folder = folder.expect("found or opened");
        folder.used = now;
        Ok(self.open.push_mut(folder))
    }

    /// The folder at `path` if it is open, or has an index to open.
    pub(super) fn existing(&mut self, path: &Path) -> io::Result<Option<&mut Folder>> {
        if self.is_open(path) || path.join(INDEX_FILE).is_file() {
            self.get(path).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Whether the folder at `path` is open.
    pub(super) fn is_open(&self, path: &Path) -> bool {
        self.open.iter().any(|folder| folder.is_at(path))
    }

    /// Closes the folder at `path`.
    pub(super) fn forget(&mut self, path: &Path) {
        self.open.retain(|folder| !folder.is_at(path));
    }
}

/// Whether an index has an entry, by its name in the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recorded {
    /// The name is free.
    No,
    /// This very entry.
    Same,
    /// The name is another's.
    Other,
}

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    used: Instant,
    index: IndexWriter,
    /// What the index has, by name: each as two hashes under a random key, for a folder may hold millions of entries.
    records: HashMap<u64, u64>,
    hasher: RandomState,
    /// The frames that the index had when it was opened, until somebody asks.
    numbers: Option<Vec<Numbers>>,
    _claim: Claim,
}

impl Folder {
    fn open(path: &Path, claim: Claim) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        remove_leftovers(path)?;
        let (mut records, hasher) = (HashMap::new(), RandomState::new());
        let mut numbers = NumberSets::default();
        let index = IndexWriter::open(path, |entry| {
            records.insert(name_key(&hasher, &entry.file), record(&hasher, &entry));
            if let Some((stream, sequence)) = entry.identity() {
                numbers.insert(&entry.camera, stream, sequence);
            }
        })?;
        Ok(Self {
            path: path.to_owned(),
            used: Instant::now(),
            index,
            records,
            hasher,
            numbers: Some(numbers.into_numbers()),
            _claim: claim,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Length of the index.
    pub(super) fn index_bytes(&self) -> u64 {
        self.index.len()
    }

    /// The frames that the index had when it was opened; once.
    pub(super) fn take_numbers(&mut self) -> Option<Vec<Numbers>> {
        self.numbers.take()
    }

    pub(super) fn recorded(&self, entry: &Entry) -> Recorded {
        match self.records.get(&name_key(&self.hasher, &entry.file)) {
            None => Recorded::No,
            Some(found) if *found == record(&self.hasher, entry) => Recorded::Same,
            Some(_) => Recorded::Other,
        }
    }

    /// Whether the file is there, but not all of it. One that is gone was moved away by its owner.
    pub(super) fn holds_part_of(&self, entry: &Entry) -> io::Result<bool> {
        match fs::metadata(self.path.join(&entry.file)) {
            Ok(metadata) => Ok(metadata.len() != entry.file_bytes()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes the file, then its entry. After an error the folder must be opened anew.
    pub(super) fn store(&mut self, entry: &Entry, bytes: &[u8]) -> io::Result<()> {
        self.write(&entry.file, bytes)?;
        self.index
            .append(entry)
            .map_err(|error| at(&self.path.join(INDEX_FILE), &error))?;
        let key = name_key(&self.hasher, &entry.file);
        self.records.insert(key, record(&self.hasher, entry));
        Ok(())
    }

    pub(super) fn write(&self, file: &str, bytes: &[u8]) -> io::Result<()> {
        replace(&self.path, file, bytes)
    }

    /// Letter by letter: all paths are made alike, and comparing their components would take longer than all else here.
    fn is_at(&self, path: &Path) -> bool {
        let (own, other) = (self.path.as_os_str(), path.as_os_str());
        // Where the file system ignores case, two cameras may share a folder: they must share its index, too.
        if cfg!(any(windows, target_os = "macos")) {
            own.eq_ignore_ascii_case(other)
        } else {
            own == other
        }
    }

    #[cfg(test)]
    pub(super) fn break_index(&mut self) {
        self.index.break_for_test(&self.path);
    }
}

/// Names that differ only in case are one file on some systems, and no two frames have such names.
fn name_key(hasher: &RandomState, name: &str) -> u64 {
    hasher.hash_one(name.to_ascii_lowercase())
}

/// What makes two entries of one name the same.
fn record(hasher: &RandomState, entry: &Entry) -> u64 {
    let content = (entry.bytes, entry.crc32c, entry.exif_bytes);
    hasher.hash_one((&entry.camera, entry.identity(), content))
}

/// Files whose writing a crash cut short: their frames were not acknowledged, and come again.
pub(super) fn remove_leftovers(folder: &Path) -> io::Result<()> {
    for item in fs::read_dir(folder)? {
        let item = item?;
        if item.file_name().to_str().is_some_and(is_partial) {
            fs::remove_file(item.path())?;
        }
    }
    Ok(())
}

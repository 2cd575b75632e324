//! Mending the indexes of an output folder: so that they say what is there, and each line of them can be read; and its
//! ledger, so that it has what they say.
//!
//! No picture is changed or deleted, and no entry is taken out for its file's being gone: that is for
//! [`verify`](crate::verify) to report. Each index is written beside its place and renamed into it; what could not be
//! read in it goes to `index.jsonl.unreadable`. The folder is held by its lock meanwhile: no subscriber writes into it.

mod identify;
mod known;
mod mend;

#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use serde::Serialize;

use crate::folders::folders;
use crate::index::{Entry, INDEX_FILE, UNREADABLE_FILE, to_line};
use crate::layout::{QUARANTINE, QuarantineName, is_picture};
use crate::ledger::{Numbers, StoreLedger};
use crate::retention::journal::Journal;
use crate::store::replace::{at, is_partial, replace};
use crate::store::{OutputFolder, checkpoint};
use crate::verify::{Problem, count};
use known::Known;
use mend::Mended;

pub(crate) use known::Books;

/// Files that are left as they are and named; the rest is counted.
const KEPT_LEFT: usize = 1000;
/// How many of them are printed.
const PRINTED_LEFT: usize = 20;

/// What was mended.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Repaired {
    /// Indexes that were written anew.
    pub indexes: u64,
    /// Indexes whose torn last line was cut off.
    pub torn_lines: u64,
    /// Lines that are no entries, moved out.
    pub unreadable_lines: u64,
    /// Entries of frames that another entry has, taken out.
    pub duplicates: u64,
    /// Half-written files, deleted.
    pub leftovers: u64,
    /// Files that no index named, entered again.
    pub reentered: u64,
    /// Whether the ledger lacked something, or was missing, and was written anew.
    pub ledger: bool,
    /// How many files no index names still.
    pub left_count: u64,
    /// Which, and why: at most the first thousand.
    pub left: Vec<Problem>,
    /// Which frames are stored, or were and have been deleted by retention: what the mended indexes say.
    #[serde(skip)]
    pub(crate) books: Books,
}

/// Mends everything below `dir`.
///
/// # Errors
/// `dir` is no folder, a subscriber writes into it, or something in it cannot be read or written. What is mended by
/// then stays mended; it can be run again.
pub(crate) fn repair(dir: &Path) -> anyhow::Result<Repaired> {
    let metadata = fs::metadata(dir).with_context(|| format!("reading {}", dir.display()))?;
    ensure!(metadata.is_dir(), "{} is not a folder", dir.display());
    let output = OutputFolder::take(dir)?;
    let root = output.root();
    let deletions = Journal::read(root).context("reading what retention has deleted")?;
    let ledger = checkpoint::read_ledger(&output).context("reading the ledger")?;
    let mut repair = Repair {
        root,
        known: Known::default(),
        deletions,
        repaired: Repaired::default(),
    };
    repair.learn(ledger.as_ref())?;
    for folder in folders(root) {
        let folder = folder.context("listing the folders")?;
        repair.folder(&folder).context("failed to repair")?;
    }
    let mut repaired = repair.finish();
    let recorded = recorded(&repaired.books);
    let has_all = |ledger: &StoreLedger| recorded.iter().all(|numbers| ledger.has(numbers));
    // What a checkpoint says of an index that was written anew holds no more.
    if repaired.indexes > 0 || !ledger.as_ref().is_some_and(has_all) {
        checkpoint::rebuild(&output).context("failed to write the ledger")?;
        repaired.ledger = true;
    }
    Ok(repaired)
}

fn recorded(books: &Books) -> Vec<Numbers> {
    let mut recorded = Vec::new();
    for (camera, streams) in books {
        recorded.extend(streams.iter().map(|(stream, numbers)| Numbers {
            camera: camera.clone(),
            stream: *stream,
            numbers: numbers.clone(),
        }));
    }
    recorded
}

struct Repair<'a> {
    root: &'a Path,
    known: Known,
    deletions: Journal,
    repaired: Repaired,
}

impl Repair<'_> {
    /// Reads the ledger and every index: a picture may be known by what they say of its stream.
    fn learn(&mut self, ledger: Option<&StoreLedger>) -> anyhow::Result<()> {
        for (camera, stream) in ledger.into_iter().flat_map(StoreLedger::streams) {
            self.known.add_stream(camera, stream);
        }
        for (camera, stream, _) in self.deletions.streams() {
            self.known.add_stream(&camera, stream);
        }
        for folder in folders(self.root) {
            let folder = folder.context("listing the folders")?;
            let index = fs::read(folder.join(INDEX_FILE));
            let Some(index) = if_there(index).context("reading an index")? else {
                continue;
            };
            Mended::new(&index, |entry| {
                self.known.add(entry);
                true
            });
        }
        Ok(())
    }

    fn folder(&mut self, folder: &Path) -> io::Result<()> {
        let index = folder.join(INDEX_FILE);
        let old = if_there(fs::read(&index)).map_err(|error| at(&index, &error))?;
        let old = old.unwrap_or_default();
        let mended = Mended::new(&old, |entry| {
            let path = folder.join(&entry.file);
            self.known.keeps(entry, || path.exists())
        });
        let mut new = mended.kept.clone();
        for entry in self.entries_for_others(folder, &mended)? {
            new.extend(to_line(&entry));
            self.repaired.reentered += 1;
        }
        if new == old {
            return Ok(());
        }
        if !mended.unreadable.is_empty() {
            let path = folder.join(UNREADABLE_FILE);
            append(&path, &mended.unreadable).map_err(|error| at(&path, &error))?;
        }
        self.move_places(folder, &mended)?;
        replace(folder, INDEX_FILE, &new)?;
        self.repaired.indexes += 1;
        self.repaired.torn_lines += u64::from(mended.was_torn);
        self.repaired.unreadable_lines += mended.unreadable_lines;
        self.repaired.duplicates += mended.doubled;
        Ok(())
    }

    /// Entries for the files of `folder` that its index does not name. Half-written ones are deleted.
    fn entries_for_others(&mut self, folder: &Path, mended: &Mended) -> io::Result<Vec<Entry>> {
        let relative = folder.strip_prefix(self.root).unwrap_or(folder);
        let is_quarantine = relative.starts_with(QUARANTINE);
        let mut files = Vec::new();
        for item in fs::read_dir(folder).map_err(|error| at(folder, &error))? {
            let item = item?;
            let name = item.file_name().to_string_lossy().into_owned();
            if is_partial(&name) {
                fs::remove_file(item.path()).map_err(|error| at(&item.path(), &error))?;
                self.repaired.leftovers += 1;
            } else if (is_picture(&name) || is_quarantine && QuarantineName::parse(&name).is_some())
                && !mended.names.contains(&name)
            {
                files.push(name);
            }
        }
        files.sort();
        let mut entries = Vec::new();
        for file in files {
            match self.entry_for(folder, relative, &file) {
                Ok(entry) => entries.push(entry),
                Err(reason) => self.leave(relative.join(&file).display().to_string(), reason),
            }
        }
        Ok(entries)
    }

    fn entry_for(&mut self, folder: &Path, relative: &Path, file: &str) -> Result<Entry, String> {
        let path = folder.join(file);
        let unreadable = |error: io::Error| format!("it cannot be read: {error}");
        let content = fs::read(&path).map_err(unreadable)?;
        let modified = fs::metadata(&path).and_then(|metadata| metadata.modified());
        let modified = modified.map_err(unreadable)?;
        // A file from before all times came when it was found.
        let modified_at = Timestamp::try_from(modified).unwrap_or_else(|_| Timestamp::now());
        let entry = identify::identify(&self.known, relative, file, &content, modified_at)?;
        if let Some(id) = known::frame_id(&entry)
            && !self.known.add_frame(&id)
        {
            return Err(format!("frame {} has another file", id.sequence));
        }
        Ok(entry)
    }

    /// What retention noted of the index holds for the new one. Should a crash come between, files are taken for deleted
    /// that are not: they go with their folder.
    fn move_places(&mut self, folder: &Path, mended: &Mended) -> io::Result<()> {
        let relative = folder.strip_prefix(self.root).unwrap_or(folder);
        let now = |place| mended.place_now(place);
        if self.deletions.move_places(relative, now) {
            self.deletions.write(self.root)?;
        }
        Ok(())
    }

    fn leave(&mut self, path: String, problem: String) {
        self.repaired.left_count += 1;
        if self.repaired.left.len() < KEPT_LEFT {
            self.repaired.left.push(Problem { path, problem });
        }
    }

    fn finish(self) -> Repaired {
        let mut books = self.known.books;
        for (camera, stream, gone) in self.deletions.streams() {
            let streams = books.entry(camera).or_default();
            streams.entry(stream).or_default().insert_all(&gone);
        }
        Repaired {
            books,
            ..self.repaired
        }
    }
}

fn if_there<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options().append(true).create(true).open(path)?;
    file.write_all(bytes)
}

impl fmt::Display for Repaired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mended = [
            (self.torn_lines, "torn line cut off", "torn lines cut off"),
            (
                self.unreadable_lines,
                "unreadable line moved out",
                "unreadable lines moved out",
            ),
            (
                self.duplicates,
                "doubled line taken out",
                "doubled lines taken out",
            ),
            (
                self.leftovers,
                "half-written file deleted",
                "half-written files deleted",
            ),
            (self.reentered, "file entered again", "files entered again"),
        ];
        let mut said: Vec<_> = mended
            .into_iter()
            .filter(|(number, ..)| *number > 0)
            .map(|(number, one, many)| count(number, one, many))
            .collect();
        if self.ledger {
            said.push("the ledger brought up to date".to_owned());
        }
        if said.is_empty() {
            write!(f, "repaired: nothing had to be")?;
        } else {
            write!(f, "repaired: {}", said.join(", "))?;
        }
        for Problem { path, problem } in self.left.iter().take(PRINTED_LEFT) {
            write!(f, "\nleft: {path}: {problem}")?;
        }
        match self.left_count.saturating_sub(PRINTED_LEFT as u64) {
            0 => Ok(()),
            more => write!(f, "\nand {} left", count(more, "more file", "more files")),
        }
    }
}

//! Re-reads a folder of stored frames against its indexes: is every frame there, whole, and in sequence?
//!
//! One thread walks the folders and reads the indexes; the others read, sum and decode the files. It changes nothing,
//! and may run while a subscriber writes (what is being written then shows as a leftover).

mod check;
mod report;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, ensure};
use protocol::frame::StreamId;
use protocol::ranges::{Inserted, RangeSet};
use protocol::topic::CameraName;

use crate::folders::folders;
use crate::index::{self, End, Entry, INDEX_FILE, Kind};
use crate::layout::is_picture;
use crate::retention::journal::Journal;
use crate::store::replace::is_partial;

pub use crate::repair::Repaired;
pub(crate) use report::count;
pub use report::{Problem, Report, StreamReport};

/// Files that wait to be read: enough to keep every thread busy.
const WAITING: usize = 256;

/// How thorough to be.
#[derive(Debug, Clone, Copy)]
pub struct VerifyOptions {
    /// Decode each picture, too: slow, and it finds what no checksum can, a picture that was broken when it was taken.
    pub decode: bool,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self { decode: true }
    }
}

/// A file to be read, and what its index says of it.
struct Job {
    path: PathBuf,
    entry: Entry,
}

/// Verifies everything below `dir`.
///
/// # Errors
/// `dir` is no folder, or cannot be read. What is wrong inside is in the report.
///
/// # Panics
/// Never: what the decoder might do is caught.
pub fn verify(dir: &Path, options: VerifyOptions) -> anyhow::Result<Report> {
    let metadata = fs::metadata(dir).with_context(|| format!("reading {}", dir.display()))?;
    ensure!(metadata.is_dir(), "{} is not a folder", dir.display());

    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (jobs, taken) = sync_channel(WAITING);
    let taken = Mutex::new(taken);
    let mut report = thread::scope(|scope| {
        let readers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| read_files(dir, &taken, options)))
            .collect();
        let mut walk = Walk::new(dir, jobs);
        walk.folders();
        let mut report = walk.finish();
        for reader in readers {
            report.merge(reader.join().expect("a reader does not panic"));
        }
        report
    });
    report.finish();
    Ok(report)
}

fn read_files(dir: &Path, jobs: &Mutex<Receiver<Job>>, options: VerifyOptions) -> Report {
    let mut report = Report::default();
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { path, entry }) = next else {
            return report;
        };
        match check::check(&path, &entry, options.decode) {
            Ok(()) if entry.kind == Kind::Foreign => report.foreign_whole += 1,
            Ok(()) => report.whole += 1,
            Err(fault) => report.add_problem(dir, &path, &fault),
        }
    }
}

/// The walk over the folders: it counts what the indexes say, and hands out the files.
struct Walk<'a> {
    dir: &'a Path,
    jobs: SyncSender<Job>,
    report: Report,
    streams: BTreeMap<(CameraName, StreamId), Stream>,
    /// What retention has deleted is not missing.
    deletions: Journal,
}

#[derive(Default)]
struct Stream {
    seen: RangeSet,
    given_up: u64,
}

impl<'a> Walk<'a> {
    fn new(dir: &'a Path, jobs: SyncSender<Job>) -> Self {
        Self {
            dir,
            jobs,
            report: Report::default(),
            streams: BTreeMap::new(),
            // One that cannot be read excuses nothing.
            deletions: Journal::read(dir).unwrap_or_default(),
        }
    }

    fn folders(&mut self) {
        for folder in folders(self.dir) {
            match folder {
                Ok(folder) => self.folder(&folder),
                Err(error) => {
                    let path = error.path().unwrap_or(self.dir).to_owned();
                    self.report.add_problem(self.dir, &path, &error);
                }
            }
        }
    }

    fn folder(&mut self, folder: &Path) {
        let mut names = HashSet::new();
        let index = folder.join(INDEX_FILE);
        let deleted = self.deleted_in(folder);
        let read = index::read(folder, |entry| {
            names.insert(entry.file.clone());
            if deleted.contains(&entry.file) && !folder.join(&entry.file).exists() {
                self.report.deleted += 1;
                if let Some((stream, sequence)) = entry.identity() {
                    let key = (entry.camera, stream);
                    self.streams.entry(key).or_default().seen.insert(sequence);
                }
                return;
            }
            self.entry(folder, entry);
        });
        match read {
            Ok(scan) => {
                for line in scan.unreadable {
                    self.report.unreadable_lines += 1;
                    let problem = format!("line {line} is no entry");
                    self.report.add_problem(self.dir, &index, &problem);
                }
                self.report.torn_lines += u64::from(scan.end == End::Torn);
            }
            Err(error) => self.report.add_problem(self.dir, &index, &error),
        }
        // What cannot be listed was reported by the walk.
        for item in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = item.file_name();
            let name = name.to_string_lossy();
            if is_partial(&name) {
                self.report.leftovers += 1;
            } else if is_picture(&name) && !names.contains(&*name) {
                self.report.unindexed += 1;
            }
        }
    }

    /// The files of `folder` that retention has deleted, or was about to.
    fn deleted_in(&self, folder: &Path) -> HashSet<String> {
        let relative = folder.strip_prefix(self.dir).unwrap_or(folder);
        let mut files = HashSet::new();
        for (camera, gone) in self.deletions.gone_in(relative) {
            // What cannot be read is reported with the index itself.
            let _ = index::read_from(folder, 0, |line| {
                if line.start >= gone {
                    return ControlFlow::Break(());
                }
                let of_camera = line.entry.filter(|entry| entry.camera.as_str() == camera);
                files.extend(of_camera.map(|entry| entry.file));
                ControlFlow::Continue(())
            });
        }
        files
    }

    fn entry(&mut self, folder: &Path, entry: Entry) {
        let path = folder.join(&entry.file);
        match &entry.kind {
            Kind::Quarantined { .. } => {
                self.report.quarantined += 1;
                return;
            }
            Kind::Foreign => self.report.foreign += 1,
            Kind::Frame {
                stream,
                sequence,
                dropped,
                ..
            } => {
                let key = (entry.camera.clone(), *stream);
                let books = self.streams.entry(key).or_default();
                books.given_up = books.given_up.max(*dropped);
                if books.seen.insert(*sequence) == Inserted::Known {
                    self.report.duplicates += 1;
                    let problem = format!("frame {sequence} of stream {stream} is indexed twice");
                    self.report.add_problem(self.dir, &path, &problem);
                    return;
                }
                self.report.frames += 1;
            }
        }
        self.jobs
            .send(Job { path, entry })
            .expect("the readers outlive the walk");
    }

    /// Ends the readers' work, too: no more jobs come.
    fn finish(mut self) -> Report {
        self.report.streams = self
            .streams
            .into_iter()
            .map(|((camera, stream), mut books)| {
                if let Some(deleted) = self.deletions.gone_of(&camera, stream) {
                    fill_gaps(&mut books.seen, deleted);
                }
                StreamReport::new(&camera, stream, &books.seen, books.given_up)
            })
            .collect();
        self.report
    }
}

/// Adds those numbers of `deleted` that lie between others of `seen`: a deleted frame is no gap, and no frame either.
fn fill_gaps(seen: &mut RangeSet, deleted: &RangeSet) {
    let gaps: Vec<_> = seen.gaps().collect();
    let mut between: RangeSet = gaps.iter().cloned().collect();
    for gap in gaps {
        let mut missing: RangeSet = [gap].into_iter().collect();
        missing.remove_all(deleted);
        between.remove_all(&missing);
    }
    seen.insert_all(&between);
}

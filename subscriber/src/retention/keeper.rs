//! Reading indexes, deleting files: what the summaries of [`super::shelf`] are made from, and what they ask for.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::mem::take;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use jiff::Timestamp;
use protocol::topic::CameraName;
use tracing::warn;

use super::Deleted;
use super::journal::Journal;
use super::remover::Remover;
use super::shelf::{Cut, Limits, Shelf};
use crate::folders::folders;
use crate::index::{Entry, read_from};
use crate::store::FoldersInUse;

/// Files that are noted in the journal at a time, and then deleted.
const BATCH: usize = 512;

/// Everything that retention knows of an output folder.
pub(super) struct Keeper {
    root: PathBuf,
    limits: Limits,
    in_use: FoldersInUse,
    /// Set when the program ends.
    ending: Arc<AtomicBool>,
    shelves: HashMap<CameraName, Shelf>,
    /// How far each folder's index was read.
    read_to: HashMap<Arc<Path>, u64>,
    /// Whether every index was read once: before, nobody knows what is oldest.
    is_surveyed: bool,
    /// Files that were told since the last pass, by folder.
    told: HashMap<PathBuf, HashSet<String>>,
    /// Folders of which something may be unread that nobody tells of: those that were in use when they were read.
    half_read: BTreeSet<PathBuf>,
    /// Folders of which nothing is left but the index.
    emptied: BTreeSet<Arc<Path>>,
    journal: Journal,
    journal_failed: bool,
    remover: Remover,
}

/// How far an index may be read.
enum Extent<'a> {
    /// As far as it goes, or until the program ends.
    All,
    /// Up to the last of these files.
    Through(&'a HashSet<String>),
}

impl Extent<'_> {
    /// Where the last line that may be read ends.
    fn limit(&self, folder: &Path, start: u64) -> io::Result<u64> {
        let Self::Through(files) = self else {
            return Ok(u64::MAX);
        };
        let mut limit = start;
        read_from(folder, start, |line| {
            if line.entry.is_some_and(|entry| files.contains(&entry.file)) {
                limit = line.end;
            }
            ControlFlow::Continue(())
        })?;
        Ok(limit)
    }
}

impl Keeper {
    pub(super) fn new(
        root: PathBuf,
        limits: Limits,
        in_use: FoldersInUse,
        ending: Arc<AtomicBool>,
    ) -> Self {
        let journal = Journal::read(&root).unwrap_or_else(|error| {
            // It only spares work: what is deleted already is found to be gone.
            warn!("cannot read what retention had deleted: {error}");
            Journal::default()
        });
        Self {
            root,
            limits,
            in_use,
            ending,
            shelves: HashMap::new(),
            read_to: HashMap::new(),
            is_surveyed: false,
            told: HashMap::new(),
            half_read: BTreeSet::new(),
            emptied: BTreeSet::new(),
            journal,
            journal_failed: false,
            remover: Remover::default(),
        }
    }

    pub(super) fn deleted(&self) -> Deleted {
        self.remover.deleted()
    }

    /// Reads every index once. What the store has open waits: it is told, file by file.
    pub(super) fn survey(&mut self) {
        for folder in folders(&self.root.clone()) {
            if self.ending.load(Ordering::Relaxed) {
                return;
            }
            let Ok(folder) = folder else { continue };
            if self.is_in_use(&folder) {
                self.half_read.insert(folder);
            } else {
                self.catch_up(&folder, &Extent::All);
            }
        }
        self.is_surveyed = true;
    }

    /// A file is stored and acknowledged.
    pub(super) fn hear(&mut self, path: &Path) {
        if let (Some(folder), Some(file)) = (path.parent(), path.file_name()) {
            let files = self.told.entry(folder.to_owned()).or_default();
            files.insert(file.to_string_lossy().into_owned());
        }
    }

    /// Deletes what is due at `now`.
    pub(super) fn pass(&mut self, now: Timestamp) {
        self.hear_out();
        for folder in take(&mut self.half_read) {
            if self.is_in_use(&folder) {
                self.half_read.insert(folder);
            } else {
                self.catch_up(&folder, &Extent::All);
            }
        }
        let ending = self.ending.clone();
        self.sweep(now, &|| !ending.load(Ordering::Relaxed));
        self.remover.retry();
        self.remove_emptied();
        self.remover.end_pass();
    }

    /// The last pass: what was told and is due goes, as far as there is time for it. Folders stay.
    pub(super) fn last_pass(&mut self, now: Timestamp, deadline: Instant) {
        if !self.is_surveyed {
            return;
        }
        self.hear_out();
        self.sweep(now, &|| Instant::now() < deadline);
        self.remover.retry();
    }

    fn hear_out(&mut self) {
        for (folder, files) in take(&mut self.told) {
            self.catch_up(&folder, &Extent::Through(&files));
            self.half_read.insert(folder);
        }
    }

    /// Enters what the index of `folder` says beyond what was read of it.
    fn catch_up(&mut self, folder: &Path, extent: &Extent<'_>) {
        if let Err(error) = self.try_catch_up(folder, extent) {
            self.remover.complain(folder, &error);
        }
    }

    fn try_catch_up(&mut self, folder: &Path, extent: &Extent<'_>) -> io::Result<()> {
        let relative = folder.strip_prefix(&self.root).unwrap_or(folder);
        let known = self.read_to.get(folder).copied();
        // What was deleted by an earlier run is read past.
        let gone: HashMap<_, _> = match known {
            None => self.journal.gone_in(relative).collect(),
            Some(_) => HashMap::new(),
        };
        let start = known.or_else(|| gone.values().min().copied()).unwrap_or(0);
        let limit = extent.limit(folder, start)?;
        let (folder, mut read_to): (Arc<Path>, _) = (folder.into(), start);
        let (shelves, ending) = (&mut self.shelves, &self.ending);
        let is_wanted = || matches!(extent, Extent::Through(_)) || !ending.load(Ordering::Relaxed);
        read_from(&folder, start, |line| {
            if line.end > limit || !is_wanted() {
                return ControlFlow::Break(());
            }
            read_to = line.end;
            if let Some(entry) = line.entry
                && gone
                    .get(entry.camera.as_str())
                    .is_none_or(|gone| line.start >= *gone)
            {
                shelves.entry(entry.camera).or_default().add(
                    &folder,
                    line.start,
                    entry.bytes,
                    entry.received_at,
                );
            }
            ControlFlow::Continue(())
        })?;
        if !gone.is_empty() && !self.holds_any_of(&folder) {
            self.emptied.insert(folder.clone());
        }
        self.read_to.insert(folder, read_to);
        Ok(())
    }

    fn sweep(&mut self, now: Timestamp, goes_on: &dyn Fn() -> bool) {
        let cameras: Vec<_> = self.shelves.keys().cloned().collect();
        for camera in cameras {
            while goes_on()
                && let Some(cut) = self.shelves[&camera].cut(&self.limits, now)
            {
                if !self.delete(&camera, cut) {
                    break;
                }
            }
        }
    }

    /// Deletes the files of `cut`. `false`: not now.
    fn delete(&mut self, camera: &CameraName, mut cut: Cut) -> bool {
        if self.remover.holds_too_much() {
            return false;
        }
        let (folder, start) = (cut.folder.clone(), cut.start);
        let (mut going, mut next, mut end) = (Vec::new(), None, start);
        let read = read_from(&folder, start, |line| {
            let Some(entry) = line.entry.filter(|entry| entry.camera == *camera) else {
                return ControlFlow::Continue(());
            };
            if going.len() < BATCH && cut.takes(entry.received_at, entry.bytes) {
                end = line.end;
                going.push(entry);
                ControlFlow::Continue(())
            } else {
                next = Some((line.start, entry.received_at));
                ControlFlow::Break(())
            }
        });
        if let Err(error) = read {
            self.remover.complain(&folder, &error);
            return false;
        }
        if !going.is_empty() && !self.note(camera, &folder, end, &going) {
            return false;
        }
        for entry in going {
            let path = folder.join(&entry.file);
            self.remover.remove(path, entry.bytes);
        }
        let is_left = self
            .shelves
            .get_mut(camera)
            .is_some_and(|shelf| shelf.taken(&cut, next));
        if !is_left && !self.holds_any_of(&folder) {
            self.emptied.insert(folder);
        }
        true
    }

    /// Enters in the journal what goes. `false`: it cannot be written, so nothing may go.
    fn note(&mut self, camera: &CameraName, folder: &Path, end: u64, going: &[Entry]) -> bool {
        let relative = folder.strip_prefix(&self.root).unwrap_or(folder);
        self.journal.set_gone(camera, relative, end);
        for (stream, sequence) in going.iter().filter_map(Entry::identity) {
            self.journal.add_gone_frame(camera, stream, sequence);
        }
        self.write_journal()
    }

    fn write_journal(&mut self) -> bool {
        let written = self.journal.write(&self.root);
        if let (Err(error), false) = (&written, self.journal_failed) {
            warn!("nothing can be deleted until it can be noted: {error}");
        }
        self.journal_failed = written.is_err();
        written.is_ok()
    }

    fn remove_emptied(&mut self) {
        let mut forgotten = false;
        for folder in take(&mut self.emptied) {
            if self.is_in_use(&folder) {
                self.emptied.insert(folder);
                continue;
            }
            // Something may have come since, late or after an outage.
            self.catch_up(&folder, &Extent::All);
            if self.holds_any_of(&folder) {
                continue;
            }
            let read_to = self.read_to.get(&folder).copied().unwrap_or(0);
            match self
                .remover
                .remove_folder(&self.root, &folder, read_to, &self.in_use)
            {
                Ok(true) => {
                    self.read_to.remove(&folder);
                    let relative = folder.strip_prefix(&self.root).unwrap_or(&folder);
                    forgotten |= self.journal.forget(relative);
                }
                Ok(false) => {
                    self.emptied.insert(folder);
                }
                Err(error) => {
                    self.remover.complain(&folder, &error);
                    self.emptied.insert(folder);
                }
            }
        }
        if forgotten {
            self.write_journal();
        }
    }

    fn holds_any_of(&self, folder: &Path) -> bool {
        self.shelves.values().any(|shelf| shelf.has(folder))
    }

    fn is_in_use(&self, folder: &Path) -> bool {
        self.in_use.now().is(folder)
    }
}

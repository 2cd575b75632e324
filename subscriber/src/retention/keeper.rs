//! Deleting what the summaries of [`super::shelf`] say; [`reading`] makes them from the indexes.

mod reading;

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
use crate::index::{Entry, read_from};
use crate::store::{FoldersInUse, FrameStore, SharedLedger};
use reading::Extent;

/// Files that are noted in the journal at a time, and then deleted.
const BATCH: usize = 512;

/// Everything that retention knows of an output folder.
pub(super) struct Keeper {
    root: PathBuf,
    limits: Limits,
    in_use: FoldersInUse,
    ledger: Arc<SharedLedger>,
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

impl Keeper {
    pub(super) fn new(store: &FrameStore, limits: Limits, ending: Arc<AtomicBool>) -> Self {
        let root = store.root().to_owned();
        let journal = Journal::read(&root).unwrap_or_else(|error| {
            // It only spares work: what is deleted already is found to be gone.
            warn!("cannot read what retention had deleted: {error}");
            Journal::default()
        });
        Self {
            root,
            limits,
            in_use: store.folders_in_use(),
            ledger: Arc::clone(store.ledger()),
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

    /// Deletes what is due at `now`.
    pub(super) fn pass(&mut self, now: Timestamp) {
        self.hear_out();
        self.read_what_was_in_use();
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
            if going.len() < BATCH && cut.takes(entry.received_at, entry.file_bytes()) {
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
            self.remover.remove(path, entry.file_bytes());
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
            match self.remove_folder(&folder) {
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

    /// Takes `folder` away once the store's ledger has all that its index says. `false`: not now.
    fn remove_folder(&mut self, folder: &Path) -> io::Result<bool> {
        if !self.ledger.release_folder(folder, &self.in_use)? {
            return Ok(false);
        }
        let read_to = self.read_to.get(folder).copied().unwrap_or(0);
        self.remover
            .remove_folder(&self.root, folder, read_to, &self.in_use, &self.ledger)
    }

    fn holds_any_of(&self, folder: &Path) -> bool {
        self.shelves.values().any(|shelf| shelf.has(folder))
    }

    fn is_in_use(&self, folder: &Path) -> bool {
        self.in_use.now().is(folder)
    }
}

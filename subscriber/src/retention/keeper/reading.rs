//! From indexes to summaries: each index once at the start, then on from where it was left off.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::mem::take;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Keeper;
use crate::folders::folders;
use crate::index::{INDEX_FILE, read_from};

/// How far an index may be read.
pub(super) enum Extent<'a> {
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
    /// Reads every index once. What the store has open waits: it is told, file by file.
    pub(in crate::retention) fn survey(&mut self) {
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
    pub(in crate::retention) fn hear(&mut self, path: &Path) {
        if let (Some(folder), Some(file)) = (path.parent(), path.file_name()) {
            let files = self.told.entry(folder.to_owned()).or_default();
            files.insert(file.to_string_lossy().into_owned());
        }
    }

    /// Enters what was told.
    pub(super) fn hear_out(&mut self) {
        for (folder, files) in take(&mut self.told) {
            self.catch_up(&folder, &Extent::Through(&files));
            self.half_read.insert(folder);
        }
    }

    /// Enters what the index of `folder` says beyond what was read of it.
    pub(super) fn catch_up(&mut self, folder: &Path, extent: &Extent<'_>) {
        if let Err(error) = self.try_catch_up(folder, extent) {
            self.remover.complain(folder, &error);
        }
    }

    fn try_catch_up(&mut self, folder: &Path, extent: &Extent<'_>) -> io::Result<()> {
        let root = self.root.clone();
        let relative = folder.strip_prefix(&root).unwrap_or(folder);
        let len = fs::metadata(folder.join(INDEX_FILE)).map_or(0, |index| index.len());
        let mut known = self.read_to.get(folder).copied();
        if known.is_some_and(|read_to| read_to > len) {
            // Its owner has moved the folder away, and it was made again.
            known = None;
            self.journal.forget(relative);
            self.forget(folder);
        }
        if len == 0 {
            return Ok(());
        }
        // What was deleted by an earlier run is no more.
        let gone: HashMap<_, _> = match known {
            None => self.journal.gone_in(relative).collect(),
            Some(_) => HashMap::new(),
        };
        let start = known.unwrap_or(0);
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
                let bytes = entry.file_bytes();
                shelves.entry(entry.camera).or_default().add(
                    &folder,
                    line.start,
                    bytes,
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

    fn forget(&mut self, folder: &Path) {
        self.read_to.remove(folder);
        for shelf in self.shelves.values_mut() {
            shelf.forget(folder);
        }
    }

    /// What was in use when it was read, and is not any more, is read to its end.
    pub(super) fn read_what_was_in_use(&mut self) {
        for folder in take(&mut self.half_read) {
            if self.is_in_use(&folder) {
                self.half_read.insert(folder);
            } else {
                self.catch_up(&folder, &Extent::All);
            }
        }
    }
}

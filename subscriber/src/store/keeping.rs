//! The only door from an index to the ledger: a line is no proof that the disk has the picture, so that is looked at.
//!
//! A frame whose file is there, whole and synced is kept; one whose file is not is in doubt, and is written again if it
//! comes again. A file that is gone counts as kept if retention has deleted it, or if the system has run on since: then its
//! owner has moved it, as programs do that process pictures, and it must not come back. A disk that was pulled out within
//! the second before its sync looks the same: that is the price.
//!
//! What the ledger has already is not looked at here: it was, or it was written and synced.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

use protocol::frame::{StreamId, checksum};
use protocol::ranges::RangeSet;
use protocol::topic::CameraName;

use super::durability::{SyncMode, sync_file, sync_folder};
use crate::exif;
use crate::index::{Entry, INDEX_FILE};
use crate::ledger::{Numbers, StoreLedger};
use crate::retention::journal::Journal;

/// By what a file is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keeping<'a> {
    pub(super) root: &'a Path,
    pub(super) sync: SyncMode,
    /// Whether the system has run on since the file was written: what it had not synced lives as long as it does.
    pub(super) is_same_boot: bool,
    /// What retention has deleted.
    pub(super) deletions: &'a Journal,
}

impl<'a> Keeping<'a> {
    /// Begins with the files of `folder`.
    pub(super) fn inspect(self, folder: &'a Path) -> Inspection<'a> {
        Inspection {
            keeping: self,
            folder,
            kept: NumberSets::default(),
            doubtful: NumberSets::default(),
        }
    }
}

/// What is found of one folder's files.
#[derive(Debug)]
pub(super) struct Inspection<'a> {
    keeping: Keeping<'a>,
    folder: &'a Path,
    kept: NumberSets,
    doubtful: NumberSets,
}

impl Inspection<'_> {
    /// Looks at the file of an entry, and syncs it.
    pub(super) fn look_at(&mut self, entry: &Entry) {
        let Some((stream, sequence)) = entry.identity() else {
            return;
        };
        let found = if self.is_kept(entry, stream, sequence) {
            &mut self.kept
        } else {
            &mut self.doubtful
        };
        found.insert(&entry.camera, stream, sequence);
    }

    /// Syncs the names, too: only then is anything kept.
    pub(super) fn finish(self) -> Findings {
        let (kept, mut doubtful) = (self.kept.into_numbers(), self.doubtful.into_numbers());
        if kept.is_empty() || self.keeping.sync == SyncMode::None {
            return Findings { kept, doubtful };
        }
        match sync_names(self.keeping.root, self.folder) {
            Ok(()) => Findings { kept, doubtful },
            Err(error) => {
                tracing::warn!(
                    "{}: what was stored there last cannot be synced: {error}",
                    self.folder.display()
                );
                doubtful.extend(kept);
                Findings {
                    kept: Vec::new(),
                    doubtful,
                }
            }
        }
    }

    fn is_kept(&self, entry: &Entry, stream: StreamId, sequence: u64) -> bool {
        let Keeping {
            sync,
            is_same_boot,
            deletions,
            ..
        } = self.keeping;
        let path = self.folder.join(&entry.file);
        let is_whole = if is_same_boot && sync == SyncMode::None {
            fs::metadata(&path).map(|metadata| metadata.len() == entry.file_bytes())
        } else {
            // A disk that was pulled out may have the length and not the content.
            fs::read(&path).map(|mut file| {
                exif::take_out(&mut file, entry.exif_bytes);
                checksum(&file) == entry.crc32c
            })
        };
        match is_whole {
            Ok(is_whole) => is_whole && (sync == SyncMode::None || sync_file(&path).is_ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                deletions.has_deleted(&entry.camera, stream, sequence) || is_same_boot
            }
            Err(_) => false,
        }
    }
}

/// What a folder's index may enter into the ledger, and what it may not.
#[derive(Debug, Default)]
pub(super) struct Findings {
    kept: Vec<Numbers>,
    doubtful: Vec<Numbers>,
}

impl Findings {
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.doubtful.is_empty()
    }

    pub(super) fn enter_into(&self, ledger: &mut StoreLedger) {
        // A frame with two lines is in doubt if either file is.
        for numbers in &self.doubtful {
            ledger.doubt_all(numbers);
        }
        for numbers in &self.kept {
            ledger.enter(numbers);
        }
    }
}

/// Numbers by camera and stream.
#[derive(Debug, Default)]
pub(super) struct NumberSets(HashMap<(CameraName, StreamId), RangeSet>);

impl NumberSets {
    pub(super) fn insert(&mut self, camera: &CameraName, stream: StreamId, number: u64) {
        let numbers = self.0.entry((camera.clone(), stream)).or_default();
        numbers.insert(number);
    }

    pub(super) fn into_numbers(self) -> Vec<Numbers> {
        let numbers = |((camera, stream), numbers)| Numbers {
            camera,
            stream,
            numbers,
        };
        self.0.into_iter().map(numbers).collect()
    }
}

/// Forces the index of `folder`, the names in it and the way to it from `root` to the disk.
fn sync_names(root: &Path, folder: &Path) -> io::Result<()> {
    sync_file(&folder.join(INDEX_FILE))?;
    let mut way = folder
        .ancestors()
        .take_while(|above| above.starts_with(root));
    way.try_for_each(sync_folder)
}

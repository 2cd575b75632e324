//! The store ledger with what leads from it to the disk: which folders are in use, what is not synced, what is in doubt.
//!
//! Pure bookkeeping, as the ledger is. Folders are named by their paths below the output folder, with slashes.

use std::collections::{BTreeMap, HashSet};

use protocol::frame::FrameId;

use super::checkpoint::{Checkpoint, FolderMark};
use super::keeping::Findings;
use super::recovery::Recovered;
use crate::ledger::{Numbers, StoreLedger};

/// Files without a number that are remembered as doubtful. Beyond that they are taken for good.
const MAX_DOUBTFUL_FILES: usize = 10_000;

#[derive(Debug)]
pub(super) struct Books {
    pub(super) ledger: StoreLedger,
    folders: BTreeMap<String, FolderInUse>,
    /// The folders that the checkpoint on disk names; while one is being written, those of the former one, too.
    named: HashSet<String>,
    /// What was written and is not synced.
    unsynced: Vec<Written>,
    /// Files without a number that a sync has failed for: they are written again if they come again.
    doubtful_files: HashSet<(String, String)>,
    /// Whether there is news for a checkpoint.
    pub(super) is_ahead: bool,
}

#[derive(Debug)]
struct FolderInUse {
    /// Length of its index.
    index_bytes: u64,
    /// Up to here the ledger has all that is in it, synced if need be.
    entered_bytes: u64,
    /// Whether the checkpoint on disk names it.
    is_named: bool,
    /// Whether its index could not be read at the start: it stays named until it can.
    unread: Option<Unread>,
    /// Whether the way to it from the output folder was synced.
    is_rooted: bool,
}

/// A folder that could not be read.
#[derive(Debug, Clone, Copy)]
struct Unread {
    /// Not since before the system's last start, either.
    outlived_boot: bool,
}

impl FolderInUse {
    /// Whether the ledger has all that is in its index.
    fn is_entered(&self) -> bool {
        self.unread.is_none() && self.entered_bytes >= self.index_bytes
    }
}

/// What a file is to the ledger.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role<'a> {
    Frame(&'a FrameId),
    /// No usable frame; its identity is known and beyond doubt.
    SetAside(&'a FrameId),
    /// Neither.
    Unnumbered,
}

/// A file that was written.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) folder: String,
    pub(super) file: String,
    id: Option<FrameId>,
}

/// What a sync has to force to the disk.
#[derive(Debug, Default)]
pub(super) struct Unsynced {
    pub(super) written: Vec<Written>,
    /// The folders of these files, and how long their indexes are.
    pub(super) index_bytes: BTreeMap<String, u64>,
    /// Those of them to which the way was not synced yet.
    pub(super) unrooted: Vec<String>,
}

/// What a checkpoint says, and what is true once it is on disk.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) checkpoint: Checkpoint,
    claims: Vec<Numbers>,
}

impl Books {
    pub(super) fn new(recovered: Recovered) -> Self {
        let in_use = |mark: FolderMark, is_unread: bool| {
            let folder = FolderInUse {
                index_bytes: mark.index_bytes,
                entered_bytes: mark.index_bytes,
                is_named: true,
                unread: is_unread.then_some(Unread {
                    outlived_boot: mark.outlived_boot,
                }),
                is_rooted: false,
            };
            (mark.path, folder)
        };
        let read = recovered
            .folders
            .into_iter()
            .map(|mark| in_use(mark, false));
        let unread = recovered.unread.into_iter().map(|mark| in_use(mark, true));
        let folders: BTreeMap<_, _> = read.chain(unread).collect();
        Self {
            ledger: recovered.ledger,
            named: folders.keys().cloned().collect(),
            folders,
            unsynced: Vec::new(),
            doubtful_files: HashSet::new(),
            is_ahead: true,
        }
    }

    /// The index of `folder` was read, and has this length; its files hold what is in `findings`.
    pub(super) fn folder_opened(&mut self, folder: &str, index_bytes: u64, findings: &Findings) {
        self.is_ahead |= !findings.is_empty();
        findings.enter_into(&mut self.ledger);
        if let Some(known) = self.folders.get_mut(folder) {
            // If it was moved away, this is another index, and the checkpoint speaks of the former.
            known.is_named &= known.entered_bytes <= index_bytes;
            known.unread = None;
            known.index_bytes = index_bytes;
            known.entered_bytes = known.entered_bytes.min(index_bytes);
        }
    }

    /// Takes `folder` into use. Whether the checkpoint on disk names it already; if not, those that `is_open` does not
    /// hold for, and that are entered as far as they go, are no longer named.
    pub(super) fn use_folder(
        &mut self,
        folder: &str,
        index_bytes: u64,
        is_open: impl Fn(&str) -> bool,
    ) -> bool {
        if self.folders.get(folder).is_some_and(|known| known.is_named) {
            return true;
        }
        self.folders
            .retain(|path, known| !known.is_entered() || is_open(path));
        self.folders
            .entry(folder.to_owned())
            .or_insert(FolderInUse {
                index_bytes,
                entered_bytes: index_bytes,
                is_named: false,
                unread: None,
                is_rooted: false,
            });
        self.is_ahead = true;
        false
    }

    /// Takes `folder`, which nobody has open, out of use: the next checkpoint names it no more. `false`: not all that its
    /// index says is entered.
    pub(super) fn release_folder(&mut self, folder: &str) -> bool {
        match self.folders.get(folder) {
            None => true,
            Some(known) if !known.is_entered() => false,
            Some(_) => {
                self.is_ahead = true;
                self.folders.remove(folder).is_some()
            }
        }
    }

    /// Whether a start would read the index of `folder`.
    pub(super) fn needs_folder(&self, folder: &str) -> bool {
        self.named.contains(folder) || self.folders.contains_key(folder)
    }

    /// Enters a file that was written; unless `is_synced`, a power cut can still take it.
    pub(super) fn enter(
        &mut self,
        folder: String,
        file: &str,
        index_bytes: u64,
        role: Role,
        is_synced: bool,
    ) {
        self.is_ahead = true;
        let id = match role {
            Role::Frame(id) => {
                self.ledger.enter_stored(id, is_synced);
                Some(id)
            }
            Role::SetAside(id) => {
                self.ledger.enter_set_aside(id, is_synced);
                Some(id)
            }
            Role::Unnumbered => None,
        };
        if let Some(known) = self.folders.get_mut(&folder) {
            known.index_bytes = index_bytes;
            if is_synced {
                known.entered_bytes = index_bytes;
            }
        }
        if !self.doubtful_files.is_empty() {
            self.doubtful_files
                .remove(&(folder.clone(), file.to_owned()));
        }
        if !is_synced {
            self.unsynced.push(Written {
                folder,
                file: file.to_owned(),
                id: id.cloned(),
            });
        }
    }

    pub(super) fn doubts_file(&self, folder: String, file: &str) -> bool {
        !self.doubtful_files.is_empty() && self.doubtful_files.contains(&(folder, file.to_owned()))
    }

    pub(super) fn take_unsynced(&mut self) -> Unsynced {
        let mut unsynced = Unsynced {
            written: std::mem::take(&mut self.unsynced),
            ..Unsynced::default()
        };
        for Written { folder, .. } in &unsynced.written {
            let known = self.folders.get(folder);
            let bytes = known.map_or(0, |known| known.index_bytes);
            let is_new = unsynced.index_bytes.insert(folder.clone(), bytes).is_none();
            if is_new && known.is_none_or(|known| !known.is_rooted) {
                unsynced.unrooted.push(folder.clone());
            }
        }
        unsynced
    }

    /// A sync is over. If it failed, the disk may have kept nothing of it.
    pub(super) fn enter_sync(&mut self, unsynced: Unsynced, has_succeeded: bool) {
        self.is_ahead = true;
        for (path, bytes) in unsynced.index_bytes {
            if let Some(known) = self.folders.get_mut(&path) {
                known.entered_bytes = bytes.min(known.index_bytes);
                known.is_rooted |= has_succeeded;
            }
        }
        for Written { folder, file, id } in unsynced.written {
            match id {
                Some(id) if has_succeeded => self.ledger.enter_synced(&id),
                Some(id) => self.ledger.doubt(&id),
                None if !has_succeeded && self.doubtful_files.len() < MAX_DOUBTFUL_FILES => {
                    self.doubtful_files.insert((folder, file));
                }
                None => {}
            }
        }
    }

    /// What a checkpoint is to say; `syncs` if what is entered as synced was synced indeed.
    pub(super) fn draft(&mut self, syncs: bool) -> Draft {
        self.is_ahead = false;
        self.named.extend(self.folders.keys().cloned());
        let marks = self.folders.iter().map(|(path, folder)| FolderMark {
            path: path.clone(),
            index_bytes: folder.entered_bytes,
            outlived_boot: folder.unread.is_some_and(|unread| unread.outlived_boot),
        });
        Draft {
            checkpoint: Checkpoint::new(self.ledger.kept(), marks.collect(), syncs),
            claims: self.ledger.unclaimed(),
        }
    }

    /// The draft is on disk.
    pub(super) fn enter_checkpoint(&mut self, draft: &Draft) {
        self.ledger.claim(&draft.claims);
        let marks = &draft.checkpoint.folders;
        self.named = marks.iter().map(|mark| mark.path.clone()).collect();
        for mark in marks {
            if let Some(folder) = self.folders.get_mut(&mark.path) {
                // One that was moved away meanwhile has begun again.
                folder.is_named |= folder.entered_bytes >= mark.index_bytes;
            }
        }
    }
}

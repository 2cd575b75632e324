//! The store ledger as the threads share it: the store enters frames, reception takes in ledgers and makes receipts, and
//! whoever syncs writes checkpoints.
//!
//! Its lock is held for moments only, never while the disk works: reception must not wait for a disk.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use protocol::frame::FrameId;

use super::OutputFolder;
use super::books::{Books, Role, Unsynced, Written};
use super::checkpoint;
use super::durability::{SyncMode, sync_file, sync_file_systems, sync_folder};
use super::in_use::FoldersInUse;
use super::keeping::{Findings, Keeping};
use super::recovery;
use crate::index::INDEX_FILE;
use crate::ledger::{Numbers, Standing, StoreLedger};
use crate::retention::journal::Journal;

/// The ledger of one output folder.
#[derive(Debug)]
pub struct SharedLedger {
    /// It is this program's own as long as anybody may write a checkpoint.
    folder: OutputFolder,
    sync: SyncMode,
    books: Mutex<Books>,
    /// Checkpoints are written one after the other.
    checkpoint: Mutex<()>,
    #[cfg(test)]
    pub(crate) disk_fails: std::sync::atomic::AtomicBool,
}

impl SharedLedger {
    /// Reads the ledger of `folder`, and brings it up to date.
    ///
    /// # Errors
    /// The disk does not give the ledger. Another in its place would forget what it has.
    pub(super) fn open(folder: OutputFolder, sync: SyncMode) -> io::Result<Self> {
        let recovered = recovery::recover(folder.root(), sync)?;
        let shared = Self {
            folder,
            sync,
            books: Mutex::new(Books::new(recovered)),
            checkpoint: Mutex::new(()),
            #[cfg(test)]
            disk_fails: false.into(),
        };
        // If this disk takes nothing now, the first frame says so.
        if let Err(error) = shared.write_checkpoint() {
            tracing::debug!("no checkpoint at the start: {error}");
        }
        Ok(shared)
    }

    /// How frames are synced.
    #[must_use]
    pub fn sync_mode(&self) -> SyncMode {
        self.sync
    }

    /// Reads the ledger.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&StoreLedger) -> T) -> T {
        look(&self.books().ledger)
    }

    /// Changes the ledger.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut StoreLedger) -> T) -> T {
        let mut books = self.books();
        books.is_ahead = true;
        change(&mut books.ledger)
    }

    /// Whether a frame was stored, and is not in doubt.
    pub(crate) fn has(&self, id: &FrameId) -> bool {
        self.standing(id) == Standing::Stored
    }

    pub(super) fn standing(&self, id: &FrameId) -> Standing {
        self.read(|ledger| ledger.standing(id))
    }

    pub(super) fn doubts_file(&self, folder: &Path, file: &str) -> bool {
        self.books().doubts_file(self.below_root(folder), file)
    }

    /// The index of `folder` was read: it has these numbers and this length. Those that the ledger has not yet are looked
    /// at before it takes them; as a rule there are none.
    pub(super) fn folder_opened(
        &self,
        folder: &Path,
        index_bytes: u64,
        recorded: &[Numbers],
    ) -> io::Result<()> {
        let findings = if self.read(|ledger| recorded.iter().all(|found| ledger.has(found))) {
            Findings::default()
        } else {
            self.inspect_lacking(folder)?
        };
        self.books()
            .folder_opened(&self.below_root(folder), index_bytes, &findings);
        Ok(())
    }

    fn inspect_lacking(&self, folder: &Path) -> io::Result<Findings> {
        let root = self.folder.root();
        let keeping = Keeping {
            root,
            sync: self.sync,
            // Who knows when they were written.
            is_same_boot: false,
            // One that cannot be read excuses nothing.
            deletions: &Journal::read(root).unwrap_or_default(),
        };
        recovery::inspect(keeping, folder, |entry| {
            self.read(|ledger| ledger.lacks(entry))
        })
    }

    /// Makes sure that the checkpoint on disk names `folder`, before a frame goes into it: without that a start would
    /// not know where to look for it. `is_open` says of a folder whether it is in use.
    pub(super) fn prepare_folder(
        &self,
        folder: &Path,
        index_bytes: u64,
        is_open: impl Fn(&Path) -> bool,
    ) -> io::Result<()> {
        let folder = self.below_root(folder);
        let is_open = |path: &str| is_open(&self.folder.root().join(path));
        if self.books().use_folder(&folder, index_bytes, is_open) {
            return Ok(());
        }
        self.write_checkpoint()
    }

    /// Has no start look into `folder` any more, so that its index may be taken away: all that it says is in the
    /// checkpoint. `false`: not now.
    pub(crate) fn release_folder(&self, folder: &Path, in_use: &FoldersInUse) -> io::Result<bool> {
        let below_root = self.below_root(folder);
        {
            let in_use = in_use.now();
            if in_use.is(folder) || !self.books().release_folder(&below_root) {
                return Ok(false);
            }
        }
        if self.needs_folder(folder) {
            self.write_checkpoint()?;
        }
        Ok(true)
    }

    /// Whether a start would look into `folder`.
    pub(crate) fn needs_folder(&self, folder: &Path) -> bool {
        self.books().needs_folder(&self.below_root(folder))
    }

    /// Enters a file that was written into a prepared folder.
    pub(super) fn enter(&self, folder: &Path, file: &str, index_bytes: u64, role: Role) {
        let is_synced = self.sync == SyncMode::None;
        self.books()
            .enter(self.below_root(folder), file, index_bytes, role, is_synced);
    }

    /// Forces all that was written to the disk.
    ///
    /// # Errors
    /// The disk may have kept nothing of it: those frames are in doubt, and are written again if they come again.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let unsynced = self.books().take_unsynced();
        if unsynced.written.is_empty() {
            return Ok(());
        }
        let forced = self.force(&unsynced);
        self.books().enter_sync(unsynced, forced.is_ok());
        forced
    }

    /// Whether a checkpoint would say anything new.
    pub(crate) fn is_ahead(&self) -> bool {
        self.books().is_ahead
    }

    /// Writes down what is known. Then it can be claimed.
    pub(crate) fn write_checkpoint(&self) -> io::Result<()> {
        let _one_at_a_time = self
            .checkpoint
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let draft = self.books().draft(self.sync != SyncMode::None);
        let json = draft.checkpoint.to_json();
        let written = self.test_failure().and_then(|()| {
            checkpoint::write(self.folder.root(), &json, self.sync != SyncMode::None)
        });
        let mut books = self.books();
        match written {
            Ok(()) => books.enter_checkpoint(&draft),
            Err(_) => books.is_ahead = true,
        }
        written
    }

    fn force(&self, unsynced: &Unsynced) -> io::Result<()> {
        self.test_failure()?;
        if self.sync == SyncMode::Interval {
            let root = self.folder.root();
            let folders: Vec<_> = unsynced
                .index_bytes
                .keys()
                .map(|folder| root.join(folder))
                .collect();
            // The folders above are on one of these file systems, or on the output folder's own.
            let all = folders.iter().map(PathBuf::as_path).chain([root]);
            if sync_file_systems(all)? {
                return Ok(());
            }
        }
        for Written { folder, file, .. } in &unsynced.written {
            sync_file(&self.folder.root().join(folder).join(file))?;
        }
        for folder in unsynced.index_bytes.keys() {
            let folder = self.folder.root().join(folder);
            sync_file(&folder.join(INDEX_FILE))?;
            sync_folder(&folder)?;
        }
        for folder in &unsynced.unrooted {
            let folder = self.folder.root().join(folder);
            let above = folder.ancestors().skip(1);
            for above in above.take_while(|above| above.starts_with(self.folder.root())) {
                sync_folder(above)?;
            }
        }
        Ok(())
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn below_root(&self, folder: &Path) -> String {
        let below = folder.strip_prefix(self.folder.root()).unwrap_or(folder);
        let names: Vec<_> = below.iter().map(|name| name.to_string_lossy()).collect();
        names.join("/")
    }

    #[cfg(test)]
    fn test_failure(&self) -> io::Result<()> {
        if self.disk_fails.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(io::Error::other("the disk fails"));
        }
        Ok(())
    }

    #[cfg(not(test))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "only a test has its disk fail"
    )]
    fn test_failure(&self) -> io::Result<()> {
        Ok(())
    }
}

//! Frames become files: each written beside its place, renamed into it, and entered in its folder's index.
//!
//! **Invariant**: [`FrameStore::put`] answers only when the outcome is on disk (though not synced); after an error
//! nothing is stored, nothing half-written bears a picture's name, and the same arrival can be put again.
//!
//! A repeat is judged by its identity in the store ledger and by the checksum in the index, never by the file's bytes: a
//! user may move or delete stored files and whole folders, and they do not come back. What is no usable frame is kept in
//! `quarantine/`, once for each content, so that it can be acknowledged and looked at.
//!
//! The [`SharedLedger`] is on disk as a [`checkpoint`] and is brought up to date by what the folders' indexes have gained
//! since. What of all this outlives a power cut, and when, is the [`SyncMode`]'s affair.
//!
//! The store blocks; it runs on a thread of its own. It knows nothing of MQTT, acknowledgements or counters.

mod arrival;
mod folder;
mod frame_file;
mod in_use;
mod output;
pub(crate) mod replace;
mod writing;

mod durability;

pub mod checkpoint;
mod keeping;
mod recovery;

mod books;
mod shared_ledger;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use jiff::tz::TimeZone;
use protocol::event::Decoded;
use protocol::frame::{Frame, FrameId};
use protocol::jpeg;

use crate::index::{Entry, Kind};
use crate::layout::{self, Layout};
use crate::ledger::Standing;
use books::Role;
use folder::{OpenFolders, Recorded};
use frame_file::FrameFile;
use writing::{Place, Task};

pub use arrival::{Arrival, Content, Outcome};
pub use durability::SyncMode;
pub(crate) use in_use::FoldersInUse;
pub use output::{OutputFolder, StoreError};
pub use shared_ledger::SharedLedger;

/// An output folder, held by this program alone.
#[derive(Debug)]
pub struct FrameStore {
    root: PathBuf,
    layout: Layout,
    /// Where frames' files are to say what they are: the time zone in which they do.
    exif: Option<TimeZone>,
    folders: OpenFolders,
    ledger: Arc<SharedLedger>,
}

impl FrameStore {
    /// Takes `root` for this program, creating it if need be. Nothing is synced.
    pub fn open(root: &Path, layout: Layout) -> Result<Self, StoreError> {
        Self::open_synced(root, layout, SyncMode::None)
    }

    /// [`FrameStore::open`], with what is stored synced as `sync` says.
    pub fn open_synced(root: &Path, layout: Layout, sync: SyncMode) -> Result<Self, StoreError> {
        let folder = OutputFolder::take(root)?;
        Ok(Self {
            root: folder.root().to_owned(),
            layout,
            exif: None,
            folders: OpenFolders::default(),
            ledger: Arc::new(SharedLedger::open(folder, sync).map_err(StoreError::Ledger)?),
        })
    }

    /// From now on frames' files say when they were taken, as a clock in `zone` shows it, and which frame they are.
    #[must_use]
    pub fn with_exif(mut self, zone: TimeZone) -> Self {
        self.exif = Some(zone);
        self
    }

    /// The output folder, as an absolute path.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Its ledger.
    #[must_use]
    pub fn ledger(&self) -> &Arc<SharedLedger> {
        &self.ledger
    }

    /// Which folders are open here, now and later: their indexes must not be taken away.
    pub(crate) fn folders_in_use(&self) -> FoldersInUse {
        self.folders.in_use()
    }

    /// Stores what arrived, or finds that it is stored.
    ///
    /// # Errors
    /// The disk is full, read-only or gone: nothing is stored. The same arrival may be put again later.
    pub fn put(&mut self, arrival: &Arrival) -> io::Result<Outcome> {
        match self.try_put(arrival) {
            // Somebody moved the folder away while it was open here: it is made again.
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.try_put(arrival),
            outcome => outcome,
        }
    }

    fn try_put(&mut self, arrival: &Arrival) -> io::Result<Outcome> {
        match &arrival.content {
            Content::Undecodable {
                payload,
                reason,
                id,
            } => self.quarantine(arrival, payload, reason.clone(), id.as_ref()),
            Content::Nameless { payload, reason } => {
                self.quarantine(arrival, payload, reason.clone(), None)
            }
            Content::Decoded(Decoded::Foreign(jpeg)) => match jpeg::check(jpeg) {
                Ok(size) => self.put_foreign(arrival, jpeg, size),
                Err(error) => self.quarantine(arrival, jpeg, error.to_string(), None),
            },
            Content::Decoded(Decoded::Frame(frame)) if !frame.is_intact() => {
                let reason = format!("its checksum is not {:08x}", frame.crc32c);
                self.quarantine(arrival, &frame.jpeg, reason, None)
            }
            Content::Decoded(Decoded::Frame(frame)) => match jpeg::check_frame(&frame.jpeg) {
                Ok(size) => self.put_frame(arrival, frame, size),
                // It left its publisher like that: it would be no better if it came again.
                Err(error) => {
                    self.quarantine(arrival, &frame.jpeg, error.to_string(), Some(&frame.id))
                }
            },
        }
    }

    fn put_frame(
        &mut self,
        arrival: &Arrival,
        frame: &Frame,
        size: (u16, u16),
    ) -> io::Result<Outcome> {
        let place = Place::new(&self.root, &self.layout.path(frame));
        let exif = self.exif.clone();
        let mut file = FrameFile::new(arrival, frame, size, &place.file, exif.as_ref());
        let standing = self.ledger.standing(&frame.id);
        // The folder of a frame that was stored may have been moved away: it is not made again for that.
        if standing == Standing::Stored && self.folders.existing(&place.folder)?.is_none() {
            return Ok(Outcome::Duplicate);
        }
        self.folder(&place)?;
        // Opening the folder may have brought something to light.
        let standing = self.ledger.standing(&frame.id);
        let folder = self.folder(&place)?;
        let mut recorded = folder.recorded(&file.entry);
        if recorded == Recorded::Other {
            // Another run may have stored it with metadata, or without: as the index has it, it stays.
            let other = exif.is_none().then_some(TimeZone::UTC);
            let other = FrameFile::new(arrival, frame, size, &place.file, other.as_ref());
            if folder.recorded(&other.entry) == Recorded::Same {
                (file, recorded) = (other, Recorded::Same);
            }
        }
        let FrameFile { entry, bytes } = file;
        let task = match (recorded, standing) {
            (Recorded::No, Standing::Stored) => return Ok(Outcome::Duplicate),
            (Recorded::No, _) => Task::StoreAndRecord,
            (Recorded::Same, Standing::Doubtful) => Task::Store,
            (Recorded::Same, _) if folder.holds_part_of(&entry)? => Task::Store,
            (Recorded::Same, _) => return Ok(Outcome::Duplicate),
            (Recorded::Other, _) => {
                let reason = format!("{} is recorded with another picture", place.file);
                return match self.quarantine(arrival, &frame.jpeg, reason, Some(&frame.id))? {
                    Outcome::Quarantined { path, .. } => Ok(Outcome::Conflict { path }),
                    other => Ok(other),
                };
            }
        };
        self.write(&place, &entry, &bytes, task, Role::Frame(&frame.id))?;
        Ok(Outcome::Stored { path: place.path() })
    }

    fn put_foreign(
        &mut self,
        arrival: &Arrival,
        jpeg: &Bytes,
        size: (u16, u16),
    ) -> io::Result<Outcome> {
        let crc32c = protocol::frame::checksum(jpeg);
        let path = layout::foreign_path(&arrival.camera, arrival.received_at, crc32c);
        let place = Place::new(&self.root, &path);
        let entry = Entry {
            file: place.file.clone(),
            camera: arrival.camera.clone(),
            kind: Kind::Foreign,
            size: Some(size),
            bytes: jpeg.len() as u64,
            crc32c,
            exif_bytes: 0,
            received_at: arrival.received_at,
        };
        self.store_once(&place, &entry, jpeg, Role::Unnumbered)?;
        Ok(Outcome::Foreign { path: place.path() })
    }

    fn quarantine(
        &mut self,
        arrival: &Arrival,
        payload: &Bytes,
        reason: String,
        id: Option<&FrameId>,
    ) -> io::Result<Outcome> {
        let path = layout::quarantine_path(&arrival.camera, payload);
        let place = Place::new(&self.root, &path);
        let entry = Entry {
            file: place.file.clone(),
            camera: arrival.camera.clone(),
            kind: Kind::Quarantined {
                reason: reason.clone(),
            },
            size: None,
            bytes: payload.len() as u64,
            crc32c: protocol::frame::checksum(payload),
            exif_bytes: 0,
            received_at: arrival.received_at,
        };
        let role = id.map_or(Role::Unnumbered, Role::SetAside);
        self.store_once(&place, &entry, payload, role)?;
        Ok(Outcome::Quarantined {
            path: place.path(),
            reason,
        })
    }

    fn store_once(
        &mut self,
        place: &Place,
        entry: &Entry,
        bytes: &[u8],
        role: Role,
    ) -> io::Result<()> {
        let is_recorded = self.folder(place)?.recorded(entry) != Recorded::No;
        if is_recorded && !self.is_in_doubt(place, role) {
            if let Role::SetAside(id) = role {
                // The file may be unsynced yet: it is synced with the rest, and claimed only then.
                let index_bytes = self.folder(place)?.index_bytes();
                let role = Role::SetAside(id);
                self.ledger
                    .enter(&place.folder, &place.file, index_bytes, role);
            }
            return Ok(());
        }
        let task = if is_recorded {
            Task::Store
        } else {
            Task::StoreAndRecord
        };
        self.write(place, entry, bytes, task, role)
    }

    fn is_in_doubt(&self, place: &Place, role: Role) -> bool {
        match role {
            Role::Frame(id) | Role::SetAside(id) => self.ledger.standing(id) == Standing::Doubtful,
            Role::Unnumbered => self.ledger.doubts_file(&place.folder, &place.file),
        }
    }
}

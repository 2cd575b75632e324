//! Frames become files: each written beside its place, renamed into it, and entered in its folder's index.
//!
//! **Invariant**: [`FrameStore::put`] answers only when the outcome is on disk (though not synced); after an error
//! nothing is stored, nothing half-written bears a picture's name, and the same arrival can be put again.
//!
//! A repeat is judged by its identity and by the checksum in the index, never by the file's bytes: a user may move
//! or delete stored files, and they do not come back. What is no usable frame is kept in `quarantine/`, once for each
//! content, so that it can be acknowledged and looked at.
//!
//! The store blocks; it runs on a thread of its own. It knows nothing of MQTT, acknowledgements or counters.

mod folder;
mod in_use;
mod output;
pub(crate) mod replace;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use jiff::Timestamp;
use protocol::event::Decoded;
use protocol::frame::Frame;
use protocol::jpeg;
use protocol::topic::CameraName;

use crate::index::{Entry, Kind};
use crate::layout::{self, Layout};
use folder::OpenFolders;

pub(crate) use in_use::FoldersInUse;
pub use output::StoreError;
pub(crate) use output::take as take_output_folder;

/// A message on a frames topic, as it came.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The camera whose topic it came on.
    pub camera: CameraName,
    /// When it came.
    pub received_at: Timestamp,
    /// What it says.
    pub content: Content,
}

/// What a message says, as far as it could be read.
#[derive(Debug, Clone)]
pub enum Content {
    /// A frame, or a bare picture.
    Decoded(Decoded),
    /// Neither.
    Undecodable {
        /// The whole payload.
        payload: Bytes,
        /// Why it could not be read.
        reason: String,
    },
}

/// What became of an arrival. Paths begin with the output folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A frame, now on disk.
    Stored {
        /// Its file.
        path: PathBuf,
    },
    /// A frame that was stored before.
    Duplicate,
    /// No usable frame: set aside.
    Quarantined {
        /// Where it is kept.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A valid picture under an identity or a name that another one has: set aside.
    Conflict {
        /// Where it is kept.
        path: PathBuf,
    },
    /// A bare picture of another publisher, now on disk.
    Foreign {
        /// Its file.
        path: PathBuf,
    },
    /// Left out in favour of newer ones, where only the latest are wanted. The store itself leaves out nothing.
    Skipped,
}

impl Outcome {
    /// The file that it is now in, unless it was stored before.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Duplicate | Self::Skipped => None,
            Self::Stored { path }
            | Self::Quarantined { path, .. }
            | Self::Conflict { path }
            | Self::Foreign { path } => Some(path),
        }
    }
}

/// An output folder, held by this program alone.
#[derive(Debug)]
pub struct FrameStore {
    root: PathBuf,
    layout: Layout,
    folders: OpenFolders,
    /// Unlocked when it is dropped.
    _lock: File,
}

impl FrameStore {
    /// Takes `root` for this program, creating it if need be.
    pub fn open(root: &Path, layout: Layout) -> Result<Self, StoreError> {
        let (root, lock) = output::take(root)?;
        Ok(Self {
            root,
            layout,
            folders: OpenFolders::default(),
            _lock: lock,
        })
    }

    /// The output folder, as an absolute path.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
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
            Content::Undecodable { payload, reason } => {
                self.quarantine(arrival, payload, reason.clone())
            }
            Content::Decoded(Decoded::Foreign(jpeg)) => match jpeg::check(jpeg) {
                Ok(size) => self.put_foreign(arrival, jpeg, size),
                Err(error) => self.quarantine(arrival, jpeg, error.to_string()),
            },
            Content::Decoded(Decoded::Frame(frame)) if !frame.is_intact() => {
                let reason = format!("its checksum is not {:08x}", frame.crc32c);
                self.quarantine(arrival, &frame.jpeg, reason)
            }
            Content::Decoded(Decoded::Frame(frame)) => match jpeg::check(&frame.jpeg) {
                Ok(size) => self.put_frame(arrival, frame, size),
                Err(error) => self.quarantine(arrival, &frame.jpeg, error.to_string()),
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
        let entry = Entry {
            file: place.file.clone(),
            camera: frame.id.camera.clone(),
            kind: Kind::Frame {
                stream: frame.id.stream,
                sequence: frame.id.sequence,
                captured_at: frame.captured_at,
                dropped: frame.dropped,
            },
            size: Some(size),
            bytes: frame.jpeg.len() as u64,
            crc32c: frame.crc32c,
            received_at: arrival.received_at,
        };
        let path = place.path();
        let folder = self.folders.get(&place.folder)?;
        match folder.recorded(&entry) {
            folder::Recorded::No => {
                let stored = folder.store(&entry, &frame.jpeg);
                self.settle(&place, stored)?;
                Ok(Outcome::Stored { path })
            }
            folder::Recorded::Same => {
                if !folder.holds_part_of(&entry)? {
                    return Ok(Outcome::Duplicate);
                }
                let replaced = folder.write(&place.file, &frame.jpeg);
                self.settle(&place, replaced)?;
                Ok(Outcome::Stored { path })
            }
            folder::Recorded::Other => {
                let reason = format!("{} is recorded with another picture", place.file);
                match self.quarantine(arrival, &frame.jpeg, reason)? {
                    Outcome::Quarantined { path, .. } => Ok(Outcome::Conflict { path }),
                    other => Ok(other),
                }
            }
        }
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
            received_at: arrival.received_at,
        };
        self.store_once(&place, &entry, jpeg)?;
        Ok(Outcome::Foreign { path: place.path() })
    }

    fn quarantine(
        &mut self,
        arrival: &Arrival,
        payload: &Bytes,
        reason: String,
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
            received_at: arrival.received_at,
        };
        self.store_once(&place, &entry, payload)?;
        Ok(Outcome::Quarantined {
            path: place.path(),
            reason,
        })
    }

    fn store_once(&mut self, place: &Place, entry: &Entry, bytes: &[u8]) -> io::Result<()> {
        let folder = self.folders.get(&place.folder)?;
        if folder.recorded(entry) != folder::Recorded::No {
            return Ok(());
        }
        let stored = folder.store(entry, bytes);
        self.settle(place, stored)
    }

    /// After an error what is known of the folder may be wrong: it is read again at its next use.
    fn settle(&mut self, place: &Place, done: io::Result<()>) -> io::Result<()> {
        done.inspect_err(|_| self.folders.forget(&place.folder))
    }
}

/// A file's place: an absolute folder, and a name in it.
struct Place {
    folder: PathBuf,
    file: String,
}

impl Place {
    fn new(root: &Path, relative: &Path) -> Self {
        let file = relative
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a layout yields file names in UTF-8");
        Self {
            folder: root.join(relative.parent().unwrap_or(Path::new(""))),
            file: file.to_owned(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.join(&self.file)
    }
}

//! Frames on disk until they are delivered: one plain JPEG file each, in a folder a stream.
//!
//! ```text
//! <spool-dir>/<camera>/.framebridge.lock
//! <spool-dir>/<camera>/<stream>/00000000000000000123_20261122T143005.123456Z_0a1b2c3d.jpg
//! <spool-dir>/<camera>/<stream>/given-up.txt
//! <spool-dir>/<camera>/torn/...
//! ```
//!
//! A name is the frame's number in its stream, its capture time and its CRC-32C: a person can rescue frames by hand, and a
//! file that a power cut has torn is known by its checksum. A frame is numbered by the rename that gives the file its
//! name; what is still called `.part` at the next start never was one.
//!
//! This module knows files and nothing else: what may go, and when, is [`crate::custody`]'s business.

mod given_up;
mod keeper;
mod name;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use protocol::frame::StreamId;
use protocol::ranges::RangeSet;
use protocol::topic::CameraName;
use tracing::{info, warn};

use crate::custody::{Facts, Key};
use given_up::GivenUpPage;
use keeper::Keeper;

/// Where files go whose bytes are not what was captured.
const TORN: &str = "torn";

/// What a power cut may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum SpoolSync {
    /// The system writes when it likes: the frames of the last half minute or so
    None,
    /// Once a second: the frames of about a second
    #[default]
    Interval,
    /// Before each frame is sent: no numbered frame, at a few milliseconds each
    Always,
}

/// The spool of one camera, held by this program alone.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    sync: SpoolSync,
    keeper: Keeper,
    given_up: Mutex<HashMap<StreamId, GivenUpPage>>,
    /// Unlocked when it is dropped.
    _lock: Option<File>,
}

/// What earlier runs have left.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    pub(crate) frames: Vec<(Key, Facts)>,
    pub(crate) given_up: Vec<(StreamId, RangeSet)>,
}

/// Why a frame could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// It is not what was written: it has been set aside.
    #[error("is torn; set aside in {}", .0.display())]
    Torn(PathBuf),
    /// Somebody took it away.
    #[error("is gone")]
    Gone,
    /// Somebody took all of them away, or the disk was: it may come back.
    #[error("is gone with its folder")]
    FolderGone,
    /// The disk does not give it.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
}

impl ReadError {
    /// Whether another attempt may give the file.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Io(_) | Self::FolderGone)
    }

    /// Whether it is no fault of the file: no attempt is to be the last.
    pub(crate) fn will_pass(&self) -> bool {
        match self {
            Self::FolderGone => true,
            Self::Io(error) => {
                let is_short_of_handles =
                    cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24));
                is_short_of_handles || error.kind() == io::ErrorKind::OutOfMemory
            }
            Self::Torn(_) | Self::Gone => false,
        }
    }
}

/// Where the frames of `camera` are below the folder `dir`.
pub(crate) fn folder_of(dir: &Path, camera: &CameraName) -> PathBuf {
    std::path::absolute(dir)
        .unwrap_or_else(|_| dir.to_owned())
        .join(camera.as_str())
}

impl Spool {
    /// Takes the camera's folder below `dir` for this program, creating it if need be, and finds what earlier runs left.
    pub(crate) fn open(
        dir: &Path,
        camera: &CameraName,
        present: StreamId,
        sync: SpoolSync,
    ) -> anyhow::Result<(Self, Leftovers)> {
        let folder = folder_of(dir, camera);
        let failed = || format!("cannot use the spool folder {}", folder.display());
        fs::create_dir_all(&folder).with_context(failed)?;
        let lock = match runtime::folder::lock(&folder).with_context(failed)? {
            runtime::folder::Lock::Held(lock) => lock,
            runtime::folder::Lock::InUse => bail!(
                "another frame-publisher spools camera {camera} in {}",
                dir.display()
            ),
        };
        let mut pages = HashMap::new();
        let mut leftovers = Leftovers::default();
        for item in fs::read_dir(&folder).with_context(failed)? {
            let path = item.with_context(failed)?.path();
            if let Some(stream) = stream_of(&path) {
                take_stock(stream, &path, &mut leftovers).with_context(failed)?;
                pages.insert(stream, GivenUpPage::open(&path).with_context(failed)?);
            }
        }
        let own = folder.join(present.to_string());
        match fs::create_dir_all(&own) {
            // Room will be made for it with the first frame.
            Err(error) if runtime::folder::is_full(&error) => {}
            made => made.with_context(failed)?,
        }
        if own.exists() {
            pages.insert(present, GivenUpPage::open(&own).with_context(failed)?);
        }
        if sync == SpoolSync::Always && own.exists() {
            for folder in [&own, &folder, &dir.to_owned()] {
                keeper::sync_folder(folder).with_context(failed)?;
            }
        }
        tell_of_other_cameras(dir, camera);
        leftovers.frames.sort_unstable_by_key(|(key, _)| *key);
        leftovers.given_up = pages
            .iter()
            .map(|(stream, page)| (*stream, page.ranges().clone()))
            .collect();
        let keeper = Keeper::spawn(folder.clone(), sync).with_context(failed)?;
        let spool = Self {
            folder,
            sync,
            keeper,
            given_up: Mutex::new(pages),
            _lock: lock,
        };
        Ok((spool, leftovers))
    }

    /// Writes a frame; once this returns it is numbered. After an error it is not.
    pub(crate) fn write(&self, key: Key, facts: Facts, jpeg: &[u8]) -> io::Result<()> {
        self.write_unwritten()?;
        let target = self.path(key, facts);
        let partial = target.with_extension("part");
        let written = self.write_and_rename(&partial, &target, jpeg);
        if written.is_err() {
            // It may never have been made; the next start removes it in any case.
            let _ = fs::remove_file(&partial);
        } else {
            self.keeper.written();
        }
        written
    }

    fn write_and_rename(&self, partial: &Path, target: &Path, jpeg: &[u8]) -> io::Result<()> {
        let mut file = match File::create(partial) {
            // The disk was full when the folder was to be made, or somebody has taken it away.
            // Should the whole spool be gone, it is not made anew: it may have been on another disk, which comes back.
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    && self.folder.join(runtime::folder::LOCK_FILE).exists() =>
            {
                fs::create_dir_all(partial.parent().unwrap_or(&self.folder))?;
                if self.sync == SpoolSync::Always {
                    keeper::sync_folder(&self.folder)?;
                }
                File::create(partial)?
            }
            file => file?,
        };
        file.write_all(jpeg)?;
        if self.sync == SpoolSync::Always {
            file.sync_data()?;
        }
        drop(file);
        fs::rename(partial, target)?;
        if self.sync == SpoolSync::Always {
            // A frame that is not numbered for certain is not numbered.
            keeper::sync_folder(target.parent().unwrap_or(&self.folder))
                .inspect_err(|_| drop(fs::remove_file(target)))?;
        }
        Ok(())
    }

    /// Reads a frame's picture again, and makes sure that it is what was captured.
    pub(crate) fn read(&self, key: Key, facts: Facts) -> Result<Bytes, ReadError> {
        let path = self.path(key, facts);
        let jpeg = match fs::read(&path) {
            Ok(jpeg) => jpeg,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(if path.parent().is_some_and(Path::exists) {
                    ReadError::Gone
                } else {
                    ReadError::FolderGone
                });
            }
            Err(error) => return Err(error.into()),
        };
        if protocol::frame::checksum(&jpeg) == facts.crc32c {
            Ok(jpeg.into())
        } else {
            Err(self.torn(key, facts))
        }
    }

    /// The frame's file is not what was captured: it is set aside, if the disk lets it.
    pub(crate) fn torn(&self, key: Key, facts: Facts) -> ReadError {
        let path = self.path(key, facts);
        ReadError::Torn(self.set_aside(&path, key).unwrap_or(path))
    }

    /// Waits until what may go is gone, but not for long. Whether anything went.
    pub(crate) fn finish_removals(&self) -> bool {
        self.keeper.finish_removals()
    }

    /// The frame's file may go; it does so in the background.
    pub(crate) fn remove(&self, key: Key, facts: Facts) {
        self.keeper.remove(self.path(key, facts));
    }

    /// The frame's file goes at once: its room is needed.
    pub(crate) fn remove_now(&self, key: Key, facts: Facts) {
        let path = self.path(key, facts);
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            warn!("cannot remove {} from the spool: {error}", path.display());
        }
    }

    /// Writes down what was given up of a stream, before the frames themselves go.
    pub(crate) fn write_given_up(&self, stream: StreamId, given_up: &RangeSet) {
        let mut pages = self.pages();
        let page = pages
            .entry(stream)
            .or_insert_with(|| GivenUpPage::absent(&self.folder.join(stream.to_string())));
        let was_said = page.is_unwritten();
        match page.write(given_up, self.sync == SpoolSync::Always) {
            Ok(()) => self.keeper.written(),
            Err(error) if !was_said => {
                warn!("cannot write down which frames were given up: {error}");
            }
            Err(_) => {}
        }
    }

    /// Before another frame is numbered, what is below it and was given up is named. Otherwise a crash would make a gap that
    /// nobody can explain.
    fn write_unwritten(&self) -> io::Result<()> {
        let mut pages = self.pages();
        for page in pages.values_mut().filter(|page| page.is_unwritten()) {
            let given_up = page.ranges().clone();
            page.write(&given_up, self.sync == SpoolSync::Always)?;
        }
        Ok(())
    }

    /// Nothing of the stream is held, and nobody must be told of it: its folder goes.
    pub(crate) fn remove_stream(&self, stream: StreamId) {
        self.pages().remove(&stream);
        self.keeper
            .remove_stream(self.folder.join(stream.to_string()));
    }

    /// The camera's folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn pages(&self) -> MutexGuard<'_, HashMap<StreamId, GivenUpPage>> {
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, key: Key, facts: Facts) -> PathBuf {
        self.folder
            .join(key.stream.to_string())
            .join(name::of(key.sequence, facts))
    }

    fn set_aside(&self, path: &Path, key: Key) -> io::Result<PathBuf> {
        let torn = self.folder.join(TORN);
        fs::create_dir_all(&torn)?;
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let target = torn.join(format!("{}_{file}", key.stream.short()));
        fs::rename(path, &target)?;
        Ok(target)
    }
}

fn stream_of(path: &Path) -> Option<StreamId> {
    StreamId::parse(path.file_name()?.to_str()?)
}

/// A camera that was given another name leaves its frames behind: nobody delivers them unless it is told.
fn tell_of_other_cameras(dir: &Path, camera: &CameraName) {
    for item in items_of(dir) {
        let name = item.file_name();
        let other = name.to_str().and_then(|name| name.parse().ok());
        let Some(other) = other.filter(|other: &CameraName| other != camera) else {
            continue;
        };
        // One that runs now delivers its own.
        let Ok(runtime::folder::Lock::Held(_)) = runtime::folder::lock(&item.path()) else {
            continue;
        };
        let is_frame = |item: &fs::DirEntry| {
            let name = item.file_name();
            name.to_str()
                .is_some_and(|name| name::parse(name).is_some())
        };
        let mut streams = items_of(&item.path()).filter(|item| stream_of(&item.path()).is_some());
        if streams.any(|stream| items_of(&stream.path()).any(|item| is_frame(&item))) {
            info!(
                "the spool has frames of camera {other}, too: they wait for a publisher of that name"
            );
        }
    }
}

fn items_of(folder: &Path) -> impl Iterator<Item = fs::DirEntry> + use<> {
    fs::read_dir(folder).into_iter().flatten().flatten()
}

/// Finds what is in a stream's folder; what never was a frame goes.
fn take_stock(stream: StreamId, folder: &Path, leftovers: &mut Leftovers) -> io::Result<()> {
    for item in fs::read_dir(folder)? {
        let item = item?;
        let name = item.file_name();
        let Some(name) = name.to_str() else { continue };
        if name::is_partial(name) {
            fs::remove_file(item.path())?;
        } else if let Some((sequence, captured_micros, crc32c)) = name::parse(name) {
            let key = Key { stream, sequence };
            let facts = Facts {
                captured_micros,
                bytes: item.metadata()?.len(),
                crc32c,
            };
            leftovers.frames.push((key, facts));
        }
    }
    Ok(())
}

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
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use protocol::frame::StreamId;
use protocol::ranges::RangeSet;
use protocol::topic::CameraName;
use tracing::warn;

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
    /// The disk does not give it.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
}

impl Spool {
    /// Takes the camera's folder below `dir` for this program, creating it if need be, and finds what earlier runs left.
    pub(crate) fn open(
        dir: &Path,
        camera: &CameraName,
        present: StreamId,
        sync: SpoolSync,
    ) -> anyhow::Result<(Self, Leftovers)> {
        let folder = std::path::absolute(dir)
            .unwrap_or_else(|_| dir.to_owned())
            .join(camera.as_str());
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
        fs::create_dir_all(&own).with_context(failed)?;
        pages.insert(present, GivenUpPage::open(&own).with_context(failed)?);
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
        let mut file = File::create(partial)?;
        file.write_all(jpeg)?;
        if self.sync == SpoolSync::Always {
            file.sync_data()?;
        }
        drop(file);
        fs::rename(partial, target)?;
        if self.sync == SpoolSync::Always {
            keeper::sync_folder(target.parent().unwrap_or(&self.folder))?;
        }
        Ok(())
    }

    /// Reads a frame's picture again, and makes sure that it is what was captured.
    pub(crate) fn read(&self, key: Key, facts: Facts) -> Result<Bytes, ReadError> {
        let path = self.path(key, facts);
        let jpeg = match fs::read(&path) {
            Ok(jpeg) => jpeg,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(ReadError::Gone),
            Err(error) => return Err(error.into()),
        };
        if protocol::frame::checksum(&jpeg) == facts.crc32c {
            Ok(jpeg.into())
        } else {
            Err(ReadError::Torn(self.set_aside(&path, key)?))
        }
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
        let mut pages = self.given_up.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(page) = pages.get_mut(&stream)
            && let Err(error) = page.write(given_up)
        {
            warn!("cannot write down which frames were given up: {error}");
        }
    }

    /// Nothing of the stream is held, and nobody must be told of it: its folder goes.
    pub(crate) fn remove_stream(&self, stream: StreamId) {
        let mut pages = self.given_up.lock().unwrap_or_else(PoisonError::into_inner);
        pages.remove(&stream);
        self.keeper
            .remove_stream(self.folder.join(stream.to_string()));
    }

    /// The camera's folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
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

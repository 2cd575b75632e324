//! What retention has deleted, as a small file in the output folder: so that nobody takes it for a loss.
//!
//! ```json
//! {"cameras":{"front-door":{"folders":{"front-door/2026-11-22/14/30":120345},"streams":{"0199...":[[1,54000]]}}}}
//! ```
//!
//! `folders` says of each folder that is partly deleted up to which byte of its index the camera's files are gone;
//! `streams` which frames are gone, from the newest streams; where gaps were closed to keep it small, `rough` says through
//! which number. It is written before anything is deleted: after a crash it
//! may name files that are still there, never leave out one that is not.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path};

use protocol::frame::StreamId;
use protocol::ranges::RangeSet;
use protocol::topic::CameraName;
use serde::{Deserialize, Serialize};

use crate::store::replace::replace;

/// Its name in the output folder.
pub(crate) const JOURNAL_FILE: &str = ".framebridge.retention.json";

/// Streams of a camera that are told; the oldest is forgotten first.
const MAX_STREAMS: usize = 64;
/// Ranges of a stream that are told; the lowest gap is closed first.
const MAX_RANGES: usize = 256;

/// What was deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Journal {
    #[serde(default)]
    cameras: BTreeMap<String, Deletions>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Deletions {
    #[serde(default)]
    folders: BTreeMap<String, u64>,
    #[serde(default)]
    streams: BTreeMap<StreamId, RangeSet>,
    /// Through which number frames may be named that were never there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    rough: BTreeMap<StreamId, u64>,
}

impl Deletions {
    /// The frames of a stream that were there and were deleted, beyond doubt.
    fn surely_gone(&self, stream: StreamId) -> RangeSet {
        let mut gone = self.streams.get(&stream).cloned().unwrap_or_default();
        if let Some(rough) = self.rough.get(&stream) {
            gone.remove_range(0..=*rough);
        }
        gone
    }
}

impl Journal {
    /// Reads the journal of the output folder `root`; an empty one if it has none.
    pub(crate) fn read(root: &Path) -> io::Result<Self> {
        match fs::read(root.join(JOURNAL_FILE)) {
            Ok(json) => serde_json::from_slice(&json).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Writes it, in one step.
    pub(crate) fn write(&self, root: &Path) -> io::Result<()> {
        replace(root, JOURNAL_FILE, &serde_json::to_vec(self)?)
    }

    /// Up to which byte of the index of `folder` (relative to the output folder) the files of each camera are gone.
    pub(crate) fn gone_in(&self, folder: &Path) -> impl Iterator<Item = (&str, u64)> {
        let key = key(folder);
        self.cameras.iter().filter_map(move |(camera, deletions)| {
            let gone = deletions.folders.get(&key)?;
            Some((camera.as_str(), *gone))
        })
    }

    /// The frames of a stream that were deleted.
    pub(crate) fn gone_of(&self, camera: &CameraName, stream: StreamId) -> Option<&RangeSet> {
        self.cameras.get(camera.as_str())?.streams.get(&stream)
    }

    /// Every stream of which frames were deleted, and which of them were there beyond doubt.
    pub(crate) fn streams(&self) -> impl Iterator<Item = (CameraName, StreamId, RangeSet)> {
        self.cameras.iter().flat_map(|(camera, deletions)| {
            let camera = camera.parse::<CameraName>().ok();
            deletions.streams.keys().filter_map(move |stream| {
                Some((camera.clone()?, *stream, deletions.surely_gone(*stream)))
            })
        })
    }

    /// Whether a frame was there and was deleted, beyond doubt.
    pub(crate) fn has_deleted(&self, camera: &CameraName, stream: StreamId, sequence: u64) -> bool {
        let deletions = self.cameras.get(camera.as_str());
        deletions.is_some_and(|of_camera| of_camera.surely_gone(stream).contains(sequence))
    }

    /// Enters that the files of `camera` in `folder` are gone up to the byte `end` of its index.
    pub(crate) fn set_gone(&mut self, camera: &CameraName, folder: &Path, end: u64) {
        let folders = &mut self.of(camera.as_str()).folders;
        folders.insert(key(folder), end);
    }

    /// Enters that a frame is gone.
    pub(crate) fn add_gone_frame(&mut self, camera: &CameraName, stream: StreamId, sequence: u64) {
        let Deletions { streams, rough, .. } = self.of(camera.as_str());
        let gone = streams.entry(stream).or_default();
        gone.insert(sequence);
        if gone.ranges().len() > MAX_RANGES
            && let Some(gap) = gone.close_lowest_gap()
        {
            let through = rough.entry(stream).or_default();
            *through = (*through).max(*gap.end());
        }
        while streams.len() > MAX_STREAMS
            && let Some((oldest, _)) = streams.pop_first()
        {
            rough.remove(&oldest);
        }
    }

    /// Gives every place in the index of `folder` the one that it has `now`, after lines were taken out.
    /// Whether there was one.
    pub(crate) fn move_places(&mut self, folder: &Path, now: impl Fn(u64) -> u64) -> bool {
        let key = key(folder);
        let mut known = false;
        for deletions in self.cameras.values_mut() {
            if let Some(gone) = deletions.folders.get_mut(&key) {
                *gone = now(*gone);
                known = true;
            }
        }
        known
    }

    /// Forgets how far `folder` is gone: it has no index any more. Whether there was something to forget.
    pub(crate) fn forget(&mut self, folder: &Path) -> bool {
        let key = key(folder);
        let mut known = false;
        for deletions in self.cameras.values_mut() {
            known |= deletions.folders.remove(&key).is_some();
        }
        known
    }

    fn of(&mut self, camera: &str) -> &mut Deletions {
        self.cameras.entry(camera.to_owned()).or_default()
    }
}

/// A folder as every system writes it here: an output folder may move between them.
fn key(folder: &Path) -> String {
    let names: Vec<_> = folder
        .components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_string_lossy()),
            _ => None,
        })
        .collect();
    names.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_read_as_it_was_written_and_stays_small() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(Journal::read(root.path()).unwrap(), Journal::default());
        let (mut journal, door) = (Journal::default(), "door".parse().unwrap());
        let streams: Vec<_> = (0..100).map(|_| StreamId::new()).collect();
        for (stream, n) in streams.iter().zip(1..) {
            for sequence in (1..=10 * n).map(|n| 2 * n) {
                journal.add_gone_frame(&door, *stream, sequence);
            }
        }
        let newest = *streams.last().unwrap();
        journal.set_gone(&door, Path::new("door/14"), 7);
        journal.write(root.path()).unwrap();
        let read = Journal::read(root.path()).unwrap();
        assert_eq!(read, journal);
        assert_eq!(read.cameras["door"].streams.len(), MAX_STREAMS);
        let gone = read.gone_of(&door, newest).unwrap();
        assert_eq!(gone.ranges().len(), MAX_RANGES);
        assert!((1..=1000).all(|n| gone.contains(2 * n)));
        // 744 gaps were closed: what is named there may never have been deleted.
        let surely = |sequence| read.has_deleted(&door, newest, sequence);
        assert!((1..=744).all(|n| !surely(2 * n) && !surely(2 * n + 1)));
        assert!((746..=1000).all(|n| surely(2 * n) && !surely(2 * n + 1)));
        assert!(read.cameras["door"].rough.len() <= MAX_STREAMS);
        assert!(read.gone_in(Path::new("door/14")).eq([("door", 7)]));
        journal.forget(Path::new("door/14"));
        assert_eq!(journal.gone_in(Path::new("door/14")).count(), 0);
    }
}

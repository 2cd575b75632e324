//! Single frames: the next ones from a place on, and their files.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::str::FromStr;

use protocol::topic::CameraName;

use super::block::Block;
use super::folder::FolderId;
use super::{Recording, time_of};
use crate::index::{self, Entry, Kind};

/// Files that no camera makes are not taken into memory.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// Where a frame is: its time first, so that places are in the order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::view) struct Place {
    /// In microseconds since 1970.
    pub(in crate::view) time: i64,
    folder: FolderId,
    /// Where its line begins in the folder's index.
    line: u64,
}

impl Place {
    /// Before every frame of `time`, and after all before it.
    pub(in crate::view) fn before_all_of(time: i64) -> Self {
        Self {
            time,
            folder: 0,
            line: 0,
        }
    }
}

/// A frame, and what its index says.
#[derive(Debug, Clone)]
pub(in crate::view) struct Found {
    pub(in crate::view) place: Place,
    pub(in crate::view) entry: Entry,
}

/// Which way to go from a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::view) enum Direction {
    /// From the place itself on, to later ones.
    Forward,
    /// From the one before the place on, to earlier ones.
    Backward,
}

impl Recording {
    /// The next frames of `camera` from `place` on, at most `most`, the nearest first. It reads files.
    pub(in crate::view) fn frames(
        &self,
        camera: &CameraName,
        place: Place,
        direction: Direction,
        most: usize,
    ) -> io::Result<Vec<Found>> {
        let mut search = Search {
            place,
            direction,
            most,
            found: BTreeMap::new(),
        };
        let mut behind = None;
        while let Some(next) = self.next_block(camera, place.time, direction, behind)
            && !search.is_over_before(&next.block)
        {
            behind = Some(next.key);
            index::read_from(&next.folder, next.block.start, |line| {
                if line.start >= next.block.end {
                    return ControlFlow::Break(());
                }
                let is_shown = |entry: &Entry| {
                    entry.camera == *camera
                        && line.start >= next.deleted_through
                        && !matches!(entry.kind, Kind::Quarantined { .. })
                };
                if let Some(entry) = line.entry.filter(is_shown) {
                    let at = Place {
                        time: time_of(&entry),
                        folder: next.block.folder,
                        line: line.start,
                    };
                    search.take(at, entry);
                }
                ControlFlow::Continue(())
            })?;
        }
        Ok(search.finish())
    }

    /// The frame of `camera` that is nearest to `time`. It reads files.
    pub(in crate::view) fn nearest(
        &self,
        camera: &CameraName,
        time: i64,
    ) -> io::Result<Option<Found>> {
        let place = Place::before_all_of(time);
        let after = self.frames(camera, place, Direction::Forward, 1)?.pop();
        let before = self.frames(camera, place, Direction::Backward, 1)?.pop();
        Ok(match (before, after) {
            (Some(before), Some(after)) => {
                let is_before = time.abs_diff(before.place.time) < time.abs_diff(after.place.time);
                Some(if is_before { before } else { after })
            }
            (before, after) => before.or(after),
        })
    }

    /// The file at `place`, with what its index says; `None` if there is none, or no longer. It reads files.
    pub(in crate::view) fn file(&self, place: Place) -> io::Result<Option<(Entry, Vec<u8>)>> {
        let folder = self.state().folders.path(place.folder);
        let Some(folder) = folder else {
            return Ok(None);
        };
        // A line begins behind another's end: what stands in the middle of one is no entry.
        let mut entry = None;
        let from = place.line.saturating_sub(1);
        index::read_from(&folder, from, |line| {
            if line.start == place.line {
                entry = line.entry;
            } else if line.end == place.line {
                return ControlFlow::Continue(());
            }
            ControlFlow::Break(())
        })?;
        let is_it = |entry: &Entry| {
            time_of(entry) == place.time && !matches!(entry.kind, Kind::Quarantined { .. })
        };
        let Some(entry) = entry.filter(is_it) else {
            return Ok(None);
        };
        let path = folder.join(&entry.file);
        match read_file(&path) {
            Ok(jpeg) => Ok(Some((entry, jpeg))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The block after the one at `behind`.
    fn next_block(
        &self,
        camera: &CameraName,
        time: i64,
        direction: Direction,
        behind: Option<(i64, usize)>,
    ) -> Option<NextBlock> {
        let state = self.state();
        let blocks = state.cameras.get(camera)?;
        let key = match direction {
            Direction::Forward => blocks.next(time, behind),
            Direction::Backward => blocks.previous(time, behind),
        }?;
        let block = blocks.all[key.1];
        let relative = state.folders.relative(block.folder)?;
        let mut deleted = state.journal.gone_in(&relative);
        let deleted = deleted.find(|(of, _)| *of == camera.as_str());
        Some(NextBlock {
            key,
            block,
            folder: state.folders.path(block.folder)?,
            deleted_through: deleted.map_or(0, |(_, end)| end),
        })
    }
}

/// A block to be read, as it was at one moment.
struct NextBlock {
    key: (i64, usize),
    block: Block,
    folder: PathBuf,
    /// Up to which byte of the index the files of the camera are deleted.
    deleted_through: u64,
}

/// The nearest frames that were met so far.
struct Search {
    place: Place,
    direction: Direction,
    most: usize,
    found: BTreeMap<Place, Entry>,
}

impl Search {
    /// Whether nothing in `block`, or in those after it, is nearer than what is found.
    fn is_over_before(&self, block: &Block) -> bool {
        let is_full = self.found.len() >= self.most;
        is_full
            && match self.direction {
                Direction::Forward => {
                    let farthest = self.found.last_key_value();
                    farthest.is_none_or(|(farthest, _)| block.first > farthest.time)
                }
                Direction::Backward => {
                    let farthest = self.found.first_key_value();
                    farthest.is_none_or(|(farthest, _)| block.last < farthest.time)
                }
            }
    }

    fn take(&mut self, at: Place, entry: Entry) {
        let is_ahead = match self.direction {
            Direction::Forward => at >= self.place,
            Direction::Backward => at < self.place,
        };
        if !is_ahead {
            return;
        }
        self.found.insert(at, entry);
        if self.found.len() > self.most {
            let _farthest = match self.direction {
                Direction::Forward => self.found.pop_last(),
                Direction::Backward => self.found.pop_first(),
            };
        }
    }

    /// The nearest first.
    fn finish(self) -> Vec<Found> {
        let found = self.found.into_iter();
        let mut found: Vec<_> = found.map(|(place, entry)| Found { place, entry }).collect();
        if self.direction == Direction::Backward {
            found.reverse();
        }
        found
    }
}

/// Whether what stands in a frame's place can never be its picture: others may be.
pub(in crate::view) fn is_no_picture(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
}

/// Reads a picture that is no link: neither it nor anything on the way to it leads elsewhere.
fn read_file(path: &std::path::Path) -> io::Result<Vec<u8>> {
    let no_picture = |why| io::Error::new(io::ErrorKind::InvalidData, why);
    if fs::canonicalize(path)? != path {
        return Err(no_picture("it is a link, and is not followed"));
    }
    // Before it is opened: a pipe would wait for somebody who writes.
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_file() {
        return Err(no_picture("it is no file"));
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(no_picture("it is too large for a picture"));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    File::open(path)?
        .take(MAX_FILE_BYTES)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_{}", self.time, self.folder, self.line)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('_');
        let place = Self {
            time: parts.next().and_then(|part| part.parse().ok()).ok_or(())?,
            folder: parts.next().and_then(|part| part.parse().ok()).ok_or(())?,
            line: parts.next().and_then(|part| part.parse().ok()).ok_or(())?,
        };
        parts.next().is_none().then_some(place).ok_or(())
    }
}

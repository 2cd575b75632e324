//! What is on disk, in the order of time: summaries of the indexes in memory, and the frames themselves from the indexes when somebody
//! looks at them.
//!
//! A frame costs no memory, only every 512th does. It is known by its time, its folder's number and its line's place in that
//! folder's index; so whoever asks for one never says a path.

mod block;
mod folder;
mod frames;
mod reading;
mod runs;
mod timeline;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use protocol::topic::CameraName;
use serde::Serialize;
use tracing::warn;

use self::block::{Block, Blocks, Line};
use self::folder::{FolderId, Folders, Met};
use crate::index::{Entry, Kind};
use crate::retention::journal::Journal;

pub(super) use self::frames::{Direction, Found, Place, is_no_picture};
pub(super) use self::reading::keep_reading;
pub(super) use self::timeline::Timeline;

/// Cameras that are told apart. One more than anybody has; names in an index came from a network once.
const MAX_CAMERAS: usize = 256;

/// Blocks that are kept: some 70 MB, and half a billion frames. Beyond them the oldest are left out.
const MAX_BLOCKS: usize = 1_000_000;

/// A folder that a subscriber writes, or wrote.
#[derive(Debug)]
pub(super) struct Recording {
    root: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    folders: Folders,
    cameras: BTreeMap<CameraName, Blocks>,
    /// What retention has deleted is not missing, and not shown.
    journal: Journal,
    blocks: usize,
    /// Whether everything was read once.
    is_complete: bool,
    /// Whether a folder could not be read, or something is left out: each is said once.
    complained: bool,
    left_out: bool,
}

/// A recording as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Parts {
    /// By name.
    pub(super) cameras: Vec<Part>,
    /// Whether everything was read once.
    pub(super) is_complete: bool,
}

/// A camera's part of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Part {
    pub(super) camera: String,
    pub(super) frames: u64,
    pub(super) bytes: u64,
    /// The times of the first and the last frame, in microseconds since 1970.
    pub(super) first: i64,
    pub(super) last: i64,
}

impl Recording {
    /// The recording in `dir`, of which nothing is read yet.
    ///
    /// # Errors
    /// It is not there, or is no folder.
    pub(super) fn new(dir: &Path) -> io::Result<Self> {
        let root = fs::canonicalize(dir)?;
        if !root.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self {
            state: Mutex::new(State {
                folders: Folders::new(root.clone()),
                cameras: BTreeMap::new(),
                journal: Journal::default(),
                blocks: 0,
                is_complete: false,
                complained: false,
                left_out: false,
            }),
            root,
        })
    }

    /// What there is, as far as it is read.
    fn parts(&self) -> Parts {
        let state = self.state();
        let parts = state.cameras.iter().filter_map(|(camera, blocks)| {
            let all = &blocks.all;
            Some(Part {
                camera: camera.to_string(),
                frames: all.iter().map(|block| u64::from(block.frames)).sum(),
                bytes: all.iter().map(|block| block.bytes).sum(),
                first: all.iter().map(|block| block.first).min()?,
                last: all.iter().map(|block| block.last).max()?,
            })
        });
        Parts {
            cameras: parts.collect(),
            is_complete: state.is_complete,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn root(&self) -> &Path {
        &self.root
    }

    fn set_children(&self, id: FolderId, met: Vec<Met>) {
        let mut state = self.state();
        let gone: HashSet<_> = state.folders.set_children(id, met).into_iter().collect();
        if !gone.is_empty() {
            state.forget(|_, block| gone.contains(&block.folder));
        }
    }

    /// The index of a folder is read through `read`; what was known of it goes if that is its beginning.
    fn begin_index(&self, id: FolderId, read: Option<u64>) {
        let mut state = self.state();
        if state.folders.read(id).is_some() && read.unwrap_or(0) == 0 {
            state.forget(|_, block| block.folder == id);
        }
        state.folders.set_read(id, read);
    }

    /// Enters `lines` of a folder, whose index is read through `end` with them.
    fn enter(&self, id: FolderId, lines: &mut Vec<(Entry, Line)>, end: u64) {
        let mut state = self.state();
        let Some(relative) = state.folders.relative(id) else {
            return lines.clear();
        };
        let deleted: BTreeMap<String, u64> = state
            .journal
            .gone_in(&relative)
            .map(|(camera, end)| (camera.to_owned(), end))
            .collect();
        for (entry, line) in lines.drain(..) {
            let deleted = deleted.get(entry.camera.as_str());
            let is_deleted = deleted.is_some_and(|end| line.end <= *end);
            let is_known = state.cameras.contains_key(&entry.camera);
            if !is_known && state.cameras.len() == MAX_CAMERAS {
                state.say_left_out("more than 256 cameras: those of the others");
                continue;
            }
            let blocks = state.cameras.entry(entry.camera).or_default();
            let before = blocks.all.len();
            if !is_deleted {
                blocks.enter(line);
            }
            if let Kind::Frame {
                stream, sequence, ..
            } = entry.kind
            {
                blocks.runs.enter(stream, sequence, line.time);
            }
            state.blocks += blocks.all.len() - before;
        }
        if state.blocks > MAX_BLOCKS {
            state.leave_out_the_oldest();
        }
        state.folders.set_read(id, Some(end));
    }

    fn set_journal(&self, journal: Journal) {
        let mut state = self.state();
        if state.journal == journal {
            return;
        }
        state.journal = journal;
        let State {
            journal, folders, ..
        } = &*state;
        let mut gone: BTreeMap<(String, FolderId), u64> = BTreeMap::new();
        let known = state.cameras.values().flat_map(|blocks| &blocks.all);
        let known: BTreeSet<_> = known.map(|block| block.folder).collect();
        for id in known {
            let Some(relative) = folders.relative(id) else {
                continue;
            };
            let of_folder = journal.gone_in(&relative);
            gone.extend(of_folder.map(|(camera, end)| ((camera.to_owned(), id), end)));
        }
        state.forget(|camera, block| {
            gone.get(&(camera.to_string(), block.folder))
                .is_some_and(|end| block.end <= *end)
        });
    }

    fn finish_round(&self) {
        self.state().is_complete = true;
    }

    fn complain(&self, path: &Path, error: &io::Error) {
        if !std::mem::replace(&mut self.state().complained, true) {
            warn!(
                "cannot read {}: {error}; what is there is not shown",
                path.display()
            );
        }
    }
}

impl State {
    fn forget(&mut self, is_gone: impl Fn(&CameraName, &Block) -> bool) {
        for (camera, blocks) in &mut self.cameras {
            blocks.forget(|block| is_gone(camera, block));
        }
        self.cameras.retain(|_, blocks| !blocks.all.is_empty());
        self.blocks = self.cameras.values().map(|blocks| blocks.all.len()).sum();
    }

    /// Makes room, for the next tenth at once.
    fn leave_out_the_oldest(&mut self) {
        let blocks = self.cameras.values().flat_map(|blocks| &blocks.all);
        let mut times: Vec<i64> = blocks.map(|block| block.last).collect();
        let (_, limit, _) = times.select_nth_unstable(MAX_BLOCKS / 10);
        let limit = *limit;
        self.forget(|_, block| block.last <= limit);
        self.say_left_out("more frames than there is room for: the oldest");
    }

    fn say_left_out(&mut self, what: &str) {
        if !std::mem::replace(&mut self.left_out, true) {
            warn!("the page does not show everything, there are {what} are left out");
        }
    }
}

/// The time under which an entry is shown, in microseconds since 1970.
fn time_of(entry: &Entry) -> i64 {
    match entry.kind {
        Kind::Frame { captured_at, .. } => captured_at.as_microsecond(),
        _ => entry.received_at.as_microsecond(),
    }
}

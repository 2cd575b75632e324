//! Reading the indexes of a recording, as far as they are new.
//!
//! All folders are looked into from time to time; those in which something happens, every second. What one round costs is kept to a small
//! part of the time, so that a recording of a year is read as politely as one of a minute.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::block::Line;
use super::folder::{FolderId, Met, ROOT};
use super::{Parts, Recording, time_of};
use crate::index::{self, Entry, INDEX_FILE, Kind};
use crate::layout::QUARANTINE;
use crate::retention::journal::Journal;

/// Lines that are entered at once: whoever looks meanwhile waits no longer than for them.
const LINES_AT_ONCE: usize = 4096;

/// Between two looks at where something happens.
const PAUSE: Duration = Duration::from_secs(1);
/// Between two looks at everything, at least.
const FULL_PAUSE: Duration = Duration::from_mins(1);
/// A round takes at most one part in so many of the time.
const SHARE: u32 = 20;

/// While everything is read, what is known so far is told so often.
const TOLD_EVERY: Duration = Duration::from_millis(500);

/// Reads until `stop`, and tells `parts` what there is. It blocks: it has a thread of its own.
pub(in crate::view) fn keep_reading(
    recording: &Recording,
    parts: &watch::Sender<Arc<Parts>>,
    stop: &CancellationToken,
) {
    let tell = || {
        let now = recording.parts();
        parts.send_if_modified(|told| {
            let is_new = **told != now;
            *told = Arc::new(now);
            is_new
        });
    };
    let mut full_round_at = Instant::now();
    while !stop.is_cancelled() {
        let (began, mut pause) = (Instant::now(), PAUSE);
        if began >= full_round_at {
            read_all(recording, stop, &tell);
            full_round_at = Instant::now() + FULL_PAUSE.max(SHARE * began.elapsed());
        } else {
            read_lively(recording);
            pause = PAUSE.max(SHARE * began.elapsed());
        }
        recording.finish_round();
        tell();
        std::thread::park_timeout(pause);
    }
}

/// Looks into the folders in which something new is likely.
pub(super) fn read_lively(recording: &Recording) {
    let mut ahead = vec![ROOT];
    while let Some(id) = ahead.pop() {
        look_into(recording, id, false);
        ahead.extend(recording.state().folders.lively_children(id));
    }
}

/// Looks into every folder once, and has told now and then what is known.
pub(super) fn read_all(recording: &Recording, stop: &CancellationToken, tell: &impl Fn()) {
    let mut told = Instant::now();
    match Journal::read(recording.root()) {
        Ok(journal) => recording.set_journal(journal),
        Err(error) => warn!("cannot read what retention has deleted: {error}"),
    }
    let mut ahead = vec![ROOT];
    while let (Some(id), false) = (ahead.pop(), stop.is_cancelled()) {
        look_into(recording, id, true);
        if told.elapsed() >= TOLD_EVERY {
            tell();
            told = Instant::now();
        }
        let state = recording.state();
        ahead.extend(state.folders.children(id).iter().rev());
    }
}

/// Enters what is new in a folder. A folder of pictures is listed `all_of_it` only in a full round: it may have a million of them.
fn look_into(recording: &Recording, id: FolderId, all_of_it: bool) {
    let (path, depth, has_index) = {
        let state = recording.state();
        let folders = &state.folders;
        let Some(path) = folders.path(id) else {
            return;
        };
        (path, folders.depth(id), folders.read(id).is_some())
    };
    if all_of_it || !has_index {
        match list(recording.root(), &path, depth) {
            Ok(met) => recording.set_children(id, met),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => recording.complain(&path, &error),
        }
    }
    if let Err(error) = read_index(recording, id, &path) {
        recording.complain(&path.join(INDEX_FILE), &error);
    }
}

/// The folders in `path`. A link is followed only where a camera's folder may be one, and never to what is met without it.
fn list(root: &Path, path: &Path, depth: usize) -> io::Result<Vec<Met>> {
    let mut met = Vec::new();
    for item in fs::read_dir(path)? {
        let item = item?;
        let name = item.file_name();
        if depth == 0 && name == QUARANTINE {
            continue;
        }
        let kind = item.file_type()?;
        if kind.is_dir() {
            met.push(Met {
                name,
                elsewhere: None,
            });
        } else if kind.is_symlink()
            && depth == 0
            && let Ok(target) = fs::canonicalize(item.path())
            && target.is_dir()
            && !target.starts_with(root)
            && !root.starts_with(&target)
        {
            met.push(Met {
                name,
                elsewhere: Some(target),
            });
        }
    }
    Ok(met)
}

/// Reads on in the index of a folder, from the beginning if it has become shorter.
fn read_index(recording: &Recording, id: FolderId, path: &Path) -> io::Result<()> {
    let len = match fs::symlink_metadata(path.join(INDEX_FILE)) {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Ok(_) => return Err(io::Error::other("it is no file, and is left alone")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            recording.begin_index(id, None);
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let known = recording.state().folders.read(id);
    let read = known.filter(|read| *read <= len).unwrap_or(0);
    if known != Some(read) {
        recording.begin_index(id, Some(read));
    }
    if len == read {
        return Ok(());
    }
    let mut lines: Vec<(Entry, Line)> = Vec::new();
    let mut end = read;
    index::read_from(path, read, |line| {
        end = line.end;
        if let Some(entry) = line.entry
            && !matches!(entry.kind, Kind::Quarantined { .. })
        {
            let line = Line {
                folder: id,
                start: line.start,
                end: line.end,
                time: time_of(&entry),
                bytes: entry.file_bytes(),
            };
            lines.push((entry, line));
            if lines.len() == LINES_AT_ONCE {
                recording.enter(id, &mut lines, end);
            }
        }
        ControlFlow::Continue(())
    })?;
    recording.enter(id, &mut lines, end);
    Ok(())
}

//! The spool's background: a thread that removes files and, once a second, makes the disk keep what was written.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tracing::warn;

use super::SpoolSync;

const SYNC_INTERVAL: Duration = Duration::from_secs(1);
/// How long somebody who needs room waits for files to go.
const PATIENCE: Duration = Duration::from_secs(2);
/// In each stream's folder, beside its frames.
pub(super) const GIVEN_UP_FILE: &str = "given-up.txt";

#[derive(Debug)]
pub(super) struct Keeper {
    /// Closed when it is dropped: the thread does what is left and ends.
    tasks: Option<Sender<Task>>,
    thread: Option<JoinHandle<()>>,
}

enum Task {
    Written,
    Remove(PathBuf),
    RemoveStream(PathBuf),
    /// Says how many files were removed since this was last asked.
    Finish(SyncSender<usize>),
}

impl Keeper {
    pub(super) fn spawn(folder: PathBuf, sync: SpoolSync) -> io::Result<Self> {
        let (tasks, tasks_to_do) = channel();
        let thread = thread::Builder::new()
            .name("spool".into())
            .spawn(move || keep(&folder, sync, &tasks_to_do))?;
        Ok(Self {
            tasks: Some(tasks),
            thread: Some(thread),
        })
    }

    /// Something was written that the disk is to keep.
    pub(super) fn written(&self) {
        self.ask(Task::Written);
    }

    pub(super) fn remove(&self, file: PathBuf) {
        self.ask(Task::Remove(file));
    }

    pub(super) fn remove_stream(&self, folder: PathBuf) {
        self.ask(Task::RemoveStream(folder));
    }

    /// Waits until what was to be removed is, but not for long. Whether anything was removed since this was last asked.
    pub(super) fn finish_removals(&self) -> bool {
        let (done, is_done) = sync_channel(1);
        self.ask(Task::Finish(done));
        is_done
            .recv_timeout(PATIENCE)
            .is_ok_and(|removed| removed > 0)
    }

    fn ask(&self, task: Task) {
        if let Some(tasks) = &self.tasks {
            // The thread ends only when this sender does.
            let _ = tasks.send(task);
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.tasks = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn keep(folder: &Path, sync: SpoolSync, tasks: &Receiver<Task>) {
    let mut sync_at: Option<Instant> = None;
    let (mut failed, mut removed) = (false, 0);
    loop {
        let task = match sync_at {
            Some(at) => tasks.recv_timeout(at.saturating_duration_since(Instant::now())),
            None => tasks.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match task {
            Ok(Task::Written) if sync == SpoolSync::Interval => {
                sync_at = sync_at.or_else(|| Some(Instant::now() + SYNC_INTERVAL));
            }
            Ok(Task::Remove(file)) => {
                remove(&file, &mut failed);
                removed += 1;
            }
            Ok(Task::Finish(done)) => drop(done.send(std::mem::take(&mut removed))),
            Ok(Task::RemoveStream(folder)) => {
                // One with files in it that are none of ours stays.
                let _ = fs::remove_file(folder.join(GIVEN_UP_FILE));
                let _ = fs::remove_dir(folder);
            }
            Ok(Task::Written) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                if sync_at.is_some() {
                    sync_all(folder);
                }
                return;
            }
        }
        if sync_at.is_some_and(|at| Instant::now() >= at) {
            sync_at = None;
            sync_all(folder);
        }
    }
}

/// A file that cannot be removed comes again after the next start, and is a repeat then.
fn remove(file: &Path, failed: &mut bool) {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            if !*failed {
                warn!("cannot remove {} from the spool: {error}", file.display());
            }
            *failed = true;
        }
        _ => *failed = false,
    }
}

/// One flush of the whole file system costs less than one of each file, and wears an SD card less.
#[cfg(target_os = "linux")]
fn sync_all(folder: &Path) {
    let synced = File::open(folder).and_then(|folder| Ok(rustix::fs::syncfs(folder)?));
    if let Err(error) = synced {
        warn!("cannot sync the spool {}: {error}", folder.display());
    }
}

/// Elsewhere the system is left to it; `always` syncs each file.
#[cfg(not(target_os = "linux"))]
fn sync_all(_folder: &Path) {}

/// Makes the disk keep the names in `folder`.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

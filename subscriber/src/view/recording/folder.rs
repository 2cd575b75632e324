//! The folders of a recording, known by numbers: a page never says a path.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A folder's number. None is given twice.
pub(super) type FolderId = u32;

/// The recording itself.
pub(super) const ROOT: FolderId = 0;

/// For so long after its last change a folder is looked into often.
const LIVELY: Duration = Duration::from_mins(5);

/// Every folder that was found.
#[derive(Debug)]
pub(super) struct Folders {
    known: HashMap<FolderId, Folder>,
    next: FolderId,
}

#[derive(Debug)]
struct Folder {
    parent: FolderId,
    name: OsString,
    /// Where it really is, if it is the recording itself, or a camera's folder that is a link to another disk.
    elsewhere: Option<PathBuf>,
    /// By name.
    children: Vec<FolderId>,
    /// Through which byte its index is read; `None` if it has none.
    read: Option<u64>,
    changed: Instant,
}

impl Folder {
    fn new(parent: FolderId, name: OsString, elsewhere: Option<PathBuf>) -> Self {
        Self {
            parent,
            name,
            elsewhere,
            children: Vec::new(),
            read: None,
            changed: Instant::now(),
        }
    }
}

/// A folder that was met in another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Met {
    pub(super) name: OsString,
    pub(super) elsewhere: Option<PathBuf>,
}

impl Folders {
    /// Those below `root`, an absolute path without links.
    pub(super) fn new(root: PathBuf) -> Self {
        let folder = Folder::new(ROOT, OsString::new(), Some(root));
        Self {
            known: HashMap::from([(ROOT, folder)]),
            next: ROOT + 1,
        }
    }

    /// Where it is: an absolute path without links.
    pub(super) fn path(&self, id: FolderId) -> Option<PathBuf> {
        let (base, names) = self.climb(id, |folder| folder.elsewhere.as_deref())?;
        let mut path = base?.to_owned();
        path.extend(names);
        Some(path)
    }

    /// Its path from the recording on, as it is written in there.
    pub(super) fn relative(&self, id: FolderId) -> Option<PathBuf> {
        let (_, names) = self.climb(id, |_| None::<&Path>)?;
        Some(names.into_iter().collect())
    }

    /// How many folders lie between it and the recording: 1 is a camera's, as a rule.
    pub(super) fn depth(&self, id: FolderId) -> usize {
        self.climb(id, |_| None::<&Path>)
            .map_or(0, |(_, names)| names.len())
    }

    /// Names from a folder on in which `stop` finds something, or from the recording on, to the folder `id`.
    fn climb<'a, T>(
        &'a self,
        mut id: FolderId,
        stop: impl Fn(&'a Folder) -> Option<T>,
    ) -> Option<(Option<T>, Vec<&'a OsStr>)> {
        let mut names = Vec::new();
        loop {
            let folder = self.known.get(&id)?;
            let stopped = stop(folder);
            if stopped.is_some() || id == ROOT {
                names.reverse();
                return Some((stopped, names));
            }
            names.push(folder.name.as_os_str());
            id = folder.parent;
        }
    }

    pub(super) fn children(&self, id: FolderId) -> &[FolderId] {
        self.known
            .get(&id)
            .map_or(&[], |folder| folder.children.as_slice())
    }

    /// Through which byte the index of `id` is read, if it has one.
    pub(super) fn read(&self, id: FolderId) -> Option<u64> {
        self.known.get(&id)?.read
    }

    /// Enters how far the index of `id` is read.
    pub(super) fn set_read(&mut self, id: FolderId, read: Option<u64>) {
        if let Some(folder) = self.known.get_mut(&id)
            && folder.read != read
        {
            folder.read = read;
            self.touch(id);
        }
    }

    /// Enters which folders are in `id`. Gives those that are no more, with all that was in them.
    pub(super) fn set_children(&mut self, id: FolderId, mut met: Vec<Met>) -> Vec<FolderId> {
        met.sort_by(|a, b| a.name.cmp(&b.name));
        let mut gone = Vec::new();
        let mut known: HashMap<OsString, FolderId> = HashMap::new();
        for child in self.children(id).to_vec() {
            let folder = &self.known[&child];
            let is_there = met
                .binary_search_by(|met| met.name.cmp(&folder.name))
                .is_ok_and(|nth| met[nth].elsewhere == folder.elsewhere);
            if is_there {
                known.insert(folder.name.clone(), child);
            } else {
                self.remove(child, &mut gone);
            }
        }
        let mut is_new = !gone.is_empty();
        let children = met
            .into_iter()
            .map(|met| {
                known.remove(&met.name).unwrap_or_else(|| {
                    is_new = true;
                    let child = self.next;
                    self.next += 1;
                    self.known
                        .insert(child, Folder::new(id, met.name, met.elsewhere));
                    child
                })
            })
            .collect();
        if let Some(folder) = self.known.get_mut(&id) {
            folder.children = children;
        }
        if is_new {
            self.touch(id);
        }
        gone
    }

    fn remove(&mut self, id: FolderId, gone: &mut Vec<FolderId>) {
        if let Some(folder) = self.known.remove(&id) {
            gone.push(id);
            for child in folder.children {
                self.remove(child, gone);
            }
        }
    }

    /// It has changed, and so all that it is in.
    fn touch(&mut self, mut id: FolderId) {
        let now = Instant::now();
        while let Some(folder) = self.known.get_mut(&id) {
            folder.changed = now;
            if id == ROOT {
                break;
            }
            id = folder.parent;
        }
    }

    /// The folders in `id` in which something new is likely: what changed lately, and the last one by name, for names are times as a
    /// rule. In the recording itself it is all.
    pub(super) fn lively_children(&self, id: FolderId) -> Vec<FolderId> {
        let children = self.children(id);
        let is_lively = |child: &FolderId| {
            id == ROOT
                || children.last() == Some(child)
                || self.known[child].changed.elapsed() < LIVELY
        };
        children.iter().copied().filter(is_lively).collect()
    }
}

//! The folders below an output folder, each once.

use std::fs;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

/// `root` and every folder below it, in the order of their names; what cannot be listed as an error. A camera's folder
/// may be a link to another disk; a link to what is met without it is not followed.
pub(crate) fn folders(root: &Path) -> impl Iterator<Item = walkdir::Result<PathBuf>> {
    let real_root = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    WalkDir::new(root)
        .follow_links(true)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(move |item| !leads_into(&real_root, item))
        .filter_map(|item| match item {
            Ok(item) => item.file_type().is_dir().then(|| Ok(item.into_path())),
            Err(error) => Some(Err(error)),
        })
}

/// Whether `item` is a link to what is met below `root` without it.
fn leads_into(root: &Path, item: &DirEntry) -> bool {
    item.depth() > 0
        && item.path_is_symlink()
        && fs::canonicalize(item.path()).is_ok_and(|target| target.starts_with(root))
}

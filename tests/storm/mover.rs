//! The other program that takes stored files away while the subscriber runs.
//!
//! It takes what an index names, as a careful one would, and keeps the paths: `<shelf>/<path below the output folder>`.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fastrand::Rng;

use super::evidence::{INDEX_FILE, files_below, read_index};

/// Most files that are taken at once.
const FILES_AT_ONCE: usize = 12;

/// A folder whose index has not grown for so long is done with.
const QUIET: Duration = Duration::from_secs(5);

/// Moves some files of frames from `output` to `shelf`. They are renamed: no moment sees half of one.
pub(super) fn move_files(output: &Path, shelf: &Path, rng: &mut Rng) {
    let mut files = stored_files(output);
    rng.shuffle(&mut files);
    for file in files.iter().take(FILES_AT_ONCE) {
        let target = shelf.join(file);
        let folder = target.parent().expect("a file is in a folder");
        fs::create_dir_all(folder).expect("making a place on the shelf");
        // On a full disk there may be no room for another name.
        let _ = fs::rename(output.join(file), target);
    }
}

/// Moves a folder of frames, with its index, from `output` to `shelf`, if there is one that is done with.
pub(super) fn move_folder(output: &Path, shelf: &Path, rng: &mut Rng) {
    let mut folders: Vec<PathBuf> = files_below(output)
        .into_iter()
        .filter(|(_, file)| file.ends_with(INDEX_FILE) && !file.starts_with("quarantine"))
        .filter(|(_, file)| is_quiet(&output.join(file)))
        .filter_map(|(_, file)| Some(file.parent()?.to_owned()))
        .collect();
    rng.shuffle(&mut folders);
    if let Some(folder) = folders.first()
        && let Some(place) = shelf.join(folder).parent()
    {
        fs::create_dir_all(place).expect("making a place on the shelf");
        let _ = fs::rename(output.join(folder), shelf.join(folder));
    }
}

fn stored_files(output: &Path) -> Vec<PathBuf> {
    let files: HashSet<_> = files_below(output)
        .into_iter()
        .map(|(_, file)| file)
        .collect();
    let indexes = files.iter().filter(|file| file.ends_with(INDEX_FILE));
    let mut stored: Vec<_> = indexes
        .flat_map(|index| {
            let folder = index.parent().unwrap_or(Path::new(""));
            let names = read_index(&output.join(index));
            names.into_iter().map(|(name, _)| folder.join(name))
        })
        .filter(|file| files.contains(file))
        .collect();
    stored.sort();
    stored
}

fn is_quiet(index: &Path) -> bool {
    let written = fs::metadata(index).and_then(|metadata| metadata.modified());
    written.is_ok_and(|at| at.elapsed().is_ok_and(|age| age >= QUIET))
}

//! The way of one file into its folder: the checkpoint names the folder, the file gets its name, the index its line, and
//! the ledger hears of it.

use std::io;
use std::path::{Path, PathBuf};

use super::FrameStore;
use super::books::Role;
use super::folder::Folder;
use crate::index::Entry;

impl FrameStore {
    pub(super) fn folder(&mut self, place: &Place) -> io::Result<&mut Folder> {
        let folder = self.folders.get(&place.folder)?;
        if let Some(numbers) = folder.take_numbers() {
            let (path, index_bytes) = (folder.path().to_owned(), folder.index_bytes());
            self.ledger
                .folder_opened(&path, index_bytes, &numbers)
                // Its frames were not looked at: they are at its next use.
                .inspect_err(|_| self.folders.forget(&path))?;
        }
        self.folders.get(&place.folder)
    }

    pub(super) fn write(
        &mut self,
        place: &Place,
        entry: &Entry,
        bytes: &[u8],
        task: Task,
        role: Role,
    ) -> io::Result<()> {
        let folder = self.folder(place)?;
        let (path, index_bytes) = (folder.path().to_owned(), folder.index_bytes());
        self.ledger
            .prepare_folder(&path, index_bytes, |path| self.folders.is_open(path))?;
        let folder = self.folders.get(&path)?;
        let written = match task {
            Task::StoreAndRecord => folder.store(entry, bytes),
            Task::Store => folder.write(&place.file, bytes),
        };
        let index_bytes = folder.index_bytes();
        // After an error what is known of the folder may be wrong: it is read again at its next use.
        written.inspect_err(|_| self.folders.forget(&path))?;
        self.ledger.enter(&path, &place.file, index_bytes, role);
        Ok(())
    }
}

/// How much of a frame is to be written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Task {
    /// Its file, and a line in the index.
    StoreAndRecord,
    /// Its file alone: the index has it.
    Store,
}

/// A file's place: an absolute folder, and a name in it.
pub(super) struct Place {
    pub(super) folder: PathBuf,
    pub(super) file: String,
}

impl Place {
    pub(super) fn new(root: &Path, relative: &Path) -> Self {
        let file = relative
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a layout yields file names in UTF-8");
        Self {
            folder: root.join(relative.parent().unwrap_or(Path::new(""))),
            file: file.to_owned(),
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(&self.file)
    }
}

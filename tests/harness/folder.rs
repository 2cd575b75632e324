//! A subscriber's output folder, looked at from outside: its pictures, its names, its index.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use walkdir::WalkDir;

use super::eventually::eventually_true;

/// An output folder of one test.
pub(crate) struct Folder {
    folder: TempDir,
}

/// A line of the index.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Where the file is.
    pub(crate) path: PathBuf,
    pub(crate) camera: String,
    pub(crate) stream: String,
    pub(crate) sequence: u64,
    pub(crate) time: String,
    pub(crate) width: u64,
    pub(crate) height: u64,
    pub(crate) bytes: u64,
    pub(crate) crc32c: String,
}

impl Folder {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::new().expect("making an output folder"),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The stored pictures by name: the order of time. What is in quarantine is not among them.
    pub(crate) fn pictures(&self) -> Vec<PathBuf> {
        let mut pictures = files_below(self.path());
        pictures.retain(|path| {
            path.extension().is_some_and(|extension| extension == "jpg")
                && !path
                    .components()
                    .any(|part| part.as_os_str() == "quarantine")
        });
        pictures
    }

    /// The names of the stored pictures, without their folders.
    pub(crate) fn names(&self) -> Vec<String> {
        let name = |path: &PathBuf| {
            path.file_name()
                .map(|name| name.to_string_lossy().into_owned())
        };
        self.pictures().iter().filter_map(name).collect()
    }

    /// What has been put into quarantine, without its index.
    pub(crate) fn quarantined(&self) -> Vec<PathBuf> {
        let mut files = files_below(&self.path().join("quarantine"));
        files.retain(|path| path.file_name().is_some_and(|name| name != "index.jsonl"));
        files
    }

    /// Waits until `count` pictures are stored.
    #[track_caller]
    pub(crate) fn await_pictures(&self, count: usize) {
        eventually_true(&format!("{count} pictures on disk"), || {
            self.pictures().len() >= count
        });
    }

    /// What the index says of frames, by camera, stream and sequence; foreign pictures and quarantine are left out.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let mut entries: Vec<_> = files_below(self.path())
            .iter()
            .filter(|path| path.ends_with("index.jsonl"))
            .flat_map(|index| read_index(index))
            .collect();
        entries.sort_by_key(|entry| (entry.camera.clone(), entry.stream.clone(), entry.sequence));
        entries
    }

    /// Asserts that the pictures of `camera`, in the order of their names, are exactly `frames`, and that the index
    /// says so too.
    #[track_caller]
    pub(crate) fn holds(&self, camera: &str, frames: &[Vec<u8>]) {
        let mut pictures = self.pictures();
        pictures.retain(|path| path.components().any(|part| part.as_os_str() == camera));
        let mut entries = self.entries();
        entries.retain(|entry| entry.camera == camera);
        assert_eq!(
            (pictures.len(), entries.len()),
            (frames.len(), frames.len()),
            "pictures and index lines of {camera}"
        );
        for (nth, (picture, frame)) in pictures.iter().zip(frames).enumerate() {
            let stored = fs::read(picture).expect("reading a picture");
            assert!(
                stored == *frame,
                "{} is not frame {nth} of the source",
                picture.display()
            );
        }
        for (entry, (picture, frame)) in entries.iter().zip(pictures.iter().zip(frames)) {
            assert_eq!(entry.path, *picture);
            assert_eq!(entry.bytes, frame.len() as u64);
            assert_eq!(entry.crc32c, format!("{:08x}", crc32c::crc32c(frame)));
        }
    }
}

fn read_index(index: &Path) -> Vec<Entry> {
    let folder = index.parent().expect("a file is in a folder");
    let text = fs::read_to_string(index).expect("reading the index");
    let entry = |line: &Value| {
        let text = |name: &str| {
            let text = line[name].as_str();
            text.unwrap_or_else(|| panic!("no {name} in {line}"))
                .to_owned()
        };
        let number = |name: &str| {
            let number = line[name].as_u64();
            number.unwrap_or_else(|| panic!("no {name} in {line}"))
        };
        Entry {
            path: folder.join(text("file")),
            camera: text("camera"),
            stream: text("stream"),
            sequence: number("sequence"),
            time: text("time"),
            width: number("width"),
            height: number("height"),
            bytes: number("bytes"),
            crc32c: text("crc32c"),
        }
    };
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a line of the index is JSON"))
        .filter(|json: &Value| json.get("sequence").is_some())
        .map(|json| entry(&json))
        .collect()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    // A file may go, or a folder come, while the walk is on its way.
    let mut files: Vec<_> = WalkDir::new(folder)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect();
    files.sort();
    files
}

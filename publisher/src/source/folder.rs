//! A folder of JPEG files: each a picture, in the byte order of their names.
//!
//! `image10.jpg` comes before `image2.jpg`: numbered files want leading zeros, as those of this project have.

use std::path::{Path, PathBuf};
use std::{fs, vec};

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use protocol::jpeg::JpegError;

use super::pace::Pace;
use super::{Captured, DEFAULT_FPS, RawPicture, SourceOptions};

/// Reads the files of a folder at a steady pace, once or again and again.
#[derive(Debug)]
pub struct FolderSource {
    folder: PathBuf,
    files: vec::IntoIter<PathBuf>,
    pace: Pace,
    repeat: bool,
    max_frame_bytes: usize,
    /// Whether this pass through the folder has read a file.
    read_any: bool,
    /// Unreadable files are named in the first pass only.
    first_pass: bool,
}

impl FolderSource {
    pub(super) fn open(folder: &Path, options: &SourceOptions) -> anyhow::Result<Self> {
        Ok(Self {
            folder: folder.into(),
            files: list(folder)?.into_iter(),
            pace: Pace::new(options.fps.unwrap_or(DEFAULT_FPS)),
            repeat: options.repeat,
            max_frame_bytes: options.max_frame_bytes,
            read_any: false,
            first_pass: true,
        })
    }

    pub(super) async fn next(&mut self) -> anyhow::Result<Captured> {
        // Reading blocks the thread, which is delivery's, too: the picture before is sent first.
        tokio::task::yield_now().await;
        let Some(path) = self.next_file()? else {
            return Ok(Captured::End);
        };
        let length = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        if length > self.max_frame_bytes as u64 {
            return Ok(Captured::Broken(JpegError::TooLarge));
        }
        match fs::read(&path) {
            Ok(content) => {
                self.read_any = true;
                self.pace.tick().await;
                Ok(Captured::Picture(RawPicture {
                    jpeg: content.into(),
                    captured_at: Timestamp::now(),
                }))
            }
            Err(error) => {
                if self.first_pass {
                    tracing::warn!("cannot read {}: {error}", path.display());
                }
                Ok(Captured::Broken(JpegError::NoStart))
            }
        }
    }

    /// The next file of this pass or of a new one, which sees what has been added since.
    fn next_file(&mut self) -> anyhow::Result<Option<PathBuf>> {
        if let Some(path) = self.files.next() {
            return Ok(Some(path));
        }
        if !self.repeat {
            return Ok(None);
        }
        if !self.read_any {
            bail!("no file in {} could be read", self.folder.display());
        }
        self.first_pass = false;
        self.read_any = false;
        self.files = list(&self.folder)?.into_iter();
        Ok(self.files.next())
    }
}

/// All JPEG files in `folder`, never none.
fn list(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let unreadable = || format!("cannot list the folder {}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        // A pipe would be waited for, and all with it. What cannot be looked at is named when it is read.
        let is_other = fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file());
        if is_jpeg_name(&path) && !is_other {
            files.push(path);
        }
    }
    if files.is_empty() {
        bail!("no .jpg or .jpeg file in {}", folder.display());
    }
    files.sort_unstable();
    Ok(files)
}

fn is_jpeg_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        extension.eq_ignore_ascii_case("jpg") || extension.eq_ignore_ascii_case("jpeg")
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{drain, options, picture};
    use super::*;
    use tempfile::TempDir;

    #[tokio::test(start_paused = true)]
    async fn files_come_in_the_order_of_their_names_and_others_are_left_alone() {
        let folder = TempDir::new().unwrap();
        for (name, shade) in [("b.JPEG", 2), ("a.jpg", 1), ("c.Jpg", 3), ("d.png", 4)] {
            fs::write(folder.path().join(name), picture(shade)).unwrap();
        }
        fs::create_dir(folder.path().join("a-folder.jpg")).unwrap();
        let mut source = FolderSource::open(folder.path(), &options()).unwrap();
        let pictures = drain(async || source.next().await).await;
        assert_eq!(pictures, [1, 2, 3].map(picture));
    }

    #[tokio::test]
    async fn a_repeated_folder_begins_again_and_sees_new_files() {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("a.jpg"), picture(1)).unwrap();
        let mut options = options();
        options.repeat = true;
        options.fps = Some(0.0);
        let mut source = FolderSource::open(folder.path(), &options).unwrap();
        source.next().await.unwrap();
        fs::write(folder.path().join("0.jpg"), picture(2)).unwrap();
        for shade in [2, 1, 2] {
            let Captured::Picture(raw) = source.next().await.unwrap() else {
                panic!("not a picture");
            };
            assert_eq!(raw.jpeg.bytes(), &picture(shade));
        }
    }

    #[tokio::test]
    async fn what_cannot_be_read_or_is_too_large_is_broken() {
        let folder = TempDir::new().unwrap();
        let gone = folder.path().join("a.jpg");
        fs::write(&gone, picture(1)).unwrap();
        fs::write(folder.path().join("b.jpg"), vec![0; 5000]).unwrap();
        let mut options = options();
        options.max_frame_bytes = 4999;
        let mut source = FolderSource::open(folder.path(), &options).unwrap();
        fs::remove_file(gone).unwrap();
        for error in [JpegError::NoStart, JpegError::TooLarge] {
            let Captured::Broken(found) = source.next().await.unwrap() else {
                panic!("not broken");
            };
            assert_eq!(found, error);
        }
        assert!(matches!(source.next().await.unwrap(), Captured::End));
    }

    #[test]
    fn an_empty_folder_is_an_error() {
        let folder = TempDir::new().unwrap();
        assert!(FolderSource::open(folder.path(), &options()).is_err());
    }
}

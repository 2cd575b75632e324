//! Pictures that can be told apart: real footage, each with its number in a comment behind the first marker.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const START_OF_IMAGE: usize = 2;
/// A comment segment's marker and length, which counts itself and the ten digits.
const COMMENT: [u8; 4] = [0xFF, 0xFE, 0, 12];

/// Footage that is shown again and again, without end and without a repetition.
#[derive(Debug)]
pub struct Footage {
    frames: Vec<Vec<u8>>,
}

impl Footage {
    /// Every file of a folder, by name: a JPEG each.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
        let mut files = entries.collect::<io::Result<Vec<PathBuf>>>()?;
        files.sort();
        let frames = files.iter().map(fs::read).collect::<io::Result<Vec<_>>>()?;
        let are_pictures = frames.iter().all(|frame| frame.len() > START_OF_IMAGE);
        if frames.is_empty() || !are_pictures {
            return Err(io::Error::other("no pictures, or empty ones"));
        }
        Ok(Self { frames })
    }

    /// The picture of this number, from 0.
    #[must_use]
    pub fn picture(&self, number: u32) -> Vec<u8> {
        let frame = &self.frames[number as usize % self.frames.len()];
        let (start, rest) = frame.split_at(START_OF_IMAGE);
        [start, &COMMENT, format!("{number:010}").as_bytes(), rest].concat()
    }

    /// The number that a picture says it has.
    #[must_use]
    pub fn number_of(picture: &[u8]) -> Option<u32> {
        let comment = picture.get(START_OF_IMAGE..)?.strip_prefix(&COMMENT)?;
        std::str::from_utf8(comment.get(..10)?).ok()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_the_footage_with_its_number() {
        let footage = Footage {
            frames: vec![b"\xFF\xD8first".to_vec(), b"\xFF\xD8second".to_vec()],
        };
        let picture = footage.picture(3);
        assert_eq!(picture, b"\xFF\xD8\xFF\xFE\x00\x0C0000000003second");
        assert_eq!(Footage::number_of(&picture), Some(3));
        assert_eq!(Footage::number_of(b"\xFF\xD8second"), None);
    }
}

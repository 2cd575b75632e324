//! The numbers of a stream that were given up, written down so that a crash forgets none: `given-up.txt`, one
//! `FIRST-LAST` a line.
//!
//! It is one page of fixed size, made with the stream and overwritten in place by one write: that takes no new room on a
//! full disk, and a killed program leaves the old page or the new one. Should the ranges outgrow it, the lowest are not
//! named any more. Where a full disk has no room even for the page, it is made as soon as there is.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use protocol::ranges::RangeSet;

use super::keeper::GIVEN_UP_FILE as FILE;

const PAGE_BYTES: usize = 4096;

#[derive(Debug)]
pub(super) struct GivenUpPage {
    path: PathBuf,
    /// Whole and open; `None` while the disk has no room for it.
    file: Option<File>,
    ranges: RangeSet,
    /// The disk had no room for the ranges.
    is_unwritten: bool,
}

impl GivenUpPage {
    /// The page of the stream in `folder`, neither of which need be there yet.
    pub(super) fn absent(folder: &Path) -> Self {
        Self {
            path: folder.join(FILE),
            file: None,
            ranges: RangeSet::default(),
            is_unwritten: false,
        }
    }

    /// Opens or makes the page of the stream in `folder`. A full disk is no error.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let mut page = Self::absent(folder);
        let mut bytes = Vec::new();
        if let Ok(file) = File::open(&page.path) {
            file.take(2 * PAGE_BYTES as u64).read_to_end(&mut bytes)?;
        }
        let text = String::from_utf8_lossy(&bytes);
        page.ranges = text.lines().filter_map(parse_line).collect();
        if bytes.len() == PAGE_BYTES {
            return Ok(page);
        }
        let ranges = page.ranges.clone();
        match page.write(&ranges, false) {
            Err(error) if !runtime::folder::is_full(&error) => Err(error),
            _ => Ok(page),
        }
    }

    pub(super) fn ranges(&self) -> &RangeSet {
        &self.ranges
    }

    /// Whether the disk had no room for the ranges: until they are written, no frame may show the gap.
    pub(super) fn is_unwritten(&self) -> bool {
        self.is_unwritten
    }

    /// Replaces what is written; `sync`: for a power cut, too.
    pub(super) fn write(&mut self, ranges: &RangeSet, sync: bool) -> io::Result<()> {
        self.ranges = ranges.clone();
        let written = self.write_page(sync);
        match &written {
            Ok(()) => self.is_unwritten = false,
            Err(error) => self.is_unwritten |= runtime::folder::is_full(error),
        }
        written
    }

    fn write_page(&mut self, sync: bool) -> io::Result<()> {
        let mut lines: Vec<String> = Vec::new();
        let mut room = PAGE_BYTES;
        for range in self.ranges.ranges().iter().rev() {
            let line = format!("{}-{}\n", range.start(), range.end());
            let Some(left) = room.checked_sub(line.len()) else {
                break;
            };
            room = left;
            lines.push(line);
        }
        lines.reverse();
        let mut page = lines.concat().into_bytes();
        page.resize(PAGE_BYTES, b'\n');
        let mut file = self.file.take().map_or_else(|| self.make(), Ok)?;
        file.rewind()?;
        file.write_all(&page)?;
        if sync {
            file.sync_data()?;
        }
        self.file = Some(file);
        Ok(())
    }

    fn make(&self) -> io::Result<File> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&self.path)
    }
}

fn parse_line(line: &str) -> Option<std::ops::RangeInclusive<u64>> {
    let (first, last) = line.split_once('-')?;
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_up_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let given_up: RangeSet = [3..=3, 17..=42].into_iter().collect();
        GivenUpPage::open(folder.path())
            .unwrap()
            .write(&given_up, true)
            .unwrap();
        let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert!(text.starts_with("3-3\n17-42\n"), "{text}");
        let page = GivenUpPage::open(folder.path()).unwrap();
        assert_eq!(*page.ranges(), given_up);
    }

    #[test]
    fn a_page_that_is_full_names_the_highest_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let every_other: RangeSet = (1..=2000).map(|n| 2 * n..=2 * n).collect();
        GivenUpPage::open(folder.path())
            .unwrap()
            .write(&every_other, false)
            .unwrap();
        let file = std::fs::metadata(folder.path().join(FILE)).unwrap();
        assert_eq!(file.len(), PAGE_BYTES as u64);
        let page = GivenUpPage::open(folder.path()).unwrap();
        assert_eq!(page.ranges().last(), Some(4000));
        assert!(page.ranges().count() > 300);
        assert!(page.ranges().numbers().all(|n| every_other.contains(n)));
    }

    #[test]
    fn junk_in_the_page_is_no_trouble() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), b"9-1\nx\n5-6\n\xff").unwrap();
        let page = GivenUpPage::open(folder.path()).unwrap();
        assert_eq!(*page.ranges(), [5..=6].into_iter().collect());
    }
}

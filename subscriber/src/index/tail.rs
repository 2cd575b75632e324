//! An index from a remembered place on: it may have a million lines, of which only the next few are wanted.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::Path;

use super::{Entry, INDEX_FILE, line};

/// A line of an index that has ended, and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlacedLine {
    /// Where it begins, in bytes.
    pub(crate) start: u64,
    /// Where the next one begins.
    pub(crate) end: u64,
    /// What it says. `None`: it is no entry.
    pub(crate) entry: Option<Entry>,
}

/// Gives the lines of the index of `folder`, from the one that begins at `start` on, to `each`, until it has had enough.
/// A last line without a line feed may be one that is being written: it is left out. Without an index there are none.
pub(crate) fn read_from(
    folder: &Path,
    start: u64,
    mut each: impl FnMut(PlacedLine) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut file = match File::open(folder.join(INDEX_FILE)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    file.seek(SeekFrom::Start(start))?;
    let (mut lines, mut text, mut place) = (BufReader::new(file), Vec::new(), start);
    loop {
        text.clear();
        let len = lines.read_until(b'\n', &mut text)?;
        if !text.ends_with(b"\n") {
            return Ok(());
        }
        let line = PlacedLine {
            start: place,
            end: place + len as u64,
            entry: line::parse(&text),
        };
        place = line.end;
        if each(line).is_break() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn lines_are_read_from_where_one_left_off_and_only_once_they_have_ended() {
        let folder = tempfile::tempdir().unwrap();
        let read = |start| {
            let mut places = Vec::new();
            read_from(folder.path(), start, |line| {
                places.push((line.start, line.end));
                ControlFlow::Continue(())
            })
            .unwrap();
            places
        };
        assert_eq!(read(0), []);
        let index = folder.path().join(INDEX_FILE);
        fs::write(&index, "one\ntwo\nthr").unwrap();
        assert_eq!(read(0), [(0, 4), (4, 8)]);
        assert_eq!(read(8), []);
        fs::write(&index, "one\ntwo\nthree\n").unwrap();
        assert_eq!(read(8), [(8, 14)]);
        assert_eq!(read(99), []);
    }
}

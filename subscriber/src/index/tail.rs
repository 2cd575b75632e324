//! An index from a remembered place on: it may have a million lines, of which only the next few are wanted.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::Path;

use super::{Entry, INDEX_FILE, line};

/// No entry is longer. What a broken disk has left in an index may be a gigabyte without a line feed, and is not taken into memory.
const LONGEST_LINE: u64 = 64 * 1024;

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
    while let Some(len) = next_line(&mut lines, &mut text)? {
        let line = PlacedLine {
            start: place,
            end: place + len,
            entry: line::parse(&text),
        };
        place = line.end;
        if each(line).is_break() {
            break;
        }
    }
    Ok(())
}

/// Reads a line into `text`, or nothing of one that is too long. Gives its length with its line feed; `None` if it has none.
fn next_line(lines: &mut impl BufRead, text: &mut Vec<u8>) -> io::Result<Option<u64>> {
    text.clear();
    let mut len = lines.take(LONGEST_LINE).read_until(b'\n', text)? as u64;
    let mut has_ended = text.ends_with(b"\n");
    if len == LONGEST_LINE && !has_ended {
        text.clear();
        let (skipped, is_its_end) = skip_line(lines)?;
        len += skipped;
        has_ended = is_its_end;
    }
    Ok(has_ended.then_some(len))
}

/// Passes over the rest of a line. Gives its length, and whether it has ended.
fn skip_line(lines: &mut impl BufRead) -> io::Result<(u64, bool)> {
    let mut skipped = 0;
    loop {
        let ahead = lines.fill_buf()?;
        let end = ahead.iter().position(|byte| *byte == b'\n');
        let (len, is_over) = (end.map_or(ahead.len(), |at| at + 1), ahead.is_empty());
        lines.consume(len);
        skipped += len as u64;
        if end.is_some() || is_over {
            return Ok((skipped, end.is_some()));
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
        for len in [
            LONGEST_LINE - 1,
            LONGEST_LINE,
            LONGEST_LINE + 1,
            3 * LONGEST_LINE,
        ] {
            let hole = vec![0; usize::try_from(len).unwrap()];
            fs::write(
                &index,
                [b"one\n", &hole[..], b"\ntwo\n", &hole[..]].concat(),
            )
            .unwrap();
            let end = 4 + len + 1;
            assert_eq!(read(0), [(0, 4), (4, end), (end, end + 4)], "{len}");
        }
    }
    #[test]
    fn a_hole_without_a_line_feed_is_not_taken_into_memory() {
        let mut hole = BufReader::new(io::repeat(0).take(64 << 20));
        let mut text = Vec::new();
        assert_eq!(next_line(&mut hole, &mut text).unwrap(), None);
        assert!(text.capacity() as u64 <= 2 * LONGEST_LINE);
    }
}

//! The index of a folder: `index.jsonl`, one JSON object a line for each stored file, in the order of storing.
//!
//! ```text
//! {"file":"...jpg","camera":"front-door","stream":"0199...","sequence":123,"time":"2026-11-22T14:30:05.123456Z",
//!  "width":1280,"height":720,"bytes":120345,"crc32c":"0a1b2c3d","dropped":0,"received":"2026-11-22T14:30:05.234567Z"}
//! ```
//!
//! A file that `--exif` has put metadata into has `"exif":` their length; `bytes` and `crc32c` are of the picture as it came.
//! A foreign picture has `"foreign":true` and neither stream nor sequence nor time. What was quarantined has
//! `"quarantined":"why"`. A line is appended by one write. A crash may tear the last one: reading says so, and opening
//! the index for writing cuts it off, for its frame was not acknowledged and comes again.

mod line;
mod tail;

#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek as _, SeekFrom, Write};
use std::path::Path;

use jiff::Timestamp;
use protocol::frame::StreamId;
use protocol::topic::CameraName;

pub(crate) use line::{parse as parse_line, to_bytes as to_line};
pub(crate) use tail::read_from;

/// The name of the index in its folder.
pub const INDEX_FILE: &str = "index.jsonl";

/// Beside it, what a repair found in it that is no entry.
pub(crate) const UNREADABLE_FILE: &str = "index.jsonl.unreadable";

/// What the index says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name in this folder.
    pub file: String,
    /// The camera on whose topic it came.
    pub camera: CameraName,
    /// What it is.
    pub kind: Kind,
    /// Width and height in pixels, where it is a picture.
    pub size: Option<(u16, u16)>,
    /// Length of what came.
    pub bytes: u64,
    /// Its CRC-32C.
    pub crc32c: u32,
    /// Length of the metadata that `--exif` has put into the file, behind its first two bytes; 0: none.
    pub exif_bytes: u64,
    /// When it arrived.
    pub received_at: Timestamp,
}

/// What a stored file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A frame of ours.
    Frame {
        /// The publisher's run.
        stream: StreamId,
        /// Its number in that run.
        sequence: u64,
        /// When it was grabbed.
        captured_at: Timestamp,
        /// How many numbered frames of the stream had been given up when it was sent.
        dropped: u64,
    },
    /// A bare JPEG of another publisher.
    Foreign,
    /// A payload that is no usable frame.
    Quarantined {
        /// Why.
        reason: String,
    },
}

impl Entry {
    /// Whether a frame of ours, by its stream and number.
    #[must_use]
    pub fn identity(&self) -> Option<(StreamId, u64)> {
        match self.kind {
            Kind::Frame {
                stream, sequence, ..
            } => Some((stream, sequence)),
            _ => None,
        }
    }

    /// The file's length.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.bytes.saturating_add(self.exif_bytes)
    }
}

/// What a reading of an index found beside its entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scan {
    /// Numbers of the lines, from 1, that are no entries. The torn last one is not among them.
    pub unreadable: Vec<u64>,
    /// How the last line ends.
    pub end: End,
    /// Length of the index without a torn last line.
    whole_len: u64,
}

/// How the last line of an index ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum End {
    /// With a line feed, or there is none.
    #[default]
    Clean,
    /// It is an entry, but the line feed is missing.
    Unterminated,
    /// In the middle: a write was cut short.
    Torn,
}

/// Reads the index of `folder`, if it has one, and gives each entry to `each`.
pub fn read(folder: &Path, each: impl FnMut(Entry)) -> io::Result<Scan> {
    match File::open(folder.join(INDEX_FILE)) {
        Ok(file) => scan(BufReader::new(file), each),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Scan::default()),
        Err(error) => Err(error),
    }
}

fn scan(mut lines: impl BufRead, mut each: impl FnMut(Entry)) -> io::Result<Scan> {
    let mut scan = Scan::default();
    let mut text = Vec::new();
    for number in 1.. {
        text.clear();
        let len = lines.read_until(b'\n', &mut text)?;
        if len == 0 {
            break;
        }
        let terminated = text.ends_with(b"\n");
        match line::parse(&text) {
            Some(entry) => {
                each(entry);
                if !terminated {
                    scan.end = End::Unterminated;
                }
            }
            None if text.trim_ascii().is_empty() => {}
            None if terminated => scan.unreadable.push(number),
            None => {
                scan.end = End::Torn;
                break;
            }
        }
        scan.whole_len += len as u64;
    }
    Ok(scan)
}

/// Reads what the index of `folder` has beyond its first `offset` bytes, all of it if it is shorter, and mends its end.
/// Gives its length; that is 0 if there is none.
pub(crate) fn read_tail(folder: &Path, offset: u64, each: impl FnMut(Entry)) -> io::Result<u64> {
    match open_mended(
        OpenOptions::new().read(true).append(true),
        folder,
        offset,
        each,
    ) {
        Ok((_, len)) => Ok(len),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

fn open_mended(
    options: &OpenOptions,
    folder: &Path,
    offset: u64,
    each: impl FnMut(Entry),
) -> io::Result<(File, u64)> {
    let path = folder.join(INDEX_FILE);
    let mut file = options.open(&path)?;
    let offset = if offset > file.metadata()?.len() {
        0
    } else {
        file.seek(SeekFrom::Start(offset))?
    };
    let scan = scan(BufReader::new(&file), each)?;
    let mut len = offset + scan.whole_len;
    match scan.end {
        End::Clean => {}
        End::Unterminated => {
            file.write_all(b"\n")?;
            len += 1;
        }
        // A handle that appends may not cut, on Windows.
        End::Torn => OpenOptions::new().write(true).open(&path)?.set_len(len)?,
    }
    Ok((file, len))
}

/// An index that grows.
#[derive(Debug)]
pub struct IndexWriter {
    file: File,
    len: u64,
}

impl IndexWriter {
    /// Opens or creates the index of `folder`, gives each entry that it has to `each`, and mends its end.
    pub fn open(folder: &Path, each: impl FnMut(Entry)) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        let (file, len) = open_mended(&options, folder, 0, each)?;
        Ok(Self { file, len })
    }

    /// Adds `entry`. After an error the index may end in a torn line: open it again.
    pub fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let line = line::to_bytes(entry);
        self.file.write_all(&line)?;
        self.len += line.len() as u64;
        Ok(())
    }

    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Makes every later append fail, as a disk may.
    #[cfg(test)]
    pub(crate) fn break_for_test(&mut self, folder: &Path) {
        self.file = File::open(folder.join(INDEX_FILE)).unwrap();
    }
}

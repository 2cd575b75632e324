//! The webcam's own record of what it sent, for a judge who believes nobody else.

use std::fs;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use crate::order::Fate;

/// A picture whose last byte has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Its number, from 0, over all streams.
    pub number: u32,
    /// Which stream it is of: 0 for the first time that the driver asked for pictures.
    pub stream: u32,
    /// When its first byte left, in nanoseconds of the monotonic clock.
    pub began_ns: u64,
    /// What became of it.
    pub fate: Fate,
}

impl Sent {
    /// Appends one line.
    pub fn write(self, record: &mut File) -> io::Result<()> {
        let Self {
            number,
            stream,
            began_ns,
            fate,
        } = self;
        record.write_all(format!("{number} {stream} {began_ns} {fate}\n").as_bytes())
    }

    /// All that stands in a record; a line that is being written is not yet there.
    pub fn read(record: &Path) -> io::Result<Vec<Self>> {
        let text = fs::read_to_string(record)?;
        let complete = text.rsplit_once('\n').map_or("", |(complete, _)| complete);
        let parsed = complete
            .lines()
            .map(Self::parse)
            .collect::<Option<Vec<_>>>();
        parsed.ok_or_else(|| io::Error::other("a line of the record cannot be read"))
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        Some(Self {
            number: words.next()?.parse().ok()?,
            stream: words.next()?.parse().ok()?,
            began_ns: words.next()?.parse().ok()?,
            fate: words.next()?.parse().ok()?,
        })
    }
}

//! What the storm's camera (`tests/storm-source`) says of its pictures: the label in each, and the records of its runs.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// Which picture it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Label {
    /// The camera's run.
    pub(crate) run: u64,
    /// From 1, in the order of emission.
    pub(crate) number: u64,
}

/// What every picture was when it was emitted, by its CRC-32C and length.
pub(crate) type Emitted = HashMap<Label, (u32, u64)>;

const COMMENT: u8 = 0xfe;
const START_OF_SCAN: u8 = 0xda;
const LABEL_LEN: usize = "storm 0123456789abcdef 0123456789 ".len();

impl Label {
    /// The label of `jpeg`, if it has one.
    pub(crate) fn find_in(jpeg: &[u8]) -> Option<Self> {
        let mut rest = jpeg.get(2..)?;
        loop {
            let marker = *rest.get(1)?;
            let length = rest.get(2..4)?;
            if marker == START_OF_SCAN {
                return None;
            }
            let len = 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
            let content = rest.get(4..len)?;
            if let (COMMENT, Some(label)) = (marker, Self::parse(content)) {
                return Some(label);
            }
            rest = &rest[len..];
        }
    }

    fn parse(comment: &[u8]) -> Option<Self> {
        let text = str::from_utf8(comment.get(..LABEL_LEN)?).ok()?;
        let (run, number) = text.strip_prefix("storm ")?.trim_end().split_once(' ')?;
        Some(Self {
            run: u64::from_str_radix(run, 16).ok()?,
            number: number.parse().ok()?,
        })
    }
}

/// Reads the records of all runs in `folder`. A last line that a kill cut short is of a picture that was never written.
pub(crate) fn read_records(folder: &Path) -> Emitted {
    let mut emitted = Emitted::new();
    for item in fs::read_dir(folder).expect("reading the camera's records") {
        let path = item.expect("reading the camera's records").path();
        let name = path.file_stem().and_then(|name| name.to_str());
        let run = name.and_then(|name| u64::from_str_radix(name, 16).ok());
        let run = run.expect("a record is named after its run");
        let text = fs::read_to_string(&path).expect("reading a record");
        for (number, picture) in text.split_inclusive('\n').filter_map(parse_line) {
            emitted.insert(Label { run, number }, picture);
        }
    }
    emitted
}

fn parse_line(line: &str) -> Option<(u64, (u32, u64))> {
    let mut words = line.strip_suffix('\n')?.split(' ');
    let number = words.next()?.parse().ok()?;
    let crc32c = u32::from_str_radix(words.next()?, 16).ok()?;
    Some((number, (crc32c, words.next()?.parse().ok()?)))
}

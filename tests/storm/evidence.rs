//! Reading what a storm has left: disks with what was moved away from them, the spool, logs and ledgers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use protocol::frame::StreamId;
use protocol::ledger::Ledger;
use protocol::ranges::RangeSet;
use serde_json::Value;
use walkdir::WalkDir;

use super::camera::Label;
use super::judge::{Disk, Number, StoredCopy};

/// The index of a folder of stored files.
pub(super) const INDEX_FILE: &str = "index.jsonl";

/// What the publisher notes of the numbers that it has given up, in each stream's folder.
const GIVEN_UP_FILE: &str = "given-up.txt";

/// Numbers by stream.
pub(crate) type Numbers = BTreeMap<StreamId, RangeSet>;

/// Reads the disk that has its present files in `folders[0]`, and what was moved away in the others. Below each, a file
/// has the path that it had there: so the index that names it may be in any of them.
pub(crate) fn read_disk(folders: &[PathBuf]) -> Disk {
    let mut disk = Disk::default();
    let mut names = HashMap::new();
    let files: Vec<_> = folders
        .iter()
        .flat_map(|folder| files_below(folder))
        .collect();
    for (folder, file) in files.iter().filter(|(_, file)| file.ends_with(INDEX_FILE)) {
        let below = file.parent().unwrap_or(Path::new(""));
        for (file, number) in read_index(&folder.join(file)) {
            disk.indexed.insert(number);
            names.insert(below.join(file), number);
        }
    }
    for (folder, file) in &files {
        let path = folder.join(file);
        let name = folder.file_name().unwrap_or_default();
        let shown = Path::new(name).join(file).display().to_string();
        if file.starts_with("quarantine") {
            if !file.ends_with(INDEX_FILE) {
                disk.quarantined.push(shown);
            }
        } else if let Some(&number) = names.get(file) {
            let bytes = fs::read(&path).expect("reading a stored file");
            disk.copies.push(StoredCopy {
                number,
                path: shown,
                content: (crc32c::crc32c(&bytes), bytes.len() as u64),
                label: Label::find_in(&bytes),
            });
        }
    }
    disk
}

/// The names and numbers in an index. What a crash cut short, and what is no frame, is left out.
pub(super) fn read_index(index: &Path) -> Vec<(String, Number)> {
    let text = fs::read_to_string(index).unwrap_or_default();
    let entry = |line: &str| {
        let line: Value = serde_json::from_str(line).ok()?;
        let stream = StreamId::parse(line["stream"].as_str()?)?;
        let file = line["file"].as_str()?.to_owned();
        Some((file, (stream, line["sequence"].as_u64()?)))
    };
    text.lines().filter_map(entry).collect()
}

/// The pictures in the spool below `folder`: `<camera>/<stream>/<sequence>_<time>_<checksum>.jpg`.
pub(crate) fn read_spool(folder: &Path) -> BTreeSet<Number> {
    let number = |path: &Path| {
        let stream = StreamId::parse(path.parent()?.file_name()?.to_str()?)?;
        let name = path.file_name()?.to_str()?.strip_suffix(".jpg")?;
        Some((stream, name.split('_').next()?.parse().ok()?))
    };
    files_below(folder)
        .iter()
        .filter_map(|(_, file)| number(file))
        .collect()
}

/// Adds what the files in the spool below `folder` say was given up: lines of `FIRST-LAST`.
pub(crate) fn read_given_up(folder: &Path, given_up: &mut Numbers) {
    let streams = items_of(folder).flat_map(|camera| items_of(&camera));
    for folder in streams {
        let stream = folder.file_name().and_then(|name| name.to_str());
        // It may go while it is looked for.
        let text = fs::read_to_string(folder.join(GIVEN_UP_FILE));
        if let (Some(stream), Ok(text)) = (stream.and_then(StreamId::parse), text) {
            let numbers = given_up.entry(stream).or_default();
            text.split_inclusive('\n')
                .filter_map(parse_range)
                .for_each(|range| numbers.insert_range(range));
        }
    }
}

fn parse_range(line: &str) -> Option<RangeInclusive<u64>> {
    let (first, last) = line.strip_suffix('\n')?.split_once('-')?;
    Some(first.parse().ok()?..=last.parse().ok()?)
}

fn items_of(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let items = fs::read_dir(folder).into_iter().flatten().flatten();
    items.map(|item| item.path())
}

/// Adds what ledgers, one a line, say was given up.
pub(crate) fn read_ledgers(lines: &str, given_up: &mut Numbers) {
    let ledgers = lines
        .lines()
        .filter_map(|line| Ledger::from_json(line.as_bytes()).ok());
    for stream in ledgers.flat_map(|ledger| ledger.streams) {
        let numbers = given_up.entry(stream.stream).or_default();
        numbers.insert_all(&stream.given_up);
    }
}

/// The numbers that a publisher's log tells of, with checksums: `numbered frame 7 of <stream>, crc32c 0a1b2c3d`.
pub(crate) fn read_log(log: &str, numbered: &mut BTreeMap<Number, u32>) {
    let parse = |line: &str| {
        let (_, said) = line.split_once("numbered frame ")?;
        let (sequence, said) = said.split_once(" of ")?;
        let (stream, crc32c) = said.split_once(", crc32c ")?;
        let number = (StreamId::parse(stream)?, sequence.parse().ok()?);
        Some((number, u32::from_str_radix(crc32c.trim_end(), 16).ok()?))
    };
    numbered.extend(log.lines().filter_map(parse));
}

/// Every file below `folder`, by its path from there.
pub(super) fn files_below(folder: &Path) -> Vec<(PathBuf, PathBuf)> {
    // Files may go, and folders come, while the walk is on its way.
    WalkDir::new(folder)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|item| item.file_type().is_file())
        .filter_map(|item| {
            let file = item.path().strip_prefix(folder).ok()?;
            Some((folder.to_owned(), file.to_owned()))
        })
        .collect()
}

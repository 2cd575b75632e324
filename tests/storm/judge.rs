//! The verdict on a storm: was each numbered frame stored exactly once, or named as given up?
//!
//! Pure. It goes by what was found on disks and by what the camera itself had noted, never by what the programs count.
//!
//! - A number counts once it was seen anywhere: in the publisher's log, in its spool, among what it gave up, in an index,
//!   or because a higher one of its stream was.
//! - A frame on a disk that was replaced is stored. One that is on the next disk as well was stored again, which a new
//!   disk may ask for; two files on one disk are one too many.
//! - A file is right if it is, byte for byte, a picture that the camera emitted, and the one that was given this number.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use protocol::frame::StreamId;
use protocol::ranges::RangeSet;

use super::camera::{Emitted, Label};

/// A frame's stream and number. There is one camera.
pub(crate) type Number = (StreamId, u64);

/// All that is known after a storm.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// What the camera noted of each picture.
    pub(crate) emitted: Emitted,
    /// The numbers that the publisher's log tells of, with the checksums that it names.
    pub(crate) numbered: BTreeMap<Number, u32>,
    /// The disks that the consumer had, one after another.
    pub(crate) disks: Vec<Disk>,
    /// The disks of those whose receipts nobody waits for: nothing there may be wrong, but anything may be missing.
    pub(crate) onlookers: Vec<Disk>,
    /// What was in the spool while no publisher ran and the consumer got a new disk, by the place of that disk: nothing of
    /// it was confirmed to any publisher, and whatever the old disk had confirmed is not on the new one.
    pub(crate) owed: Vec<(usize, BTreeSet<Number>)>,
    /// What is still in the spool.
    pub(crate) spooled: BTreeSet<Number>,
    /// What the publisher says it has given up.
    pub(crate) given_up: BTreeMap<StreamId, RangeSet>,
}

/// A consumer's disk, with what was moved away from it.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// Files of frames.
    pub(crate) copies: Vec<StoredCopy>,
    /// Frames that an index names, whether or not their files are there.
    pub(crate) indexed: BTreeSet<Number>,
    /// Files that are in quarantine.
    pub(crate) quarantined: Vec<String>,
}

/// A file that an index names.
#[derive(Debug, Clone)]
pub(crate) struct StoredCopy {
    pub(crate) number: Number,
    pub(crate) path: String,
    /// CRC-32C and length of its bytes.
    pub(crate) content: (u32, u64),
    pub(crate) label: Option<Label>,
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nobody has it, and nobody said so.
    Lost(Number),
    /// All was well for a long time, and it is still in the spool only.
    Undelivered(Number),
    /// The spool had it when the consumer got a new disk, and it is on the old one only.
    Withheld(Number),
    /// More than one file on one disk.
    Duplicate(Number, Vec<String>),
    /// Not what the camera emitted, or not what was given this number.
    Corrupt(Number, String),
    /// A picture has two numbers, or a later one has the lower number.
    Disorder(Number, String),
    /// A whole frame was set aside.
    Quarantined(String),
}

/// What came of a storm.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Pictures that the camera emitted.
    pub(crate) emitted: usize,
    /// Numbered frames.
    pub(crate) captured: usize,
    /// Those of them that are on a disk of the consumer.
    pub(crate) stored: usize,
    /// Those of them that are on more than one.
    pub(crate) stored_again: usize,
    /// Those that are on none, and the publisher says so.
    pub(crate) given_up: usize,
    /// Pictures that got no number though an earlier and a later one of the same run did.
    pub(crate) unnumbered: u64,
    pub(crate) faults: Vec<Fault>,
}

/// Judges.
pub(crate) fn judge(evidence: &Evidence) -> Verdict {
    let mut verdict = Verdict {
        emitted: evidence.emitted.len(),
        unnumbered: unnumbered(evidence),
        ..Verdict::default()
    };
    let stored = copies_by_number(&evidence.disks);
    for number in all_numbers(evidence, &stored) {
        verdict.captured += 1;
        if let Some(disks) = stored.get(&number) {
            verdict.stored += 1;
            verdict.stored_again += usize::from(disks.len() > 1);
        } else if is_given_up(evidence, number) {
            verdict.given_up += 1;
        } else if evidence.spooled.contains(&number) {
            verdict.faults.push(Fault::Undelivered(number));
        } else {
            verdict.faults.push(Fault::Lost(number));
        }
    }
    for (place, owed) in &evidence.owed {
        let has_it = |number: &Number| {
            let on_disks = stored.get(number);
            on_disks.is_some_and(|places| places.range(place..).next().is_some())
        };
        let withheld = owed
            .iter()
            .filter(|number| !has_it(number) && !is_given_up(evidence, **number));
        let faults = withheld.map(|number| Fault::Withheld(*number));
        verdict.faults.extend(faults);
    }
    let mut order = Order::default();
    for disk in evidence.disks.iter().chain(&evidence.onlookers) {
        verdict.faults.extend(duplicates(disk));
        for copy in &disk.copies {
            match content_fault(evidence, copy) {
                Some(why) => verdict.faults.push(Fault::Corrupt(copy.number, why)),
                None => order.note(copy),
            }
        }
        let set_aside = disk.quarantined.iter().cloned();
        verdict.faults.extend(set_aside.map(Fault::Quarantined));
    }
    verdict.faults.extend(order.faults());
    verdict
}

/// For each stored frame, the places of the disks that have it.
fn copies_by_number(disks: &[Disk]) -> BTreeMap<Number, BTreeSet<usize>> {
    let mut stored = BTreeMap::<_, BTreeSet<_>>::new();
    for (place, disk) in disks.iter().enumerate() {
        for copy in &disk.copies {
            stored.entry(copy.number).or_default().insert(place);
        }
    }
    stored
}

fn all_numbers(
    evidence: &Evidence,
    stored: &BTreeMap<Number, BTreeSet<usize>>,
) -> impl Iterator<Item = Number> {
    let mut last = BTreeMap::<StreamId, u64>::new();
    let indexed = evidence.disks.iter().chain(&evidence.onlookers);
    let highest = |(stream, numbers): (&StreamId, &RangeSet)| Some((*stream, numbers.last()?));
    let given_up: Vec<Number> = evidence.given_up.iter().filter_map(highest).collect();
    for &(stream, sequence) in evidence
        .numbered
        .keys()
        .chain(stored.keys())
        .chain(&evidence.spooled)
        .chain(&given_up)
        .chain(indexed.flat_map(|disk| &disk.indexed))
    {
        let last = last.entry(stream).or_default();
        *last = sequence.max(*last);
    }
    last.into_iter()
        .flat_map(|(stream, last)| (1..=last).map(move |sequence| (stream, sequence)))
}

fn is_given_up(evidence: &Evidence, (stream, sequence): Number) -> bool {
    let given_up = evidence.given_up.get(&stream);
    given_up.is_some_and(|numbers| numbers.contains(sequence))
}

fn duplicates(disk: &Disk) -> impl Iterator<Item = Fault> {
    let mut paths = BTreeMap::<Number, Vec<_>>::new();
    for copy in &disk.copies {
        let paths = paths.entry(copy.number).or_default();
        paths.push(copy.path.clone());
    }
    paths
        .into_iter()
        .filter(|(_, paths)| paths.len() > 1)
        .map(|(number, paths)| Fault::Duplicate(number, paths))
}

/// What is wrong with the bytes of a file.
fn content_fault(evidence: &Evidence, copy: &StoredCopy) -> Option<String> {
    let path = &copy.path;
    let (crc32c, bytes) = copy.content;
    let Some(label) = copy.label else {
        return Some(format!("{path} is no picture of the camera"));
    };
    match evidence.emitted.get(&label) {
        None => Some(format!("{path} is in no record of the camera")),
        Some(emitted) if *emitted != copy.content => Some(format!(
            "{path} has checksum {crc32c:08x} and {bytes} bytes, the camera's picture {:08x} and {}",
            emitted.0, emitted.1
        )),
        Some(_) => match evidence.numbered.get(&copy.number) {
            Some(logged) if *logged != crc32c => Some(format!(
                "{path} has checksum {crc32c:08x}, and {logged:08x} was given this number"
            )),
            _ => None,
        },
    }
}

/// Numbers follow each other as pictures do: where there are more pictures than numbers, some got none.
fn unnumbered(evidence: &Evidence) -> u64 {
    let by_checksum: HashMap<u32, Label> = evidence
        .emitted
        .iter()
        .map(|(label, content)| (content.0, *label))
        .collect();
    let logged = evidence
        .numbered
        .iter()
        .filter_map(|(number, crc32c)| Some((*number, *by_checksum.get(crc32c)?)));
    let copies = evidence.disks.iter().flat_map(|disk| &disk.copies);
    let stored = copies.filter_map(|copy| Some((copy.number, copy.label?)));
    let known: BTreeMap<Number, Label> = logged.chain(stored).collect();
    let (earlier, later) = (known.iter(), known.iter().skip(1));
    earlier
        .zip(later)
        .filter(|((number, label), (next, later))| number.0 == next.0 && label.run == later.run)
        .map(|((number, label), (next, later))| {
            (later.number - label.number.min(later.number)).saturating_sub(next.1 - number.1)
        })
        .sum()
}

/// Which picture has which number.
#[derive(Default)]
struct Order {
    pictures: BTreeMap<Number, Label>,
}

impl Order {
    fn note(&mut self, copy: &StoredCopy) {
        if let Some(label) = copy.label {
            self.pictures.insert(copy.number, label);
        }
    }

    fn faults(self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut numbers = HashMap::<Label, Number>::new();
        let mut before: Option<(Number, Label)> = None;
        for (number, label) in self.pictures {
            if let Some(other) = numbers.insert(label, number) {
                let why = format!("it is the same picture as {}", Shown(other));
                faults.push(Fault::Disorder(number, why));
            } else if let Some((other, earlier)) = before
                && other.0 == number.0
                && earlier.run == label.run
                && earlier.number > label.number
            {
                let why = format!("it was taken before {}", Shown(other));
                faults.push(Fault::Disorder(number, why));
            }
            before = Some((number, label));
        }
        faults
    }
}

impl Verdict {
    /// How many faults are of this kind.
    pub(crate) fn count(&self, is_of_kind: impl Fn(&Fault) -> bool) -> usize {
        self.faults.iter().filter(|fault| is_of_kind(fault)).count()
    }

    pub(crate) fn lost(&self) -> usize {
        self.count(|fault| {
            matches!(
                fault,
                Fault::Lost(_) | Fault::Undelivered(_) | Fault::Withheld(_)
            )
        })
    }

    pub(crate) fn duplicates(&self) -> usize {
        self.count(|fault| matches!(fault, Fault::Duplicate(..)))
    }

    pub(crate) fn corrupt(&self) -> usize {
        self.count(|fault| {
            matches!(
                fault,
                Fault::Corrupt(..) | Fault::Disorder(..) | Fault::Quarantined(_)
            )
        })
    }
}

/// A number as it is shown.
struct Shown(Number);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (stream, sequence) = self.0;
        write!(f, "frame {sequence} of {stream}")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(number) => write!(f, "LOST: {}", Shown(*number)),
            Self::Undelivered(number) => {
                write!(f, "UNDELIVERED: {} is still in the spool", Shown(*number))
            }
            Self::Withheld(number) => {
                write!(f, "WITHHELD: {} is not on the new disk", Shown(*number))
            }
            Self::Duplicate(number, paths) => {
                write!(f, "DUPLICATE: {}: {}", Shown(*number), paths.join(", "))
            }
            Self::Corrupt(number, why) => write!(f, "CORRUPT: {}: {why}", Shown(*number)),
            Self::Disorder(number, why) => write!(f, "DISORDER: {}: {why}", Shown(*number)),
            Self::Quarantined(path) => write!(f, "SET ASIDE: {path}"),
        }
    }
}

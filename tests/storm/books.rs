//! Without spool and receipts frames are lost. Does the subscriber know how many?
//!
//! It can know of numbers between those that it has. What the camera emitted between the same two pictures is the truth.

use std::collections::{BTreeMap, HashMap};
use std::slice;

use serde_json::Value;

use super::camera::Label;
use super::evidence;
use super::judge::{Disk, Evidence, Number};
use super::stage::Stage;
use crate::harness::bare_subscriber;
use crate::harness::eventually::A_RUN;

/// Frames that are missing in the midst of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Books {
    /// As the camera's records tell.
    pub(crate) true_missing: u64,
    /// As `frame-subscriber verify` counts them.
    pub(crate) counted_missing: u64,
}

/// Compares what is counted with what is true, over all disks of the consumer.
pub(super) fn compare(stage: &Stage, evidence: &Evidence) -> Books {
    let mut books = Books::default();
    for (disk, nth) in evidence.disks.iter().zip(1..) {
        let output = stage.nth_output(nth);
        // A consumer may have been killed before it made the folder.
        if !output.exists() {
            continue;
        }
        // What is moved away with its index is not there to be counted.
        let present = evidence::read_disk(slice::from_ref(&output));
        books.true_missing += missing_between(&present, disk);
        let verified = bare_subscriber()
            .flags("verify --no-decode --json")
            .arg(&output)
            .run(A_RUN);
        let report: Value = serde_json::from_str(&verified.text()).expect("the report is JSON");
        books.counted_missing += report["missing"].as_u64().expect("missing is a number");
    }
    books
}

/// How many pictures the camera gave, in each stream, between the first and the last that `present` names, without those
/// that it names. `whole` has the files, wherever they are now.
fn missing_between(present: &Disk, whole: &Disk) -> u64 {
    let labels: HashMap<Number, Label> = whole
        .copies
        .iter()
        .filter_map(|copy| Some((copy.number, copy.label?)))
        .collect();
    let mut streams = BTreeMap::<_, Vec<u64>>::new();
    for number in &present.indexed {
        if let Some(label) = labels.get(number) {
            streams.entry(number.0).or_default().push(label.number);
        }
    }
    let missing = |pictures: &Vec<u64>| {
        let first = pictures.iter().min()?;
        let last = pictures.iter().max()?;
        Some(last - first + 1 - pictures.len() as u64)
    };
    streams.values().filter_map(missing).sum()
}

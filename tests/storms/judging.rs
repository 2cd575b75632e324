//! A judge that sees no fault is worth nothing: faults are planted, and each must be found.

use proptest::prelude::*;
use protocol::frame::StreamId;

use crate::storm::camera::Label;
use crate::storm::judge::{Disk, Evidence, Fault, Number, StoredCopy, Verdict, judge};

/// Ten frames of one stream, numbered, emitted, and stored on one disk.
struct Case {
    stream: StreamId,
    evidence: Evidence,
}

impl Case {
    fn good() -> Self {
        let stream = StreamId::new();
        let mut case = Self {
            stream,
            evidence: Evidence::default(),
        };
        case.evidence.disks.push(Disk::default());
        for sequence in 1..=10 {
            let content = content(sequence);
            case.evidence.emitted.insert(label(sequence), content);
            case.evidence.numbered.insert((stream, sequence), content.0);
            let copy = case.copy(sequence);
            case.store(0, copy);
        }
        case
    }

    fn number(&self, sequence: u64) -> Number {
        (self.stream, sequence)
    }

    fn copy(&self, sequence: u64) -> StoredCopy {
        StoredCopy {
            number: self.number(sequence),
            path: format!("{sequence}.jpg"),
            content: content(sequence),
            label: Some(label(sequence)),
        }
    }

    fn store(&mut self, disk: usize, copy: StoredCopy) {
        let disk = &mut self.evidence.disks[disk];
        disk.indexed.insert(copy.number);
        disk.copies.push(copy);
    }

    /// The stored file of a frame of the first disk.
    fn stored(&mut self, sequence: u64) -> &mut StoredCopy {
        let copies = &mut self.evidence.disks[0].copies;
        copies
            .iter_mut()
            .find(|copy| copy.number.1 == sequence)
            .unwrap()
    }

    /// Takes the file of a frame away; its line in the index stays.
    fn lose(&mut self, sequence: u64) {
        let copies = &mut self.evidence.disks[0].copies;
        copies.retain(|copy| copy.number.1 != sequence);
    }

    fn judged(&self) -> Verdict {
        judge(&self.evidence)
    }
}

fn content(number: u64) -> (u32, u64) {
    (u32::try_from(number).unwrap() * 7, 1000 + number)
}

fn label(number: u64) -> Label {
    Label { run: 5, number }
}

#[test]
fn ten_frames_that_are_stored_are_stored() {
    let verdict = Case::good().judged();
    assert_eq!((verdict.captured, verdict.stored), (10, 10));
    assert_eq!(verdict.faults, []);
}

proptest! {
    #[test]
    fn every_lost_frame_is_found(lost in prop::collection::btree_set(1_u64..=10, 0..10)) {
        let mut case = Case::good();
        for &sequence in &lost {
            case.lose(sequence);
        }
        let verdict = case.judged();
        let faults: Vec<_> = lost.iter().map(|&n| Fault::Lost(case.number(n))).collect();
        prop_assert_eq!(&verdict.faults, &faults);
        prop_assert_eq!(verdict.lost(), lost.len());
        prop_assert_eq!(verdict.stored, 10 - lost.len());
    }
}

#[test]
fn a_frame_that_no_log_tells_of_counts_because_a_higher_number_does() {
    let mut case = Case::good();
    case.lose(4);
    case.evidence.numbered.clear();
    case.evidence.disks[0].indexed.clear();
    assert_eq!(case.judged().faults, [Fault::Lost(case.number(4))]);
}

#[test]
fn a_frame_of_which_only_the_index_knows_is_lost() {
    let mut case = Case::good();
    case.evidence.disks[0].indexed.insert((case.stream, 11));
    assert_eq!(case.judged().faults, [Fault::Lost(case.number(11))]);
}

#[test]
fn a_frame_that_only_an_onlooker_has_is_lost() {
    let mut case = Case::good();
    case.lose(4);
    let copy = case.copy(4);
    case.evidence.onlookers.push(Disk {
        copies: vec![copy],
        ..Disk::default()
    });
    assert_eq!(case.judged().faults, [Fault::Lost(case.number(4))]);
}

#[test]
fn what_was_given_up_is_no_fault_unless_it_is_another_stream_s() {
    let mut case = Case::good();
    case.lose(4);
    case.lose(5);
    let given_up = [4..=4].into_iter().collect();
    case.evidence.given_up.insert(case.stream, given_up);
    let others = [1..=5].into_iter().collect();
    case.evidence.given_up.insert(StreamId::new(), others);
    let verdict = case.judged();
    assert_eq!(verdict.faults, [Fault::Lost(case.number(5))]);
    assert_eq!((verdict.stored, verdict.given_up), (8, 6));
}

#[test]
fn a_number_above_all_others_that_was_given_up_was_captured() {
    let mut case = Case::good();
    let given_up = [11..=13].into_iter().collect();
    case.evidence.given_up.insert(case.stream, given_up);
    let verdict = case.judged();
    assert_eq!((verdict.captured, verdict.given_up), (13, 3));
}

#[test]
fn a_picture_that_got_no_number_between_others_is_noticed() {
    let mut case = Case::good();
    for number in 11..=13 {
        case.evidence.emitted.insert(label(number), content(number));
    }
    assert_eq!(case.judged().unnumbered, 0, "nothing came after them");
    let later = |sequence| StoredCopy {
        number: (case.stream, sequence),
        content: content(13),
        label: Some(label(13)),
        ..case.copy(10)
    };
    let (skipped, given_up) = (later(11), later(13));
    case.store(0, skipped);
    let verdict = case.judged();
    assert_eq!((verdict.unnumbered, verdict.faults.len()), (2, 0));
    case.evidence.disks[0].copies.pop();
    case.store(0, given_up);
    assert_eq!(case.judged().unnumbered, 0, "two numbers for two pictures");
}

#[test]
fn what_is_still_in_the_spool_was_not_delivered() {
    let mut case = Case::good();
    case.evidence.spooled = [(case.stream, 10), (case.stream, 11)].into();
    let verdict = case.judged();
    assert_eq!(verdict.faults, [Fault::Undelivered(case.number(11))]);
    assert_eq!(verdict.lost(), 1);
}

#[test]
fn two_files_of_a_frame_on_one_disk_are_one_too_many() {
    let mut case = Case::good();
    let copy = StoredCopy {
        path: "elsewhere/4.jpg".into(),
        ..case.copy(4)
    };
    case.store(0, copy);
    let verdict = case.judged();
    assert_eq!(verdict.duplicates(), 1);
    assert_eq!((verdict.stored, verdict.faults.len()), (10, 1));
}

#[test]
fn an_onlooker_s_files_are_judged_as_well() {
    let mut case = Case::good();
    let copies = vec![case.copy(4), case.copy(4)];
    case.evidence.onlookers.push(Disk {
        copies,
        ..Disk::default()
    });
    assert_eq!(case.judged().duplicates(), 1);
}

#[test]
fn a_frame_on_the_next_disk_as_well_is_stored_again() {
    let mut case = Case::good();
    case.evidence.disks.push(Disk::default());
    let copy = case.copy(4);
    case.store(1, copy);
    let verdict = case.judged();
    assert_eq!(verdict.faults, []);
    assert_eq!((verdict.stored, verdict.stored_again), (10, 1));
}

#[test]
fn a_file_with_other_bytes_is_corrupt() {
    for spoil in [
        |copy: &mut StoredCopy| copy.content.0 += 1,
        |copy: &mut StoredCopy| copy.content.1 -= 1,
        |copy: &mut StoredCopy| copy.label = None,
        |copy: &mut StoredCopy| copy.label = Some(label(77)),
    ] {
        let mut case = Case::good();
        spoil(case.stored(4));
        let verdict = case.judged();
        assert_eq!((verdict.corrupt(), verdict.faults.len()), (1, 1));
    }
}

#[test]
fn another_whole_picture_under_a_frame_s_number_is_corrupt() {
    let mut case = Case::good();
    let other = case.copy(5);
    case.stored(4).content = other.content;
    case.stored(4).label = other.label;
    assert_eq!(case.judged().corrupt(), 1);
}

#[test]
fn a_picture_with_two_numbers_is_out_of_order() {
    let mut case = Case::good();
    let twice = StoredCopy {
        number: case.number(11),
        ..case.copy(4)
    };
    case.store(0, twice);
    let verdict = case.judged();
    assert!(matches!(verdict.faults[..], [Fault::Disorder(..)]));
}

#[test]
fn a_later_picture_under_a_lower_number_is_out_of_order() {
    let mut case = Case::good();
    case.evidence.numbered.clear();
    let (four, five) = (case.copy(4), case.copy(5));
    case.stored(4).content = five.content;
    case.stored(4).label = five.label;
    case.stored(5).content = four.content;
    case.stored(5).label = four.label;
    let verdict = case.judged();
    assert!(matches!(verdict.faults[..], [Fault::Disorder(..)]));
}

#[test]
fn a_whole_frame_that_was_set_aside_is_a_fault() {
    let mut case = Case::good();
    let path = "quarantine/door/x.jpg".to_owned();
    case.evidence.disks[0].quarantined.push(path.clone());
    assert_eq!(case.judged().faults, [Fault::Quarantined(path)]);
}

#[test]
fn what_the_spool_had_must_be_on_the_disk_that_came_then() {
    let mut case = Case::good();
    case.evidence.disks.push(Disk::default());
    let number = case.number(3);
    case.evidence.owed.push((1, [number].into_iter().collect()));
    assert_eq!(case.judged().faults, [Fault::Withheld(number)]);
}

//! What the store remembers: over restarts, after files were moved away, and after a power cut.

use std::sync::atomic::Ordering;

use protocol::ranges::RangeSet;
use protocol::receipt::{RunId, StreamReceipt};

use super::*;
use crate::ledger::StoreLedger;
use crate::retention::journal::Journal;
use crate::store::checkpoint::LEDGER_FILE;

impl Fixture {
    /// What a receipt would claim now.
    fn claimed(&self) -> RangeSet {
        let camera = "door".parse().unwrap();
        let receipt = self.store.ledger.change(|ledger| {
            ledger.begin_session();
            ledger.receipt(&camera, RunId::new(), 1)
        });
        let streams = receipt.map(|receipt| receipt.streams).unwrap_or_default();
        let found = streams.iter().find(|found| found.stream == self.stream);
        found.map(StreamReceipt::settled).unwrap_or_default()
    }

    fn put_all(&mut self, sequences: std::ops::RangeInclusive<u64>) {
        for sequence in sequences {
            let frame = self.frame(sequence);
            assert!(
                matches!(self.put(&frame), Outcome::Stored { .. }),
                "{sequence}"
            );
        }
    }

    fn disk_fails(&self, fails: bool) {
        self.store.ledger.disk_fails.store(fails, Ordering::Relaxed);
    }

    pub(super) fn edit_checkpoint(&self, edit: impl FnOnce(&mut serde_json::Value)) {
        let path = self.folder.path().join(LEDGER_FILE);
        let mut json = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        edit(&mut json);
        fs::write(&path, serde_json::to_vec(&json).unwrap()).unwrap();
    }
}

fn one_to(last: u64) -> RangeSet {
    [1..=last].into_iter().collect()
}

#[test]
fn a_frame_whose_whole_folder_was_moved_away_is_not_stored_again() {
    let mut fixture = Fixture::new("minutes");
    fixture.put_all(1..=2);
    fs::remove_dir_all(fixture.folder.path().join("door")).unwrap();
    let mut fixture = {
        fixture.store.ledger.write_checkpoint().unwrap();
        fixture.restart()
    };
    for sequence in [1, 2] {
        let frame = fixture.frame(sequence);
        assert_eq!(fixture.put(&frame), Outcome::Duplicate);
    }
    assert!(!fixture.folder.path().join("door").exists());
    fixture.put_all(3..=3);
}

#[test]
fn a_file_that_is_moved_away_while_running_is_not_stored_again() {
    let mut fixture = Fixture::new("images");
    fixture.put_all(1..=2);
    let frame = fixture.frame(1);
    fs::remove_file(fixture.path(&frame)).unwrap();
    assert_eq!(fixture.put(&frame), Outcome::Duplicate);
    fs::remove_dir_all(fixture.folder.path().join("door")).unwrap();
    assert_eq!(fixture.put(&frame), Outcome::Duplicate);
    assert!(!fixture.folder.path().join("door").exists());
}

#[test]
fn what_was_stored_after_the_last_checkpoint_is_found_in_the_indexes_tail() {
    let mut fixture = Fixture::new("images");
    fixture.put_all(1..=3);
    fixture.store.ledger.write_checkpoint().unwrap();
    fixture.put_all(4..=5);
    let folder = fixture.path(&fixture.frame(1));
    let folder = folder.parent().unwrap();
    // Killed while writing: a torn line, and half a file. The head of the index is no longer what it was.
    let mut index = fs::read(folder.join(INDEX_FILE)).unwrap();
    index[..20].fill(b'?');
    index.extend_from_slice(br#"{"file":"image000006.jpg","cam"#);
    fs::write(folder.join(INDEX_FILE), &index).unwrap();
    fs::write(folder.join(".image000006.jpg.part"), "half").unwrap();

    let fixture = fixture.restart();
    assert_eq!(fixture.claimed(), one_to(5));
    assert_eq!(
        fixture
            .entries(folder.strip_prefix(fixture.folder.path()).unwrap())
            .len(),
        4
    );
    assert!(!fixture.files().iter().any(|file| replace::is_partial(file)));
    let mended = fs::read(folder.join(INDEX_FILE)).unwrap();
    assert!(mended.ends_with(b"\n") && mended.len() < index.len());
}

#[test]
fn a_start_reads_no_folder_that_is_not_in_use() {
    let mut fixture = Fixture::new("images");
    fixture.put_all(1..=3);
    fixture.store.ledger.write_checkpoint().unwrap();
    fixture.edit_checkpoint(|json| json["folders"] = serde_json::json!([]));
    let folder = fixture.path(&fixture.frame(1));
    let left_over = folder.with_file_name(".image000009.jpg.part");
    fs::write(&left_over, "half").unwrap();
    let fixture = fixture.restart();
    assert_eq!(fixture.claimed(), one_to(3));
    assert!(left_over.exists());
}

#[test]
fn a_checkpoint_that_leads_out_of_the_folder_is_not_followed() {
    let mut fixture = Fixture::new("images");
    fixture.put_all(1..=1);
    let outside = tempfile::tempdir().unwrap();
    let left_over = outside.path().join(".x.part");
    fs::write(&left_over, "not ours").unwrap();
    let name = outside.path().file_name().unwrap().to_str().unwrap();
    fixture.edit_checkpoint(|json| {
        json["folders"] = serde_json::json!([{"path": format!("../{name}"), "index_bytes": 0}]);
    });
    fixture.restart();
    assert!(left_over.exists());
}

#[test]
fn without_its_ledger_a_folder_is_a_new_store_that_still_knows_what_its_indexes_record() {
    for damage in [None, Some("{\"version\":1"), Some("{\"version\":99}")] {
        let mut fixture = Fixture::new("images");
        fixture.put_all(1..=2);
        let before = fixture.store.ledger.read(StoreLedger::store);
        let path = fixture.folder.path().join(LEDGER_FILE);
        match damage {
            None => fs::remove_file(path).unwrap(),
            Some(text) => fs::write(path, text).unwrap(),
        }
        let mut fixture = fixture.restart();
        assert_ne!(fixture.store.ledger.read(StoreLedger::store), before);
        assert_eq!(fixture.claimed(), RangeSet::default());
        let frame = fixture.frame(1);
        assert_eq!(fixture.put(&frame), Outcome::Duplicate);
        fixture.store.ledger.write_checkpoint().unwrap();
        assert_eq!(fixture.claimed(), one_to(2));
    }
}

#[test]
fn a_rebuilt_ledger_has_what_was_recorded_and_keeps_what_it_had() {
    let mut fixture = Fixture::new("images");
    fixture.put_all(1..=2);
    fixture.store.ledger.write_checkpoint().unwrap();
    fixture.edit_checkpoint(|json| json["folders"] = serde_json::json!([]));
    let ledger = fixture.folder.path().join(LEDGER_FILE);
    let older = fs::read(&ledger).unwrap();
    let before = fixture.store.ledger.read(StoreLedger::store);
    fixture.put_all(3..=4);
    fs::remove_file(fixture.path(&fixture.frame(1))).unwrap();
    let in_use = OutputFolder::take(fixture.folder.path());
    assert!(matches!(in_use, Err(StoreError::InUse(_))));
    let fixture = fixture.restart_after(|root| {
        fs::write(&ledger, older).unwrap();
        let output = OutputFolder::take(root).unwrap();
        assert_eq!(checkpoint::rebuild(&output).unwrap(), before);
    });
    assert_eq!(fixture.claimed(), one_to(4));
}

/// What a power cut may leave of the frames 1 to 4: the second has no file, the third has zeros in it.
fn damaged(fixture: &Fixture) -> [Frame; 4] {
    let frames = [1, 2, 3, 4].map(|sequence| fixture.frame(sequence));
    fs::remove_file(fixture.path(&frames[1])).unwrap();
    fs::write(fixture.path(&frames[2]), vec![0; frames[2].jpeg.len()]).unwrap();
    frames
}

/// Only the first and the fourth of them are claimed; the others are stored again as they come.
#[track_caller]
fn only_what_is_damaged_is_stored_again(fixture: &mut Fixture, frames: &[Frame; 4]) {
    assert_eq!(fixture.claimed(), [1..=1, 4..=4].into_iter().collect());
    for (frame, comes_again) in frames.iter().zip([false, true, true, false]) {
        let outcome = fixture.put(frame);
        assert_eq!(
            matches!(outcome, Outcome::Stored { .. }),
            comes_again,
            "{outcome:?}"
        );
        assert_eq!(fs::read(fixture.path(frame)).unwrap(), frame.jpeg);
        assert_eq!(fixture.put(frame), Outcome::Duplicate);
    }
    fixture.store.ledger.sync().unwrap();
    fixture.store.ledger.write_checkpoint().unwrap();
    assert_eq!(fixture.claimed(), one_to(4));
}

#[test]
fn a_rebuilt_ledger_claims_no_frame_that_the_disk_has_not() {
    for is_lost in [false, true] {
        let mut fixture = Fixture::synced("images", SyncMode::Interval);
        fixture.put_all(1..=4);
        let frames = damaged(&fixture);
        fixture.edit_checkpoint(|json| json["boot"] = "another".into());
        let mut fixture = fixture.restart_after(|root| {
            if is_lost {
                fs::remove_file(root.join(LEDGER_FILE)).unwrap();
            }
            checkpoint::rebuild(&OutputFolder::take(root).unwrap()).unwrap();
        });
        only_what_is_damaged_is_stored_again(&mut fixture, &frames);
    }
}

#[test]
fn a_folder_that_is_opened_claims_no_frame_that_the_disk_has_not() {
    let mut fixture = Fixture::synced("images", SyncMode::Interval);
    fixture.put_all(1..=4);
    let frames = damaged(&fixture);
    fs::remove_file(fixture.folder.path().join(LEDGER_FILE)).unwrap();
    let mut fixture = fixture.restart();
    assert_eq!(fixture.put(&frames[0]), Outcome::Duplicate);
    fixture.store.ledger.write_checkpoint().unwrap();
    only_what_is_damaged_is_stored_again(&mut fixture, &frames);
}

#[test]
fn a_folder_whose_disk_comes_later_stays_named_until_it_is_read() {
    let mut fixture = Fixture::synced("images", SyncMode::Interval);
    fixture.put_all(1..=4);
    let frames = damaged(&fixture);
    fixture.edit_checkpoint(|json| json["boot"] = "another".into());
    let (there, away) = (
        fixture.folder.path().join("door"),
        fixture.folder.path().join(".away"),
    );
    fs::rename(&there, &away).unwrap();
    let mut fixture = fixture.restart();
    let mut elsewhere = fixture.frame(1);
    elsewhere.id.camera = "yard".parse().unwrap();
    fixture.put(&elsewhere);
    assert_eq!(fixture.claimed(), RangeSet::default());
    let mut fixture = fixture.restart_after(|_| fs::rename(&away, &there).unwrap());
    only_what_is_damaged_is_stored_again(&mut fixture, &frames);
}

#[test]
fn what_was_moved_away_never_comes_again() {
    let mut fixture = Fixture::synced("images", SyncMode::Interval);
    fixture.put_all(1..=2);
    fixture.store.ledger.sync().unwrap();
    fixture.store.ledger.write_checkpoint().unwrap();
    fixture.put_all(3..=3);
    for sequence in 1..=3 {
        fs::remove_file(fixture.path(&fixture.frame(sequence))).unwrap();
    }
    let mut fixture = fixture.restart();
    assert_eq!(fixture.claimed(), one_to(3));
    for sequence in 1..=3 {
        assert_eq!(fixture.put(&fixture.frame(sequence)), Outcome::Duplicate);
    }
}

#[test]
fn nothing_is_claimed_before_it_is_synced_and_written_down() {
    let mut fixture = Fixture::synced("images", SyncMode::Interval);
    fixture.put_all(1..=2);
    assert_eq!(fixture.claimed(), RangeSet::default());
    fixture.store.ledger.write_checkpoint().unwrap();
    assert_eq!(
        fixture.claimed(),
        RangeSet::default(),
        "written down, but not synced"
    );
    fixture.store.ledger.sync().unwrap();
    assert_eq!(
        fixture.claimed(),
        RangeSet::default(),
        "synced, but not written down"
    );
    fixture.store.ledger.write_checkpoint().unwrap();
    assert_eq!(fixture.claimed(), one_to(2));
    // Killed before the next sync: what the system still had is synced at the start.
    fixture.put_all(3..=3);
    assert_eq!(fixture.restart().claimed(), one_to(3));
}

#[test]
fn what_a_sync_has_failed_for_is_not_claimed_and_is_written_again() {
    let mut fixture = Fixture::synced("images", SyncMode::Interval);
    fixture.put_all(1..=3);
    let frame = fixture.frame(2);
    let foreign = arrival(Content::Decoded(Decoded::Foreign(jpeg(50))));
    let Outcome::Foreign { path } = fixture.store.put(&foreign).unwrap() else {
        panic!("not foreign");
    };
    fixture.disk_fails(true);
    fixture.store.ledger.sync().unwrap_err();
    fixture.store.ledger.write_checkpoint().unwrap_err();
    fixture.disk_fails(false);
    fixture.store.ledger.sync().unwrap();
    fixture.store.ledger.write_checkpoint().unwrap();
    assert_eq!(fixture.claimed(), RangeSet::default());

    // The disk has kept nothing of them.
    for lost in [fixture.path(&frame), path.clone()] {
        fs::write(lost, "").unwrap();
    }
    let mut fixture = fixture.restart();
    assert!(matches!(fixture.put(&frame), Outcome::Stored { .. }));
    assert_eq!(fixture.put(&frame), Outcome::Duplicate);
    assert_eq!(fs::read(fixture.path(&frame)).unwrap(), frame.jpeg);
    fixture.store.ledger.sync().unwrap();
    fixture.store.ledger.write_checkpoint().unwrap();
    assert_eq!(fixture.claimed(), [2..=2].into_iter().collect());
    let folder = fixture.path(&frame);
    let folder = folder.parent().unwrap();
    let recorded = fixture.entries(folder.strip_prefix(fixture.folder.path()).unwrap());
    assert_eq!(recorded.len(), 3, "each stands in the index once");
}

#[test]
fn a_picture_without_a_number_is_written_again_after_a_failed_sync() {
    let mut fixture = Fixture::synced("images", SyncMode::Always);
    let foreign = arrival(Content::Decoded(Decoded::Foreign(jpeg(50))));
    let Outcome::Foreign { path } = fixture.store.put(&foreign).unwrap() else {
        panic!("not foreign");
    };
    fixture.disk_fails(true);
    fixture.store.ledger.sync().unwrap_err();
    fixture.disk_fails(false);
    fs::write(&path, "").unwrap();
    for _ in 0..2 {
        fixture.store.put(&foreign).unwrap();
        assert_eq!(fs::read(&path).unwrap(), jpeg(50));
        fixture.store.ledger.sync().unwrap();
    }
}

#[test]
fn after_a_power_cut_what_the_index_has_and_the_disk_has_not_comes_again() {
    let mut fixture = Fixture::synced("images", SyncMode::Interval);
    fixture.put_all(1..=4);
    let frames = damaged(&fixture);
    fixture.edit_checkpoint(|json| json["boot"] = "another".into());
    only_what_is_damaged_is_stored_again(&mut fixture.restart(), &frames);
}

#[test]
fn after_a_power_cut_a_frame_whose_file_is_empty_comes_again() {
    let mut fixture = Fixture::synced("images", SyncMode::Interval);
    fixture.put_all(1..=2);
    let frame = fixture.frame(2);
    fs::write(fixture.path(&frame), []).unwrap();
    fixture.edit_checkpoint(|json| json["boot"] = "another".into());
    let mut fixture = fixture.restart();
    assert!(matches!(fixture.put(&frame), Outcome::Stored { .. }));
    assert_eq!(fs::read(fixture.path(&frame)).unwrap(), frame.jpeg);
}

#[test]
fn after_a_power_cut_what_retention_has_deleted_does_not_come_again() {
    let mut fixture = Fixture::synced("images", SyncMode::Interval);
    fixture.put_all(1..=3);
    let frames = [1, 2].map(|sequence| fixture.frame(sequence));
    let mut deleted = Journal::default();
    deleted.add_gone_frame(&frames[0].id.camera, fixture.stream, 1);
    deleted.write(fixture.folder.path()).unwrap();
    for frame in &frames {
        fs::remove_file(fixture.path(frame)).unwrap();
    }
    fixture.edit_checkpoint(|json| json["boot"] = "another".into());
    let mut fixture = fixture.restart();
    assert_eq!(fixture.put(&frames[0]), Outcome::Duplicate);
    assert!(matches!(fixture.put(&frames[1]), Outcome::Stored { .. }));
}

#[test]
fn files_that_are_moved_away_before_the_sync_are_no_error() {
    let mut fixture = Fixture::synced("minutes", SyncMode::Interval);
    fixture.put_all(1..=2);
    fs::remove_file(fixture.path(&fixture.frame(1))).unwrap();
    fixture.store.ledger.sync().unwrap();
    fixture.put_all(3..=3);
    fs::remove_dir_all(fixture.folder.path().join("door")).unwrap();
    fixture.store.ledger.sync().unwrap();
    fixture.store.ledger.write_checkpoint().unwrap();
    assert_eq!(fixture.claimed(), one_to(3));
}

#[test]
fn what_is_set_aside_beyond_doubt_is_settled_and_what_may_be_another_is_not() {
    let mut fixture = Fixture::new("images");
    fixture.put_all(1..=1);
    let too_large = |id| {
        arrival(Content::Undecodable {
            payload: Bytes::from_static(b"large"),
            reason: "larger than --max-frame-bytes".to_owned(),
            id,
        })
    };
    let second_picture = frame(fixture.stream, 1, jpeg(200));
    assert!(matches!(
        fixture.put(&second_picture),
        Outcome::Conflict { .. }
    ));
    let whole = jpeg(100);
    let cut_short_at_its_source = frame(fixture.stream, 2, whole.slice(..whole.len() - 2));
    fixture.put(&cut_short_at_its_source);
    fixture
        .store
        .put(&too_large(Some(fixture.frame(3).id)))
        .unwrap();
    let mut altered_on_its_way = fixture.frame(5);
    altered_on_its_way.crc32c ^= 1;
    fixture.put(&altered_on_its_way);
    fixture.store.put(&too_large(None)).unwrap();
    fixture.store.ledger.write_checkpoint().unwrap();
    assert_eq!(fixture.claimed(), one_to(3));
    fixture.put_all(5..=5);
}

#[test]
fn a_frame_goes_into_no_folder_that_the_checkpoint_does_not_name() {
    let mut fixture = Fixture::new("images");
    let frame = fixture.frame(1);
    fixture.disk_fails(true);
    fixture.store.put(&of(&frame)).unwrap_err();
    fixture.store.put(&of(&frame)).unwrap_err();
    assert_eq!(fixture.files(), Vec::<String>::new());
    fixture.disk_fails(false);
    fixture.put_all(1..=2);
    assert_eq!(fixture.restart().claimed(), one_to(2), "found by its name");
}

#[test]
fn an_output_folder_that_vanishes_while_running_is_made_again() {
    let mut fixture = Fixture::new("images");
    fixture.put_all(1..=2);
    fs::remove_dir_all(fixture.folder.path()).unwrap();
    fixture.put_all(3..=4);
    let mut fixture = fixture.restart();
    let frame = fixture.frame(1);
    assert_eq!(fixture.put(&frame), Outcome::Duplicate);
    assert_eq!(fixture.claimed(), one_to(4));
}

#[test]
fn receipts_after_a_time_without_syncing_claim_no_frame_that_the_disk_has_not() {
    for unsaid in [false, true] {
        let mut fixture = Fixture::new("images");
        fixture.put_all(1..=4);
        fixture.store.ledger.write_checkpoint().unwrap();
        let frames = damaged(&fixture);
        fixture.edit_checkpoint(|json| {
            assert_eq!(json["synced"], false);
            json["boot"] = "another".into();
            if unsaid {
                json.as_object_mut().unwrap().remove("synced");
            }
        });
        let mut fixture = fixture.restart_with(SyncMode::Interval, |root| {
            // As if it had been written a few seconds after the frames came, not years.
            let ledger = fs::File::open(root.join(LEDGER_FILE)).unwrap();
            let then: jiff::Timestamp = "2026-11-22T14:30:16Z".parse().unwrap();
            ledger.set_modified(then.into()).unwrap();
        });
        only_what_is_damaged_is_stored_again(&mut fixture, &frames);
        let path = fixture.folder.path().join(LEDGER_FILE);
        let json: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        assert_eq!(json["synced"], true);
    }
}

#[test]
fn receipts_after_a_time_without_syncing_claim_what_the_system_still_had() {
    let mut fixture = Fixture::new("images");
    fixture.put_all(1..=2);
    fixture.store.ledger.write_checkpoint().unwrap();
    fs::remove_file(fixture.path(&fixture.frame(1))).unwrap();
    let fixture = fixture.restart_with(SyncMode::Interval, |_| {});
    assert_eq!(fixture.claimed(), one_to(2));
}

#[test]
fn a_ledger_that_makes_no_sense_is_put_aside_and_one_that_cannot_be_read_is_not_replaced() {
    let fixture = Fixture::new("images");
    let path = fixture.folder.path().join(LEDGER_FILE);
    fs::write(&path, "nonsense").unwrap();
    let fixture = fixture.restart();
    let aside = path.with_file_name(".framebridge.ledger.json.unreadable");
    assert_eq!(fs::read(aside).unwrap(), b"nonsense");
    let Fixture { folder, store, .. } = fixture;
    drop(store);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let refused = FrameStore::open(folder.path(), "images".parse().unwrap()).unwrap_err();
    assert!(matches!(refused, StoreError::Ledger(_)), "{refused}");
}

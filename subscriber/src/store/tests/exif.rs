//! With `--exif` a file is longer than what came: nobody may mistake it for broken, and nothing is stored twice.

use super::*;
use crate::verify::{VerifyOptions, verify};

fn tagging() -> Fixture {
    Fixture::new("minutes").tagged()
}

impl Fixture {
    fn tagged(mut self) -> Self {
        self.store = self.store.with_exif(TimeZone::UTC);
        self
    }

    fn is_whole(&self) -> bool {
        let report = verify(self.folder.path(), VerifyOptions::default()).unwrap();
        report.is_whole() && report.frames == 1
    }
}

#[test]
fn the_index_has_the_picture_as_it_came() {
    let mut fixture = tagging();
    let frame = fixture.frame(1);
    let path = fixture.path(&frame);
    fixture.put(&frame);
    let entry = fixture.entries(path.parent().unwrap()).remove(0);
    assert_eq!(entry.crc32c, frame.crc32c);
    assert_eq!(entry.bytes, frame.jpeg.len() as u64);
    let mut file = fs::read(path).unwrap();
    assert_eq!(entry.file_bytes(), file.len() as u64);
    crate::exif::take_out(&mut file, entry.exif_bytes);
    assert_eq!(file, frame.jpeg);
    assert!(fixture.is_whole());
}

#[test]
fn a_changed_file_is_still_found() {
    let mut fixture = tagging();
    let frame = fixture.frame(1);
    let path = fixture.path(&frame);
    fixture.put(&frame);
    let mut changed = fs::read(&path).unwrap();
    let near_its_end = changed.len() - 20;
    changed[near_its_end] ^= 1;
    fs::write(&path, changed).unwrap();
    assert!(!fixture.is_whole());
}

#[test]
fn an_incomplete_file_is_written_as_its_index_has_it_whatever_is_asked_now() {
    for was_tagged in [true, false] {
        let fixture = Fixture::new("minutes");
        let mut fixture = if was_tagged {
            fixture.tagged()
        } else {
            fixture
        };
        let frame = fixture.frame(1);
        fixture.put(&frame);
        let fixture = fixture.restart();
        let mut fixture = if was_tagged {
            fixture
        } else {
            fixture.tagged()
        };
        assert_eq!(fixture.put(&frame), Outcome::Duplicate);
        let path = fixture.path(&frame);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..40]).unwrap();
        assert_eq!(fixture.put(&frame), stored(path.clone()));
        assert_eq!(fs::read(&path).unwrap(), whole);
        assert!(fixture.is_whole());
    }
}

#[test]
fn a_file_whose_index_is_lost_is_entered_again_as_it_came() {
    let mut fixture = tagging();
    let frame = fixture.frame(1);
    fixture.put(&frame);
    let path = fixture.path(&frame);
    let before = fixture.entries(path.parent().unwrap()).remove(0);
    fixture.store.ledger.write_checkpoint().unwrap();
    let fixture = fixture.restart_after(|root| {
        fs::remove_file(path.with_file_name(INDEX_FILE)).unwrap();
        crate::repair::repair(root).unwrap();
    });
    let after = fixture.entries(path.parent().unwrap()).remove(0);
    assert_eq!(
        (after.bytes, after.crc32c, after.exif_bytes),
        (before.bytes, before.crc32c, before.exif_bytes)
    );
    assert!(fixture.is_whole());
}

#[test]
fn after_a_power_cut_a_file_with_metadata_is_known_to_be_whole() {
    let mut fixture = Fixture::synced("minutes", SyncMode::Interval).tagged();
    let frame = fixture.frame(1);
    fixture.put(&frame);
    fixture.edit_checkpoint(|json| json["boot"] = "another".into());
    let mut fixture = fixture.restart();
    assert_eq!(fixture.put(&frame), Outcome::Duplicate);
}

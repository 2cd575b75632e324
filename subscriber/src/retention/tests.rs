use std::fs;

use bytes::Bytes;
use protocol::event::Decoded;
use protocol::frame::{Frame, FrameId, StreamId};

use super::*;
use crate::fixture::jpeg;
use crate::index::INDEX_FILE;
use crate::layout::Layout;
use crate::store::{Arrival, Content, FrameStore};
use crate::verify::{Report, VerifyOptions, verify};

const HOUR: i64 = 3600;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// An output folder that is written and kept small. Frames are captured and arrive at the second of their number.
struct Fixture {
    folder: tempfile::TempDir,
    store: FrameStore,
    keeper: Keeper,
    stream: StreamId,
}

impl Fixture {
    fn new(layout: &str, limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = FrameStore::open(folder.path(), layout.parse().unwrap()).unwrap();
        let keeper = keeper(&store, limits);
        Self {
            folder,
            store,
            keeper,
            stream: StreamId::new(),
        }
    }

    /// Begins anew, as after a restart of the program.
    fn restart(self, limits: Limits) -> Self {
        let Self {
            folder,
            store,
            keeper: former,
            stream,
        } = self;
        // Both hold the folder's lock.
        drop((store, former));
        let store = FrameStore::open(folder.path(), Layout::default()).unwrap();
        let keeper = keeper(&store, limits);
        Self {
            folder,
            store,
            keeper,
            stream,
        }
    }

    fn frame(&self, sequence: u64) -> Content {
        let jpeg = jpeg(100);
        let id = FrameId {
            camera: "door".parse().unwrap(),
            stream: self.stream,
            sequence,
        };
        Content::Decoded(Decoded::Frame(Frame {
            id,
            captured_at: at(sequence.cast_signed()),
            width: 16,
            height: 8,
            crc32c: protocol::frame::checksum(&jpeg),
            dropped: 0,
            jpeg,
        }))
    }

    /// Stores what arrives at `second`, which is not acknowledged yet.
    fn put(&mut self, content: Content, second: i64) -> PathBuf {
        let arrival = Arrival {
            camera: "door".parse().unwrap(),
            received_at: at(second),
            content,
        };
        let outcome = self.store.put(&arrival).unwrap();
        outcome.path().unwrap().to_owned()
    }

    /// Stores and acknowledges frames.
    fn store(&mut self, sequences: impl IntoIterator<Item = u64>) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        for sequence in sequences {
            let path = self.put(self.frame(sequence), sequence.cast_signed());
            self.keeper.hear(&path);
            paths.push(path);
        }
        paths
    }

    fn pictures(&self) -> usize {
        walkdir::WalkDir::new(self.folder.path())
            .into_iter()
            .map(Result::unwrap)
            .filter(|item| item.path().extension().is_some_and(|e| e == "jpg"))
            .count()
    }

    fn verify(&self) -> Report {
        verify(self.folder.path(), VerifyOptions::default()).unwrap()
    }

    #[track_caller]
    fn is_whole(&self) -> Report {
        let report = self.verify();
        assert!(report.is_whole(), "{report}");
        report
    }
}

/// Surveyed, as the thread is at its start.
fn keeper(store: &FrameStore, limits: Limits) -> Keeper {
    let mut keeper = Keeper::new(store, limits, Arc::default());
    keeper.survey();
    keeper
}

fn keep_bytes(frames: usize) -> Limits {
    Limits {
        keep_for: None,
        keep_bytes: Some((frames * jpeg(100).len()) as u64),
    }
}

fn keep_for(seconds: u64) -> Limits {
    Limits {
        keep_for: Some(Duration::from_secs(seconds)),
        keep_bytes: None,
    }
}

#[test]
fn the_oldest_pictures_go_and_their_folders_with_them() {
    let fixture = {
        let mut fixture = Fixture::new("minutes", Limits::default());
        fixture.store((1..=4).map(|minute| 60 * minute));
        fixture.store((1..=4).map(|minute| 24 * 3600 + 60 * minute));
        fixture.restart(keep_bytes(3))
    };
    let mut keeper = fixture.keeper;
    keeper.pass(at(0));
    assert_eq!(keeper.deleted().files, 5);
    let left = fs::read_dir(fixture.folder.path().join("door")).unwrap();
    let days: Vec<_> = left.map(|day| day.unwrap().file_name()).collect();
    assert_eq!(days, ["1970-01-02"]);
    let report = verify(fixture.folder.path(), VerifyOptions::default()).unwrap();
    assert_eq!((report.frames, report.whole, report.deleted), (3, 3, 0));
    assert!(report.streams[0].first > 0);
    keeper.pass(at(0));
    assert_eq!(keeper.deleted().files, 5);
}

#[test]
fn what_arrived_too_long_ago_goes_and_the_output_folder_stays() {
    let mut fixture = Fixture::new("minutes", keep_for(10));
    fixture.store(1..=20);
    fixture.keeper.pass(at(25));
    assert_eq!((fixture.pictures(), fixture.is_whole().deleted), (6, 14));
    fixture.keeper.pass(at(HOUR));
    assert_eq!((fixture.pictures(), fixture.is_whole().deleted), (0, 20));
    let Fixture {
        folder,
        store,
        mut keeper,
        ..
    } = fixture;
    drop(store);
    keeper.pass(at(HOUR));
    assert!(folder.path().is_dir() && !folder.path().join("door").exists());
}

#[test]
fn the_index_of_a_folder_that_is_open_stays_and_verify_excuses_what_is_deleted() {
    let mut fixture = Fixture::new("images", keep_bytes(2));
    let paths = fixture.store(1..=5);
    fixture.keeper.pass(at(0));
    let index = paths[0].with_file_name(INDEX_FILE);
    assert_eq!(fs::read_to_string(&index).unwrap().lines().count(), 5);
    let report = fixture.is_whole();
    assert_eq!((report.frames, report.deleted), (2, 3));
    // What goes otherwise is missing.
    fs::remove_file(&paths[4]).unwrap();
    assert!(!fixture.verify().is_whole());
    // It goes on where it was.
    fixture.store(6..=7);
    fixture.keeper.pass(at(0));
    assert_eq!(fixture.keeper.deleted().files, 4);
    assert_eq!(fixture.pictures(), 2);
}

#[test]
fn what_an_earlier_run_deleted_is_not_counted_again() {
    let mut fixture = Fixture::new("images", keep_bytes(2));
    fixture.store(1..=5);
    fixture.keeper.pass(at(0));
    let mut fixture = fixture.restart(keep_bytes(2));
    fixture.keeper.pass(at(0));
    assert_eq!(fixture.keeper.deleted(), Deleted::default());
    assert_eq!(fixture.pictures(), 2);
    let mut fixture = fixture.restart(keep_for(1));
    fixture.keeper.pass(at(HOUR));
    assert_eq!(fixture.keeper.deleted().files, 2);
    assert!(!fixture.folder.path().join("door").exists());
}

#[test]
fn an_index_stays_until_the_ledger_on_disk_has_what_it_says() {
    let mut fixture = Fixture::new("images", Limits::default());
    let index = fixture.store(1..=3)[0].with_file_name(INDEX_FILE);
    let mut fixture = fixture.restart(keep_for(1));
    let fails = |fixture: &Fixture, fails| {
        let ledger = fixture.store.ledger();
        ledger.disk_fails.store(fails, Ordering::Relaxed);
    };
    fails(&fixture, true);
    fixture.keeper.pass(at(HOUR));
    assert_eq!((fixture.pictures(), index.exists()), (0, true));
    fails(&fixture, false);
    fixture.keeper.pass(at(HOUR));
    assert!(!index.exists());
    // Killed: nothing more is written down.
    fails(&fixture, true);
    let mut fixture = fixture.restart(keep_for(1));
    for sequence in 1..=3 {
        let arrival = Arrival {
            camera: "door".parse().unwrap(),
            received_at: at(HOUR),
            content: fixture.frame(sequence),
        };
        assert_eq!(fixture.store.put(&arrival).unwrap(), Outcome::Duplicate);
    }
    assert!(!index.exists());
}

#[test]
fn what_is_not_acknowledged_is_not_touched() {
    let mut fixture = Fixture::new("images", keep_for(1));
    fixture.store(1..=2);
    let third = fixture.put(fixture.frame(3), 3);
    fixture.keeper.pass(at(HOUR));
    assert_eq!((fixture.pictures(), third.exists()), (1, true));
    fixture.keeper.hear(&third);
    fixture.keeper.pass(at(HOUR));
    assert_eq!(fixture.pictures(), 0);
}

#[test]
fn foreign_pictures_and_what_was_set_aside_go_by_the_same_rule() {
    let mut fixture = Fixture::new("minutes", keep_for(10));
    let foreign = fixture.put(Content::Decoded(Decoded::Foreign(jpeg(100))), 1);
    let broken = Content::Undecodable {
        payload: Bytes::from_static(b"hello"),
        reason: "neither".to_owned(),
        id: None,
    };
    let broken = fixture.put(broken, 2);
    for path in [&foreign, &broken] {
        fixture.keeper.hear(path);
    }
    fixture.store([3]);
    fixture.keeper.pass(at(HOUR));
    assert!(!foreign.exists() && !broken.exists());
    assert_eq!(fixture.keeper.deleted().files, 3);
    fixture.is_whole();
}

#[test]
fn a_file_that_was_moved_away_is_no_error_and_what_its_owner_added_stays() {
    let mut fixture = Fixture::new("minutes", keep_for(10));
    let paths = fixture.store(1..=3);
    let moved = fixture.folder.path().join("mine.jpg");
    fs::rename(&paths[0], &moved).unwrap();
    let notes = paths[0].with_file_name("notes.txt");
    fs::write(&notes, "mine").unwrap();
    let mut fixture = fixture.restart(keep_for(10));
    fixture.keeper.pass(at(HOUR));
    assert_eq!(fixture.keeper.deleted().files, 2);
    assert!(moved.exists() && notes.exists());
    assert!(!notes.with_file_name(INDEX_FILE).exists());
}

#[test]
fn a_folder_that_was_moved_away_and_made_again_is_read_anew() {
    let mut fixture = Fixture::new("images", keep_bytes(2));
    fixture.store(1..=4);
    fixture.keeper.pass(at(0));
    let door = fixture.folder.path().join("door");
    let away = tempfile::tempdir().unwrap();
    fs::rename(&door, away.path().join("door")).unwrap();
    fixture.store(5..=7);
    fixture.keeper.pass(at(0));
    assert_eq!(fixture.keeper.deleted().files, 2 + 1);
    assert_eq!(fixture.pictures(), 2);
}

#[test]
fn cameras_that_share_a_folder_have_a_limit_each() {
    let layout = "{hour}/{camera}_{stream8}_{sequence}.jpg";
    let mut fixture = Fixture::new(layout, keep_bytes(2));
    for sequence in 1..=4 {
        fixture.store([sequence]);
        let Content::Decoded(Decoded::Frame(mut frame)) = fixture.frame(sequence) else {
            panic!("it is a frame");
        };
        frame.id.camera = "gate".parse().unwrap();
        let arrival = Arrival {
            camera: frame.id.camera.clone(),
            received_at: at(sequence.cast_signed()),
            content: Content::Decoded(Decoded::Frame(frame)),
        };
        let outcome = fixture.store.put(&arrival).unwrap();
        fixture.keeper.hear(outcome.path().unwrap());
    }
    fixture.keeper.pass(at(0));
    assert_eq!((fixture.keeper.deleted().files, fixture.pictures()), (4, 4));
    let report = fixture.is_whole();
    assert_eq!((report.frames, report.deleted), (4, 4));
    let mut fixture = fixture.restart(keep_bytes(1));
    fixture.keeper.pass(at(0));
    assert_eq!((fixture.keeper.deleted().files, fixture.pictures()), (2, 2));
}

#[test]
fn what_cannot_be_deleted_is_tried_again_and_its_index_stays_until_then() {
    let fixture = {
        let mut fixture = Fixture::new("minutes", Limits::default());
        let paths = fixture.store(1..=2);
        fs::remove_file(&paths[0]).unwrap();
        // No file can be deleted that is a folder.
        fs::create_dir(&paths[0]).unwrap();
        fixture.restart(keep_for(10))
    };
    let mut keeper = fixture.keeper;
    keeper.pass(at(HOUR));
    assert_eq!(keeper.deleted().files, 1);
    let index = walkdir::WalkDir::new(fixture.folder.path())
        .into_iter()
        .map(|item| item.unwrap().into_path())
        .find(|path| path.ends_with(INDEX_FILE))
        .expect("the index is there");
    let held = fs::read_dir(index.parent().unwrap())
        .unwrap()
        .map(|item| item.unwrap().path())
        .find(|path| path.is_dir())
        .unwrap();
    fs::remove_dir(&held).unwrap();
    fs::write(&held, "").unwrap();
    keeper.pass(at(HOUR));
    assert_eq!(keeper.deleted().files, 2);
    assert!(!fixture.folder.path().join("door").exists());
}

#[test]
fn numbers_between_a_straggler_and_the_rest_are_not_missing_when_they_were_deleted() {
    let mut fixture = Fixture::new("minutes", Limits::default());
    fixture.store((1..=49).chain(51..=100));
    // It was captured in the first minute and came an hour later.
    let late = fixture.put(fixture.frame(50), HOUR);
    fixture.keeper.hear(&late);
    fixture.store([101].map(|n| n + 3600));
    let mut fixture = fixture.restart(keep_for(60));
    fixture.keeper.pass(at(HOUR + 30));
    assert_eq!(fixture.pictures(), 2);
    let report = fixture.verify();
    assert_eq!(report.streams[0].gaps, [(101, 3700)], "{report}");
    assert_eq!(report.problems, []);
}

#[test]
fn the_thread_deletes_what_it_is_told_of_and_ends_with_the_feed() {
    let mut fixture = Fixture::new("minutes", keep_bytes(1));
    let (retention, feed) = Retention::start(&fixture.store, keep_bytes(1)).unwrap();
    for second in 1..=3 {
        let path = fixture.put(fixture.frame(second), second.cast_signed());
        feed.tell(&Outcome::Stored { path });
    }
    feed.tell(&Outcome::Duplicate);
    drop(feed);
    let deleted = retention.thread.join().unwrap();
    assert_eq!((deleted.files, fixture.pictures()), (2, 1));
}

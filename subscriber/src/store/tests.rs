mod exif;
mod lasting;

use std::fs;

use protocol::frame::{FrameId, StreamId};

use super::*;
use crate::fixture::jpeg;
use crate::index::{self, INDEX_FILE};

fn frame(stream: StreamId, sequence: u64, jpeg: Bytes) -> Frame {
    Frame {
        id: FrameId {
            camera: "door".parse().unwrap(),
            stream,
            sequence,
        },
        captured_at: "2026-11-22T14:30:05Z".parse().unwrap(),
        width: 16,
        height: 8,
        crc32c: protocol::frame::checksum(&jpeg),
        dropped: 0,
        jpeg,
    }
}

fn arrival(content: Content) -> Arrival {
    Arrival {
        camera: "door".parse().unwrap(),
        received_at: "2026-11-22T14:30:06.000001Z".parse().unwrap(),
        content,
    }
}

fn of(frame: &Frame) -> Arrival {
    arrival(Content::Decoded(Decoded::Frame(frame.clone())))
}

/// An output folder, a store on it, and a stream to number frames in.
struct Fixture {
    folder: tempfile::TempDir,
    store: FrameStore,
    stream: StreamId,
}

impl Fixture {
    fn new(layout: &str) -> Self {
        Self::synced(layout, SyncMode::None)
    }

    fn synced(layout: &str, sync: SyncMode) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let layout = layout.parse().unwrap();
        let store = FrameStore::open_synced(folder.path(), layout, sync).unwrap();
        Self {
            folder,
            store,
            stream: StreamId::new(),
        }
    }

    fn frame(&self, sequence: u64) -> Frame {
        frame(self.stream, sequence, jpeg(100))
    }

    fn put(&mut self, frame: &Frame) -> Outcome {
        self.store.put(&of(frame)).unwrap()
    }

    fn path(&self, frame: &Frame) -> PathBuf {
        self.store.root.join(self.store.layout.path(frame))
    }

    fn restart(self) -> Self {
        self.restart_after(|_| {})
    }

    /// Has `something` happen to the output folder while nobody has it.
    fn restart_after(self, something: impl FnOnce(&Path)) -> Self {
        let sync = self.store.ledger.sync_mode();
        self.restart_with(sync, something)
    }

    fn restart_with(self, sync: SyncMode, something: impl FnOnce(&Path)) -> Self {
        let Self {
            folder,
            store,
            stream,
        } = self;
        let layout = store.layout.clone();
        drop(store);
        something(folder.path());
        let store = FrameStore::open_synced(folder.path(), layout, sync).unwrap();
        Self {
            folder,
            store,
            stream,
        }
    }

    fn entries(&self, folder: &Path) -> Vec<Entry> {
        let mut entries = Vec::new();
        index::read(&self.folder.path().join(folder), |e| entries.push(e)).unwrap();
        entries
    }

    fn files(&self) -> Vec<String> {
        let mut files: Vec<String> = walkdir::WalkDir::new(self.folder.path())
            .into_iter()
            .map(Result::unwrap)
            .filter(|item| item.file_type().is_file())
            .map(|item| item.file_name().to_str().unwrap().to_owned())
            .filter(|name| name != INDEX_FILE && !name.starts_with(".framebridge"))
            .collect();
        files.sort();
        files
    }
}

fn stored(path: PathBuf) -> Outcome {
    Outcome::Stored { path }
}

#[test]
fn a_frame_becomes_a_file_and_an_index_line() {
    let mut fixture = Fixture::new("minutes");
    let frame = fixture.frame(7);
    let path = fixture.path(&frame);
    assert_eq!(fixture.put(&frame), stored(path.clone()));
    assert_eq!(fs::read(&path).unwrap(), frame.jpeg);
    let entries = fixture.entries(path.parent().unwrap());
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].identity(), Some((fixture.stream, 7)));
    assert_eq!(entries[0].size, Some((16, 8)));
    assert_eq!(entries[0].crc32c, frame.crc32c);
}

#[test]
fn a_repeat_is_known_across_restarts_and_even_after_its_file_was_moved_away() {
    let mut fixture = Fixture::new("images");
    let frame = fixture.frame(1);
    fixture.put(&frame);
    assert_eq!(fixture.put(&frame), Outcome::Duplicate);
    let mut fixture = fixture.restart();
    assert_eq!(fixture.put(&frame), Outcome::Duplicate);
    fs::remove_file(fixture.path(&frame)).unwrap();
    assert_eq!(fixture.put(&frame), Outcome::Duplicate);
    assert_eq!(fixture.files(), Vec::<String>::new());
}

#[test]
fn an_incomplete_file_is_replaced_by_a_repeat() {
    let mut fixture = Fixture::new("images");
    let frame = fixture.frame(1);
    fixture.put(&frame);
    let path = fixture.path(&frame);
    fs::write(&path, &frame.jpeg[..10]).unwrap();
    assert_eq!(fixture.put(&frame), stored(path.clone()));
    assert_eq!(fs::read(&path).unwrap(), frame.jpeg);
    assert_eq!(fixture.entries(path.parent().unwrap()).len(), 1);
}

#[test]
fn another_picture_under_one_identity_is_a_conflict_and_overwrites_nothing() {
    let mut fixture = Fixture::new("images");
    let first = fixture.frame(1);
    let second = frame(fixture.stream, 1, jpeg(200));
    fixture.put(&first);
    let Outcome::Conflict { path } = fixture.put(&second) else {
        panic!("no conflict");
    };
    assert_eq!(fs::read(path).unwrap(), second.jpeg);
    assert_eq!(fs::read(fixture.path(&first)).unwrap(), first.jpeg);
}

#[test]
fn streams_that_agree_in_their_last_digits_overwrite_nothing() {
    let mut fixture = Fixture::new("images");
    let [one, two] = ["00000001", "00000002"]
        .map(|head| StreamId::parse(&format!("{head}-0000-7000-8000-00001a2b3c4d")).unwrap());
    let (first, second) = (frame(one, 1, jpeg(100)), frame(two, 1, jpeg(100)));
    assert_eq!(fixture.path(&first), fixture.path(&second));
    fixture.put(&first);
    assert!(matches!(fixture.put(&second), Outcome::Conflict { .. }));
}

#[test]
fn what_is_no_usable_frame_is_quarantined_once_with_its_reason() {
    let mut fixture = Fixture::new("minutes");
    let mut altered = fixture.frame(1);
    altered.crc32c ^= 1;
    let whole = jpeg(100);
    let cut = whole.slice(..whole.len() - 2);
    let cases = [
        (of(&altered), "its checksum is not"),
        (of(&frame(fixture.stream, 2, cut.clone())), "truncated"),
        (
            arrival(Content::Decoded(Decoded::Foreign(cut.slice(..30)))),
            "truncated",
        ),
        (
            arrival(Content::Undecodable {
                payload: Bytes::from_static(b"hello"),
                reason: "neither".to_owned(),
                id: None,
            }),
            "neither",
        ),
    ];
    for (arrival, expected) in &cases {
        for _ in 0..2 {
            let outcome = fixture.store.put(arrival).unwrap();
            let Outcome::Quarantined { path, reason } = outcome else {
                panic!("{outcome:?}");
            };
            assert!(reason.contains(expected), "{reason}");
            assert!(path.is_file());
        }
    }
    assert_eq!(fixture.entries(Path::new("quarantine/door")).len(), 4);
    assert_eq!(fixture.files().len(), 4);
    assert_eq!(
        fixture
            .files()
            .iter()
            .filter(|f| f.contains(".bin"))
            .count(),
        1
    );
}

#[test]
fn a_foreign_picture_is_stored_under_its_arrival_time() {
    let mut fixture = Fixture::new("images");
    let arrival = arrival(Content::Decoded(Decoded::Foreign(jpeg(100))));
    let Outcome::Foreign { path } = fixture.store.put(&arrival).unwrap() else {
        panic!("not foreign");
    };
    assert_eq!(fs::read(&path).unwrap(), jpeg(100));
    let folder = Path::new("door/foreign/2026-11-22/14/30");
    assert!(path.parent().unwrap().ends_with(folder));
    assert_eq!(fixture.entries(folder)[0].kind, Kind::Foreign);
}

#[test]
fn a_frame_whose_index_line_failed_is_stored_and_indexed_once_by_the_retry() {
    let mut fixture = Fixture::new("images");
    let (one, two) = (fixture.frame(1), fixture.frame(2));
    fixture.put(&one);
    let path = fixture.path(&two);
    let folder = path.parent().unwrap();
    fixture.store.folders.get(folder).unwrap().break_index();
    let error = fixture.store.put(&of(&two)).unwrap_err();
    assert!(error.to_string().contains(INDEX_FILE), "{error}");
    assert_eq!(fixture.put(&two), stored(path.clone()));
    assert_eq!(fixture.put(&two), Outcome::Duplicate);
    assert_eq!(fixture.entries(folder).len(), 2);
    assert_eq!(fixture.files().len(), 2);
}

#[test]
fn a_frame_that_could_not_be_written_leaves_nothing_and_can_be_put_again() {
    let mut fixture = Fixture::new("images");
    let frame = fixture.frame(1);
    let path = fixture.path(&frame);
    let camera_folder = fixture.folder.path().join("door");
    fs::write(&camera_folder, "a file is in the way").unwrap();
    fixture.store.put(&of(&frame)).unwrap_err();
    fs::remove_file(&camera_folder).unwrap();
    fs::create_dir_all(path.join("a folder is in the way")).unwrap();
    fixture.store.put(&of(&frame)).unwrap_err();
    assert_eq!(fixture.files(), Vec::<String>::new());
    fs::remove_dir_all(&path).unwrap();
    assert_eq!(fixture.put(&frame), stored(path));
}

#[test]
fn a_folder_that_is_moved_away_while_in_use_is_made_again() {
    let mut fixture = Fixture::new("images");
    let (one, two) = (fixture.frame(1), fixture.frame(2));
    fixture.put(&one);
    fs::remove_dir_all(fixture.folder.path().join("door")).unwrap();
    let path = fixture.path(&two);
    assert_eq!(fixture.put(&two), stored(path.clone()));
    assert_eq!(fixture.entries(path.parent().unwrap()).len(), 1);
}

#[test]
fn what_a_crash_left_is_mended_when_its_folder_is_used() {
    let mut fixture = Fixture::new("images");
    let (one, two) = (fixture.frame(1), fixture.frame(2));
    fixture.put(&one);
    let path = fixture.path(&two);
    let folder = path.parent().unwrap().to_owned();
    // The second frame was renamed, its line was torn; the third was being written.
    fs::write(&path, &two.jpeg).unwrap();
    fs::write(folder.join(".image000003.jpg.part"), "half").unwrap();
    let mut text = fs::read(folder.join(INDEX_FILE)).unwrap();
    text.extend_from_slice(br#"{"file":"image000002.jpg","cam"#);
    fs::write(folder.join(INDEX_FILE), text).unwrap();

    let mut fixture = fixture.restart();
    assert_eq!(fixture.put(&two), stored(path));
    assert_eq!(fixture.entries(&folder).len(), 2);
    assert_eq!(fixture.files(), ["image000001.jpg", "image000002.jpg"]);
}

#[test]
fn frames_of_many_folders_are_known_after_their_folders_were_closed() {
    let mut fixture = Fixture::new("images");
    let frames: Vec<Frame> = (0..140)
        .map(|_| frame(StreamId::new(), 1, jpeg(100)))
        .collect();
    for frame in &frames {
        assert!(matches!(fixture.put(frame), Outcome::Stored { .. }));
    }
    for frame in frames.iter().rev() {
        assert_eq!(fixture.put(frame), Outcome::Duplicate);
    }
}

#[test]
fn an_output_folder_has_one_writer() {
    let fixture = Fixture::new("minutes");
    let open = || FrameStore::open(fixture.folder.path(), Layout::default());
    let error = open().unwrap_err();
    assert!(matches!(error, StoreError::InUse(_)));
    assert!(
        error
            .to_string()
            .starts_with("another frame-subscriber writes into ")
    );
    fixture.restart();
}

#[test]
fn an_output_folder_that_cannot_be_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let refused = |path: &Path| FrameStore::open(path, Layout::default()).unwrap_err();
    assert!(matches!(refused(&file), StoreError::NotAFolder(_)));
    assert!(matches!(
        refused(&file.join("below")),
        StoreError::Create { .. }
    ));
    let long = folder.path().join("x".repeat(300));
    assert!(matches!(refused(&long), StoreError::Create { .. }));
}

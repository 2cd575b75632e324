use std::path::PathBuf;

use bytes::Bytes;
use protocol::event::Decoded;
use protocol::frame::{Frame, FrameId, StreamId};

use super::*;
use crate::fixture::jpeg;
use crate::layout::Layout;
use crate::store::checkpoint::LEDGER_FILE;
use crate::store::{Arrival, Content, FrameStore};
use crate::verify::{Report, VerifyOptions, verify};

/// An output folder with frames of one stream, one a minute: each in a folder of its own.
struct Recording {
    folder: tempfile::TempDir,
    stream: StreamId,
    paths: Vec<PathBuf>,
}

impl Recording {
    fn of(layout: &str, sequences: impl IntoIterator<Item = u64>) -> Self {
        let mut recording = Self {
            folder: tempfile::tempdir().unwrap(),
            stream: StreamId::new(),
            paths: Vec::new(),
        };
        let mut store = FrameStore::open(recording.folder.path(), layout.parse().unwrap()).unwrap();
        for sequence in sequences {
            let frame = recording.frame(sequence);
            recording.put(&mut store, Content::Decoded(Decoded::Frame(frame)));
        }
        store.ledger().write_checkpoint().unwrap();
        recording
    }

    fn frame(&self, sequence: u64) -> Frame {
        let jpeg = jpeg(sequence.to_le_bytes()[0]);
        Frame {
            id: FrameId {
                camera: "door".parse().unwrap(),
                stream: self.stream,
                sequence,
            },
            captured_at: Timestamp::from_second(60 * sequence.cast_signed()).unwrap(),
            width: 16,
            height: 8,
            crc32c: protocol::frame::checksum(&jpeg),
            dropped: 0,
            jpeg,
        }
    }

    fn put(&mut self, store: &mut FrameStore, content: Content) {
        let arrival = Arrival {
            camera: "door".parse().unwrap(),
            received_at: Timestamp::UNIX_EPOCH,
            content,
        };
        let outcome = store.put(&arrival).unwrap();
        self.paths.push(outcome.path().unwrap().to_owned());
    }

    fn index(&self, nth: usize) -> PathBuf {
        self.paths[nth].with_file_name(INDEX_FILE)
    }

    fn repair(&self) -> Repaired {
        repair(self.folder.path()).unwrap()
    }

    fn verify(&self) -> Report {
        verify(self.folder.path(), VerifyOptions::default()).unwrap()
    }

    #[track_caller]
    fn is_whole(&self, frames: u64) {
        let report = self.verify();
        assert!(report.is_whole(), "{report}");
        assert_eq!(
            (report.frames, report.unindexed, report.leftovers),
            (frames, 0, 0)
        );
    }

    /// What the books are to say: the numbers from 1 to `last`.
    #[track_caller]
    fn books_through(&self, repaired: &Repaired, last: u64) {
        let stored = &repaired.books[&"door".parse().unwrap()][&self.stream];
        assert_eq!(stored.ranges(), [1..=last]);
    }
}

fn stored(reentered: u64) -> Repaired {
    Repaired {
        indexes: reentered,
        reentered,
        ..Repaired::default()
    }
}

#[test]
fn where_nothing_is_wrong_nothing_is_touched() {
    let recording = Recording::of("minutes", 1..=3);
    let before = fs::metadata(recording.index(0))
        .unwrap()
        .modified()
        .unwrap();
    let repaired = recording.repair();
    recording.books_through(&repaired, 3);
    let books = Books::default();
    assert_eq!(Repaired { books, ..repaired }, Repaired::default());
    let after = fs::metadata(recording.index(0))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(before, after);
    assert_eq!(
        Repaired::default().to_string(),
        "repaired: nothing had to be"
    );
}

#[test]
fn a_destroyed_index_is_made_again_from_the_pictures() {
    for layout in [
        "minutes",
        "flat",
        "shots/{minute}/{time}_{stream8}_{sequence:09}.jpg",
    ] {
        let recording = Recording::of(layout, 1..=3);
        if layout == "flat" {
            let text = fs::read_to_string(recording.index(0)).unwrap();
            let first = text.split_inclusive('\n').next().unwrap();
            fs::write(recording.index(0), first).unwrap();
        } else {
            fs::remove_file(recording.index(1)).unwrap();
            fs::write(recording.index(2), "\0\0\0\0").unwrap();
        }
        let repaired = recording.repair();
        recording.books_through(&repaired, 3);
        assert_eq!(repaired.reentered, 2, "{layout}");
        recording.is_whole(3);
        let entry = fs::read_to_string(recording.index(2)).unwrap();
        let frame = recording.frame(3);
        assert!(entry.contains(&format!("\"crc32c\":\"{:08x}\"", frame.crc32c)));
        assert!(entry.contains(&format!("\"time\":\"{:.6}\"", frame.captured_at)));
    }
}

#[test]
fn a_stream_that_nobody_knows_is_left_and_named() {
    let recording = Recording::of("minutes", 1..=1);
    fs::remove_file(recording.index(0)).unwrap();
    fs::remove_file(recording.folder.path().join(LEDGER_FILE)).unwrap();
    let repaired = recording.repair();
    assert_eq!((repaired.reentered, repaired.left_count), (0, 1));
    let left = &repaired.left[0];
    assert!(recording.paths[0].ends_with(&left.path), "{left:?}");
    assert!(left.problem.contains(&recording.stream.short()), "{left:?}");
    assert!(recording.paths[0].exists());
}

#[test]
fn what_is_no_entry_is_moved_out_and_a_torn_line_is_cut() {
    let recording = Recording::of("images", 1..=3);
    let index = recording.index(0);
    let text = fs::read_to_string(&index).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    fs::write(&index, format!("{first}\nnonsense\n{rest}{{\"file\":")).unwrap();
    let repaired = recording.repair();
    assert_eq!((repaired.unreadable_lines, repaired.torn_lines), (1, 1));
    assert_eq!(fs::read_to_string(&index).unwrap(), text);
    let unreadable = index.with_file_name(UNREADABLE_FILE);
    assert_eq!(fs::read_to_string(unreadable).unwrap(), "nonsense\n");
    recording.is_whole(3);
}

#[test]
fn doubled_lines_and_leftovers_go_and_the_second_picture_stays() {
    let recording = Recording::of("minutes", 1..=2);
    let index = recording.index(0);
    let text = fs::read_to_string(&index).unwrap();
    fs::write(&index, text.clone() + &text).unwrap();
    // The second frame has a copy that is indexed, too.
    let copy = recording.index(0).with_file_name("copy.jpg");
    fs::copy(&recording.paths[1], &copy).unwrap();
    let name = recording.paths[1].file_name().unwrap().to_str().unwrap();
    let line = fs::read_to_string(recording.index(1)).unwrap();
    append(&index, line.replace(name, "copy.jpg").as_bytes()).unwrap();
    fs::write(index.with_file_name(".x.jpg.part"), "half").unwrap();
    let repaired = recording.repair();
    assert_eq!((repaired.duplicates, repaired.leftovers), (2, 1));
    // The entry that was met first stays; the other file is in no index, and nobody's but its owner's.
    assert_eq!(repaired.left_count, 1);
    assert_eq!(repaired.left[0].problem, "frame 2 has another file");
    assert!(copy.exists() && recording.paths[1].exists());
    let report = recording.verify();
    assert!(report.is_whole(), "{report}");
    assert_eq!((report.frames, report.unindexed), (2, 1));
    assert_eq!(recording.repair().indexes, 0);
}

#[test]
fn foreign_pictures_and_what_was_set_aside_are_entered_again() {
    let mut recording = Recording::of("minutes", 1..=1);
    let mut store = FrameStore::open(recording.folder.path(), Layout::default()).unwrap();
    recording.put(&mut store, Content::Decoded(Decoded::Foreign(jpeg(9))));
    for payload in [&b"hello"[..], &jpeg(9)[..40]] {
        let undecodable = Content::Undecodable {
            payload: Bytes::copy_from_slice(payload),
            reason: "neither".to_owned(),
            id: None,
        };
        recording.put(&mut store, undecodable);
    }
    drop(store);
    fs::remove_file(recording.index(1)).unwrap();
    fs::remove_file(recording.index(2)).unwrap();
    assert_eq!(recording.repair().reentered, 3);
    let report = recording.verify();
    assert!(report.is_whole(), "{report}");
    assert_eq!((report.foreign_whole, report.quarantined), (1, 2));
}

#[test]
fn what_is_no_whole_picture_or_not_what_its_name_says_is_left() {
    let recording = Recording::of("minutes", 1..=2);
    let other = recording.frame(3);
    let path = recording.folder.path().join(Layout::default().path(&other));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, &other.jpeg[..other.jpeg.len() / 2]).unwrap();
    let mine = path.with_file_name("holiday.jpg");
    fs::write(&mine, &other.jpeg).unwrap();
    // A second file of a frame that is indexed.
    let name = recording.paths[0].file_name().unwrap();
    fs::copy(&recording.paths[0], path.with_file_name(name)).unwrap();
    let foreign = recording.folder.path().join("door/foreign/x");
    fs::create_dir_all(&foreign).unwrap();
    fs::write(
        foreign.join("20261122T143005.123456Z_00000000.jpg"),
        &other.jpeg,
    )
    .unwrap();
    let repaired = recording.repair();
    assert_eq!((repaired.reentered, repaired.left_count), (0, 4));
    let said = repaired.to_string();
    for reason in [
        "it is no whole JPEG",
        "holiday.jpg: its name does not say which frame it is",
        "frame 1 has another file",
        "its content is not what its name says",
    ] {
        assert!(said.contains(reason), "{reason:?} is not in {said}");
    }
    assert!(path.exists() && mine.exists());
}

#[test]
fn a_folder_that_is_written_into_and_one_that_is_not_there_are_refused() {
    let recording = Recording::of("minutes", 1..=1);
    let store = FrameStore::open(recording.folder.path(), Layout::default()).unwrap();
    let error = repair(recording.folder.path()).unwrap_err();
    assert!(error.to_string().contains("writes into"), "{error}");
    drop(store);
    recording.repair();
    let nowhere = recording.folder.path().join("nowhere");
    repair(&nowhere).unwrap_err();
    assert!(!nowhere.exists());
}

#[test]
fn what_retention_has_deleted_stays_excused_and_in_the_books() {
    let recording = Recording::of("images", 1..=4);
    let index = recording.index(0);
    let text = fs::read_to_string(&index).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let (root, door) = (recording.folder.path(), "door".parse().unwrap());
    let folder = recording.paths[0].parent().unwrap();
    let relative = folder.strip_prefix(root).unwrap();
    let mut journal = Journal::default();
    let broken = format!("{}nonsense\n{}", lines[0], lines[1..].concat());
    fs::write(&index, broken).unwrap();
    let place = lines[0].len() + "nonsense\n".len() + lines[1].len();
    journal.set_gone(&door, relative, place as u64);
    for sequence in 1..=2_usize {
        journal.add_gone_frame(&door, recording.stream, sequence as u64);
        fs::remove_file(&recording.paths[sequence - 1]).unwrap();
    }
    journal.write(root).unwrap();
    let repaired = recording.repair();
    recording.books_through(&repaired, 4);
    let report = recording.verify();
    assert!(report.is_whole(), "{report}");
    assert_eq!((report.frames, report.deleted), (2, 2));
    let gone: Vec<_> = Journal::read(root)
        .unwrap()
        .gone_in(relative)
        .map(|(_, place)| usize::try_from(place).unwrap())
        .collect();
    assert_eq!(gone, [lines[0].len() + lines[1].len()]);
}

#[test]
fn what_was_repaired_is_said() {
    let mut repaired = stored(2);
    repaired.duplicates = 1;
    assert_eq!(
        repaired.to_string(),
        "repaired: 1 doubled line taken out, 2 files entered again"
    );
    let json = serde_json::to_value(&repaired).unwrap();
    assert_eq!(
        (&json["reentered"], &json["duplicates"]),
        (&2.into(), &1.into())
    );
    assert!(json.get("books").is_none());
}

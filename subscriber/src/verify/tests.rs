use bytes::Bytes;
use jiff::Timestamp;
use jpeg_encoder::{ColorType, Encoder};
use protocol::event::Decoded;
use protocol::frame::{Frame, FrameId};

use super::*;
use crate::index::IndexWriter;
use crate::layout::Layout;
use crate::store::{Arrival, Content, FrameStore, Outcome};

fn jpeg() -> Bytes {
    let mut jpeg = Vec::new();
    let pixels: Vec<u8> = (0..251).cycle().step_by(37).take(64 * 48).collect();
    Encoder::new(&mut jpeg, 80)
        .encode(&pixels, 64, 48, ColorType::Luma)
        .unwrap();
    jpeg.into()
}

/// With its first Huffman table in a slot that its scan does not name: it begins and ends well, yet nobody can show it.
fn garbled() -> Vec<u8> {
    let mut jpeg = jpeg().to_vec();
    let table = jpeg.windows(2).position(|w| w == [0xff, 0xc4]).unwrap();
    jpeg[table + 4] ^= 3;
    jpeg
}

/// An output folder with the given frames of one stream; their paths in the order of storing.
struct Recording {
    folder: tempfile::TempDir,
    stream: StreamId,
    paths: Vec<PathBuf>,
}

impl Recording {
    fn of(sequences: impl IntoIterator<Item = u64>) -> Self {
        let mut recording = Self {
            folder: tempfile::tempdir().unwrap(),
            stream: StreamId::new(),
            paths: Vec::new(),
        };
        let mut store = FrameStore::open(recording.folder.path(), Layout::default()).unwrap();
        for sequence in sequences {
            let jpeg = jpeg();
            let frame = Frame {
                id: FrameId {
                    camera: "door".parse().unwrap(),
                    stream: recording.stream,
                    sequence,
                },
                captured_at: Timestamp::from_second(sequence.try_into().unwrap()).unwrap(),
                width: 64,
                height: 48,
                crc32c: protocol::frame::checksum(&jpeg),
                dropped: 0,
                jpeg,
            };
            recording.put(&mut store, Content::Decoded(Decoded::Frame(frame)));
        }
        recording
    }

    fn put(&mut self, store: &mut FrameStore, content: Content) {
        let arrival = Arrival {
            camera: "door".parse().unwrap(),
            received_at: Timestamp::UNIX_EPOCH,
            content,
        };
        let (Outcome::Stored { path }
        | Outcome::Foreign { path }
        | Outcome::Quarantined { path, .. }) = store.put(&arrival).unwrap()
        else {
            panic!("not stored");
        };
        self.paths.push(path);
    }

    fn verify(&self) -> Report {
        verify(self.folder.path(), VerifyOptions::default()).unwrap()
    }

    /// Alters the file of the frame that was stored as the `n`th, from 0.
    fn alter(&self, n: usize, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(&self.paths[n]).unwrap();
        change(&mut bytes);
        fs::write(&self.paths[n], bytes).unwrap();
    }

    /// Adds an entry for a file of the first one's folder, as if `bytes` had been received like that.
    fn index(&self, file: &str, sequence: u64, bytes: &[u8]) {
        let folder = self.paths[0].parent().unwrap();
        fs::write(folder.join(file), bytes).unwrap();
        let entry = Entry {
            file: file.to_owned(),
            camera: "door".parse().unwrap(),
            kind: Kind::Frame {
                stream: self.stream,
                sequence,
                captured_at: Timestamp::UNIX_EPOCH,
                dropped: 0,
            },
            size: None,
            bytes: bytes.len() as u64,
            crc32c: protocol::frame::checksum(bytes),
            exif_bytes: 0,
            received_at: Timestamp::UNIX_EPOCH,
        };
        IndexWriter::open(folder, |_| {})
            .unwrap()
            .append(&entry)
            .unwrap();
    }
}

#[test]
fn a_recording_without_gaps_is_whole() {
    let report = Recording::of(1..=132).verify();
    assert!(report.is_whole());
    assert_eq!(report.to_string(), "132 of 132 frames are whole, no gaps");
}

#[test]
fn a_foreign_picture_without_huffman_tables_is_whole_as_viewers_see_it() {
    let mut bare = jpeg().to_vec();
    while let Some(table) = bare.windows(2).position(|w| w == [0xff, 0xc4]) {
        let len = usize::from(u16::from_be_bytes([bare[table + 2], bare[table + 3]]));
        bare.drain(table..table + 2 + len);
    }
    let mut recording = Recording::of([1]);
    let mut store = FrameStore::open(recording.folder.path(), Layout::default()).unwrap();
    let bare = Decoded::Foreign(bare.into());
    recording.put(&mut store, Content::Decoded(bare));
    let report = recording.verify();
    assert_eq!(report.problems, []);
    assert_eq!(report.foreign_whole, 1);
}

#[cfg(unix)]
#[test]
fn a_link_to_another_disk_is_followed_and_one_within_the_folder_is_not() {
    use std::os::unix::fs::symlink;

    let (recording, parent) = (Recording::of([1, 2]), tempfile::tempdir().unwrap());
    let out = parent.path().join("out");
    fs::create_dir(&out).unwrap();
    symlink(recording.folder.path().join("door"), out.join("door")).unwrap();
    fs::create_dir(out.join("gate")).unwrap();
    symlink(out.join("gate"), out.join("newest")).unwrap();
    fs::write(out.join("gate/image1.jpg"), jpeg()).unwrap();
    let report = verify(&out, VerifyOptions::default()).unwrap();
    assert_eq!(report.problems, []);
    assert_eq!((report.whole, report.unindexed), (2, 1));
}

#[test]
fn gaps_are_named() {
    let recording = Recording::of([3, 4, 8, 10]);
    let report = recording.verify();
    assert!(!report.is_whole());
    assert_eq!(
        report.to_string(),
        format!(
            "4 of 4 frames are whole, 2 gaps: 4 frames are missing\n\
             door, stream {}: frames 3 to 10 without 5-7, 9",
            recording.stream
        )
    );
    assert_eq!(report.streams[0].gaps, [(5, 7), (9, 9)]);
}

#[test]
fn a_stream_joined_in_its_middle_is_whole() {
    let report = Recording::of(70..=80).verify();
    assert!(report.is_whole());
    assert!(report.to_string().contains("frames 70 to 80"));
}

#[test]
fn every_kind_of_damage_is_named() {
    let recording = Recording::of(1..=4);
    fs::remove_file(&recording.paths[0]).unwrap();
    recording.alter(1, |bytes| bytes.truncate(100));
    recording.alter(2, |bytes| *bytes.last_mut().unwrap() ^= 1);
    let whole = jpeg();
    recording.index("cut.jpg", 5, &whole[..whole.len() - 2]);
    recording.index("garbled.jpg", 6, &garbled());
    recording.index("again.jpg", 4, &whole);

    let report = recording.verify();
    assert_eq!((report.frames, report.whole, report.duplicates), (6, 1, 1));
    assert!(!report.is_whole());
    let text = report.to_string();
    for expected in [
        "1 of 6 frames are whole, no gaps",
        ": is missing",
        ": has 100 bytes, not ",
        ": has checksum ",
        "cut.jpg: is no whole JPEG: truncated",
        "garbled.jpg: cannot be decoded: ",
        "again.jpg: frame 4 of stream ",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in {text}");
    }
}

#[test]
fn only_decoding_finds_a_picture_that_was_garbled_when_it_was_taken() {
    let recording = Recording::of(1..=1);
    recording.index("garbled.jpg", 2, &garbled());
    let verify = |decode| verify(recording.folder.path(), VerifyOptions { decode }).unwrap();
    assert!(verify(false).is_whole());
    assert!(!verify(true).is_whole());
}

#[test]
fn foreign_and_quarantined_files_are_counted_apart() {
    let mut recording = Recording::of(1..=2);
    let mut store = FrameStore::open(recording.folder.path(), Layout::default()).unwrap();
    recording.put(&mut store, Content::Decoded(Decoded::Foreign(jpeg())));
    let undecodable = Content::Undecodable {
        payload: Bytes::from_static(b"hello"),
        reason: "neither".to_owned(),
        id: None,
    };
    recording.put(&mut store, undecodable);
    let report = recording.verify();
    assert!(report.is_whole());
    assert_eq!(
        report.to_string(),
        "2 of 2 frames are whole, no gaps\n1 of 1 foreign picture is whole\n1 payload is in quarantine"
    );
    recording.alter(2, Vec::clear);
    assert!(!recording.verify().is_whole());
}

#[test]
fn what_a_crash_leaves_is_said_and_is_no_loss() {
    let recording = Recording::of(1..=2);
    let folder = recording.paths[0].parent().unwrap();
    fs::write(folder.join(".x.jpg.part"), "half").unwrap();
    fs::write(folder.join("renamed.jpg"), jpeg()).unwrap();
    fs::write(folder.join("notes.txt"), "mine").unwrap();
    let mut index = fs::read(folder.join(INDEX_FILE)).unwrap();
    index.extend_from_slice(b"{\"file\":\"renamed.jpg\"");
    fs::write(folder.join(INDEX_FILE), index).unwrap();
    let report = recording.verify();
    assert!(report.is_whole(), "{report}");
    assert_eq!(
        (report.leftovers, report.unindexed, report.torn_lines),
        (1, 1, 1)
    );
}

#[test]
fn an_unreadable_line_is_a_problem() {
    let recording = Recording::of(1..=2);
    let index = recording.paths[0].parent().unwrap().join(INDEX_FILE);
    let text = fs::read_to_string(&index).unwrap();
    fs::write(&index, format!("nonsense\n{text}")).unwrap();
    let report = recording.verify();
    assert!(!report.is_whole());
    assert!(
        report
            .to_string()
            .contains("index.jsonl: line 1 is no entry")
    );
}

#[test]
fn many_problems_are_counted_and_the_first_are_named() {
    let recording = Recording::of(1..=25);
    for path in &recording.paths {
        fs::remove_file(path).unwrap();
    }
    let text = recording.verify().to_string();
    assert_eq!(text.matches("is missing").count(), 20);
    assert!(text.ends_with("\nand 5 more problems"), "{text}");
}

#[test]
fn a_folder_without_frames_is_not_whole_and_no_folder_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let report = verify(folder.path(), VerifyOptions::default()).unwrap();
    assert!(!report.is_whole());
    assert!(report.to_string().contains("is this an output folder?"));
    verify(&folder.path().join("nowhere"), VerifyOptions::default()).unwrap_err();
}

#[test]
fn the_report_is_json_too() {
    let report = Recording::of([1, 3]).verify();
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["frames"], 2);
    assert_eq!(json["streams"][0]["gaps"], serde_json::json!([[2, 2]]));
}

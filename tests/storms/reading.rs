//! What the storm's own camera emits and notes, and what is read from disks, logs and ledgers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use protocol::frame::StreamId;
use protocol::ranges::RangeSet;
use tempfile::tempdir;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;

use crate::harness::eventually::eventually_true;
use crate::harness::launch::Launch;
use crate::storm::camera::{Label, read_records};
use crate::storm::evidence::{read_disk, read_given_up, read_ledgers, read_log, read_spool};

const STREAM: &str = "0199a000-0000-7000-8000-0000deadbeef";

fn stream() -> StreamId {
    StreamId::parse(STREAM).unwrap()
}

fn write(folder: &Path, file: &str, content: &[u8]) {
    let path = folder.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

#[test]
fn each_picture_of_the_camera_is_whole_labelled_and_on_record() {
    let folder = tempdir().unwrap();
    let camera = Launch::new("camera", env!("CARGO_BIN_EXE_storm-source"))
        .flags("--fps 1000 --records")
        .arg(folder.path())
        .start();
    eventually_true("fifty pictures on record", || {
        read_records(folder.path()).len() > 50
    });
    camera.kill();
    let emitted = read_records(folder.path());
    let run = emitted.keys().next().unwrap().run;
    let stream = camera.stdout();
    let mut rest = stream.as_slice();
    for number in 1.. {
        let label = Label { run, number };
        // The last ones may stand in the record and have never been written.
        let Some(&(crc32c, bytes)) = emitted.get(&label) else {
            break;
        };
        let Some((picture, after)) = rest.split_at_checked(usize::try_from(bytes).unwrap()) else {
            break;
        };
        assert_eq!(crc32c::crc32c(picture), crc32c);
        assert_eq!(Label::find_in(picture), Some(label));
        JpegDecoder::new(ZCursor::new(picture)).decode().unwrap();
        rest = after;
    }
    assert!(rest.len() < 200_000, "at most one picture was cut short");
}

#[test]
fn files_are_known_by_their_index_wherever_they_were_moved() {
    let folder = tempdir().unwrap();
    let (output, shelf) = (folder.path().join("out"), folder.path().join("shelf"));
    let line = |file: &str, sequence| {
        format!("{{\"file\":\"{file}\",\"stream\":\"{STREAM}\",\"sequence\":{sequence}}}\n")
    };
    let index = line("a.jpg", 1) + &line("b.jpg", 2) + &line("c.jpg", 3) + "{\"file\":\"d.j";
    write(&output, "door/index.jsonl", index.as_bytes());
    write(&output, "door/a.jpg", b"one");
    write(&shelf, "door/b.jpg", b"two");
    write(&shelf, "gone/index.jsonl", line("a.jpg", 7).as_bytes());
    write(&shelf, "gone/a.jpg", b"seven");
    write(&output, "gone/a.jpg", b"seven again");
    write(&output, "door/.e.jpg.part", b"half");
    write(&output, "door/unknown.jpg", b"nobody's");
    write(&output, "quarantine/door/x.jpg", b"whole");
    write(&output, "quarantine/door/index.jsonl", b"");

    let disk = read_disk(&[output, shelf]);
    let mut copies: Vec<_> = disk
        .copies
        .iter()
        .map(|copy| (copy.number.1, copy.content.1))
        .collect();
    copies.sort_unstable();
    assert_eq!(copies, [(1, 3), (2, 3), (7, 5), (7, 11)]);
    let indexed = [1, 2, 3, 7].map(|sequence| (stream(), sequence));
    assert_eq!(disk.indexed, indexed.into());
    assert_eq!(disk.quarantined.len(), 1);
}

#[test]
fn the_spool_s_pictures_are_known_by_their_names() {
    let folder = tempdir().unwrap();
    let name = |sequence: u64| {
        format!("door/{STREAM}/{sequence:020}_20261122T143005.123456Z_0a1b2c3d.jpg")
    };
    write(folder.path(), &name(3), b"x");
    write(folder.path(), &name(12), b"x");
    write(
        folder.path(),
        &format!("door/{STREAM}/.13.jpg.part"),
        b"half",
    );
    write(
        folder.path(),
        &format!("door/{STREAM}/given-up.txt"),
        b"4-9\n11-11\n99-",
    );
    let spooled = [3, 12].map(|sequence| (stream(), sequence));
    assert_eq!(read_spool(folder.path()), spooled.into());
    let mut given_up = BTreeMap::new();
    read_given_up(folder.path(), &mut given_up);
    let expected: RangeSet = [4..=9, 11..=11].into_iter().collect();
    assert_eq!(given_up[&stream()], expected);
}

#[test]
fn ledgers_and_logs_tell_what_they_tell() {
    let ledgers = format!(
        "{{\"stream\":\"{STREAM}\",\"counter\":1,\"streams\":[{{\"stream\":\"{STREAM}\",\"last\":9,\"given_up\":[[2,3]]}}]}}\n\
         no ledger\n\
         {{\"stream\":\"{STREAM}\",\"counter\":2,\"streams\":[{{\"stream\":\"{STREAM}\",\"last\":9,\"given_up\":[[5,5]]}}]}}\n"
    );
    let mut given_up = BTreeMap::new();
    read_ledgers(&ledgers, &mut given_up);
    let expected: RangeSet = [2..=3, 5..=5].into_iter().collect();
    assert_eq!(given_up[&stream()], expected);

    let log = format!(
        "2026-11-22T14:30:05.123456Z DEBUG numbered frame 7 of {STREAM}, crc32c 0a1b2c3d\n\
         2026-11-22T14:30:05.123456Z  INFO connected\n\
         2026-11-22T14:30:05.123456Z DEBUG numbered frame 8 of {STREAM}, crc"
    );
    let mut numbered = BTreeMap::new();
    read_log(&log, &mut numbered);
    assert_eq!(numbered, BTreeMap::from([((stream(), 7), 0x0a1b_2c3d_u32)]));
}

use std::io::{PipeReader, Read, Write};
use std::time::Duration;

use super::*;

fn shot(camera: &str, stream: StreamId, sequence: u64, second: i64) -> Shot {
    Shot {
        camera: camera.parse().unwrap(),
        at: Timestamp::from_second(second).unwrap(),
        place: Some((stream, sequence)),
        jpeg: Bytes::from(format!("{camera} {sequence};")),
    }
}

#[test]
fn the_latest_file_only_moves_forward() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made/on demand/latest.jpg");
    let mut latest = LatestFile::new(path.clone());
    let (old, new) = (StreamId::new(), StreamId::new());
    for (shot, expected) in [
        (shot("door", old, 5, 100), true),
        (shot("door", old, 5, 100), false),
        (shot("door", old, 4, 101), false),
        // The clock was set back.
        (shot("door", old, 6, 50), true),
        (shot("door", new, 1, 200), true),
        (shot("door", old, 7, 199), false),
    ] {
        assert_eq!(latest.offer(&shot).unwrap(), expected, "{shot:?}");
        if expected {
            assert_eq!(fs::read(&path).unwrap(), shot.jpeg);
        }
    }
    let files = fs::read_dir(path.parent().unwrap()).unwrap().count();
    assert_eq!(files, 1);
}

#[test]
fn a_camera_that_starts_with_an_earlier_clock_is_shown_once_its_old_stream_is_silent() {
    let mut forward = Forward::default();
    let start = Instant::now();
    forward.advance(&shot("door", StreamId::new(), 900, 1_000), start);
    let restarted = shot("door", StreamId::new(), 1, 10);
    assert!(!forward.is_newer(&restarted, start + SILENCE));
    assert!(forward.is_newer(&restarted, start + SILENCE * 2));
}

#[test]
fn each_camera_may_have_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut latest = LatestFile::new(folder.path().join("{camera}.jpg"));
    assert!(latest.names_camera());
    let stream = StreamId::new();
    assert!(latest.offer(&shot("door", stream, 2, 100)).unwrap());
    assert!(latest.offer(&shot("CON", stream, 1, 50)).unwrap());
    assert_eq!(
        fs::read(folder.path().join("door.jpg")).unwrap(),
        b"door 2;"
    );
    assert_eq!(fs::read(folder.path().join("CON_.jpg")).unwrap(), b"CON 1;");
}

#[test]
fn a_picture_that_could_not_be_shown_can_be_offered_again() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("blocked");
    fs::write(&blocked, "").unwrap();
    let mut latest = LatestFile::new(blocked.join("latest.jpg"));
    let shot = shot("door", StreamId::new(), 1, 1);
    latest.offer(&shot).unwrap_err();
    fs::remove_file(&blocked).unwrap();
    assert!(latest.offer(&shot).unwrap());
}

#[test]
fn the_stream_holds_the_pictures_in_order() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut out = MjpegOut::start(writer).unwrap();
    let stream = StreamId::new();
    for sequence in [1, 2, 2, 1, 3] {
        out.offer(&shot("door", stream, sequence, 1));
    }
    let totals = out.finish(Duration::from_secs(10));
    assert_eq!((totals.written, totals.skipped), (3, 0));
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "door 1;door 2;door 3;");
}

/// Blocks in its first write until the test has let go of the other end.
struct Stuck(PipeReader);

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.read_to_end(&mut Vec::new())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_stands_still_holds_up_nothing_and_gets_the_newest() {
    let (gate, hold) = std::io::pipe().unwrap();
    let mut out = MjpegOut::start(Stuck(gate)).unwrap();
    let stream = StreamId::new();
    for sequence in 1..=100 {
        out.offer(&shot("door", stream, sequence, 1));
    }
    assert_eq!(out.totals().written, 0);
    drop(hold);
    let totals = out.finish(Duration::from_secs(10));
    assert_eq!(totals.written + totals.skipped, 100);
    assert!((4..=5).contains(&totals.written), "{totals:?}");
}

#[test]
fn a_reader_that_never_reads_does_not_hold_up_the_end() {
    let (gate, hold) = std::io::pipe().unwrap();
    let mut out = MjpegOut::start(Stuck(gate)).unwrap();
    out.offer(&shot("door", StreamId::new(), 1, 1));
    assert_eq!(out.finish(Duration::from_millis(20)).written, 0);
    drop(hold);
}

#[test]
fn a_reader_that_has_gone_ends_the_stream() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut out = MjpegOut::start(writer).unwrap();
    let stream = StreamId::new();
    for sequence in 1..=3 {
        out.offer(&shot("door", stream, sequence, 1));
    }
    let totals = out.finish(Duration::from_secs(10));
    assert_eq!((totals.written, totals.skipped), (0, 3));
}

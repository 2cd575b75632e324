use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;

use jiff::Timestamp;
use proptest::prelude::*;
use protocol::frame::StreamId;
use tokio_util::sync::CancellationToken;

use super::timeline::Missing;
use super::*;
use crate::index::{INDEX_FILE, to_line};

/// A folder with frames, each of which is a file that says its number.
struct Scene {
    dir: tempfile::TempDir,
    stream: StreamId,
}

impl Scene {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            stream: StreamId::new(),
        }
    }

    /// Stores frame `sequence` of `camera`, taken at `time`, in the folder `within`.
    fn store(&self, within: &str, camera: &str, sequence: u64, time: i64) {
        let folder = self.dir.path().join(within);
        fs::create_dir_all(&folder).unwrap();
        let file = format!("{camera}-{sequence}.jpg");
        fs::write(folder.join(&file), sequence.to_string()).unwrap();
        let entry = Entry {
            file,
            camera: camera.parse().unwrap(),
            kind: Kind::Frame {
                stream: self.stream,
                sequence,
                captured_at: Timestamp::from_microsecond(time).unwrap(),
                dropped: 0,
            },
            size: Some((16, 8)),
            bytes: 10,
            crc32c: 0,
            exif_bytes: 0,
            received_at: Timestamp::UNIX_EPOCH,
        };
        let mut index = File::options();
        let index = index
            .append(true)
            .create(true)
            .open(folder.join(INDEX_FILE));
        index.unwrap().write_all(&to_line(&entry)).unwrap();
    }

    fn recording(&self) -> Recording {
        let recording = Recording::new(self.dir.path()).unwrap();
        read(&recording);
        recording
    }
}

fn read(recording: &Recording) {
    reading::read_all(recording, &CancellationToken::new(), &|| {});
}

fn door() -> CameraName {
    "door".parse().unwrap()
}

fn times(found: &[Found]) -> Vec<i64> {
    found.iter().map(|found| found.place.time).collect()
}

fn forward(recording: &Recording, time: i64, most: usize) -> Vec<i64> {
    let place = Place::before_all_of(time);
    times(
        &recording
            .frames(&door(), place, Direction::Forward, most)
            .unwrap(),
    )
}

fn backward(recording: &Recording, time: i64, most: usize) -> Vec<i64> {
    let place = Place::before_all_of(time);
    times(
        &recording
            .frames(&door(), place, Direction::Backward, most)
            .unwrap(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn frames_come_in_the_order_of_time_wherever_and_whenever_they_were_stored(
        stored in prop::collection::vec((0..3_u8, 0..60_i64), 1..40), from in 0..60_i64, most in 1..9_usize,
    ) {
        let scene = Scene::new();
        for ((folder, second), sequence) in stored.iter().zip(1..) {
            scene.store(&format!("door/{folder}"), "door", sequence, second * 1_000_000);
            scene.store(&format!("door/{folder}"), "yard", sequence, second * 1_000_000);
        }
        let recording = scene.recording();
        let mut plain: Vec<i64> = stored.iter().map(|(_, second)| second * 1_000_000).collect();
        plain.sort_unstable();
        let from = from * 1_000_000;
        let later: Vec<_> = plain.iter().copied().filter(|time| *time >= from).collect();
        let earlier: Vec<_> = plain.iter().rev().copied().filter(|time| *time < from).collect();
        prop_assert_eq!(forward(&recording, from, most), &later[..most.min(later.len())]);
        prop_assert_eq!(backward(&recording, from, most), &earlier[..most.min(earlier.len())]);
        // Step by step it is the same way, with no frame twice, also where two were taken at once.
        let (mut place, mut stepped) = (Place::before_all_of(i64::MIN), BTreeSet::new());
        while let Some(found) = recording.frames(&door(), place, Direction::Forward, 2).unwrap().into_iter().find(|found| found.place != place) {
            place = found.place;
            prop_assert!(stepped.insert(place));
        }
        prop_assert_eq!(stepped.iter().map(|place| place.time).collect::<Vec<_>>(), plain);
    }
}

#[test]
fn the_nearest_frame_is_found_and_its_file_is_that_frame() {
    let scene = Scene::new();
    for sequence in 1..=2000 {
        scene.store("door/14", "door", sequence, sequence.cast_signed() * 100);
    }
    let recording = scene.recording();
    for (asked, nearest) in [(-9, 1), (149, 1), (151, 2), (99_960, 1000), (999_999, 2000)] {
        let found = recording.nearest(&door(), asked).unwrap().unwrap();
        let (entry, file) = recording.file(found.place).unwrap().unwrap();
        assert_eq!(entry.identity(), Some((scene.stream, nearest)), "{asked}");
        assert_eq!(file, nearest.to_string().as_bytes());
    }
    assert_eq!(recording.state().cameras[&door()].all.len(), 4);
    assert!(
        recording
            .nearest(&"yard".parse().unwrap(), 0)
            .unwrap()
            .is_none()
    );
}

#[test]
fn what_comes_is_read_on_and_what_goes_is_forgotten() {
    let scene = Scene::new();
    scene.store("door/13", "door", 1, 1);
    let recording = scene.recording();
    scene.store("door/13", "door", 2, 2);
    scene.store("door/14", "door", 3, 3);
    reading::read_lively(&recording);
    assert_eq!(forward(&recording, 0, 9), [1, 2, 3]);
    fs::remove_dir_all(scene.dir.path().join("door/13")).unwrap();
    read(&recording);
    assert_eq!(forward(&recording, 0, 9), [3]);
    // A repair has made it shorter.
    fs::remove_file(scene.dir.path().join("door/14").join(INDEX_FILE)).unwrap();
    scene.store("door/14", "door", 9, 9);
    fs::write(scene.dir.path().join("door/14/x"), "").unwrap();
    read(&recording);
    assert_eq!(forward(&recording, 0, 9).last(), Some(&9));
}

#[test]
fn what_retention_has_deleted_is_neither_shown_nor_missing() {
    let scene = Scene::new();
    for sequence in [1, 2, 3, 7, 8] {
        scene.store("door/14", "door", sequence, sequence.cast_signed());
    }
    let line = fs::read(scene.dir.path().join("door/14").join(INDEX_FILE)).unwrap();
    let third = line.split_inclusive(|byte| *byte == b'\n').take(2);
    let mut journal = Journal::default();
    journal.set_gone(
        &door(),
        Path::new("door/14"),
        third.map(|line| line.len() as u64).sum(),
    );
    for sequence in [1, 2, 4, 5, 6] {
        journal.add_gone_frame(&door(), scene.stream, sequence);
    }
    let recording = scene.recording();
    assert_eq!(recording.timeline(&door(), 0, 9, 4).gaps.len(), 1);
    journal.write(scene.dir.path()).unwrap();
    read(&recording);
    assert_eq!(forward(&recording, 0, 9), [3, 7, 8]);
    assert_eq!(recording.timeline(&door(), 0, 9, 4).gaps, []);
    // Nor where it was deleted before.
    let timeline = scene.recording().timeline(&door(), 0, 9, 4);
    assert_eq!((timeline.frames, timeline.gaps), (3, vec![]));
}

#[test]
fn a_timeline_counts_frames_where_they_were_taken_and_tells_gaps() {
    let scene = Scene::new();
    for sequence in (1..=100).filter(|sequence| !(41..=60).contains(sequence)) {
        scene.store(
            "door/14",
            "door",
            sequence,
            sequence.cast_signed() * 1_000_000,
        );
    }
    let recording = scene.recording();
    let timeline = recording.timeline(&door(), 0, 200_000_000, 20);
    let sum: f32 = timeline.slots.iter().sum();
    assert!((sum - 80.0).abs() < 0.01, "{sum}");
    assert_eq!(timeline.slots[10..], [0.0; 10]);
    // The pause of the gap ends a block: nothing is shown where nothing is.
    assert_eq!(timeline.slots[5].to_bits(), 0);
    let missing = Missing {
        from: 40_000_000,
        to: 61_000_000,
        frames: 20,
    };
    assert_eq!(timeline.gaps, [missing]);
    assert_eq!((timeline.frames, timeline.bytes), (80, 800));
    for (from, to, slots) in [
        (i64::MIN, i64::MAX, 9),
        (i64::MAX, i64::MIN, 0),
        (7, 7, usize::MAX),
    ] {
        let timeline = recording.timeline(&door(), from, to, slots);
        assert!(timeline.slots.iter().all(|slot| slot.is_finite()));
    }
    let Parts {
        cameras: parts,
        is_complete,
    } = recording.parts();
    assert_eq!((parts.len(), is_complete), (1, false));
    assert_eq!(
        (parts[0].frames, parts[0].first, parts[0].last),
        (80, 1_000_000, 100_000_000)
    );
}

#[test]
fn places_that_are_none_of_ours_have_no_file() {
    let scene = Scene::new();
    scene.store("door/14", "door", 1, 1);
    let recording = scene.recording();
    let found = forward(&recording, 0, 1);
    assert_eq!(found, [1]);
    let real = recording
        .nearest(&door(), 0)
        .unwrap()
        .unwrap()
        .place
        .to_string();
    assert!(recording.file(real.parse().unwrap()).unwrap().is_some());
    let (time, rest) = real.split_once('_').unwrap();
    let (folder, line) = rest.split_once('_').unwrap();
    for place in [
        format!("2_{folder}_{line}"),
        format!("{time}_{folder}_1"),
        format!("{time}_{folder}_{}", u64::MAX),
        format!("{time}_0_{line}"),
        format!("{time}_{}_{line}", u32::MAX),
    ] {
        let place = place.parse().unwrap();
        assert!(recording.file(place).unwrap_or(None).is_none(), "{place}");
    }
    for text in [
        "",
        "1",
        "1_2",
        "1_2_3_4",
        "1_-2_3",
        "../../etc/passwd",
        "1_2_3/..",
        "1_2_x",
    ] {
        assert!(text.parse::<Place>().is_err(), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn links_do_not_lead_out() {
    use std::os::unix::fs::symlink;

    let (scene, outside, disk) = (Scene::new(), Scene::new(), Scene::new());
    outside.store("secret", "door", 7, 7);
    let secret = outside.dir.path().join("secret");
    scene.store("door/14", "door", 1, 1);
    scene.store("door/14", "door", 2, 2);
    // A picture that is a link, a folder in a camera's that is one, an index that is one.
    let picture = scene.dir.path().join("door/14/door-2.jpg");
    fs::remove_file(&picture).unwrap();
    symlink(secret.join("door-7.jpg"), &picture).unwrap();
    symlink(&secret, scene.dir.path().join("door/15")).unwrap();
    fs::create_dir(scene.dir.path().join("door/16")).unwrap();
    symlink(
        secret.join(INDEX_FILE),
        scene.dir.path().join("door/16").join(INDEX_FILE),
    )
    .unwrap();
    // A camera's whole folder on another disk is the one thing that may be one; not one that leads to where we are.
    disk.store("shed", "shed", 3, 3);
    symlink(disk.dir.path().join("shed"), scene.dir.path().join("shed")).unwrap();
    symlink(scene.dir.path(), scene.dir.path().join("self")).unwrap();
    symlink("/", scene.dir.path().join("all")).unwrap();

    let recording = scene.recording();
    assert_eq!(forward(&recording, 0, 9), [1, 2]);
    let linked = recording.nearest(&door(), 2).unwrap().unwrap();
    let refused = recording.file(linked.place).unwrap_err().to_string();
    assert!(refused.contains("link"), "{refused}");
    let shed = recording
        .nearest(&"shed".parse().unwrap(), 0)
        .unwrap()
        .unwrap();
    assert_eq!(recording.file(shed.place).unwrap().unwrap().1, b"3");
}

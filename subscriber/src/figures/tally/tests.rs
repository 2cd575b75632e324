use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use protocol::frame::StreamId;

use super::*;

fn name(number: usize) -> CameraName {
    format!("camera{number}").parse().unwrap()
}

fn stored(camera: &CameraName, outcome: Outcome) -> Stored {
    Stored {
        ack: None,
        outcome,
        frame: Some(FrameId {
            camera: camera.clone(),
            stream: StreamId::new(),
            sequence: 7,
        }),
        stranger: None,
        taken_at: Timestamp::UNIX_EPOCH,
        bytes: 1000,
        latency: Duration::from_millis(30),
        transit: SignedDuration::ZERO,
    }
}

fn on_disk() -> Outcome {
    Outcome::Stored { path: "x".into() }
}

fn taken(tally: &mut Tally) -> Vec<CameraFigures> {
    tally.take(&HashMap::new(), |_| None)
}

#[test]
fn each_camera_has_figures_of_its_own_by_name() {
    let (mut tally, now) = (Tally::default(), Instant::now());
    for outcome in [on_disk(), Outcome::Duplicate, Outcome::Skipped] {
        tally.enter(&stored(&name(2), outcome), now);
    }
    let bare = Stored {
        frame: None,
        stranger: Some(name(1)),
        ..stored(&name(1), Outcome::Foreign { path: "y".into() })
    };
    tally.enter(&bare, now);
    tally.enter_status(&name(2), CameraStatus::Online, now);
    tally.enter_available(&name(2), 12, now);

    let figures = taken(&mut tally);
    let [one, two] = figures.as_slice() else {
        panic!("{figures:#?}");
    };
    assert_eq!((&one.name, one.stored, one.duplicates), (&name(1), 1, 0));
    assert_eq!((one.latency, one.latencies.count()), (None, 0));
    assert_eq!(one.last.unwrap().sequence, None);
    assert_eq!((&two.name, two.stored, two.duplicates), (&name(2), 1, 1));
    assert_eq!((two.bytes, two.available), (2000, Some(12)));
    assert_eq!(
        (two.status, two.last.unwrap().sequence),
        (CameraStatus::Online, Some(7))
    );
    assert!((0.03..0.031).contains(&two.latency.unwrap().p99_seconds));
    assert_eq!(two.latencies.count(), 1);

    tally.forget_statuses();
    let [_, two] = &taken(&mut tally)[..] else {
        panic!()
    };
    assert_eq!((two.status, two.latency), (CameraStatus::Unknown, None));
    assert_eq!(two.latencies.count(), 1, "it counts since the start");
}

#[test]
fn invented_names_push_out_who_was_silent_longest() {
    let (mut tally, start) = (Tally::default(), Instant::now());
    for number in 0..MAX_CAMERAS {
        let at = start + Duration::from_millis(number as u64);
        tally.enter(&stored(&name(number), on_disk()), at);
    }
    // The first one speaks again; now the second one has been silent longest.
    let later = start + Duration::from_secs(9);
    tally.enter(&stored(&name(0), on_disk()), later);
    tally.enter_status(&name(9999), CameraStatus::Online, later);
    let figures = taken(&mut tally);
    assert_eq!(figures.len(), MAX_CAMERAS);
    let has = |number| figures.iter().any(|camera| camera.name == name(number));
    assert!(has(0) && !has(1) && has(2) && has(9999));
}

#[test]
fn names_of_which_no_picture_has_come_push_out_each_other_and_no_camera() {
    let (mut tally, start) = (Tally::default(), Instant::now());
    tally.enter(&stored(&name(0), on_disk()), start);
    let set_aside = Outcome::Quarantined {
        path: "z".into(),
        reason: "no picture".to_owned(),
    };
    for number in 1..=3 * MAX_CAMERAS {
        let at = start + Duration::from_millis(number as u64);
        match number % 3 {
            0 => tally.enter_status(&name(number), CameraStatus::Online, at),
            1 => tally.enter_available(&name(number), 1, at),
            _ => tally.enter(&stored(&name(number), set_aside.clone()), at),
        }
    }
    let figures = taken(&mut tally);
    assert_eq!(figures.len(), MAX_CAMERAS);
    let of_camera = figures.iter().find(|camera| camera.name == name(0));
    assert_eq!(of_camera.map(|camera| camera.stored), Some(1));
}

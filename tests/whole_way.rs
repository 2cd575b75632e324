//! The main job: what the source emits is on the other machine's disk, every frame, unchanged.

use std::time::Duration;

use jiff::Timestamp;
use tempfile::tempdir;

use crate::harness::broker::Broker;
use crate::harness::eventually::A_RUN;
use crate::harness::folder::Folder;
use crate::harness::footage::{FRAMES, footage};
use crate::harness::launch::Launch;
use crate::harness::outcome::Outcome;
use crate::harness::{bare_subscriber, publisher, subscriber};

#[test]
fn every_frame_that_ffmpeg_plays_in_real_time_is_stored_unchanged() {
    let sent = stores_the_footage(|publisher| {
        publisher
            .flags("--frames 132 --source")
            .arg(footage().played_in_real_time())
    });
    let fps = captured_fps(&sent, FRAMES);
    assert!(
        (20.0..45.0).contains(&fps),
        "played at 30 fps, captured at {fps}"
    );
}

#[test]
fn every_frame_of_an_mjpeg_file_is_stored_unchanged() {
    stores_the_footage(|publisher| publisher.flags("--fps 0 --source").arg(&footage().file));
}

#[test]
fn every_frame_on_stdin_is_stored_unchanged() {
    stores_the_footage(|publisher| {
        publisher
            .flags("--fps 0 --source -")
            .stdin_from(&footage().file)
    });
}

#[test]
fn every_frame_in_a_folder_is_stored_unchanged() {
    let folder = tempdir().unwrap();
    footage().write_into(folder.path(), FRAMES);
    stores_the_footage(|publisher| publisher.flags("--fps 0 --source").arg(folder.path()));
}

#[test]
fn five_consumers_at_once_each_get_every_frame() {
    let broker = Broker::start();
    let consumers: Vec<_> = ["one", "two", "three", "four", "five"]
        .into_iter()
        .map(|name| {
            let out = Folder::new();
            let storing = subscriber(&broker, out.path())
                .flags(&format!("--consumer {name} --frames {FRAMES}"))
                .start();
            (out, storing)
        })
        .collect();
    broker.await_subscriptions(5, "cameras/+/frames");
    publisher(&broker)
        .flags("--fps 60 --source")
        .arg(&footage().file)
        .run(A_RUN)
        .succeeded()
        .publisher_balances();
    for (out, storing) in &consumers {
        storing.wait(A_RUN).succeeded().subscriber_balances();
        out.holds("door", &footage().frames);
    }
}

#[test]
fn two_cameras_are_stored_beside_each_other() {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--consumer archive --frames 24")
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let folder = tempdir().unwrap();
    footage().write_into(folder.path(), 12);
    let cameras = ["gate", "garden"].map(|camera| {
        publisher(&broker)
            .flags("--fps 60 --camera")
            .arg(camera)
            .arg("--source")
            .arg(folder.path())
            .start()
    });
    for camera in &cameras {
        camera.wait(A_RUN).succeeded();
    }
    storing.wait(A_RUN).succeeded();
    out.holds("gate", &footage().frames[..12]);
    out.holds("garden", &footage().frames[..12]);
}

#[test]
fn name_and_index_say_what_a_frame_is_and_when_it_was_taken() {
    let broker = Broker::start();
    let out = Folder::new();
    let before = Timestamp::now();
    let storing = subscriber(&broker, out.path())
        .flags("--camera door --frames 3")
        .start();
    broker.await_subscriptions(1, "cameras/door/frames");
    publisher(&broker)
        .flags("--frames 3 --fps 60 --source")
        .arg(&footage().file)
        .run(A_RUN)
        .succeeded();
    storing.wait(A_RUN).succeeded();
    let entries = out.entries();
    assert_eq!(entries.len(), 3);
    for (entry, number) in entries.iter().zip(1..) {
        assert_eq!((entry.camera.as_str(), entry.sequence), ("door", number));
        assert_eq!((entry.width, entry.height), (1280, 720));
        assert_eq!(entry.stream, entries[0].stream);
        let taken: Timestamp = entry.time.parse().unwrap();
        assert!(
            before <= taken && taken <= Timestamp::now(),
            "{taken} is in the run"
        );

        let minute = taken.strftime("%Y-%m-%d/%H/%M");
        let stamp = taken.strftime("%Y%m%dT%H%M%S.%6fZ");
        let stream8 = &entry.stream[entry.stream.len() - 8..];
        let name = format!("door/{minute}/{stamp}_{stream8}_{number:09}.jpg");
        assert_eq!(entry.path, out.path().join(name));
    }
}

#[test]
fn each_run_of_a_publisher_is_a_stream_of_its_own() {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--consumer archive --frames 4")
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    for _ in 0..2 {
        publisher(&broker)
            .flags("--frames 2 --fps 60 --source")
            .arg(&footage().file)
            .run(A_RUN)
            .succeeded();
    }
    storing.wait(A_RUN).succeeded();
    let mut numbers: Vec<_> = out.entries().iter().map(|entry| entry.sequence).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 1, 2, 2]);
}

#[test]
fn a_publisher_stops_after_the_frames_it_was_asked_for() {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path()).flags("--frames 10").start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let folder = tempdir().unwrap();
    footage().write_into(folder.path(), 3);
    let sent = publisher(&broker)
        .flags("--frames 10 --loop --fps 100 --source")
        .arg(folder.path())
        .run(A_RUN)
        .succeeded();
    captured_fps(&sent, 10);
    storing.wait(A_RUN).succeeded();
    out.holds("door", &footage().repeated(3, 10));
}

#[test]
fn both_stop_after_the_time_they_were_given() {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--duration 3s")
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let sent = publisher(&broker)
        .flags("--source test --resolution 320x240 --fps 20 --duration 1s")
        .run(A_RUN)
        .succeeded();
    let captured = sent.publisher_balances().count("captured");
    assert!(
        (5..=30).contains(&captured),
        "{captured} frames in a second at 20 fps"
    );
    let stored = storing.wait(Duration::from_secs(10)).succeeded();
    assert_eq!(stored.subscriber_balances().count("stored"), captured);
}

/// Sends the footage as `complete` says; asserts that all of it is stored, and both programs' figures and words.
#[track_caller]
fn stores_the_footage(complete: impl FnOnce(Launch) -> Launch) -> Outcome {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--camera door --consumer archive --frames 132")
        .start();
    broker.await_subscriptions(1, "cameras/door/frames");
    let sent = complete(publisher(&broker)).run(A_RUN).succeeded();
    let stored = storing.wait(A_RUN).succeeded();

    out.holds("door", &footage().frames);
    captured_fps(&sent, FRAMES);
    sent.publisher_balances();
    assert_eq!(
        (sent.count("captured"), sent.count("delivered")),
        (132, 132)
    );
    assert_eq!((sent.count("invalid"), sent.count("reconnects")), (0, 0));
    stored.subscriber_balances();
    assert_eq!(
        (stored.count("stored"), stored.count("duplicates")),
        (132, 0)
    );
    assert_eq!((stored.count("gaps"), stored.count("missing")), (0, 0));
    bare_subscriber()
        .arg("verify")
        .arg(out.path())
        .run(A_RUN)
        .succeeded();
    sent
}

/// The rate in the closing line, `Captured 132 frames at 30.00fps`.
#[track_caller]
fn captured_fps(sent: &Outcome, frames: usize) -> f64 {
    let said = sent.text() + &sent.stderr();
    let begin = format!("Captured {frames} frames at ");
    let line = said
        .lines()
        .find(|line| line.starts_with(&begin))
        .expect("a closing line");
    let (fps, _) = line[begin.len()..].split_once("fps").expect("a rate");
    assert_eq!(
        fps.split_once('.').map(|(_, decimals)| decimals.len()),
        Some(2),
        "{line}"
    );
    fps.parse().expect("a number")
}

//! What is no usable frame is set aside, counted and acknowledged; what comes twice is stored once.

use std::fs;

use tempfile::tempdir;

use crate::harness::broker::Broker;
use crate::harness::event::publish_event;
use crate::harness::eventually::{SOON, eventually_true};
use crate::harness::folder::Folder;
use crate::harness::footage::footage;
use crate::harness::outcome::Outcome;
use crate::harness::{mosquitto_pub, subscriber};

const FRAMES: &str = "cameras/door/frames";

#[test]
fn a_broken_picture_goes_to_quarantine_and_the_next_is_stored() {
    let broker = Broker::start();
    let whole = &footage().frames[0];
    let stored = stores_after(&broker, &whole[..whole.len() / 2]);
    assert_eq!(
        (stored.count("quarantined"), stored.count("foreign")),
        (1, 1)
    );
}

#[test]
fn junk_on_the_frames_topic_goes_to_quarantine_and_the_next_is_stored() {
    let broker = Broker::start();
    let stored = stores_after(&broker, b"{\"this\": \"is no frame\"}");
    assert_eq!(
        (stored.count("quarantined"), stored.count("foreign")),
        (1, 1)
    );
}

#[test]
fn an_empty_message_on_the_frames_topic_goes_to_quarantine_and_the_next_is_stored() {
    let broker = Broker::start();
    let stored = stores_after(&broker, b"");
    assert_eq!(
        (stored.count("quarantined"), stored.count("foreign")),
        (1, 1)
    );
}

#[test]
fn a_frame_whose_checksum_is_wrong_goes_to_quarantine() {
    let broker = Broker::start();
    let out = Folder::new();
    let folder = tempdir().unwrap();
    footage().write_into(folder.path(), 2);
    let storing = subscriber(&broker, out.path()).flags("--frames 1").start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let crc = crc32c::crc32c(&footage().frames[0]);
    publish_event(&broker, FRAMES, &folder.path().join("0002.jpg"), 1, crc);
    eventually_true("the quarantine to fill", || !out.quarantined().is_empty());
    publish_event(&broker, FRAMES, &folder.path().join("0001.jpg"), 2, crc);
    let stored = storing.wait(SOON).succeeded();
    assert_eq!(
        (stored.count("quarantined"), stored.count("stored")),
        (1, 1)
    );
    out.holds("door", &footage().frames[..1]);
}

#[test]
fn a_repeated_frame_lands_on_itself() {
    let broker = Broker::start();
    let out = Folder::new();
    let folder = tempdir().unwrap();
    footage().write_into(folder.path(), 2);
    let storing = subscriber(&broker, out.path()).flags("--frames 2").start();
    broker.await_subscriptions(1, "cameras/+/frames");
    for number in [1, 1, 1, 2] {
        let crc = crc32c::crc32c(&footage().frames[number - 1]);
        publish_event(
            &broker,
            FRAMES,
            &folder.path().join(format!("{number:04}.jpg")),
            number,
            crc,
        );
    }
    let stored = storing.wait(SOON).succeeded();
    stored.subscriber_balances();
    assert_eq!((stored.count("stored"), stored.count("duplicates")), (2, 2));
    out.holds("door", &footage().frames[..2]);
}

/// Publishes `payload` and then a whole picture, and asserts that the subscriber stores the picture.
#[track_caller]
fn stores_after(broker: &Broker, payload: &[u8]) -> Outcome {
    let out = Folder::new();
    let folder = tempdir().unwrap();
    footage().write_into(folder.path(), 1);
    let file = folder.path().join("payload");
    fs::write(&file, payload).unwrap();
    let storing = subscriber(broker, out.path()).flags("--frames 1").start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let message = || mosquitto_pub(broker).flags("-q 1 -t cameras/door/frames -f");
    message().arg(&file).run(SOON).succeeded();
    message()
        .arg(folder.path().join("0001.jpg"))
        .run(SOON)
        .succeeded();
    let stored = storing.wait(SOON).succeeded();
    stored.subscriber_balances();
    assert_eq!(out.pictures().len(), 1);
    assert!(!out.quarantined().is_empty());
    stored
}

//! A camera whose clock is wrong is named, and its frames are stored all the same.

use jiff::{SignedDuration, Timestamp};
use tempfile::tempdir;

use crate::harness::broker::Broker;
use crate::harness::event::publish_event_taken_at;
use crate::harness::eventually::A_RUN;
use crate::harness::folder::Folder;
use crate::harness::footage::footage;
use crate::harness::subscriber;

#[test]
fn frames_from_the_future_are_said_once_with_the_difference() {
    let (broker, out, pictures) = (Broker::start(), Folder::new(), tempdir().unwrap());
    footage().write_into(pictures.path(), 3);
    let storing = subscriber(&broker, out.path()).flags("--frames 3").start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let in_an_hour = Timestamp::now() + SignedDuration::from_hours(1);
    for number in 1..=3 {
        let picture = pictures.path().join(format!("{number:04}.jpg"));
        let crc = crc32c::crc32c(&footage().frames[number - 1]);
        let (time, topic) = (format!("{in_an_hour:.6}"), "cameras/door/frames");
        publish_event_taken_at(&time, &broker, topic, &picture, number, crc);
    }
    let stored = storing.wait(A_RUN).succeeded();
    assert_eq!(stored.count("stored"), 3);
    assert_eq!(stored.count("from_future"), 3);
    assert_eq!(
        stored.lines_with("camera door: a frame came 3"),
        1,
        "{}",
        stored.stderr()
    );
    assert_eq!(stored.lines_with("let a time service keep both"), 1);
}

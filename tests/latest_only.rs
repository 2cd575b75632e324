//! `--latest-only`: what is stored was taken just now, however the subscriber was held up; what was skipped is counted.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use tempfile::tempdir;

use crate::harness::broker::Broker;
use crate::harness::event::publish_event;
use crate::harness::eventually::{A_RUN, SOON, eventually_true};
use crate::harness::folder::{Entry, Folder};
use crate::harness::footage::footage;
use crate::harness::launch::Launch;
use crate::harness::namespace::{remove_ballast, with_tiny_disk};
use crate::harness::outcome::Outcome;
use crate::harness::program::Program;
use crate::harness::{bare_subscriber, publisher, subscriber};

/// What the tests allow beyond the bound for a busy machine: from a grab to its frame's being judged.
const SLACK: Duration = Duration::from_millis(400);
const MAX_LAG: Duration = Duration::from_secs(1);
const MIB: u64 = 1024 * 1024;

#[test]
fn after_a_pause_the_next_frame_is_newer_than_the_bound() {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--latest-only --consumer wall")
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let sending = send_for_ever(&broker);
    out.await_pictures(30);
    storing.pause();
    let paused = Timestamp::now();
    pass(Duration::from_secs(3));
    let went_on = Timestamp::now();
    storing.go_on();
    eventually_true("a frame from after the pause", || {
        captured(&out).last().is_some_and(|last| *last > went_on)
    });
    let stored = finish(&storing, &sending);
    nothing_was_taken_between(&out, paused + SLACK, went_on - MAX_LAG - SLACK);
    assert_eq!(stored.count("reconnects"), 1);
    all_are_accounted_for(&stored, &out.entries());
}

#[test]
fn frames_that_a_full_disk_refuses_are_skipped_for_newer_ones() {
    let broker = Broker::start();
    let (disk, out) = (Folder::new(), Folder::new());
    let storing = subscriber(&broker, disk.path())
        .flags("--latest-only")
        .inside(with_tiny_disk(disk.path(), 64 * MIB, 63 * MIB, out.path()))
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let sending = send_for_ever(&broker);
    storing.says("No space left");
    let filled = Timestamp::now();
    pass(Duration::from_secs(3));
    let freed = Timestamp::now();
    remove_ballast(&storing, disk.path());
    storing.says("frames can be stored again");
    pass(Duration::from_secs(1));
    let stored = finish(&storing, &sending);
    nothing_was_taken_between(&out, filled + SLACK, freed - MAX_LAG - SLACK);
    assert!(captured(&out).iter().any(|taken| *taken > freed));
    assert_eq!(stored.lines_with("No space left"), 1);
    assert_eq!(stored.count("reconnects"), 0, "the broker has no queue");
    all_are_accounted_for(&stored, &out.entries());
}

#[test]
fn a_subscriber_that_keeps_up_skips_nothing() {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--latest-only --frames 60")
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    publisher(&broker)
        .flags("--frames 60 --source")
        .arg(footage().played_in_real_time())
        .run(A_RUN)
        .succeeded();
    eventually_true("the last frame to be stored", || {
        out.entries().last().is_some_and(|last| last.sequence == 60)
    });
    // Where the machine is too busy for a frame, it is skipped; the program then waits for more.
    storing.interrupt();
    let stored = storing.wait(SOON).succeeded();
    stored.subscriber_balances();
    assert_eq!(stored.count("stored") + stored.count("skipped"), 60);
    assert!(stored.count("skipped") < 6, "{}", stored.count("skipped"));
}

#[test]
fn what_an_earlier_run_stored_is_neither_stored_again_nor_skipped() {
    let broker = Broker::start();
    let (out, pictures) = (Folder::new(), tempdir().unwrap());
    footage().write_into(pictures.path(), 3);
    for (run, sent) in [(1, 1..=2), (2, 1..=3)] {
        let storing = subscriber(&broker, out.path())
            .flags("--latest-only")
            .start();
        broker.await_subscriptions(run, "cameras/+/frames");
        for number in sent.clone() {
            let picture = pictures.path().join(format!("{number:04}.jpg"));
            let crc = crc32c::crc32c(&footage().frames[number - 1]);
            publish_event(&broker, "cameras/door/frames", &picture, number, crc);
            out.await_pictures(number);
        }
        storing.interrupt();
        let stored = storing.wait(SOON).succeeded();
        stored.subscriber_balances();
        assert_eq!(stored.count("stored"), if run == 1 { 2 } else { 1 });
        assert_eq!((stored.count("skipped"), stored.count("missing")), (0, 0));
    }
    out.holds("door", &footage().frames[..3]);
}

#[test]
fn a_group_has_no_latest_frame() {
    bare_subscriber()
        .flags("--latest-only --group office")
        .run(SOON)
        .failed(2, "--group");
    bare_subscriber()
        .flags("--latest-only --max-lag 0s")
        .run(SOON)
        .failed(2, "--max-lag");
    bare_subscriber()
        .flags("--max-lag 2s")
        .run(SOON)
        .failed(2, "--latest-only");
}

fn send_for_ever(broker: &Broker) -> Program {
    let play = footage().played_in_real_time();
    let source = play.replace(" -re ", " -re -stream_loop -1 ");
    assert_ne!(play, source);
    Launch::start(publisher(broker).arg("--source").arg(source))
}

/// Ends the subscriber, then the publisher.
#[track_caller]
fn finish(storing: &Program, sending: &Program) -> Outcome {
    storing.interrupt();
    let stored = storing.wait(SOON).succeeded();
    sending.interrupt();
    sending.wait(A_RUN).succeeded();
    stored
}

/// Lets the camera go on for `time`.
#[track_caller]
fn pass(time: Duration) {
    let start = Instant::now();
    eventually_true("time to pass", || start.elapsed() >= time);
}

/// When the stored frames were taken, in order.
fn captured(out: &Folder) -> Vec<Timestamp> {
    let taken = |entry: &Entry| entry.time.parse().expect("a time");
    out.entries().iter().map(taken).collect()
}

#[track_caller]
fn nothing_was_taken_between(out: &Folder, begin: Timestamp, end: Timestamp) {
    assert!(begin < end);
    let late: Vec<_> = captured(out)
        .into_iter()
        .filter(|taken| (begin..end).contains(taken))
        .collect();
    assert_eq!(late, [] as [Timestamp; 0], "between {begin:?} and {end:?}");
}

/// Every number between the first and the last is stored or skipped; what was skipped last has no number above it.
#[track_caller]
fn all_are_accounted_for(stored: &Outcome, entries: &[Entry]) {
    stored.subscriber_balances();
    assert_eq!((stored.count("missing"), stored.count("gaps")), (0, 0));
    assert_eq!(stored.count("stored"), entries.len() as u64);
    let (first, last) = (entries[0].sequence, entries.last().unwrap().sequence);
    let skipped = last - first + 1 - stored.count("stored");
    assert!(skipped > 60, "only {skipped} were skipped");
    let said = stored.count("skipped");
    assert!(
        (skipped..skipped + 10).contains(&said),
        "{skipped} were skipped, not {said}"
    );
}

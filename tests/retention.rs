//! `--keep-for` and `--keep-bytes`: the oldest pictures go, the newest stay, and nobody takes it for a loss.

use std::fs;

use crate::harness::broker::Broker;
use crate::harness::eventually::{A_RUN, SOON, eventually_true};
use crate::harness::folder::Folder;
use crate::harness::footage::{FRAMES, footage};
use crate::harness::{bare_subscriber, publisher, subscriber};

const KEPT: usize = 10;

#[test]
fn no_more_is_kept_than_was_asked_for_and_it_is_the_newest() {
    let broker = Broker::start();
    let out = Folder::new();
    let newest = &footage().frames[FRAMES - KEPT..];
    let keep_bytes: usize = newest.iter().map(Vec::len).sum();
    let storing = subscriber(&broker, out.path())
        .flags(&format!(
            "--consumer archive --frames {FRAMES} --keep-bytes {keep_bytes}"
        ))
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    publisher(&broker)
        .flags("--fps 60 --source")
        .arg(&footage().file)
        .run(A_RUN)
        .succeeded();
    let stored = storing.wait(A_RUN).succeeded();
    stored.subscriber_balances();
    assert_eq!(stored.count("stored"), FRAMES as u64);
    assert_eq!(stored.count("deleted"), (FRAMES - KEPT) as u64);
    assert_eq!(stored.lines_with("Deleted by retention: 122 frames"), 1);
    let pictures = out.pictures();
    assert_eq!(pictures.len(), KEPT);
    for (picture, frame) in pictures.iter().zip(newest) {
        assert!(fs::read(picture).unwrap() == *frame, "the newest are kept");
    }
    is_whole(&out);
}

#[test]
fn what_has_been_there_long_enough_goes_while_the_subscriber_runs() {
    let broker = Broker::start();
    let out = Folder::new();
    let start = |keep_for| {
        subscriber(&broker, out.path())
            .flags("--consumer archive --keep-for")
            .arg(keep_for)
            .start()
    };
    let send = || {
        publisher(&broker)
            .flags("--fps 60 --frames 5 --source")
            .arg(&footage().file)
            .run(A_RUN)
            .succeeded();
    };
    let storing = start("1s");
    broker.await_subscriptions(1, "cameras/+/frames");
    send();
    eventually_true("the pictures to be deleted", || {
        !out.entries().is_empty() && out.pictures().is_empty()
    });
    is_whole(&out);
    storing.interrupt();
    storing.wait(SOON).succeeded();

    // The next start finds folders of which only the indexes are left.
    let storing = start("1h");
    eventually_true("the empty folders to go", || {
        !out.path().join("door").exists()
    });
    send();
    out.await_pictures(5);
    storing.interrupt();
    let stored = storing.wait(SOON).succeeded();
    assert_eq!((stored.count("stored"), stored.count("deleted")), (5, 0));
    is_whole(&out);
}

#[test]
fn to_keep_nothing_at_all_is_a_usage_error() {
    for (flags, words) in [
        ("--keep-bytes 0", "--keep-bytes"),
        ("--keep-for 0s", "--keep-for"),
    ] {
        bare_subscriber().flags(flags).run(SOON).failed(2, words);
    }
}

#[track_caller]
fn is_whole(out: &Folder) {
    bare_subscriber()
        .arg("verify")
        .arg(out.path())
        .run(A_RUN)
        .succeeded();
}

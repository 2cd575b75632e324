//! As a service of systemd's `Type=notify`: what its manager hears.

use std::time::Instant;

use crate::harness::broker::Broker;
use crate::harness::eventually::{SOON, eventually_true};
use crate::harness::folder::Folder;
use crate::harness::launch::Launch;
use crate::harness::manager::{Manager, PATIENCE};
use crate::harness::{publisher, subscriber};

#[test]
fn a_publisher_is_ready_before_its_broker_is_there_and_tells_how_it_goes_until_it_stops() {
    tells_its_manager(|broker| publisher(broker).flags("--source test --drain-timeout 1s"));
}

#[test]
fn a_subscriber_is_ready_before_its_broker_is_there_and_tells_how_it_goes_until_it_stops() {
    let out = Folder::new();
    tells_its_manager(|broker| subscriber(broker, out.path()));
}

#[track_caller]
fn tells_its_manager(service: impl Fn(&Broker) -> Launch) {
    let (broker, manager) = (Broker::absent(), Manager::new());
    let running = manager.over(service(&broker)).start();
    manager.hears(1, "READY=1");
    manager.hears(3, "WATCHDOG=1");
    manager.hears(1, "STATUS=");
    // A log that grows all day wears out an SD card.
    assert!(!running.stderr().contains(" fps, "), "progress is logged");
    assert_eq!(manager.count("STOPPING=1"), 0);
    running.terminate();
    manager.hears(1, "STOPPING=1");
    running.wait(SOON);
    let heard = manager.heard();
    assert_eq!(heard[0], "READY=1", "{heard:?}");
    assert_eq!(manager.count("READY=1"), 1, "{heard:?}");
}

#[test]
fn a_publisher_that_hangs_gives_no_sign_of_life() {
    let (broker, manager) = (Broker::start(), Manager::new());
    let running = manager
        .over(publisher(&broker).flags("--source test"))
        .start();
    manager.hears(2, "WATCHDOG=1");
    running.pause();
    // What it said before it was stopped is heard first.
    let before = manager.count("WATCHDOG=1");
    let hung = Instant::now();
    eventually_true("the manager's patience to end", || {
        hung.elapsed() > 2 * PATIENCE
    });
    assert!(manager.count("WATCHDOG=1") <= before + 1);
    let before = manager.count("WATCHDOG=1");
    running.go_on();
    manager.hears(before + 1, "WATCHDOG=1");
}

#[test]
fn a_publisher_with_wrong_options_is_never_ready() {
    let (broker, manager) = (Broker::start(), Manager::new());
    let refused = publisher(&broker).flags("--source test --confirm office-pc");
    manager
        .over(refused)
        .run(SOON)
        .failed(2, "--confirm needs --spool-dir");
    assert_eq!(manager.count("READY=1"), 0);
}

#[test]
fn a_manager_that_is_gone_stops_nobody() {
    let broker = Broker::start();
    publisher(&broker)
        .flags("--source test --frames 5 --drain-timeout 1s")
        .env("NOTIFY_SOCKET", "/nowhere/at/all")
        .run(SOON)
        .succeeded();
}

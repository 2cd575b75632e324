//! The spool: what a camera has numbered is on its disk until it is delivered, whatever is killed meanwhile.

use crate::harness::broker::{Broker, Setup};
use crate::harness::eventually::{A_RUN, SOON, eventually_true};
use crate::harness::folder::Folder;
use crate::harness::footage::{FRAMES, footage};
use crate::harness::launch::Launch;
use crate::harness::namespace::{remove_ballast, with_tiny_disk};
use crate::harness::{mosquitto_pub, mosquitto_sub, publisher, subscriber};

const MIB: u64 = 1024 * 1024;

/// A publisher with a spool.
fn spooling(broker: &Broker, spool: &Folder) -> Launch {
    publisher(broker).arg("--spool-dir").arg(spool.path())
}

/// A subscriber that confirms as `archive`.
fn confirming(broker: &Broker, out: &Folder) -> Launch {
    subscriber(broker, out.path()).flags("--consumer archive --receipts")
}

#[test]
fn what_a_killed_publisher_had_numbered_is_delivered_by_its_next_run() {
    let mut broker = Broker::absent();
    let (spool, out) = (Folder::new(), Folder::new());
    let sending = spooling(&broker, &spool)
        .flags("--fps 120 --source")
        .arg(&footage().file)
        .start();
    spool.await_pictures(40);
    sending.kill();
    let numbered = spool.pictures().len();
    broker.start_again();
    let storing = subscriber(&broker, out.path())
        .flags("--consumer archive")
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let sent = spooling(&broker, &spool)
        .flags("--fps 120 --frames 10 --source")
        .arg(&footage().file)
        .run(A_RUN)
        .succeeded();
    sent.publisher_balances();
    assert_eq!(sent.count("delivered"), 10);
    assert_eq!(sent.count("earlier_delivered"), numbered as u64);
    out.await_pictures(numbered + 10);
    storing.interrupt();
    storing.wait(SOON).succeeded().subscriber_balances();
    assert!(spool.pictures().is_empty());
    let frames: Vec<_> = footage().frames[..numbered]
        .iter()
        .chain(&footage().frames[..10])
        .cloned()
        .collect();
    out.holds("door", &frames);
}

#[test]
fn frames_stay_until_the_consumer_confirms_them_even_if_the_broker_loses_them() {
    // More than are sent ahead of receipts.
    const SENT: usize = 700;
    let mut broker = Setup::default().line("persistence false").start();
    let (spool, out) = (Folder::new(), Folder::new());
    let storing = confirming(&broker, &out).start();
    broker.await_subscriptions(1, "cameras/+/frames");
    mosquitto_sub(&broker)
        .flags("-t consumers/archive/status -C 1 -W 20")
        .run(SOON)
        .succeeded();
    // It receives nothing more: what is sent is the broker's alone.
    storing.pause();
    let sending = spooling(&broker, &spool)
        .flags(&format!(
            "--confirm archive --loop --fps 250 --frames {SENT} --source"
        ))
        .arg(&footage().file)
        .start();
    sending.says(&format!("spool {SENT}"));
    assert_eq!(
        spool.pictures().len(),
        SENT,
        "the broker's word is not enough"
    );
    broker.stop();
    broker.start_again();
    storing.go_on();
    let sent = sending.wait(A_RUN).succeeded();
    assert_eq!(sent.publisher_balances().count("delivered"), SENT as u64);
    storing.interrupt();
    storing.wait(SOON).succeeded().subscriber_balances();
    assert!(spool.pictures().is_empty());
    out.holds("door", &footage().repeated(FRAMES, SENT));
}

#[test]
fn what_a_full_spool_gives_up_is_named_and_the_consumer_knows() {
    let mut broker = Broker::absent();
    let (spool, out) = (Folder::new(), Folder::new());
    let sending = spooling(&broker, &spool)
        .flags(
            "--confirm archive --spool-max-bytes 2MB --spool-full drop-oldest --fps 120 --source",
        )
        .arg(&footage().file)
        .start();
    sending.says("no room in the spool");
    eventually_true("the last frame to be numbered", || {
        let names = spool.names();
        names
            .iter()
            .any(|name| name.starts_with(&format!("{FRAMES:020}_")))
    });
    broker.start_again();
    let storing = confirming(&broker, &out).start();
    let sent = sending.wait(A_RUN).succeeded();
    sent.publisher_balances();
    let (delivered, dropped) = (sent.count("delivered"), sent.count("dropped"));
    assert_eq!(
        (delivered + dropped, sent.count("spooled")),
        (FRAMES as u64, 0)
    );
    assert!(delivered >= 10 && dropped >= 10, "{delivered}, {dropped}");
    storing.interrupt();
    let stored = storing.wait(SOON).succeeded();
    stored.subscriber_balances();
    assert_eq!(stored.count("stored"), delivered);
    assert_eq!(stored.count("given_up"), dropped, "as the camera says");
    assert_eq!(stored.count("missing"), 0);
}

#[test]
fn a_full_disk_under_the_spool_makes_a_file_wait_and_nothing_is_lost() {
    let mut broker = Broker::absent();
    let (disk, copy, out) = (Folder::new(), Folder::new(), Folder::new());
    let sending = publisher(&broker)
        .arg("--spool-dir")
        .arg(disk.path())
        .flags("--confirm archive --fps 60 --frames 40 --source")
        .arg(&footage().file)
        .inside(with_tiny_disk(disk.path(), 16 * MIB, 15 * MIB, copy.path()))
        .start();
    sending.says("the disk is full");
    remove_ballast(&sending, disk.path());
    broker.start_again();
    let storing = confirming(&broker, &out).start();
    let sent = sending.wait(A_RUN).succeeded();
    assert_eq!(sent.publisher_balances().count("delivered"), 40);
    storing.interrupt();
    storing.wait(SOON).succeeded().subscriber_balances();
    assert!(copy.pictures().is_empty(), "the spool is empty");
    out.holds("door", &footage().frames[..40]);
}

#[test]
fn a_consumer_with_a_new_disk_gets_what_the_spool_still_has() {
    let broker = Broker::start();
    let (spool, first, second) = (Folder::new(), Folder::new(), Folder::new());
    let storing = confirming(&broker, &first).start();
    broker.await_subscriptions(1, "cameras/+/frames");
    // `second-archive` never comes: nothing leaves the spool.
    let sending = spooling(&broker, &spool)
        .flags("--confirm archive,second-archive --fps 60 --frames 30 --drain-timeout 30s --source")
        .arg(&footage().file)
        .start();
    first.await_pictures(30);
    mosquitto_sub(&broker)
        .flags("-t cameras/door/receipts/archive -C 1 -W 20")
        .run(SOON)
        .succeeded();
    storing.kill();
    let storing = confirming(&broker, &second).start();
    sending.says("another folder");
    second.await_pictures(30);
    sending.terminate_for_certain();
    storing.interrupt();
    storing.wait(SOON).succeeded();
    assert_eq!(spool.pictures().len(), 30);
    second.holds("door", &footage().frames[..30]);
}

#[test]
fn a_retained_receipt_deletes_nothing() {
    let mut broker = Broker::absent();
    let (spool, out) = (Folder::new(), Folder::new());
    let filling = spooling(&broker, &spool)
        .flags("--confirm archive --fps 60 --source")
        .arg(&footage().file)
        .start();
    spool.await_pictures(20);
    filling.kill();
    let numbered = spool.pictures().len();
    let stream = spool.pictures()[0]
        .parent()
        .and_then(|folder| folder.file_name())
        .unwrap()
        .to_string_lossy()
        .into_owned();
    broker.start_again();
    // A disk that is no more has confirmed all of it.
    let id = "0199aaaa-0000-7000-8000-000000000000";
    mosquitto_pub(&broker)
        .flags("-q 1 -r -t cameras/door/receipts/archive -m")
        .arg(format!(
            r#"{{"store":"{id}","session":"{id}","run":"{id}","counter":1,"complete":true,
                "streams":[{{"stream":"{stream}","through":{numbered}}}]}}"#
        ))
        .run(SOON)
        .succeeded();
    let sending = spooling(&broker, &spool)
        .flags("--confirm archive --fps 60 --frames 1 --source")
        .arg(&footage().file)
        .start();
    sending.says("nobody subscribes");
    assert_eq!(spool.pictures().len(), numbered + 1);
    let storing = confirming(&broker, &out).start();
    let sent = sending.wait(A_RUN).succeeded();
    assert_eq!(sent.count("earlier_delivered"), numbered as u64);
    storing.interrupt();
    storing.wait(SOON).succeeded();
    assert_eq!(out.pictures().len(), numbered + 1);
}

#[test]
fn spool_sync_always_delivers_the_same() {
    let broker = Broker::start();
    let (spool, out) = (Folder::new(), Folder::new());
    let storing = confirming(&broker, &out).flags("--sync always").start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let sent = spooling(&broker, &spool)
        .flags("--spool-sync always --confirm archive --fps 60 --frames 30 --source")
        .arg(&footage().file)
        .run(A_RUN)
        .succeeded();
    assert_eq!(sent.publisher_balances().count("delivered"), 30);
    storing.interrupt();
    storing.wait(SOON).succeeded();
    out.holds("door", &footage().frames[..30]);
}

#[test]
fn a_consumer_that_does_not_confirm_is_said_and_costs_spool_only() {
    let broker = Broker::start();
    let (spool, out) = (Folder::new(), Folder::new());
    let storing = subscriber(&broker, out.path())
        .flags("--consumer archive")
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let sending = spooling(&broker, &spool)
        .flags("--confirm archive --fps 60 --frames 20 --drain-timeout 40s --source")
        .arg(&footage().file)
        .start();
    out.await_pictures(20);
    sending.says("--receipts");
    sending.interrupt();
    eventually_true("the publisher to stop", || {
        !sending.is_running() || {
            sending.interrupt();
            false
        }
    });
    assert_eq!(spool.pictures().len(), 20);
    storing.interrupt();
    storing.wait(SOON).succeeded();
}

#[test]
fn what_contradicts_a_spool_is_refused_in_one_line() {
    let broker = Broker::absent();
    let spool = Folder::new();
    for (flags, words) in [
        ("--delivery live", "--delivery live"),
        ("--qos 0", "--qos 1"),
        ("--on-full drop-newest", "--spool-full"),
        ("--spool-full block", "does not wait"),
    ] {
        spooling(&broker, &spool)
            .flags("--source test")
            .flags(flags)
            .run(SOON)
            .failed(2, words);
    }
    publisher(&broker)
        .flags("--source test --confirm archive")
        .run(SOON)
        .failed(2, "--spool-dir");
}

#[test]
fn two_publishers_do_not_share_a_camera_s_spool() {
    let broker = Broker::start();
    let spool = Folder::new();
    let first = spooling(&broker, &spool).flags("--source test").start();
    spool.await_pictures(1);
    spooling(&broker, &spool)
        .flags("--source test")
        .run(SOON)
        .failed(1, "another frame-publisher");
    first.interrupt();
    first.interrupt();
    first.wait(SOON);
}

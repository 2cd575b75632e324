//! Disks that are full: nothing is acknowledged that is not stored, and when there is room again, all of it arrives.

use crate::harness::broker::Broker;
use crate::harness::eventually::{A_RUN, SOON, eventually_true};
use crate::harness::folder::Folder;
use crate::harness::footage::footage;
use crate::harness::namespace::{remove_ballast, with_tiny_disk};
use crate::harness::scraping::ask;
use crate::harness::{publisher, subscriber};

const MIB: u64 = 1024 * 1024;

#[test]
fn a_full_disk_heals_when_there_is_room_and_nothing_is_lost() {
    heals_with("--consumer archive");
}

#[test]
fn a_full_disk_heals_when_frames_are_synced_and_receipts_are_made() {
    for sync in ["interval", "always"] {
        heals_with(&format!("--consumer archive --receipts --sync {sync}"));
    }
}

#[track_caller]
fn heals_with(flags: &str) {
    let broker = Broker::start();
    let (disk, out) = (Folder::new(), Folder::new());
    // Room for about ten frames of the forty.
    let storing = subscriber(&broker, disk.path())
        .flags(&format!("{flags} --frames 40 --metrics 127.0.0.1:0"))
        .inside(with_tiny_disk(disk.path(), 16 * MIB, 15 * MIB, out.path()))
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let sending = publisher(&broker)
        .flags("--fps 60 --frames 40 --source")
        .arg(&footage().file)
        .start();
    storing.says("No space left");
    assert!(storing.is_running());
    let refuses = "the disk of --out takes no frames: the log says why\n";
    eventually_true("health to say so", || {
        let health = ask(&storing, "/healthz");
        health.status == 503 && health.body == refuses
    });
    remove_ballast(&storing, disk.path());
    sending.wait(A_RUN).succeeded().publisher_balances();
    let stored = storing.wait(A_RUN).succeeded();
    stored.subscriber_balances();
    assert_eq!(stored.count("stored"), 40);
    assert_eq!(
        stored.lines_with("No space left"),
        1,
        "said once, not for every attempt"
    );
    out.holds("door", &footage().frames[..40]);
}

#[test]
fn ctrl_c_ends_a_subscriber_whose_disk_is_full_and_the_rest_comes_later() {
    let broker = Broker::start();
    let (disk, first, second) = (Folder::new(), Folder::new(), Folder::new());
    let storing = subscriber(&broker, disk.path())
        .flags("--consumer archive --drain-timeout 1s")
        .inside(with_tiny_disk(
            disk.path(),
            16 * MIB,
            15 * MIB,
            first.path(),
        ))
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let sending = publisher(&broker)
        .flags("--fps 60 --frames 40 --source")
        .arg(&footage().file)
        .start();
    storing.says("No space left");
    sending.wait(A_RUN).succeeded();
    storing.interrupt();
    storing.wait(SOON).succeeded();
    let kept = first.pictures().len();
    assert!((1..40).contains(&kept), "{kept} frames fitted");
    subscriber(&broker, second.path())
        .flags(&format!("--consumer archive --frames {}", 40 - kept))
        .run(A_RUN)
        .succeeded();
    second.holds("door", &footage().frames[kept..40]);
}

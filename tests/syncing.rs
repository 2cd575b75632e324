//! `--sync`: frames that are forced to the disk are stored, acknowledged and counted like any others.

use crate::harness::broker::Broker;
use crate::harness::eventually::A_RUN;
use crate::harness::folder::Folder;
use crate::harness::footage::{FRAMES, footage};
use crate::harness::{bare_subscriber, publisher, subscriber};

#[test]
fn synced_frames_are_all_stored_and_acknowledged() {
    for sync in ["always", "interval"] {
        let broker = Broker::start();
        let out = Folder::new();
        let storing = subscriber(&broker, out.path())
            .flags(&format!("--sync {sync} --frames {FRAMES}"))
            .start();
        broker.await_subscriptions(1, "cameras/+/frames");
        let sent = publisher(&broker)
            .flags("--fps 200 --source")
            .arg(&footage().file)
            .run(A_RUN)
            .succeeded();
        sent.publisher_balances();
        storing.wait(A_RUN).succeeded().subscriber_balances();
        out.holds("door", &footage().frames);
        bare_subscriber()
            .arg("verify")
            .arg(out.path())
            .run(A_RUN)
            .succeeded();
    }
}

/// `--frames` counts, with a shared sync, too.
#[test]
fn a_consumer_that_syncs_stops_after_n_frames_and_goes_on_where_it_was() {
    let broker = Broker::start();
    let out = Folder::new();
    let start = |frames| {
        subscriber(&broker, out.path())
            .flags(&format!(
                "--consumer archive --sync always --frames {frames}"
            ))
            .start()
    };
    let storing = start(5);
    broker.await_subscriptions(1, "cameras/+/frames");
    publisher(&broker)
        .flags("--fps 200 --frames 40 --source")
        .arg(&footage().file)
        .run(A_RUN)
        .succeeded();
    storing.wait(A_RUN).succeeded();
    assert_eq!(out.pictures().len(), 5);
    start(35).wait(A_RUN).succeeded();
    out.holds("door", &footage().frames[..40]);
}

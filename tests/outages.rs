//! Brokers that are not there, go away or stop answering: what can heal, heals.

use tempfile::tempdir;

use crate::harness::broker::{Broker, Setup};
use crate::harness::eventually::{A_RUN, SOON};
use crate::harness::folder::Folder;
use crate::harness::footage::footage;
use crate::harness::{publisher, subscriber};

#[test]
fn both_wait_for_a_broker_that_is_not_there_yet() {
    let mut broker = Broker::absent();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--consumer archive --frames 10")
        .start();
    let sending = publisher(&broker)
        .flags("--fps 60 --frames 10 --source")
        .arg(&footage().file)
        .start();
    storing.says("refused");
    sending.says("refused");
    broker.start_again();
    let sent = sending.wait(A_RUN).succeeded();
    assert_eq!(sent.publisher_balances().count("delivered"), 10);
    let stored = storing.wait(A_RUN).succeeded();
    out.holds("door", &footage().frames[..10]);
    for outcome in [sent, stored] {
        assert_eq!(
            outcome.lines_with("refused"),
            1,
            "said once, not at every attempt"
        );
    }
}

#[test]
fn every_frame_arrives_though_the_broker_restarts_in_the_middle() {
    let mut broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--consumer archive --frames 132")
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let sending = publisher(&broker)
        .flags("--frames 132 --source")
        .arg(footage().played_in_real_time())
        .start();
    out.await_pictures(30);
    broker.stop();
    sending.says("lost");
    storing.says("lost");
    broker.start_again();
    let sent = sending.wait(A_RUN).succeeded();
    let stored = storing.wait(A_RUN).succeeded();
    out.holds("door", &footage().frames);
    sent.publisher_balances();
    assert_eq!(
        (sent.count("delivered"), sent.count("reconnects")),
        (132, 1)
    );
    stored.subscriber_balances();
    assert_eq!(
        (stored.count("stored"), stored.count("reconnects")),
        (132, 1)
    );
}

#[test]
fn every_frame_arrives_by_mqtt_3_1_1_though_the_broker_restarts_in_the_middle() {
    let mut broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--consumer archive --frames 132 --protocol 3.1.1")
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let sending = publisher(&broker)
        .flags("--protocol 3.1.1 --fps 60 --source")
        .arg(&footage().file)
        .start();
    out.await_pictures(30);
    broker.stop();
    broker.start_again();
    sending.wait(A_RUN).succeeded().publisher_balances();
    storing.wait(A_RUN).succeeded().subscriber_balances();
    out.holds("door", &footage().frames);
}

#[test]
fn live_delivery_sends_the_newest_and_counts_what_it_left_out() {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--consumer archive")
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let play = footage().played_in_real_time();
    let play = play.trim_start_matches("exec:");
    let sending = publisher(&broker)
        .flags("--delivery live --source")
        .arg(format!(
            "exec:sh -c '{play}; echo all is played >&2; exec sleep 1000'"
        ))
        .start();
    out.await_pictures(20);
    broker.pause();
    let stored = out.pictures().len();
    sending.says("all is played");
    broker.go_on();
    sending.interrupt();
    let sent = sending.wait(A_RUN).succeeded();
    sent.publisher_balances();
    // The last pictures may still be in the pipe when the program says that it has written them.
    assert!(sent.count("captured") > 120);
    assert!(
        sent.count("dropped") > 30,
        "frames came while nothing could be sent"
    );
    let delivered = usize::try_from(sent.count("delivered")).unwrap();
    assert!(delivered >= stored);
    out.await_pictures(delivered);
    storing.interrupt();
    storing.wait(SOON).succeeded();
}

#[test]
fn ctrl_c_ends_both_with_their_figures_while_frames_flow() {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--consumer archive")
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let sending = publisher(&broker)
        .flags("--source test --resolution 640x480 --fps 30")
        .start();
    out.await_pictures(10);
    sending.interrupt();
    let sent = sending.wait(SOON).succeeded();
    sent.publisher_balances();
    assert_eq!(
        sent.count("captured"),
        sent.count("delivered"),
        "what was captured is delivered first"
    );
    out.await_pictures(usize::try_from(sent.count("delivered")).unwrap());
    storing.terminate();
    let stored = storing.wait(SOON).succeeded();
    assert_eq!(
        stored.subscriber_balances().count("stored"),
        sent.count("delivered")
    );
}

#[test]
fn ctrl_c_ends_both_without_a_broker() {
    let broker = Broker::absent();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path()).start();
    let sending = publisher(&broker)
        .flags("--source test --resolution 320x240 --drain-timeout 1s")
        .start();
    for program in [storing, sending] {
        program.says("refused");
        program.interrupt();
        program.wait(SOON).succeeded();
    }
}

#[test]
fn what_cannot_be_delivered_in_time_is_counted_and_said() {
    let broker = Broker::absent();
    let sent = publisher(&broker)
        .flags("--fps 0 --frames 10 --drain-timeout 500ms --source")
        .arg(&footage().file)
        .run(A_RUN)
        .succeeded();
    sent.publisher_balances();
    assert_eq!((sent.count("captured"), sent.count("delivered")), (10, 0));
    assert_eq!(sent.lines_with("Delivered 0, dropped 10"), 1);
}

#[test]
fn a_subscriber_heals_when_the_broker_forgets_everything() {
    let mut broker = Setup::default().line("persistence false").start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--consumer archive --frames 3")
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    broker.stop();
    broker.start_again();
    broker.await_subscriptions(1, "cameras/+/frames");
    let folder = tempdir().unwrap();
    footage().write_into(folder.path(), 3);
    publisher(&broker)
        .flags("--fps 60 --source")
        .arg(folder.path())
        .run(A_RUN)
        .succeeded();
    let stored = storing.wait(A_RUN).succeeded();
    assert_eq!(
        stored.lines_with("forgotten"),
        1,
        "what may be lost is said"
    );
    out.holds("door", &footage().frames[..3]);
}

#[test]
fn a_broker_that_restarts_again_and_again_is_waited_for_each_time() {
    let mut broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--consumer archive")
        .start();
    for _ in 0..9 {
        broker.await_connection("fb-sub-archive");
        broker.stop();
        broker.start_again();
    }
    broker.await_connection("fb-sub-archive");
    storing.terminate();
    let stored = storing.wait(SOON).succeeded();
    assert_eq!(stored.subscriber_balances().count("reconnects"), 9);
}

//! Frames larger than somebody takes: dropped or set aside, counted, and never sent round in a loop.

use crate::harness::broker::{Broker, Setup};
use crate::harness::eventually::{A_RUN, SOON, eventually_true};
use crate::harness::folder::Folder;
use crate::harness::footage::{FRAMES, footage};
use crate::harness::outcome::Outcome;
use crate::harness::{publisher, subscriber};

#[test]
fn frames_above_the_brokers_limit_are_dropped_with_one_warning() {
    let mut sizes: Vec<_> = footage().frames.iter().map(Vec::len).collect();
    sizes.sort_unstable();
    // Some frames fit and some do not; the message around a frame takes less than a kilobyte.
    let limit = sizes[FRAMES / 2] + 1000;
    let surely_fit = sizes.iter().filter(|size| **size + 1000 <= limit).count();
    let surely_not = sizes.iter().filter(|size| **size > limit).count();
    let broker = Setup::default()
        .line(&format!("max_packet_size {limit}"))
        .start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--consumer archive")
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let sent = publisher(&broker)
        .flags("--fps 100 --source")
        .arg(&footage().file)
        .run(A_RUN)
        .succeeded();
    sent.publisher_balances();
    let (delivered, dropped) = (sent.count("delivered"), sent.count("dropped"));
    assert_eq!(delivered + dropped, FRAMES as u64);
    assert!(
        delivered >= surely_fit as u64 && dropped >= surely_not as u64,
        "{delivered}, {dropped}"
    );
    assert_eq!(sent.count("reconnects"), 0);
    assert_eq!(sent.lines_with("WARN"), 1, "one warning, not one a frame");
    out.await_pictures(usize::try_from(delivered).unwrap());
    storing.interrupt();
    let stored = storing.wait(SOON).succeeded();
    assert_eq!(stored.count("stored"), delivered);
}

#[test]
fn a_limit_that_mosquitto_does_not_announce_ends_in_a_count() {
    let sent = sent_above_a_silent_limit("message_size_limit", "5");
    assert!(sent.lines_with("refuses a packet as too large") > 0);
}

#[test]
fn a_limit_that_mqtt_3_1_1_cannot_tell_ends_in_a_count() {
    sent_above_a_silent_limit("max_packet_size", "3.1.1");
}

/// Three frames above a limit that the broker does not tell: none is delivered, and one line names the `setting`.
#[track_caller]
fn sent_above_a_silent_limit(setting: &str, protocol: &str) -> Outcome {
    let broker = Setup::default().line(&format!("{setting} 90000")).start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags(&format!("--protocol {protocol} --consumer archive"))
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let sent = publisher(&broker)
        .flags(&format!(
            "--protocol {protocol} --fps 0 --frames 3 --source"
        ))
        .arg(&footage().file)
        .run(A_RUN)
        .succeeded();
    sent.publisher_balances();
    assert_eq!((sent.count("delivered"), sent.count("dropped")), (0, 3));
    assert_eq!(
        sent.lines_with(setting),
        1,
        "one line says what may be wrong"
    );
    storing.interrupt();
    storing.wait(SOON).succeeded();
    sent
}

#[test]
fn frames_above_the_subscribers_limit_are_set_aside_and_the_others_are_stored() {
    for protocol in ["5", "3.1.1"] {
        let broker = Broker::start();
        let out = Folder::new();
        let storing = subscriber(&broker, out.path())
            .flags("--consumer archive --max-frame-bytes 30000 --protocol")
            .arg(protocol)
            .start();
        broker.await_subscriptions(1, "cameras/+/frames");
        let send = || publisher(&broker).flags("--format json --frames 2 --fps 0 --source");
        send().arg(&footage().file).run(A_RUN).succeeded();
        eventually_true("two to be set aside", || out.quarantined().len() == 2);
        send()
            .arg("test")
            .flags("--resolution 160x120")
            .run(A_RUN)
            .succeeded();
        out.await_pictures(2);
        storing.interrupt();
        let stored = storing.wait(SOON).succeeded();
        stored.subscriber_balances();
        assert_eq!(
            (stored.count("quarantined"), stored.count("stored")),
            (2, 2)
        );
        assert_eq!(stored.count("reconnects"), 0);
    }
}

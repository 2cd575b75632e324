//! Every way a frame can travel: both formats, both protocols, both qualities of service, all four transports.

use std::fs;

use tempfile::tempdir;

use crate::harness::broker::{Broker, Setup};
use crate::harness::certificates::Authority;
use crate::harness::eventually::A_RUN;
use crate::harness::folder::Folder;
use crate::harness::footage::footage;
use crate::harness::launch::Launch;
use crate::harness::{publisher, publisher_at, subscriber, subscriber_at};

#[test]
fn binary_frames_travel_by_mqtt_5() {
    carries_the_footage("--fps 0 --format binary --protocol 5", "--protocol 5");
}

#[test]
fn json_frames_travel_by_mqtt_5() {
    carries_the_footage("--fps 0 --format json --protocol 5", "--protocol 5");
}

#[test]
fn json_frames_travel_by_mqtt_3_1_1() {
    carries_the_footage("--fps 0 --format json --protocol 3.1.1", "--protocol 3.1.1");
}

#[test]
fn mqtt_3_1_1_implies_json() {
    carries_the_footage("--fps 0 --protocol 3.1.1", "--protocol 5");
}

#[test]
fn json_frames_cross_from_mqtt_5_to_3_1_1() {
    carries_the_footage("--fps 0 --format json", "--protocol 3.1.1");
}

#[test]
fn binary_frames_travel_at_most_once() {
    carries_the_footage("--qos 0 --fps 60", "");
}

#[test]
fn json_frames_travel_at_most_once_by_mqtt_3_1_1() {
    carries_the_footage("--qos 0 --fps 60 --protocol 3.1.1", "--protocol 3.1.1");
}

#[test]
fn binary_frames_reach_mqtt_3_1_1_as_bare_pictures_with_one_warning() {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--protocol 3.1.1 --frames 4")
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    send(publisher(&broker), 4);
    let stored = storing.wait(A_RUN).succeeded();
    assert_eq!(stored.subscriber_balances().count("foreign"), 4);
    assert_eq!(
        stored.lines_with("--format json"),
        1,
        "one warning names the cure"
    );
    assert_eq!(out.pictures().len(), 4);
}

#[test]
fn frames_travel_by_websocket() {
    let broker = Broker::start();
    carries(12, &broker, &broker.websocket_url(), |program| program);
}

#[test]
fn frames_travel_encrypted() {
    let authority = Authority::new();
    let broker = Setup::default().encrypted(authority.sign_local()).start();
    carries(12, &broker, &broker.url(), |program| {
        program.arg("--ca-file").arg(authority.certificate())
    });
}

#[test]
fn frames_travel_by_encrypted_websocket() {
    let authority = Authority::new();
    let broker = Setup::default().encrypted(authority.sign_local()).start();
    // Mosquitto 2.0 sends by its own encrypted websockets at 40 KB/s: two frames take six seconds.
    carries(2, &broker, &broker.websocket_url(), |program| {
        program.arg("--ca-file").arg(authority.certificate())
    });
}

#[test]
fn client_certificates_open_a_broker_that_asks_for_them() {
    let authority = Authority::new();
    let ours = authority.sign("ours", "DNS:ours");
    let broker = Setup::default()
        .encrypted(authority.sign_local())
        .client_certificates_of(&authority.certificate())
        .start();
    carries(12, &broker, &broker.url(), |program| {
        program
            .arg("--ca-file")
            .arg(authority.certificate())
            .arg("--cert-file")
            .arg(&ours.certificate)
            .arg("--key-file")
            .arg(&ours.key)
    });
}

#[test]
fn a_password_is_read_from_a_file() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("password");
    fs::write(&file, "open sesame\n").unwrap();
    let broker = Setup::default().user("ali", "open sesame").start();
    carries(12, &broker, &broker.url(), |program| {
        program.flags("--username ali --password-file").arg(&file)
    });
}

#[test]
fn a_password_is_read_from_the_environment() {
    let broker = Setup::default().user("ali", "open sesame").start();
    carries(12, &broker, &broker.url(), |program| {
        program
            .env("FRAMEBRIDGE_USERNAME", "ali")
            .env("FRAMEBRIDGE_PASSWORD", "open sesame")
    });
}

#[test]
fn another_topic_prefix_is_another_world() {
    let broker = Broker::start();
    carries(12, &broker, &broker.url(), |program| {
        program.flags("--topic-prefix site/north")
    });
}

/// Sends all of the footage as fast as tests go, and asserts that all of it is stored unchanged.
#[track_caller]
fn carries_the_footage(publisher_flags: &str, subscriber_flags: &str) {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--frames 132")
        .flags(subscriber_flags)
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let sent = publisher(&broker)
        .flags(publisher_flags)
        .arg("--source")
        .arg(&footage().file)
        .run(A_RUN)
        .succeeded();
    let stored = storing.wait(A_RUN).succeeded();
    out.holds("door", &footage().frames);
    sent.publisher_balances();
    assert_eq!(stored.subscriber_balances().count("stored"), 132);
}

/// Sends `count` frames to `url`, both programs completed by `complete`, and asserts that all are stored unchanged.
#[track_caller]
fn carries(count: usize, broker: &Broker, url: &str, complete: impl Fn(Launch) -> Launch) {
    let out = Folder::new();
    let storing =
        complete(subscriber_at(url, out.path()).flags(&format!("--frames {count}"))).start();
    broker.await_subscriptions(1, "/+/frames");
    send(complete(publisher_at(url)), count);
    storing.wait(A_RUN).succeeded();
    out.holds("door", &footage().frames[..count]);
}

fn send(publisher: Launch, count: usize) {
    publisher
        .flags(&format!("--fps 60 --frames {count} --source"))
        .arg(&footage().file)
        .run(A_RUN)
        .succeeded()
        .publisher_balances();
}

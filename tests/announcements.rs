//! What a camera and a consumer say of themselves: the newest picture, whether they are there, how they fare.

use serde_json::Value;

use crate::harness::broker::Broker;
use crate::harness::eventually::{A_RUN, SOON, eventually_true};
use crate::harness::folder::Folder;
use crate::harness::footage::footage;
use crate::harness::program::Program;
use crate::harness::{mosquitto_sub, publisher, subscriber};

#[test]
fn a_late_joiner_finds_the_newest_picture() {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path()).flags("--frames 9").start();
    broker.await_subscriptions(1, "cameras/+/frames");
    publisher(&broker)
        .flags("--frames 9 --fps 30 --source")
        .arg(&footage().file)
        .run(A_RUN)
        .succeeded();
    storing.wait(SOON).succeeded();
    let latest = mosquitto_sub(&broker)
        .flags("-C 1 -N -W 5 -t cameras/door/latest")
        .run(SOON)
        .succeeded();
    assert!(latest.stdout() == footage().frames[8], "not the last one");
}

#[test]
fn a_camera_is_online_while_it_runs_and_offline_after() {
    let broker = Broker::start();
    let camera = publisher(&broker)
        .flags("--source test --resolution 320x240")
        .start();
    is_announced(&broker, "cameras/door/status", "online");
    camera.interrupt();
    camera.wait(SOON).succeeded();
    is_announced(&broker, "cameras/door/status", "offline");
}

#[test]
fn a_camera_that_was_killed_is_offline_by_its_last_will() {
    let broker = Broker::start();
    let camera = publisher(&broker)
        .flags("--source test --resolution 320x240")
        .start();
    is_announced(&broker, "cameras/door/status", "online");
    camera.kill();
    is_announced(&broker, "cameras/door/status", "offline");
}

#[test]
fn a_consumer_is_online_while_it_runs_and_offline_after() {
    let broker = Broker::start();
    let out = Folder::new();
    let start = || {
        subscriber(&broker, out.path())
            .flags("--consumer archive")
            .start()
    };
    let consumer = start();
    is_announced(&broker, "consumers/archive/status", "online");
    consumer.interrupt();
    consumer.wait(SOON).succeeded();
    is_announced(&broker, "consumers/archive/status", "offline");
    let consumer = start();
    is_announced(&broker, "consumers/archive/status", "online");
    consumer.kill();
    is_announced(&broker, "consumers/archive/status", "offline");
}

#[test]
fn a_camera_publishes_its_figures() {
    let broker = Broker::start();
    let listening = mosquitto_sub(&broker)
        .flags("-C 1 -W 20 -t cameras/door/stats")
        .start();
    broker.await_subscriptions(1, "cameras/door/stats");
    let camera = publisher(&broker)
        .flags("--source test --resolution 320x240 --fps 10")
        .start();
    let stats: Value =
        serde_json::from_slice(&listening.wait(A_RUN).succeeded().stdout()).expect("JSON");
    for figure in ["fps", "captured", "delivered", "dropped", "reconnects"] {
        assert!(stats[figure].is_number(), "no {figure} in {stats}");
    }
    camera.interrupt();
    camera.wait(SOON).succeeded();
}

/// Waits until the retained message on `topic` is `status`.
#[track_caller]
fn is_announced(broker: &Broker, topic: &str, status: &str) {
    let listening: Program = mosquitto_sub(broker).flags("-q 1 -t").arg(topic).start();
    eventually_true(&format!("{topic} to say {status}"), || {
        String::from_utf8_lossy(&listening.stdout()).lines().last() == Some(status)
    });
}

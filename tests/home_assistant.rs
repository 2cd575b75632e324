//! The camera as a device in Home Assistant, and what is left of it in the end. `make test-home-assistant` asks Home Assistant itself.

use serde_json::Value;

use crate::harness::broker::{Broker, Setup};
use crate::harness::eventually::{SOON, eventually, eventually_true};
use crate::harness::launch::Launch;
use crate::harness::outcome::Outcome;
use crate::harness::program::Program;
use crate::harness::{bare_publisher, mosquitto_pub, mosquitto_sub, publisher};

const CONFIG: &str = "homeassistant/device/framebridge-cameras_-door/config";

#[test]
fn a_camera_is_announced_to_whoever_comes_later() {
    for protocol in ["5", "3.1.1"] {
        let broker = Broker::start();
        let camera = camera(&broker, &format!("--protocol {protocol}"));
        let device = announced(&broker);
        assert_eq!(device["device"]["name"], "door");
        assert_eq!(
            device["components"]["picture"]["topic"],
            "cameras/door/latest"
        );
        end(&camera);
    }
}

#[test]
fn without_a_newest_picture_home_assistant_is_promised_none() {
    let broker = Broker::start();
    let camera = camera(&broker, "--no-latest");
    assert_eq!(announced(&broker)["components"].get("picture"), None);
    assert_eq!(end(&camera).lines_with("gets no picture"), 1);
}

#[test]
fn a_camera_is_announced_again_when_home_assistant_starts_and_no_flood_makes_it_many() {
    let broker = Broker::start();
    let ears = mosquitto_sub(&broker).flags("-v -t").arg(CONFIG).start();
    broker.await_subscriptions(1, CONFIG);
    let camera = camera(&broker, "");
    let heard = || String::from_utf8_lossy(&ears.stdout()).lines().count();
    eventually_true("the first announcement", || heard() == 1);
    let says = |payload: &str, retain: &str| {
        mosquitto_pub(&broker)
            .flags(&format!("-t homeassistant/status -m {payload} {retain}"))
            .run(SOON)
            .succeeded();
    };
    says("offline", "");
    says("online", "");
    eventually_true("the second announcement", || heard() == 2);
    for _ in 0..20 {
        says("online", "");
    }
    eventually_true("an announcement after many starts", || heard() > 2);
    end(&camera);
    assert!(heard() < 10, "{} announcements", heard());
}

#[test]
fn a_broker_that_takes_no_announcement_is_named_once_and_frames_go_on() {
    let broker = Setup::default().line("max_packet_size 500").start();
    let camera = camera(&broker, "");
    camera.says("Home Assistant does not find this camera");
    assert_eq!(end(&camera).lines_with("does not find this camera"), 1);
}

#[test]
fn what_a_camera_left_is_forgotten_once_it_is_gone_and_its_ledger_stays() {
    let broker = Broker::start();
    // Not a name of another test's: forget looks for programs of that name on this machine.
    let camera = publisher(&broker)
        .env("FRAMEBRIDGE_CAMERA", "old-shed")
        .flags("--source test --resolution 320x240 --home-assistant --drain-timeout 0s")
        .start();
    let listening = mosquitto_sub(&broker)
        .flags("-t cameras/old-shed/frames")
        .start();
    eventually_true("all that a camera leaves", || {
        left(&broker) == ["config", "latest", "ledger", "status"]
    });
    forget(&broker, "old-shed")
        .run(SOON)
        .failed(1, "runs on this machine: stop it first");
    end(&camera);
    drop(listening);
    set_status(&broker, "online");
    forget(&broker, "old-shed")
        .run(SOON)
        .failed(1, "is online: stop it first");
    set_status(&broker, "offline");
    assert!(forgotten(&broker, "").starts_with("old-shed is forgotten"));
    assert_eq!(left(&broker), ["ledger"]);
    assert!(forgotten(&broker, "").starts_with("no camera old-shed has left a status"));

    // Camera and broker lost their power at once.
    set_status(&broker, "online");
    assert!(forgotten(&broker, "--force").starts_with("old-shed is forgotten"));
    assert_eq!(left(&broker), ["ledger"]);
}

#[test]
fn forgetting_needs_a_name_and_a_broker() {
    bare_publisher()
        .arg("forget")
        .run(SOON)
        .failed(2, "--camera");
    forget(&Broker::absent(), "nobody")
        .run(SOON)
        .failed(1, "cannot reach");
}

fn camera(broker: &Broker, words: &str) -> Program {
    publisher(broker)
        .flags("--source test --resolution 320x240 --fps 5 --home-assistant --drain-timeout 0s")
        .flags(words)
        .start()
}

#[track_caller]
fn end(camera: &Program) -> Outcome {
    camera.interrupt();
    camera.wait(SOON).succeeded()
}

/// What a late joiner finds.
#[track_caller]
fn announced(broker: &Broker) -> Value {
    eventually(SOON, "an announcement", || {
        let found = mosquitto_sub(broker)
            .flags("-C 1 -W 2 --retained-only -t")
            .arg(CONFIG)
            .run(SOON);
        serde_json::from_str(&found.text()).ok()
    })
}

fn forget(broker: &Broker, camera: &str) -> Launch {
    bare_publisher()
        .flags(&format!("forget --camera {camera} --broker"))
        .arg(broker.url())
}

/// What forgetting the camera, with these `words` beside, says.
#[track_caller]
fn forgotten(broker: &Broker, words: &str) -> String {
    forget(broker, "old-shed")
        .flags(words)
        .run(SOON)
        .succeeded()
        .text()
}

fn set_status(broker: &Broker, status: &str) {
    mosquitto_pub(broker)
        .flags(&format!("-r -t cameras/old-shed/status -m {status}"))
        .run(SOON)
        .succeeded();
}

/// The last levels of all topics that retain something.
fn left(broker: &Broker) -> Vec<String> {
    let found = mosquitto_sub(broker)
        .flags("-W 1 --retained-only -F %t -t # ")
        .run(SOON);
    let mut leaves: Vec<_> = found
        .text()
        .lines()
        .filter_map(|topic| topic.rsplit('/').next())
        .map(ToOwned::to_owned)
        .collect();
    leaves.sort();
    leaves
}

//! What a consumer tells the cameras of what it has: receipts, and what they are answers to.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::harness::broker::{Broker, Setup};
use crate::harness::event::STREAM;
use crate::harness::eventually::{A_RUN, SOON, eventually_true};
use crate::harness::folder::Folder;
use crate::harness::footage::footage;
use crate::harness::launch::Launch;
use crate::harness::scene::{RECEIPTS, RESEND, Scene, end};
use crate::harness::{bare_subscriber, mosquitto_pub, mosquitto_sub, publisher, subscriber};

#[test]
fn frames_on_disk_stand_in_a_receipt_and_a_ledger_draws_one_at_once() {
    let scene = Scene::new();
    let storing = scene.start(1);
    scene.send([1, 2, 4]);
    let first = scene.await_receipt(0, 4, &json!([[3, 3]]));
    assert_eq!(first["complete"], true);
    let known = scene.receipts().len();
    scene.say(1, 4, &json!([[3, 3]]), &json!([]));
    let drawn = scene.await_receipt(known, 4, &json!([[3, 3]]));
    for name in ["store", "session", "run"] {
        assert_eq!(first[name], drawn[name], "{name}");
    }
    assert!(drawn["counter"].as_u64() > first["counter"].as_u64());
    // What is sent to this consumer alone fills the hole.
    scene.send_to(RESEND, 3);
    scene.await_receipt(known, 4, &Value::Null);
    let stored = end(&storing);
    assert_eq!((stored.count("stored"), stored.count("missing")), (4, 0));
    scene.out.holds("door", &footage().frames[..4]);
}

#[test]
fn the_last_receipt_has_all_that_was_stored() {
    let scene = Scene::new();
    let storing = scene.subscriber().flags("--frames 5").start();
    scene.broker.await_subscriptions(1, "cameras/+/ledger");
    scene.send(1..=5);
    storing.wait(SOON).succeeded();
    scene.await_receipt(0, 5, &Value::Null);
    // It is kept for a camera that comes later.
    let kept = mosquitto_sub(&scene.broker)
        .flags("-C 1 -t")
        .arg(RECEIPTS)
        .run(SOON)
        .succeeded();
    let kept: Value = serde_json::from_str(&kept.text()).unwrap();
    assert_eq!(kept["streams"][0]["through"], 5);
}

#[test]
fn receipts_work_over_mqtt_3_1_1() {
    let scene = Scene::new();
    let storing = scene
        .subscriber()
        .flags("--protocol 3.1.1 --frames 10")
        .start();
    scene.broker.await_subscriptions(1, "cameras/+/ledger");
    publisher(&scene.broker)
        .flags("--format json --fps 60 --frames 10 --source")
        .arg(&footage().file)
        .run(A_RUN)
        .succeeded();
    storing.wait(A_RUN).succeeded();
    eventually_true("a receipt through 10", || {
        let receipts = scene.receipts();
        receipts
            .last()
            .is_some_and(|last| last["streams"][0]["through"] == 10)
    });
}

#[test]
fn each_of_many_cameras_has_its_receipt() {
    let broker = Broker::start();
    let out = Folder::new();
    let ears = mosquitto_sub(&broker)
        .flags("-q 1 -F %t -t cameras/+/receipts/archive")
        .start();
    broker.await_subscriptions(1, "cameras/+/receipts/archive");
    let ledger = json!({"stream": STREAM, "counter": 1, "streams": [
        {"stream": STREAM, "last": 1, "given_up": [[1, 1]]}]})
    .to_string();
    for nth in 1..=12 {
        mosquitto_pub(&broker)
            .flags(&format!("-q 1 -r -t cameras/camera-{nth}/ledger -m"))
            .arg(&ledger)
            .run(SOON)
            .succeeded();
    }
    // They all come at once.
    let storing = subscriber(&broker, out.path())
        .flags("--consumer archive --receipts")
        .start();
    eventually_true("receipts for all", || {
        let heard = String::from_utf8(ears.stdout()).unwrap();
        (1..=12).all(|nth| {
            let topic = format!("cameras/camera-{nth}/receipts/archive");
            heard.lines().any(|line| line == topic)
        })
    });
    end(&storing);
}

#[test]
fn what_a_camera_has_given_up_is_written_off_and_not_missing() {
    let scene = Scene::new();
    let storing = scene.start(1);
    scene.send([2, 5]);
    scene.await_receipt(0, 5, &json!([[1, 1], [3, 4]]));
    scene.say(1, 6, &json!([]), &json!([[1, 1], [3, 3], [6, 6]]));
    scene.await_receipt(0, 6, &Value::Null);
    // It comes after all.
    scene.send([6]);
    scene.out.await_pictures(3);
    let stored = end(&storing);
    let counts = ["stored", "given_up", "missing", "gaps"].map(|name| stored.count(name));
    assert_eq!(
        counts,
        [3, 2, 1, 1],
        "1 and 3 were given up, 4 is lost: who confirms hears of what came before its first frame, too"
    );
}

#[test]
fn a_session_that_the_broker_has_forgotten_is_a_new_one_to_the_cameras() {
    let scene = Scene::new();
    let storing = scene.start(1);
    scene.send([1]);
    let before = scene.await_receipt(0, 1, &Value::Null);
    end(&storing);
    // A clean session under this name ends the one that is kept.
    mosquitto_sub(&scene.broker)
        .flags("-i fb-sub-archive -t nothing -E")
        .run(SOON)
        .succeeded();
    let known = scene.receipts().len();
    let storing = scene.start(2);
    scene.say(1, 1, &json!([]), &json!([]));
    let after = scene.await_receipt(known, 1, &Value::Null);
    assert_eq!(before["store"], after["store"]);
    assert_ne!(before["session"], after["session"]);
    end(&storing);
}

#[test]
fn what_is_no_ledger_and_what_is_retained_is_spoken_of_once_and_ignored() {
    let scene = Scene::new();
    mosquitto_pub(&scene.broker)
        .flags("-q 1 -r -t cameras/door/frames -f")
        .arg(scene.pictures.path().join("0001.jpg"))
        .run(SOON)
        .succeeded();
    let storing = scene.start(1);
    storing.says("retained");
    scene.publish_ledger("{}");
    scene.publish_ledger("no ledger");
    storing.says("no ledger");
    scene.say(1, 2, &json!([[2, 2]]), &json!([[1, 1]]));
    scene.await_receipt(0, 1, &Value::Null);
    let stored = end(&storing);
    stored.subscriber_balances();
    assert_eq!(
        (
            stored.lines_with("no ledger"),
            stored.lines_with("retained")
        ),
        (1, 1)
    );
    assert_eq!(stored.count("received"), 0);
}

#[test]
fn a_broker_that_denies_receipts_is_spoken_of_once_and_frames_are_stored() {
    let folder = tempdir().unwrap();
    let acl = folder.path().join("acl");
    let lines = "user archive\ntopic readwrite cameras/+/frames\ntopic read cameras/+/ledger\ntopic write consumers/#\n";
    fs::write(&acl, lines).unwrap();
    let broker = Setup::default()
        .user("archive", "secret")
        .line(&format!("acl_file {}", acl.display()))
        .start();
    let (out, pictures) = (Folder::new(), tempdir().unwrap());
    footage().write_into(pictures.path(), 1);
    let as_archive = "--username archive --consumer archive --receipts";
    let storing = subscriber(&broker, out.path())
        .flags(as_archive)
        .env("FRAMEBRIDGE_PASSWORD", "secret")
        .start();
    broker.await_subscriptions(1, "cameras/+/ledger");
    let event = json!({"specversion": "1.0", "id": format!("{STREAM}-{:020}", 1), "source": "/cameras/door",
        "type": "framebridge.frame.v1", "time": "2026-11-22T14:30:05Z", "sequence": "00000000000000000001",
        "stream": STREAM, "dropped": 0, "framewidth": 1280, "frameheight": 720,
        "crc32c": format!("{:08x}", crc32c::crc32c(&footage().frames[0])),
        "datacontenttype": "image/jpeg", "data_base64": base64_of(&pictures.path().join("0001.jpg"))});
    let file = folder.path().join("event.json");
    fs::write(&file, event.to_string()).unwrap();
    mosquitto_pub(&broker)
        .flags("-u archive -P secret -q 1 -t cameras/door/frames -f")
        .arg(&file)
        .run(SOON)
        .succeeded();
    storing.says("denies receipts");
    assert_eq!(out.pictures().len(), 1);
    assert_eq!(end(&storing).lines_with("denies receipts"), 1);
}

#[test]
fn receipts_are_refused_where_they_could_not_be_true() {
    for (flags, words) in [
        ("--receipts", "--consumer"),
        ("--receipts --consumer archive --group office", "--group"),
        (
            "--receipts --consumer archive --latest-only",
            "--latest-only",
        ),
    ] {
        bare_subscriber().flags(flags).run(SOON).failed(2, words);
    }
}

#[track_caller]
fn base64_of(file: &Path) -> String {
    let encoded = Launch::new("base64", "base64")
        .flags("-w0")
        .arg(file)
        .run(SOON);
    encoded.succeeded().text()
}

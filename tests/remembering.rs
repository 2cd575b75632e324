//! What a consumer remembers of frames: what it stored once is not stored again, whatever became of the files, the indexes,
//! or the ledger.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::harness::bare_subscriber;
use crate::harness::eventually::{A_RUN, eventually_true};
use crate::harness::footage::footage;
use crate::harness::outcome::Outcome;
use crate::harness::scene::{Scene, end};

const LEDGER: &str = ".framebridge.ledger.json";
/// A folder for each second; the frames of a [`Scene`] are a second apart.
const BY_SECOND: &str = "--layout {camera}/{second}/{time}_{stream8}_{sequence:09}.jpg";

#[test]
fn frames_that_were_moved_away_are_not_stored_again_after_a_restart() {
    let scene = Scene::new();
    let storing = scene.start(1);
    scene.send(1..=3);
    scene.await_receipt(0, 3, &Value::Null);
    end(&storing);
    let elsewhere = tempdir().unwrap();
    fs::rename(scene.out.path().join("door"), elsewhere.path().join("door")).unwrap();
    let storing = scene.start(2);
    scene.send(1..=4);
    scene.await_receipt(0, 4, &Value::Null);
    let stored = end(&storing);
    stored.subscriber_balances();
    assert_eq!((stored.count("stored"), stored.count("duplicates")), (1, 3));
    scene.out.holds("door", &footage().frames[3..4]);
}

#[test]
fn a_killed_consumer_knows_at_its_next_start_what_it_had_stored() {
    let scene = Scene::new();
    let storing = scene.start(1);
    scene.send(1..=3);
    let before = scene.await_receipt(0, 3, &Value::Null);
    storing.kill();
    // Killed while it was writing: a torn line, and half a file.
    let picture = scene.out.pictures().remove(0);
    let index = picture.with_file_name("index.jsonl");
    let mut lines = fs::read(&index).unwrap();
    lines.extend_from_slice(b"{\"file\":\"2026");
    fs::write(&index, lines).unwrap();
    let half = picture.with_file_name(".half.jpg.part");
    fs::write(&half, "half").unwrap();
    let known = scene.receipts().len();
    let storing = scene.start(2);
    scene.say(1, 3, &json!([]), &json!([]));
    let after = scene.await_receipt(known, 3, &Value::Null);
    assert_eq!(
        (&before["store"], &before["session"]),
        (&after["store"], &after["session"])
    );
    assert_ne!(before["run"], after["run"]);
    assert!(!half.exists());
    end(&storing);
    verify(scene.out.path()).succeeded();
}

#[test]
fn a_folder_without_its_ledger_is_another_store_and_says_so() {
    let scene = Scene::new();
    let storing = scene.start(1);
    scene.send([1]);
    let before = scene.await_receipt(0, 1, &Value::Null);
    end(&storing);
    fs::remove_file(scene.out.path().join(LEDGER)).unwrap();
    let storing = scene.start(2);
    storing.says("verify --repair");
    scene.send([2]);
    // The folder that is written into again is read as it is opened.
    let after = scene.await_receipt(0, 2, &Value::Null);
    assert_ne!(before["store"], after["store"]);
    assert_eq!(end(&storing).lines_with("verify --repair"), 1);
}

#[test]
fn what_retention_has_deleted_is_not_stored_again() {
    let scene = Scene::new();
    let keep_for = |time: &str| scene.subscriber().flags("--keep-for").arg(time).start();
    let storing = keep_for("1s");
    scene.broker.await_subscriptions(1, "cameras/+/ledger");
    scene.send(1..=3);
    scene.await_receipt(0, 3, &Value::Null);
    eventually_true("the pictures to be deleted", || {
        scene.out.pictures().is_empty()
    });
    end(&storing);
    // The next start takes the index away; whatever befalls it then, the ledger knows what was in it.
    let storing = keep_for("1s");
    eventually_true("the empty folders to go", || {
        !scene.out.path().join("door").exists()
    });
    storing.kill();
    let known = scene.receipts().len();
    let storing = keep_for("1h");
    scene.broker.await_subscriptions(3, "cameras/+/ledger");
    scene.send(1..=4);
    scene.await_receipt(known, 4, &Value::Null);
    let stored = end(&storing);
    stored.subscriber_balances();
    assert_eq!((stored.count("stored"), stored.count("duplicates")), (1, 3));
    scene.out.holds("door", &footage().frames[3..4]);
    verify(scene.out.path()).succeeded();
}

#[test]
fn a_ledger_that_is_gone_is_made_again_from_indexes_and_pictures() {
    let scene = Scene::new();
    store_three(&scene);
    let pictures = scene.out.pictures();
    // Of the second frame there is only the picture left; the other indexes know its stream.
    fs::remove_file(pictures[1].with_file_name("index.jsonl")).unwrap();
    fs::remove_file(scene.out.path().join(LEDGER)).unwrap();
    let repaired = repair(scene.out.path());
    assert_eq!(
        (&repaired["reentered"], &repaired["ledger"]),
        (&json!(1), &json!(true))
    );
    // Now the ledger alone knows of it.
    fs::remove_dir_all(pictures[1].parent().unwrap()).unwrap();
    nothing_of_them_is_stored_again(&scene);
    scene
        .out
        .holds("door", &[0, 2, 3].map(|n| footage().frames[n].clone()));
}

#[test]
fn pictures_whose_indexes_are_all_gone_are_known_by_the_ledger() {
    let scene = Scene::new();
    store_three(&scene);
    for picture in scene.out.pictures() {
        fs::remove_file(picture.with_file_name("index.jsonl")).unwrap();
    }
    let repaired = repair(scene.out.path());
    assert_eq!(
        (&repaired["reentered"], &repaired["left_count"]),
        (&json!(3), &json!(0))
    );
    verify(scene.out.path()).succeeded();
    nothing_of_them_is_stored_again(&scene);
    scene.out.holds("door", &footage().frames[..4]);
}

/// Stores the frames 1 to 3, each in a folder of its own.
#[track_caller]
fn store_three(scene: &Scene) {
    let storing = scene.subscriber().flags(BY_SECOND).start();
    scene.broker.await_subscriptions(1, "cameras/+/ledger");
    scene.send(1..=3);
    scene.await_receipt(0, 3, &Value::Null);
    end(&storing);
    assert_eq!(scene.out.pictures().len(), 3);
}

/// Sends the frames 1 to 4: only the last is new.
#[track_caller]
fn nothing_of_them_is_stored_again(scene: &Scene) {
    let known = scene.receipts().len();
    let storing = scene.subscriber().flags(BY_SECOND).start();
    scene.broker.await_subscriptions(2, "cameras/+/ledger");
    scene.send(1..=4);
    scene.await_receipt(known, 4, &Value::Null);
    let stored = end(&storing);
    stored.subscriber_balances();
    assert_eq!((stored.count("stored"), stored.count("duplicates")), (1, 3));
    assert_eq!(stored.lines_with("verify --repair"), 0);
}

#[track_caller]
fn repair(out: &Path) -> Value {
    let repaired = bare_subscriber()
        .flags("verify --repair --json")
        .arg(out)
        .run(A_RUN);
    let report: Value = serde_json::from_str(&repaired.text()).expect("it is JSON");
    report["repaired"].clone()
}

#[track_caller]
fn verify(out: &Path) -> Outcome {
    bare_subscriber().arg("verify").arg(out).run(A_RUN)
}

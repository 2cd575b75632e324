//! `doctor` and `devices`: what is wrong is found and said.

mod beside_others;

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::harness::broker::{Broker, Setup};
use crate::harness::eventually::{A_RUN, SOON};
use crate::harness::folder::Folder;
use crate::harness::launch::Launch;
use crate::harness::namespace::with_read_only_disk;
use crate::harness::outcome::Outcome;
use crate::harness::{bare_publisher, bare_subscriber, mosquitto_sub};

#[test]
fn a_camera_that_is_well_set_up_passes_and_consumers_hear_nothing_of_it() {
    let (broker, spool) = (Broker::start(), tempdir().unwrap());
    let ears = mosquitto_sub(&broker)
        .flags("-v -t # -T cameras/door/stats -T cameras/door/resend/+")
        .start();
    broker.await_subscriptions(1, "#");
    let passed = publisher_doctor(&broker)
        .flags("--source test --resolution 320x240 --confirm archive --spool-dir")
        .arg(spool.path())
        .run(A_RUN)
        .succeeded();
    let said = passed.text();
    has_line(&passed, "ok", "camera: test: a picture of 320x240");
    has_line(&passed, "ok", "answers in");
    has_line(&passed, "ok", "it is mosquitto version");
    has_line(
        &passed,
        "ok",
        "may publish to cameras/door/stats, cameras/door/resend/doctor-",
    );
    has_line(
        &passed,
        "ok",
        "may subscribe to cameras/door/receipts/archive, consumers/archive/status",
    );
    has_line(&passed, "warning", "nothing is known of archive");
    has_line(&passed, "", "disk: --spool-dir");
    assert!(said.contains(" clock: "), "{said}");
    assert_eq!(String::from_utf8_lossy(&ears.stdout()), "");
    assert_eq!(fs::read_dir(spool.path()).unwrap().count(), 0);
}

#[test]
fn a_broker_that_is_not_there_is_said() {
    let (broker, out) = (Broker::absent(), Folder::new());
    for doctor in both(&broker, out.path()) {
        let failed = doctor.run(A_RUN).failed(1, "checks found something wrong");
        has_line(&failed, "error", "broker: cannot reach");
    }
}

#[test]
fn a_wrong_password_is_said() {
    let (broker, out) = (
        Setup::default().user("doc-a", "open sesame").start(),
        Folder::new(),
    );
    for doctor in both(&broker, out.path()) {
        let failed = doctor
            .flags("--username doc-a")
            .env("FRAMEBRIDGE_PASSWORD", "open barley")
            .run(A_RUN)
            .failed(1, "checks found something wrong");
        has_line(&failed, "error", "check --username and --password-file");
        assert!(!failed.text().contains("barley") && !failed.stderr().contains("barley"));
    }
}

#[test]
fn what_the_access_list_denies_is_named() {
    let folder = tempdir().unwrap();
    let broker = guarded(&folder, "doc-b", "topic readwrite cameras/gate/#").start();
    let failed = publisher_doctor(&broker)
        .flags("--source test --resolution 320x240 --username doc-b")
        .env("FRAMEBRIDGE_PASSWORD", "open sesame")
        .run(A_RUN)
        .exited_with(1);
    has_line(&failed, "error", "denies publishing to cameras/door/stats");
    let out = Folder::new();
    let failed = subscriber_doctor(&broker, out.path())
        .flags("--consumer archive --receipts --camera door --username doc-b")
        .env("FRAMEBRIDGE_PASSWORD", "open sesame")
        .run(A_RUN)
        .exited_with(1);
    has_line(
        &failed,
        "error",
        "denies publishing to cameras/door/receipts/archive",
    );
    has_line(&failed, "warning", "nothing is heard of camera door");
}

#[test]
fn a_folder_that_nobody_can_write_to_is_said() {
    let (broker, out) = (Broker::start(), Folder::new());
    let failed = subscriber_doctor(&broker, out.path())
        .inside(with_read_only_disk(out.path()))
        .run(A_RUN)
        .failed(1, "checks found something wrong");
    has_line(&failed, "error", "disk: --out");
    has_line(&failed, "error", "cannot be written to");
}

#[test]
fn a_packet_limit_below_a_picture_is_said() {
    let broker = Setup::default().line("max_packet_size 2000").start();
    let failed = publisher_doctor(&broker)
        .flags("--source test")
        .run(A_RUN)
        .exited_with(1);
    has_line(&failed, "error", "raise max_packet_size");
}

#[test]
fn mqtt_3_1_1_is_asked_as_far_as_it_answers() {
    let (broker, out) = (Broker::start(), Folder::new());
    for doctor in both(&broker, out.path()) {
        let passed = doctor.flags("--protocol 3.1.1").run(A_RUN).succeeded();
        has_line(&passed, "ok", "its limits are not known");
        has_line(&passed, "ok", "it is mosquitto version");
    }
}

#[test]
fn what_a_run_refuses_a_check_up_refuses_too() {
    for (flags, words) in [
        (
            "--source test --confirm archive",
            "--confirm needs --spool-dir",
        ),
        ("--source test --control brightness=1", "only a V4L2 camera"),
        ("--source test --on-full block", "--on-full block"),
        ("--control brightness", "NAME=VALUE"),
    ] {
        bare_publisher()
            .arg("doctor")
            .flags(flags)
            .run(SOON)
            .failed(2, words);
    }
    bare_subscriber()
        .flags("doctor --receipts")
        .run(SOON)
        .failed(2, "--receipts needs --consumer");
}

#[test]
fn devices_are_listed_for_scripts() {
    let listed = bare_publisher()
        .flags("devices --json")
        .run(SOON)
        .succeeded();
    let report: Value = serde_json::from_str(&listed.text()).expect("the list is JSON");
    assert!(report["devices"].is_array(), "{report}");
    bare_publisher().flags("devices").run(SOON).succeeded();
}

/// A broker with one user, who may do what `right` says, and a user `doc-camera`, who may do anything.
fn guarded(folder: &TempDir, user: &str, right: &str) -> Setup {
    let list = folder.path().join("acl");
    let rights = format!(
        "user {user}
{right}
user doc-camera
topic readwrite #
"
    );
    fs::write(&list, rights).unwrap();
    Setup::default()
        .user(user, "open sesame")
        .user("doc-camera", "open sesame")
        .line(&format!("acl_file {}", list.display()))
}

fn publisher_doctor(broker: &Broker) -> Launch {
    bare_publisher()
        .arg("doctor")
        .arg("--broker")
        .arg(broker.url())
        .env("FRAMEBRIDGE_CAMERA", "door")
}

fn subscriber_doctor(broker: &Broker, out: &Path) -> Launch {
    bare_subscriber()
        .arg("doctor")
        .arg("--broker")
        .arg(broker.url())
        .arg("--out")
        .arg(out)
}

fn both(broker: &Broker, out: &Path) -> [Launch; 2] {
    [
        publisher_doctor(broker).flags("--source test --resolution 320x240"),
        subscriber_doctor(broker, out),
    ]
}

/// Asserts that a line begins with `verdict` and contains `words`.
#[track_caller]
fn has_line(outcome: &Outcome, verdict: &str, words: &str) {
    let said = outcome.text();
    let is_there = said
        .lines()
        .any(|line| line.starts_with(verdict) && line.contains(words));
    assert!(is_there, "no {verdict} with {words:?} in:\n{said}");
}

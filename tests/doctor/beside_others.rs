//! Whom a check-up must not disturb: programs that run, frames that wait, members of a group.

use serde_json::Value;
use tempfile::tempdir;

use super::{guarded, has_line, publisher_doctor, subscriber_doctor};
use crate::harness::broker::Broker;
use crate::harness::eventually::{A_RUN, eventually_true};
use crate::harness::folder::Folder;
use crate::harness::footage::footage;
use crate::harness::launch::Launch;
use crate::harness::{publisher, subscriber};

#[test]
fn a_consumer_that_is_well_set_up_passes_and_hears_the_cameras() {
    let (broker, out, never) = (Broker::start(), Folder::new(), Folder::new());
    let sending = publisher(&broker)
        .flags("--source test --resolution 320x240")
        .start();
    let storing = subscriber(&broker, out.path())
        .flags("--consumer archive")
        .start();
    eventually_true("frames to be stored", || !out.pictures().is_empty());
    let passed = subscriber_doctor(&broker, never.path())
        .flags("--consumer archive --json")
        .run(A_RUN)
        .succeeded();
    let report: Value = serde_json::from_str(&passed.text()).expect("the report is JSON");
    let checks = report["checks"].as_array().unwrap();
    let says = |words: &str| {
        checks.iter().any(|check| {
            check["says"]
                .as_str()
                .is_some_and(|says| says.contains(words))
        })
    };
    for words in [
        "it keeps a session for who is away",
        "door is online; ",
        " ms after they were taken",
        "may subscribe to cameras/+/frames, cameras/+/ledger",
        "of what comes now",
    ] {
        assert!(says(words), "{words:?} is not in {report:#}");
    }
    // Both have gone on as if nothing had been.
    for running in [&sending, &storing] {
        assert!(running.is_running());
        running.interrupt();
    }
    assert_eq!(sending.wait(A_RUN).succeeded().count("reconnects"), 0);
    let stored = storing.wait(A_RUN).succeeded();
    assert_eq!(stored.count("reconnects") + stored.count("missing"), 0);
    assert!(never.pictures().is_empty());
}

#[test]
fn camera_and_consumer_that_run_with_receipts_are_found_and_take_no_notice() {
    let (broker, out, spool) = (Broker::start(), Folder::new(), tempdir().unwrap());
    let storing = subscriber(&broker, out.path())
        .flags("--consumer archive --receipts")
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let with_spool = |launch: Launch| {
        launch
            .flags("--source test --resolution 320x240 --confirm archive --spool-dir")
            .arg(spool.path())
    };
    let sending = with_spool(publisher(&broker)).start();
    eventually_true("frames to be stored", || out.pictures().len() > 50);
    let passed = with_spool(publisher_doctor(&broker)).run(A_RUN).succeeded();
    has_line(
        &passed,
        "ok",
        "consumer: archive is online, and sends receipts",
    );
    has_line(&passed, "", "in use by a running program");
    let passed = subscriber_doctor(&broker, out.path())
        .flags("--consumer archive --receipts --camera door")
        .run(A_RUN)
        .succeeded();
    has_line(
        &passed,
        "ok",
        "may publish to cameras/door/receipts/archive",
    );
    has_line(&passed, "", "in use by a running program");
    sending.interrupt();
    let sent = sending.wait(A_RUN).succeeded();
    sent.publisher_balances();
    assert_eq!(sent.lines_with("no receipt") + sent.lines_with("WARN"), 0);
    storing.interrupt();
    let stored = storing.wait(A_RUN).succeeded();
    stored.subscriber_balances();
    assert_eq!(stored.count("quarantined") + stored.count("foreign"), 0);
}

#[test]
fn a_running_program_of_the_same_user_is_not_ended_where_users_are_client_ids() {
    let folder = tempdir().unwrap();
    let broker = guarded(&folder, "doc-c", "topic readwrite #")
        .with_users_as_client_ids()
        .start();
    let as_user = |launch: Launch| {
        launch
            .flags("--username doc-c")
            .env("FRAMEBRIDGE_PASSWORD", "open sesame")
    };
    let sending = as_user(publisher(&broker).flags("--source test --resolution 320x240")).start();
    broker.await_connection("doc-c");
    let asked = as_user(publisher_doctor(&broker).flags("--source test"))
        .run(A_RUN)
        .succeeded();
    has_line(&asked, "warning", "this program runs here as the same user");
    sending.interrupt();
    assert_eq!(sending.wait(A_RUN).succeeded().count("reconnects"), 0);
    // Now that it has ended there is nobody to be disturbed.
    let asked = as_user(publisher_doctor(&broker).flags("--source test"))
        .run(A_RUN)
        .succeeded();
    has_line(&asked, "ok", "may publish to cameras/door/stats");
}

#[test]
fn frames_that_wait_for_a_consumer_go_on_waiting_where_users_are_client_ids() {
    let folder = tempdir().unwrap();
    let broker = guarded(&folder, "doc-d", "topic readwrite #")
        .with_users_as_client_ids()
        .start();
    let (first, second) = (Folder::new(), Folder::new());
    let as_user = |launch: Launch| {
        launch
            .flags("--consumer archive --username doc-d")
            .env("FRAMEBRIDGE_PASSWORD", "open sesame")
    };
    as_user(subscriber(&broker, first.path()))
        .flags("--duration 100ms")
        .run(A_RUN)
        .succeeded();
    publisher(&broker)
        .flags("--username doc-camera --fps 0 --frames 40 --source")
        .arg(&footage().file)
        .env("FRAMEBRIDGE_PASSWORD", "open sesame")
        .run(A_RUN)
        .succeeded();
    let asked = as_user(subscriber_doctor(&broker, second.path()))
        .run(A_RUN)
        .succeeded();
    has_line(&asked, "ok", "it keeps the session of this user");
    has_line(&asked, "ok", "door: frames wait at the broker");
    // Nor does one take them that was asked for as a program without a session.
    let asked = subscriber_doctor(&broker, second.path())
        .flags("--username doc-d")
        .env("FRAMEBRIDGE_PASSWORD", "open sesame")
        .run(A_RUN)
        .succeeded();
    has_line(&asked, "ok", "it keeps the session of this user");
    let stored = as_user(subscriber(&broker, second.path()))
        .flags("--frames 40")
        .run(A_RUN)
        .succeeded();
    assert_eq!(stored.count("quarantined"), 0);
    second.holds("door", &footage().frames[..40]);
}

#[test]
fn a_group_loses_nothing_to_a_check_up() {
    let (broker, out, never) = (Broker::start(), Folder::new(), Folder::new());
    let storing = subscriber(&broker, out.path())
        .flags("--group office --frames 60")
        .start();
    broker.await_subscriptions(1, "$share/office/cameras/+/frames");
    let sending = publisher(&broker)
        .flags("--fps 20 --frames 60 --source")
        .arg(&footage().file)
        .start();
    subscriber_doctor(&broker, never.path())
        .flags("--group office")
        .run(A_RUN)
        .succeeded();
    sending.wait(A_RUN).succeeded();
    storing.wait(A_RUN).succeeded();
    out.holds("door", &footage().frames[..60]);
}

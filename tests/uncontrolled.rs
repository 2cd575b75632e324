//! What a camera cannot be asked, and who may not ask it.

use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;

use crate::harness::broker::{Broker, Setup};
use crate::harness::controlling::{ANSWERS, CONTROL, camera, control, end, request, status};
use crate::harness::eventually::{A_RUN, SOON, eventually_true};
use crate::harness::folder::Folder;
use crate::harness::launch::Launch;
use crate::harness::{mosquitto_sub, publisher, subscriber};

#[test]
fn what_is_no_request_is_answered_in_plain_words_and_changes_nothing() {
    let broker = Broker::start();
    let camera = camera(&broker, "--fps 5 --drain-timeout 0s");
    let answers = mosquitto_sub(&broker).flags("-q 1 -t").arg(ANSWERS).start();
    broker.await_subscriptions(1, ANSWERS);
    let heard = || String::from_utf8(answers.stdout()).unwrap();
    let to_us = format!("-D publish response-topic {ANSWERS}");
    let long = format!(r#"{{"command":"pause","x":"{}"}}"#, "x".repeat(2000));
    for (payload, words) in [
        ("junk", "no JSON object"),
        (r#"{"command":"reboot"}"#, "unknown variant `reboot`"),
        (r#"{"command":"pause","for":"1h"}"#, "unknown field `for`"),
        (
            r#"{"command":"fps","fps":-1}"#,
            "fps must be from 0.01 to 1000",
        ),
        (&long, "at most 1024 bytes"),
    ] {
        request(&broker, payload, &to_us);
        eventually_true(words, || heard().contains(words));
    }
    request(&broker, r#"{"command":"pause"}"#, &format!("{to_us} -r"));
    eventually_true("a word on retained requests", || {
        heard().contains("must not be retained")
    });
    let long_name = format!("{to_us} -D publish correlation-data {}", "x".repeat(65));
    request(&broker, r#"{"command":"pause"}"#, &long_name);
    eventually_true("a word on correlation data", || {
        heard().contains("at most 64 bytes")
    });
    assert_eq!(heard().lines().count(), 7);
    assert!(
        heard()
            .lines()
            .all(|line| line.starts_with(r#"{"answer":"refused","why":""#))
    );
    assert_eq!(status(&broker)["state"], "capturing");
    end(&camera);
}

#[test]
fn a_request_that_cannot_be_answered_is_not_carried_out() {
    let broker = Broker::start();
    let everything = mosquitto_sub(&broker).flags("-v -t #").start();
    broker.await_subscriptions(1, "#");
    let camera = camera(&broker, "--fps 5 --drain-timeout 0s");
    for words in [
        "",
        "-D publish response-topic cameras/garden/answers/pc",
        "-D publish response-topic cameras/door/control",
        "-D publish response-topic homeassistant/device/door/config",
        "-D publish response-topic cameras/door/answers/a/b",
    ] {
        request(&broker, r#"{"command":"pause"}"#, words);
    }
    assert_eq!(status(&broker)["state"], "capturing");
    let said = end(&camera);
    assert_eq!(said.lines_with("it has no response topic"), 1);
    assert_eq!(said.lines_with("it has another response topic"), 4);
    let heard = String::from_utf8_lossy(&everything.stdout()).into_owned();
    for topic in ["cameras/garden", "homeassistant", "cameras/door/answers/a"] {
        assert!(!heard.contains(topic), "something was published on {topic}");
    }
}

#[test]
fn a_retained_request_is_ignored_at_each_connection() {
    let mut broker = Broker::start();
    let words = format!("-r -D publish response-topic {ANSWERS}");
    request(&broker, r#"{"command":"pause"}"#, &words);
    let camera = camera(&broker, "--fps 5 --drain-timeout 0s");
    assert_eq!(status(&broker)["state"], "capturing");
    broker.stop();
    broker.start_again();
    broker.await_subscriptions(1, CONTROL);
    assert_eq!(status(&broker)["state"], "capturing");
    assert!(end(&camera).lines_with("must not be retained") >= 2);
}

#[test]
fn a_camera_that_is_not_to_be_controlled_is_not() {
    let broker = Broker::start();
    control(&broker, "shed status")
        .run(SOON)
        .failed(1, "nobody takes requests for shed");
    let camera = publisher(&broker)
        .flags("--source test --resolution 320x240 --fps 5 --drain-timeout 0s")
        .start();
    eventually_true("the camera to be online", || {
        let tried = control(&broker, "door pause").run(SOON);
        tried.stderr().contains("--allow-control")
            && tried.stderr().contains("door takes no requests")
    });
    request(
        &broker,
        r#"{"command":"pause"}"#,
        &format!("-D publish response-topic {ANSWERS}"),
    );
    end(&camera);
    control(&broker, "door pause")
        .run(SOON)
        .failed(1, "door is offline");
}

#[test]
fn a_broker_that_is_away_is_not_waited_for_longer_than_asked() {
    let broker = Broker::absent();
    control(&broker, "door status --timeout 300ms")
        .run(SOON)
        .failed(1, "cannot reach");
}

#[test]
fn mqtt_3_1_1_has_no_response_topics() {
    let broker = Broker::absent();
    publisher(&broker)
        .flags("--source test --allow-control --protocol 3.1.1")
        .run(SOON)
        .failed(2, "--allow-control needs MQTT 5");
    control(&broker, "door status --protocol 3.1.1")
        .run(SOON)
        .failed(2, "control needs MQTT 5");
    control(&broker, "door reboot")
        .run(SOON)
        .failed(2, "reboot");
}

/// A broker with the access list of `make-credentials`, where a session is its user's.
fn guarded_broker(credentials: &Path) -> Broker {
    let make = |words: &str| {
        let tool = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../broker-config/make-credentials"
        );
        Launch::new("make-credentials", tool)
            .env("FRAMEBRIDGE_CREDENTIALS", credentials)
            .flags(words)
            .run(SOON)
            .succeeded();
    };
    make("init --host 127.0.0.1");
    make("camera door");
    make("camera garden");
    make("consumer pc");
    make("controller remote --camera door");
    let file = |name: &str| credentials.join(name).display().to_string();
    Setup::default()
        .line("allow_anonymous false")
        .listener_line("use_username_as_clientid true")
        .line(&format!("password_file {}", file("passwords")))
        .line(&format!("acl_file {}", file("acl")))
        .start()
}

#[test]
fn only_who_has_leave_controls_a_camera_and_ends_no_other_session() {
    let credentials = tempdir().unwrap();
    let broker = guarded_broker(credentials.path());
    let as_user = |program: Launch, user: &str| {
        let password = credentials.path().join(format!("{user}.password"));
        program
            .arg("--username")
            .arg(user)
            .arg("--password-file")
            .arg(password)
    };
    let out = Folder::new();
    let storing = as_user(subscriber(&broker, out.path()).flags("--consumer pc"), "pc").start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let camera = as_user(publisher(&broker), "door")
        .flags("--source test --resolution 320x240 --fps 20 --allow-control")
        .start();
    broker.await_subscriptions(1, CONTROL);
    let garden = as_user(publisher(&broker), "garden")
        .flags("--source test --resolution 320x240 --fps 5 --allow-control --camera garden")
        .env("FRAMEBRIDGE_CAMERA", "garden")
        .start();
    broker.await_subscriptions(1, "cameras/garden/control");

    let asked = as_user(control(&broker, "door pause"), "remote").run(A_RUN);
    assert_eq!(asked.succeeded().text(), "door is paused\n");
    as_user(control(&broker, "garden pause"), "remote")
        .run(A_RUN)
        .failed(1, "denies requests to garden");
    // Its answer would go where it may not read.
    as_user(
        control(&broker, "door status --consumer pc --timeout 2s"),
        "remote",
    )
    .run(A_RUN)
    .failed(1, "no answer from door");
    as_user(control(&broker, "door resume"), "remote")
        .run(A_RUN)
        .succeeded();
    let before = out.pictures().len();
    eventually_true("more frames", || out.pictures().len() > before + 5);
    let stored = end(&storing);
    assert_eq!(
        (stored.count("missing"), stored.count("reconnects")),
        (0, 0)
    );

    // While the consumer is away, its user is used for control by mistake: what waits for it is not thrown away.
    as_user(control(&broker, "door status"), "pc")
        .run(A_RUN)
        .failed(1, "control needs a user of its own");
    let captured = || {
        let asked = as_user(control(&broker, "door status --json"), "remote");
        let printed = asked.run(A_RUN).succeeded().text();
        let status: Value = serde_json::from_str(&printed).expect("a status is JSON");
        status["captured"].as_u64().expect("a count")
    };
    let before = captured();
    eventually_true("frames while it is away", || captured() > before + 5);
    let sent = [&camera, &garden].map(|program| {
        let ended = end(program);
        ended.publisher_balances().count("captured")
    });
    let storing = as_user(subscriber(&broker, out.path()).flags("--consumer pc"), "pc").start();
    eventually_true("all that was sent meanwhile", || {
        out.pictures().len() as u64 == sent.iter().sum::<u64>()
    });
    assert_eq!(end(&storing).count("missing"), 0);
}

//! Requests to a camera: each command, what is refused, and that no frame pays for any of it.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;

use crate::harness::broker::{Broker, Setup};
use crate::harness::eventually::{A_RUN, SOON, eventually_true};
use crate::harness::folder::Folder;
use crate::harness::footage::footage;
use crate::harness::launch::Launch;
use crate::harness::outcome::Outcome;
use crate::harness::program::Program;
use crate::harness::{bare_subscriber, mosquitto_pub, mosquitto_sub, publisher, subscriber};

const ANSWERS: &str = "cameras/door/answers/pc";
const CONTROL: &str = "cameras/door/control";

/// `frame-subscriber control`, with a deadline for a busy machine.
fn control(broker: &Broker, words: &str) -> Launch {
    bare_subscriber()
        .flags("control --broker")
        .arg(broker.url())
        .env("FRAMEBRIDGE_TIMEOUT", "20s")
        .flags(words)
}

/// Has the camera `door` do something, and gives the line that was printed.
#[track_caller]
fn ask(broker: &Broker, words: &str) -> String {
    let text = control(broker, &format!("door {words}"))
        .run(A_RUN)
        .succeeded()
        .text();
    text.trim_end().to_owned()
}

#[track_caller]
fn status(broker: &Broker) -> Value {
    serde_json::from_str(&ask(broker, "status --json")).expect("a status is JSON")
}

/// Waits until a status is as it should be; a camera that is asked this often may be busy.
#[track_caller]
fn await_status(broker: &Broker, what: &str, holds: impl Fn(&Value) -> bool) {
    eventually_true(what, || {
        let asked = control(broker, "door status --json").run(A_RUN);
        let is_busy = asked.stderr().contains("door is busy");
        !is_busy && holds(&serde_json::from_str(&asked.succeeded().text()).unwrap())
    });
}

/// A camera that draws small pictures and takes requests; it listens already.
#[track_caller]
fn camera(broker: &Broker, words: &str) -> Program {
    let camera = publisher(broker)
        .flags("--source test --resolution 320x240 --allow-control")
        .flags(words)
        .start();
    broker.await_subscriptions(1, CONTROL);
    camera
}

#[track_caller]
fn end(program: &Program) -> Outcome {
    program.interrupt();
    program.wait(A_RUN).succeeded()
}

#[test]
fn each_command_is_carried_out_and_said_in_one_line() {
    let broker = Broker::start();
    let camera = camera(&broker, "--fps 10");
    await_status(&broker, "a picture", |status| {
        status["resolution"] == "320x240"
    });
    let before = status(&broker);
    assert_eq!(before["state"], "capturing");
    assert_eq!(before["source"], "test");
    assert_eq!(before["asked"]["fps"], 10.0);
    assert!(ask(&broker, "status").starts_with("door is capturing 320x240 from test at "));
    assert_eq!(ask(&broker, "pause"), "door is paused");
    assert_eq!(ask(&broker, "pause"), "door is paused");
    assert_eq!(
        ask(&broker, "fps 20"),
        "door is asked for 20 fps, once it is resumed"
    );
    assert_eq!(ask(&broker, "resume"), "door is capturing");
    assert_eq!(ask(&broker, "resolution 160x120"), "door gives 160x120");
    assert_eq!(ask(&broker, "fps 5"), "door is asked for 5 fps");
    let after = status(&broker);
    assert_eq!(after["stream"], before["stream"]);
    assert_eq!(after["asked"]["fps"], 5.0);
    assert_eq!(after["asked"]["resolution"], "160x120");
    control(&broker, "door set brightness=10")
        .run(A_RUN)
        .failed(1, "door refuses set: this source has no controls");
    let said = end(&camera);
    assert!(
        said.lines_with("pause by control-") >= 2,
        "requests are logged"
    );
    assert!(
        said.lines_with("set by control-") == 1,
        "refusals are logged"
    );
}

#[test]
fn a_snapshot_is_the_newest_picture_and_taken_anew_while_paused() {
    let broker = Broker::start();
    let folder = tempdir().unwrap();
    let camera = camera(&broker, "--fps 30");
    await_status(&broker, "a picture", |status| {
        status["captured"].as_u64() > Some(0)
    });
    let file = folder.path().join("now.jpg");
    let snapshot = |words: &str| -> Value {
        let printed = control(&broker, "door snapshot")
            .flags(words)
            .arg("--out")
            .arg(&file)
            .run(A_RUN)
            .succeeded()
            .text();
        assert!(fs::read(&file).unwrap().starts_with(b"\xff\xd8\xff"));
        serde_json::from_str(&printed).unwrap_or(Value::String(printed))
    };
    let running = snapshot("--json");
    assert!(running["sequence"].as_u64() > Some(0), "a frame: {running}");
    ask(&broker, "pause");
    let captured = status(&broker)["captured"].clone();
    let first = snapshot("--json");
    let second = snapshot("--json");
    assert_eq!(first["sequence"], Value::Null, "no frame: {first}");
    assert!(first["time"].as_str() < second["time"].as_str());
    assert_eq!(
        status(&broker)["captured"],
        captured,
        "a snapshot is in no book"
    );
    let line = snapshot("");
    assert!(
        line.as_str().unwrap().starts_with("door: 320x240 of "),
        "{line}"
    );
    let piped = control(&broker, "door snapshot --out -")
        .run(A_RUN)
        .succeeded();
    assert!(piped.stdout().starts_with(b"\xff\xd8\xff") && piped.stdout().ends_with(b"\xff\xd9"));
    end(&camera).publisher_balances();
}

#[test]
fn a_pause_outlives_the_broker_and_numbers_go_on_after_it() {
    let mut broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--consumer archive")
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let camera = camera(&broker, "--fps 50");
    eventually_true("frames", || out.pictures().len() > 20);
    ask(&broker, "pause");
    let captured = status(&broker)["captured"].clone();
    broker.stop();
    broker.start_again();
    broker.await_subscriptions(1, CONTROL);
    let paused = status(&broker);
    assert_eq!(paused["state"], "paused");
    assert_eq!(paused["captured"], captured, "frames while paused");
    assert_eq!(ask(&broker, "resume"), "door is capturing");
    let before = out.pictures().len();
    eventually_true("more frames", || out.pictures().len() > before + 20);
    let sent = end(&camera);
    sent.publisher_balances();
    let captured = sent.count("captured");
    eventually_true("every frame", || out.pictures().len() as u64 == captured);
    let stored = end(&storing);
    stored.subscriber_balances();
    assert_eq!(
        (stored.count("stored"), stored.count("missing")),
        (captured, 0)
    );
}

#[test]
fn a_paused_file_loses_no_frame() {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--frames 132")
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let camera = publisher(&broker)
        .flags("--allow-control --frames 132 --fps 60 --source")
        .arg(&footage().file)
        .start();
    broker.await_subscriptions(1, CONTROL);
    for _ in 0..3 {
        assert_eq!(ask(&broker, "pause"), "door is paused");
        assert_eq!(ask(&broker, "resume"), "door is capturing");
    }
    control(&broker, "door fps 5")
        .run(A_RUN)
        .failed(1, "pictures come as they are");
    assert_eq!(
        camera
            .wait(A_RUN)
            .succeeded()
            .publisher_balances()
            .count("delivered"),
        132
    );
    storing.wait(A_RUN).succeeded().subscriber_balances();
    let stored: Vec<_> = out
        .pictures()
        .iter()
        .map(|path| fs::read(path).unwrap())
        .collect();
    assert!(
        stored == footage().frames,
        "other pictures, or in another order"
    );
}

/// Publishes what may be no request.
fn request(broker: &Broker, payload: &str, words: &str) {
    mosquitto_pub(broker)
        .flags("-V 5 -q 1 -t")
        .arg(CONTROL)
        .flags(words)
        .arg("-m")
        .arg(payload)
        .run(SOON)
        .succeeded();
}

#[test]
fn what_is_no_request_is_answered_in_plain_words_and_changes_nothing() {
    let broker = Broker::start();
    let camera = camera(&broker, "--fps 5");
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
    let camera = camera(&broker, "--fps 5");
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
    let camera = camera(&broker, "--fps 5");
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
        .flags("--source test --resolution 320x240 --fps 5")
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

#[test]
fn a_flood_of_requests_costs_no_frame() {
    let broker = Broker::start();
    let (out, scratch) = (Folder::new(), tempdir().unwrap());
    let storing = subscriber(&broker, out.path())
        .flags("--frames 300")
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let answers = mosquitto_sub(&broker).flags("-q 1 -t").arg(ANSWERS).start();
    broker.await_subscriptions(1, ANSWERS);
    let requests = scratch.path().join("requests");
    let some = "{\"command\":\"status\"}\n{\"command\":\"pause\",\"x\":1}\nx\n";
    fs::write(&requests, some.repeat(7_000)).unwrap();
    let camera = camera(&broker, "--fps 60 --frames 300");
    let flood = mosquitto_pub(&broker)
        .flags("-V 5 -q 1 -l -t")
        .arg(CONTROL)
        .flags("-D publish response-topic")
        .arg(ANSWERS)
        .stdin_from(&requests)
        .start();
    let sent = camera.wait(A_RUN).succeeded();
    sent.publisher_balances();
    assert_eq!((sent.count("delivered"), sent.count("dropped")), (300, 0));
    storing.wait(SOON).succeeded().subscriber_balances();
    assert!(sent.lines_with("came faster than they can be answered") > 0);
    flood.wait(A_RUN).succeeded();
    let heard = String::from_utf8(answers.stdout()).unwrap();
    let answered = |kind: &str| heard.lines().filter(|line| line.contains(kind)).count();
    assert!(answered(r#""answer":"done""#) > 0, "nobody was answered");
    assert!(
        answered(r#""answer":"busy""#) > 0,
        "nobody was told to wait"
    );
    assert!(heard.lines().count() < 500, "a flood of answers");
}

#[test]
fn a_spool_and_its_receipts_go_on_beside_requests() {
    let broker = Broker::start();
    let (out, spool) = (Folder::new(), tempdir().unwrap());
    let storing = subscriber(&broker, out.path())
        .flags("--consumer archive --receipts")
        .start();
    broker.await_subscriptions(1, "cameras/+/ledger");
    let camera = publisher(&broker)
        .flags("--source test --resolution 320x240 --fps 50 --allow-control --confirm archive --spool-dir")
        .arg(spool.path())
        .start();
    broker.await_subscriptions(1, CONTROL);
    eventually_true("frames", || out.pictures().len() > 10);
    ask(&broker, "pause");
    await_status(&broker, "an empty spool", |status| {
        status["spooled_frames"] == 0
    });
    ask(&broker, "resume");
    ask(&broker, "resolution 160x120");
    let before = out.pictures().len();
    eventually_true("more frames", || out.pictures().len() > before + 10);
    let sent = end(&camera);
    sent.publisher_balances();
    assert_eq!(sent.count("delivered"), sent.count("captured"));
    assert_eq!(end(&storing).count("stored"), sent.count("captured"));
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
        .line("use_username_as_clientid true")
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
    for program in [&camera, &garden] {
        end(program).publisher_balances();
    }
    let stored = end(&storing);
    assert_eq!(
        (stored.count("missing"), stored.count("reconnects")),
        (0, 0)
    );
}

//! What a camera can be asked to do, each command, and that no frame pays for it.

use std::fs;

use serde_json::Value;
use tempfile::tempdir;

use crate::harness::broker::Broker;
use crate::harness::controlling::{
    ANSWERS, CONTROL, ask, await_status, camera, control, end, status,
};
use crate::harness::eventually::{A_RUN, SOON, eventually_true};
use crate::harness::folder::Folder;
use crate::harness::footage::footage;
use crate::harness::{mosquitto_pub, mosquitto_sub, publisher, subscriber};

#[test]
fn each_command_is_carried_out_and_said_in_one_line() {
    let broker = Broker::start();
    let camera = camera(&broker, "--fps 10 --drain-timeout 0s");
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
        .failed(1, "door refuses set: only a V4L2 camera");
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
    let camera = camera(&broker, "--fps 30 --drain-timeout 0s");
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
    assert!(sent.lines_with("were too many at once") > 0);
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

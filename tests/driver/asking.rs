//! What a camera is asked beside its pictures: what it can do, its controls, and who may have it.

use serde_json::Value;

use super::desk::Desk;
use super::plugged::{VIDEO, Webcam};
use crate::harness::eventually::{A_RUN, eventually_true};
use crate::harness::launch::Launch;

const SOME: usize = 20;

pub(crate) fn devices_tells_what_the_camera_can_do() {
    let _webcam = Webcam::plug_in();
    let text = publisher("devices").run(A_RUN).succeeded().text();
    for words in [
        VIDEO,
        "Framebridge Webcam",
        "1280x720",
        "640x480",
        "30, 15",
        "brightness",
    ] {
        assert!(text.contains(words), "{words:?} is not in: {text}");
    }
    let brightness = brightness();
    let range = ["minimum", "maximum", "default"].map(|name| brightness[name].as_i64());
    assert_eq!(range, [0, 255, 128].map(Some), "{brightness}");
}

pub(crate) fn a_control_is_set_before_the_first_picture() {
    let (desk, webcam) = (Desk::new(), Webcam::plug_in());
    let publisher = desk.publisher().flags("--control brightness=10").start();
    webcam.await_pictures(SOME);
    assert_eq!(brightness()["value"], 10);
    desk.reckon(&publisher).are_all_but(&[], &webcam.record());
}

pub(crate) fn a_control_that_cannot_be_is_refused_with_what_may_be() {
    let _webcam = Webcam::plug_in();
    for (control, words) in [
        ("brightness=300", "0 to 255"),
        ("contrast=1", "no control contrast; it has brightness"),
    ] {
        let refused = publisher("--broker mqtt://127.0.0.1:1 --camera door --control").arg(control);
        refused.run(A_RUN).failed(1, words);
    }
    assert_eq!(brightness()["value"], 128);
}

pub(crate) fn a_hand_from_afar_sets_controls_and_rate_and_lets_go_of_the_camera() {
    let (desk, webcam) = (Desk::new(), Webcam::plug_in());
    let publisher = desk.publisher().flags("--allow-control").start();
    webcam.await_pictures(SOME);
    let ask = |words: &str| {
        let asked = Launch::new("control", "frame-subscriber")
            .flags("control door --broker")
            .arg(desk.broker.url())
            .env("FRAMEBRIDGE_TIMEOUT", "20s")
            .flags(words);
        asked.run(A_RUN).succeeded().text()
    };
    ask("set brightness=7");
    assert_eq!(brightness()["value"], 7);
    ask("fps 15");
    publisher.says("MJPG 1280x720 at 15 fps");
    ask("pause");
    // Somebody else has it meanwhile.
    let other_desk = Desk::new();
    let other = other_desk.publisher().start();
    let before = webcam.record().len();
    eventually_true("pictures for somebody else", || {
        webcam.record().len() > before + SOME
    });
    let status: Value = serde_json::from_str(&ask("status --json")).expect("a status is JSON");
    assert_eq!(status["state"], "paused", "{status}");
    other_desk.reckon(&other);
    let before = webcam.record().len();
    ask("resume");
    eventually_true("pictures again", || webcam.record().len() > before + SOME);
    let arrived = desk.reckon(&publisher);
    assert_eq!(arrived.publisher.count("invalid"), 0);
}

pub(crate) fn doctor_finds_the_camera_well() {
    let (desk, _webcam) = (Desk::new(), Webcam::plug_in());
    let said = publisher("doctor --camera door --broker").arg(desk.broker.url());
    let text = said.run(A_RUN).text();
    let camera = text.lines().find(|line| line.contains("camera"));
    assert!(camera.is_some_and(|line| line.starts_with("ok")), "{text}");
}

fn publisher(words: &str) -> Launch {
    Launch::new("publisher", "frame-publisher").flags(words)
}

/// The webcam's one control, as `devices` has it.
#[track_caller]
fn brightness() -> Value {
    let text = publisher("devices --json").run(A_RUN).succeeded().text();
    let found: Value = serde_json::from_str(&text).expect("devices prints JSON");
    let devices = found["devices"].as_array().expect("a list of devices");
    let mut controls = devices
        .iter()
        .filter_map(|device| device["controls"].as_array())
        .flatten();
    let brightness = controls.find(|control| control["name"] == "brightness");
    brightness
        .unwrap_or_else(|| panic!("no brightness: {found}"))
        .clone()
}

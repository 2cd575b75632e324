//! A camera that takes requests, and whoever asks it.

use serde_json::Value;

use super::broker::Broker;
use super::eventually::{A_RUN, SOON, eventually, eventually_true};
use super::launch::Launch;
use super::outcome::Outcome;
use super::program::Program;
use super::{bare_subscriber, mosquitto_pub, publisher};

pub(crate) const ANSWERS: &str = "cameras/door/answers/pc";
pub(crate) const CONTROL: &str = "cameras/door/control";

/// `frame-subscriber control`, with a deadline for a busy machine.
pub(crate) fn control(broker: &Broker, words: &str) -> Launch {
    bare_subscriber()
        .flags("control --broker")
        .arg(broker.url())
        .env("FRAMEBRIDGE_TIMEOUT", "20s")
        .flags(words)
}

/// Has the camera `door` do something, and gives the line that was printed. A camera that was asked often may be busy.
#[track_caller]
pub(crate) fn ask(broker: &Broker, words: &str) -> String {
    let answered = eventually(SOON, "a camera that is not busy", || {
        let asked = control(broker, &format!("door {words}")).run(A_RUN);
        (!asked.stderr().contains("door is busy")).then_some(asked)
    });
    answered.succeeded().text().trim_end().to_owned()
}

#[track_caller]
pub(crate) fn status(broker: &Broker) -> Value {
    serde_json::from_str(&ask(broker, "status --json")).expect("a status is JSON")
}

/// Waits until a status is as it should be.
#[track_caller]
pub(crate) fn await_status(broker: &Broker, what: &str, holds: impl Fn(&Value) -> bool) {
    eventually_true(what, || holds(&status(broker)));
}

/// A camera that draws small pictures and takes requests; it listens already.
#[track_caller]
pub(crate) fn camera(broker: &Broker, words: &str) -> Program {
    let camera = publisher(broker)
        .flags("--source test --resolution 320x240 --allow-control")
        .flags(words)
        .start();
    broker.await_subscriptions(1, CONTROL);
    camera
}

#[track_caller]
pub(crate) fn end(program: &Program) -> Outcome {
    program.interrupt();
    program.wait(A_RUN).succeeded()
}

/// Publishes what may be no request.
pub(crate) fn request(broker: &Broker, payload: &str, words: &str) {
    mosquitto_pub(broker)
        .flags("-V 5 -q 1 -t")
        .arg(CONTROL)
        .flags(words)
        .arg("-m")
        .arg(payload)
        .run(A_RUN)
        .succeeded();
}

//! The examples of image processing, each as its README has it run.

use std::path::{Path, PathBuf};

use crate::harness::broker::Broker;
use crate::harness::eventually::{A_RUN, SOON};
use crate::harness::folder::Folder;
use crate::harness::footage::{footage, python};
use crate::harness::launch::Launch;
use crate::harness::outcome::Outcome;
use crate::harness::{publisher, subscriber};

/// Enough for something to move.
const FRAMES: usize = 20;

#[test]
fn frames_are_taken_straight_from_the_broker() {
    let broker = Broker::start();
    let looking = example("mqtt_direct.py")
        .flags(&format!("--port {} --frames {FRAMES}", broker.port()))
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    send(&broker);
    says_what_changes_in_each_frame_of_door(&looking.wait(A_RUN));
}

#[test]
fn frames_are_taken_from_the_folder_as_they_come() {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path()).start();
    broker.await_subscriptions(1, "cameras/+/frames");
    // What is there already is not looked at.
    send(&broker);
    out.await_pictures(FRAMES);
    let looking = example("follow_folder.py")
        .arg(out.path())
        .flags(&format!("--frames {FRAMES}"))
        .start();
    looking.says("following");
    send(&broker);
    says_what_changes_in_each_frame_of_door(&looking.wait(A_RUN));
    storing.terminate();
    storing.wait(SOON).succeeded();
}

#[test]
fn frames_are_taken_from_standard_output() {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags(&format!("--frames {FRAMES} --stdout"))
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    send(&broker);
    let stream = out.path().join("stream.mjpeg");
    std::fs::write(&stream, storing.wait(A_RUN).succeeded().stdout()).unwrap();
    let looking = example("read_stdout.py").stdin_from(&stream).run(A_RUN);
    says_what_changes(&looking, |number| number.to_string());
}

#[test]
fn what_is_no_stream_gets_one_clear_line() {
    let looking = example("read_stdout.py")
        .stdin_from(Path::new("/dev/null"))
        .run(A_RUN);
    looking.failed(1, "no picture on standard input");
}

fn example(name: &str) -> Launch {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../examples"].iter().collect();
    // Nothing of ours is compiled into the source tree.
    Launch::new("example", python())
        .arg("-B")
        .arg(folder.join(name))
}

fn send(broker: &Broker) {
    let sending = publisher(broker).arg("--source").arg(&footage().file);
    sending
        .flags(&format!("--frames {FRAMES} --fps 60"))
        .run(A_RUN)
        .succeeded();
}

#[track_caller]
fn says_what_changes_in_each_frame_of_door(outcome: &Outcome) {
    let today = jiff::Timestamp::now().to_string();
    let century = &today[..2];
    says_what_changes(outcome, |number| {
        let line = outcome.text();
        let line = line
            .lines()
            .filter(|line| line.starts_with("door "))
            .nth(number - 1);
        let time = line
            .and_then(|line| line.split(' ').nth(1))
            .expect("a time");
        assert!(time.starts_with(century), "{time}");
        format!("door {time} {number}")
    });
}

/// One line a frame: what `of_frame` says, and how much has changed; nothing in the first, and something later.
#[track_caller]
fn says_what_changes(outcome: &Outcome, of_frame: impl Fn(usize) -> String) {
    let text = outcome.text();
    let lines: Vec<_> = text
        .lines()
        .filter(|line| line.ends_with(" changed"))
        .collect();
    assert_eq!(lines.len(), FRAMES, "{}{text}", outcome.stderr());
    let share = |line: &str| -> f64 {
        let percent = line.rsplit(' ').nth(1).expect("a share");
        percent.trim_end_matches('%').parse().expect("a number")
    };
    for (line, number) in lines.iter().zip(1..) {
        assert!(
            line.starts_with(&format!("{}: ", of_frame(number))),
            "{line}"
        );
    }
    assert!(share(lines[0]) == 0.0, "{}", lines[0]);
    assert!(lines.iter().any(|line| share(line) > 1.0), "{text}");
}

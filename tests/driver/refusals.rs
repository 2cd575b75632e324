//! What waiting does not cure: one line that says what to do, and an end; no broker is needed for that. And what a moment cures.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use super::desk::Desk;
use super::plugged::{VIDEO, Webcam};
use crate::harness::eventually::SOON;
use crate::harness::launch::Launch;

pub(crate) fn a_camera_without_mjpg_is_refused() {
    let _webcam = Webcam::plug_in_with(&["--format", "yuyv"]);
    let words = "/dev/video0 (Framebridge Webcam): offers no MJPG, only YUYV";
    publisher_of(VIDEO).run(SOON).failed(1, words);
}

pub(crate) fn a_node_for_metadata_is_refused() {
    let _webcam = Webcam::plug_in();
    let words = "is no capture device (beside the one for pictures, a camera may have one for metadata); there are \
                 /dev/video0 (Framebridge Webcam), /dev/video1";
    publisher_of("/dev/video1").run(SOON).failed(1, words);
}

pub(crate) fn a_user_without_permission_is_told_the_group() {
    let _webcam = Webcam::plug_in();
    let words = "permission denied: add the user to group video (sudo usermod -aG video USER)";
    publisher_of(VIDEO)
        .inside(as_nobody())
        .run(SOON)
        .failed(1, words);
}

pub(crate) fn a_camera_that_is_given_to_the_user_a_moment_later_is_used() {
    let (desk, _webcam) = (Desk::new(), Webcam::plug_in());
    let publisher = Launch::new("publisher", "frame-publisher")
        .arg("--broker")
        .arg(desk.broker.url())
        .flags("--camera door --frames 10 --source /dev/video0")
        .inside(as_nobody())
        .start();
    // As udev does, a moment after the kernel has made the device.
    sleep(Duration::from_secs(1));
    fs::set_permissions(VIDEO, Permissions::from_mode(0o666)).expect("giving away the camera");
    let ended = publisher.wait(SOON).succeeded();
    assert_eq!(ended.lines_with("Captured 10 frames"), 1);
}

fn as_nobody() -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    command
}

fn publisher_of(source: &str) -> Launch {
    Launch::new("publisher", "frame-publisher")
        .flags("--broker mqtt://127.0.0.1:1 --camera door --source")
        .arg(source)
}

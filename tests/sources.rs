//! Sources that are missing, die, stall or break: said in one line, healed where they can heal.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::Command;

use tempfile::tempdir;

use crate::harness::broker::Broker;
use crate::harness::camera::Camera;
use crate::harness::eventually::{A_RUN, SOON, eventually, eventually_true};
use crate::harness::folder::Folder;
use crate::harness::footage::footage;
use crate::harness::{publisher, subscriber};

#[test]
fn a_missing_file_is_named() {
    fails("/no/such/file.mjpeg", "/no/such/file.mjpeg");
}

#[test]
fn a_folder_without_pictures_is_named() {
    let folder = tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    fails(path, path);
}

#[test]
fn standard_input_without_a_picture_is_said() {
    fails("-", "standard input");
}

#[test]
fn a_file_without_a_picture_is_named() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("empty.mjpeg");
    fs::write(&file, "no picture").unwrap();
    fails(file.to_str().unwrap(), "empty.mjpeg");
}

#[test]
fn a_missing_program_is_named() {
    fails(
        "exec:no-such-program-anywhere -o -",
        "no-such-program-anywhere",
    );
}

#[test]
fn a_device_that_is_no_camera_is_named() {
    fails("/dev/null", "/dev/null");
}

#[test]
fn a_camera_that_is_not_plugged_in_is_waited_for() {
    let broker = Broker::start();
    let camera = publisher(&broker)
        .flags("--source v4l2:/dev/video987")
        .start();
    camera.says("/dev/video987");
    assert!(camera.is_running());
    camera.interrupt();
    camera.wait(SOON).succeeded();
}

#[test]
fn a_broken_picture_in_a_file_is_counted_and_the_others_are_sent() {
    let frames = &footage().frames;
    let folder = tempdir().unwrap();
    let file = folder.path().join("torn.mjpeg");
    let torn = &frames[1][..frames[1].len() / 2];
    fs::write(
        &file,
        [&frames[0], torn, &frames[2], b"garbage", &frames[3]].concat(),
    )
    .unwrap();
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path()).flags("--frames 3").start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let sent = publisher(&broker)
        .flags("--fps 60 --source")
        .arg(&file)
        .run(A_RUN)
        .succeeded();
    sent.publisher_balances();
    assert_eq!((sent.count("captured"), sent.count("invalid")), (3, 1));
    storing.wait(A_RUN).succeeded();
    out.holds("door", &[0, 2, 3].map(|nth: usize| frames[nth].clone()));
}

#[test]
fn a_program_that_dies_is_started_again_and_its_words_are_in_the_log() {
    let folder = tempdir().unwrap();
    footage().write_into(folder.path(), 3);
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path()).flags("--frames 6").start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let script = format!(
        "cat {}/*.jpg; echo the lens fell off >&2; exit 3",
        folder.path().display()
    );
    let sent = publisher(&broker)
        .flags("--frames 6 --source")
        .arg(format!("exec:sh -c '{script}'"))
        .run(A_RUN)
        .succeeded();
    assert!(sent.lines_with("the lens fell off") >= 1);
    storing.wait(A_RUN).succeeded();
    out.holds("door", &footage().repeated(3, 6));
}

#[test]
fn a_killed_publisher_leaves_no_child_behind() {
    let broker = Broker::start();
    for by_signal in [true, false] {
        let folder = tempdir().unwrap();
        let pid_file = folder.path().join("pid");
        let script = format!(
            "echo $$ > {0}.new; mv {0}.new {0}; exec sleep 1000",
            pid_file.display()
        );
        let camera = publisher(&broker)
            .arg("--source")
            .arg(format!("exec:sh -c '{script}'"))
            .start();
        eventually_true("the child to start", || pid_file.exists());
        let process = format!("/proc/{}", fs::read_to_string(&pid_file).unwrap().trim());
        if by_signal {
            camera.interrupt();
            camera.wait(SOON).succeeded();
        } else {
            camera.kill();
        }
        eventually_true("the child to be gone", || is_gone(&process));
    }
}

#[test]
fn a_read_that_hangs_does_not_keep_the_second_signal_away() {
    let broker = Broker::start();
    let folder = tempdir().unwrap();
    footage().write_into(folder.path(), 20);
    let sending = publisher(&broker)
        .arg("--source")
        .arg(folder.path())
        .flags("--fps 5")
        .start();
    sending.says("connected");
    // Its list of files is made; the last is not read yet.
    let last = folder.path().join("0020.jpg");
    fs::remove_file(&last).unwrap();
    let made = Command::new("mkfifo").arg(&last).status();
    assert!(made.unwrap().success());
    let mut nonblocking = File::options();
    nonblocking
        .write(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    let _held_open = eventually(SOON, "the pipe to be read", || nonblocking.open(&last).ok());
    sending.terminate_for_certain();
    let said = sending.stderr();
    assert!(!said.contains("stopping"), "it was not deaf: {said}");
}

#[test]
fn a_pipe_in_a_folder_is_no_picture() {
    let broker = Broker::start();
    let folder = tempdir().unwrap();
    footage().write_into(folder.path(), 3);
    let made = Command::new("mkfifo")
        .arg(folder.path().join("0000.jpg"))
        .status();
    assert!(made.unwrap().success());
    let out = Folder::new();
    let receiving = subscriber(&broker, out.path()).flags("--frames 3").start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let sent = publisher(&broker)
        .arg("--source")
        .arg(folder.path())
        .run(A_RUN)
        .succeeded();
    assert_eq!((sent.count("captured"), sent.count("invalid")), (3, 0));
    receiving.wait(SOON).succeeded();
}

#[test]
fn a_multipart_camera_is_stored_and_reached_again_when_it_hangs_up() {
    let camera = Camera::start(&footage().frames[..30], 10);
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path()).flags("--frames 30").start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let sent = publisher(&broker)
        .flags("--frames 30 --source")
        .arg(camera.url())
        .run(A_RUN)
        .succeeded();
    assert_eq!(sent.publisher_balances().count("delivered"), 30);
    storing.wait(A_RUN).succeeded();
    out.holds("door", &footage().frames[..30]);
    assert_eq!(camera.connections(), 3);
}

#[test]
fn the_test_picture_moves_and_has_the_size_that_was_asked_for() {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path()).flags("--frames 3").start();
    broker.await_subscriptions(1, "cameras/+/frames");
    publisher(&broker)
        .flags("--source test --resolution 640x480 --fps 30 --frames 3")
        .run(A_RUN)
        .succeeded();
    storing.wait(A_RUN).succeeded();
    let pictures: Vec<_> = out
        .pictures()
        .iter()
        .map(|path| fs::read(path).unwrap())
        .collect();
    assert!(pictures[0] != pictures[1] && pictures[1] != pictures[2]);
    assert!(
        out.entries()
            .iter()
            .all(|entry| (entry.width, entry.height) == (640, 480))
    );
}

/// Asserts that `source` ends the publisher at once with one line that contains `words`.
#[track_caller]
fn fails(source: &str, words: &str) {
    let broker = Broker::start();
    publisher(&broker)
        .arg("--source")
        .arg(source)
        .run(SOON)
        .failed(1, words);
}

/// A zombie that nobody has reaped is gone, too.
fn is_gone(process: &str) -> bool {
    fs::read_to_string(format!("{process}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

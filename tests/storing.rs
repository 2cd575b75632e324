//! What the subscriber makes of frames: files under chosen names, the newest picture, a stream; and of broken ones.

use std::collections::HashSet;
use std::fs;
use std::process::Command;

use tempfile::tempdir;

use crate::harness::broker::Broker;
use crate::harness::eventually::{A_RUN, SOON, eventually_true};
use crate::harness::folder::Folder;
use crate::harness::footage::{FRAMES, footage};
use crate::harness::launch::Launch;
use crate::harness::{publisher, subscriber};

#[test]
fn the_latest_file_is_a_whole_frame_at_every_moment() {
    let broker = Broker::start();
    let (out, folder) = (Folder::new(), tempdir().unwrap());
    let latest = folder.path().join("now.jpg");
    let storing = subscriber(&broker, out.path())
        .flags("--frames 132 --latest")
        .arg(&latest)
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let sending = send_footage(publisher(&broker), 60).start();
    let known: HashSet<_> = footage().frames.iter().collect();
    let mut seen = HashSet::new();
    eventually_true("the last frame to be the latest", || {
        let Ok(picture) = fs::read(&latest) else {
            assert!(seen.is_empty(), "the latest file was there and is gone");
            return false;
        };
        assert!(
            known.contains(&picture),
            "{} bytes are no frame of the source",
            picture.len()
        );
        let is_last = picture == footage().frames[FRAMES - 1];
        seen.insert(picture);
        is_last
    });
    assert!(
        seen.len() > 10,
        "replaced all the time, but seen only {} times",
        seen.len()
    );
    sending.wait(SOON).succeeded();
    storing.wait(SOON).succeeded();
    let others: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(others, ["now.jpg"], "nothing is left beside it");
}

#[test]
fn stdout_is_an_mjpeg_stream_of_the_frames() {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--frames 132 --stdout")
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    send_footage(publisher(&broker), 100).run(A_RUN).succeeded();
    let stored = storing.wait(A_RUN).succeeded();
    assert!(
        stored.stdout() == fs::read(&footage().file).unwrap(),
        "stdout is the footage, byte for byte"
    );
}

#[test]
fn files_are_stored_though_the_reader_of_stdout_has_gone() {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--frames 12 --stdout")
        .inside(piped_into_nobody())
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    send_footage(publisher(&broker), 60)
        .flags("--frames 12")
        .run(A_RUN)
        .succeeded();
    storing.wait(A_RUN).succeeded();
    out.holds("door", &footage().frames[..12]);
}

#[test]
fn the_images_layout_numbers_files_as_image_tools_expect() {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--frames 5 --layout images")
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    send_footage(publisher(&broker), 60)
        .flags("--frames 5")
        .run(A_RUN)
        .succeeded();
    storing.wait(A_RUN).succeeded();
    out.holds("door", &footage().frames[..5]);
    let expected: Vec<_> = (1..=5)
        .map(|number| format!("image{number:06}.jpg"))
        .collect();
    assert_eq!(out.names(), expected);
}

#[test]
fn a_layout_of_the_users_own_names_the_files() {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--frames 2 --layout {camera}/{stream8}/shot-{sequence:04}.jpg")
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    send_footage(publisher(&broker), 60)
        .flags("--frames 2")
        .run(A_RUN)
        .succeeded();
    storing.wait(A_RUN).succeeded();
    let last = out.pictures().pop().unwrap();
    assert!(last.ends_with("shot-0002.jpg"), "{}", last.display());
    out.holds("door", &footage().frames[..2]);
}

/// Runs the words after it, their output going to a program that ends at once.
fn piped_into_nobody() -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "\"$@\" | true", "sh"]);
    shell
}

fn send_footage(publisher: Launch, fps: u32) -> Launch {
    publisher
        .flags(&format!("--fps {fps} --source"))
        .arg(&footage().file)
}

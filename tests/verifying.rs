//! `verify` says whether a folder is whole, and what is wrong with it.

use std::fs;

use crate::harness::broker::Broker;
use crate::harness::eventually::{A_RUN, SOON};
use crate::harness::folder::Folder;
use crate::harness::footage::footage;
use crate::harness::outcome::Outcome;
use crate::harness::{bare_subscriber, publisher, subscriber};

#[test]
fn a_whole_folder_is_said_to_be_whole() {
    verify(&with_frames(5)).succeeded();
}

#[test]
fn a_removed_file_is_found() {
    let out = with_frames(5);
    fs::remove_file(&out.pictures()[2]).unwrap();
    says_which(&out, 2);
}

#[test]
fn a_truncated_file_is_found() {
    let out = with_frames(5);
    let picture = out.pictures().remove(3);
    let bytes = fs::read(&picture).unwrap();
    fs::write(&picture, &bytes[..bytes.len() / 2]).unwrap();
    says_which(&out, 3);
}

#[test]
fn a_flipped_bit_is_found() {
    let out = with_frames(5);
    let picture = out.pictures().remove(1);
    let mut bytes = fs::read(&picture).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&picture, bytes).unwrap();
    says_which(&out, 1);
}

#[test]
fn a_frame_that_never_came_is_found() {
    let out = with_frames(5);
    let picture = &out.pictures()[2];
    let name = picture.file_name().unwrap().to_str().unwrap();
    let index = picture.with_file_name("index.jsonl");
    let lines = fs::read_to_string(&index).unwrap();
    let others: Vec<_> = lines.lines().filter(|line| !line.contains(name)).collect();
    fs::write(&index, others.join("\n") + "\n").unwrap();
    fs::remove_file(picture).unwrap();
    verify(&out).exited_with(1);
}

#[test]
fn a_destroyed_index_is_repaired_and_the_folder_is_whole_again() {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--frames 90 --layout {camera}/{second}/{time}_{stream8}_{sequence:09}.jpg")
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let sending = publisher(&broker)
        .flags("--frames 90 --source")
        .arg(footage().played_in_real_time())
        .start();
    out.await_pictures(1);
    bare_subscriber()
        .flags("verify --repair")
        .arg(out.path())
        .run(SOON)
        .failed(1, "writes into");
    sending.wait(A_RUN).succeeded();
    storing.wait(A_RUN).succeeded();
    out.holds("door", &footage().frames[..90]);
    let before: Vec<_> = out.entries().into_iter().map(|e| e.path).collect();
    // Neither the first second nor the last: what is gone there, nobody would miss.
    let ends = [&before[0], &before[89]].map(|path| path.parent());
    let in_between = before.iter().find(|path| !ends.contains(&path.parent()));
    let destroyed = in_between
        .expect("three seconds")
        .with_file_name("index.jsonl");
    fs::write(&destroyed, [0; 4096]).unwrap();
    verify(&out).exited_with(1);

    let repaired = bare_subscriber()
        .flags("verify --repair --json")
        .arg(out.path())
        .run(A_RUN)
        .succeeded();
    let report: serde_json::Value = serde_json::from_str(&repaired.text()).expect("it is JSON");
    let lost = before
        .iter()
        .filter(|path| path.parent() == destroyed.parent());
    assert_eq!(report["repaired"]["reentered"], lost.count());
    assert_eq!(
        (&report["whole"], &report["unindexed"]),
        (&90.into(), &0.into())
    );
    verify(&out).succeeded();
    out.holds("door", &footage().frames[..90]);
}

#[test]
fn a_folder_that_is_not_there_is_said_in_one_line() {
    bare_subscriber()
        .flags("verify /nowhere/at/all")
        .run(SOON)
        .failed(1, "/nowhere/at/all");
}

/// Asserts that `verify` finds the folder not whole, and names the `nth` of the files that it should hold.
#[track_caller]
fn says_which(out: &Folder, nth: usize) {
    let entry = &out.entries()[nth];
    let outcome = verify(out).exited_with(1);
    let said = outcome.text() + &outcome.stderr();
    let name = entry.path.file_name().unwrap().to_str().unwrap();
    assert!(said.contains(name), "{name} is not named");
}

fn verify(out: &Folder) -> Outcome {
    bare_subscriber().arg("verify").arg(out.path()).run(A_RUN)
}

/// A folder into which a subscriber has stored `count` frames.
#[track_caller]
fn with_frames(count: usize) -> Folder {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags(&format!("--frames {count}"))
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    publisher(&broker)
        .flags(&format!("--fps 60 --frames {count} --source"))
        .arg(&footage().file)
        .run(A_RUN)
        .succeeded();
    storing.wait(A_RUN).succeeded();
    assert_eq!(out.pictures().len(), count);
    out
}

//! A folder alone: every frame is found in its place, and can be taken away.

use std::fs;
use std::io::{Read as _, Write as _};

use serde_json::Value;

use super::{recorded, start_view, with_frames};
use crate::harness::eventually::{A_RUN, SOON, eventually};
use crate::harness::folder::Folder;
use crate::harness::footage::{footage, python};
use crate::harness::http::Site;
use crate::harness::launch::Launch;

/// Waits until the page knows `count` frames of a camera; gives the timeline over all of them.
#[track_caller]
fn await_frames(site: &Site, camera: &str, count: u64) -> Value {
    eventually(A_RUN, &format!("{count} frames on the page"), || {
        let timeline = site.json(&format!(
            "/timeline/{camera}?from=0&to=4000000000000000&slots=1"
        ));
        (timeline["frames"] == count).then_some(timeline)
    })
}

fn picture(site: &Site, frame: &Value) -> Vec<u8> {
    let place = frame["place"].as_str().expect("a frame has a place");
    let reply = site.get(&format!("/picture/{place}"));
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("image/jpeg"));
    reply.body
}

/// All of time.
const ALL: &str = "from=0&to=4000000000000000";

/// The files of a zip, by name.
#[track_caller]
fn unpack(zip: &[u8]) -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("frames.zip");
    fs::write(&file, zip).unwrap();
    Launch::new("python", python())
        .flags("-m zipfile -e")
        .arg(&file)
        .arg(folder.path())
        .run(SOON)
        .succeeded();
    fs::remove_file(&file).unwrap();
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|item| item.unwrap().path())
        .collect();
    names.sort();
    names.iter().map(|name| fs::read(name).unwrap()).collect()
}

/// Whether a download of everything ends as HTTP wants it.
#[track_caller]
fn ends_well(site: &Site, kind: &str) -> bool {
    let mut connection = site.connect();
    let host = &site.address;
    let request = format!(
        "GET /download/door/{kind}?{ALL} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    );
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    answer.ends_with(b"\r\n0\r\n\r\n")
}

#[test]
fn every_frame_of_a_folder_is_found_one_step_after_the_other() {
    let out = with_frames(5);
    let (_view, site) = start_view(out.path());
    await_frames(&site, "door", 5);
    let first = site.json("/frames/door?at=0")[0].clone();
    assert_eq!(picture(&site, &first), footage().frames[0]);
    let place = first["place"].as_str().unwrap();
    let others = site.json(&format!("/frames/door?after={place}&most=9"));
    let others = others.as_array().unwrap();
    assert_eq!(others.len(), 4);
    for (frame, number) in others.iter().zip(1..) {
        assert_eq!(frame["sequence"], number + 1);
        assert!(picture(&site, frame) == footage().frames[number]);
    }
    let back = format!(
        "/frames/door?before={}",
        others[3]["place"].as_str().unwrap()
    );
    assert_eq!(site.json(&back)[0], others[2]);
    // A time between two frames is the nearer one's.
    let time = |frame: &Value| frame["time"].as_i64().unwrap();
    let near_the_third = time(&others[1]) + (time(&others[2]) - time(&others[1])) / 3;
    assert_eq!(
        site.json(&format!("/frames/door?at={near_the_third}"))[0],
        others[1]
    );
}

#[test]
fn a_stretch_of_time_is_taken_away_as_zip_and_as_mjpeg() {
    let out = with_frames(6);
    let (_view, site) = start_view(out.path());
    await_frames(&site, "door", 6);
    let first = site.json("/frames/door?at=0")[0].clone();
    let after = format!(
        "/frames/door?after={}&most=9",
        first["place"].as_str().unwrap()
    );
    let frames = site.json(&after);
    let stretch = format!("from={}&to={}", frames[0]["time"], frames[3]["time"]);
    let mjpeg = site.get(&format!("/download/door/mjpeg?{stretch}"));
    assert_eq!(mjpeg.status, 200);
    assert!(
        mjpeg
            .header("content-disposition")
            .unwrap()
            .contains("attachment; filename=\"door_2")
    );
    assert!(mjpeg.body == footage().frames[1..5].concat());

    let zip = site.get(&format!("/download/door/zip?{stretch}"));
    assert!(unpack(&zip.body) == footage().frames[1..5]);
    let backwards = site.get("/download/door/zip?from=2&to=1");
    assert_eq!(backwards.status, 400);
}

#[test]
fn what_has_no_file_is_left_out_of_a_download_and_holds_up_nothing() {
    let out = with_frames(6);
    let pictures = out.pictures();
    fs::remove_file(&pictures[1]).unwrap();
    // A pipe that nobody writes into.
    fs::remove_file(&pictures[2]).unwrap();
    Launch::new("mkfifo", "mkfifo")
        .arg(&pictures[2])
        .run(SOON)
        .succeeded();
    fs::remove_file(&pictures[3]).unwrap();
    std::os::unix::fs::symlink(&pictures[0], &pictures[3]).unwrap();
    let (view, site) = start_view(out.path());
    await_frames(&site, "door", 6);
    let mjpeg = site.get(&format!("/download/door/mjpeg?{ALL}"));
    let frames = &footage().frames;
    assert!(mjpeg.body == [&frames[0][..], &frames[4], &frames[5]].concat());
    view.says("3 frames of door were left out of a download");
    let zip = unpack(&site.get(&format!("/download/door/zip?{ALL}")).body);
    assert!(zip[..3] == [&frames[0][..], &frames[4], &frames[5]]);
    assert!(zip[3].starts_with(b"3 frames of this time are not here"));
    assert_eq!(
        site.get(&format!("/download/shed/zip?{ALL}")).status,
        404,
        "an empty zip"
    );
}

#[test]
fn a_download_that_cannot_go_on_does_not_look_whole() {
    let out = with_frames(3);
    let (_view, site) = start_view(out.path());
    await_frames(&site, "door", 3);
    assert!(ends_well(&site, "zip") && ends_well(&site, "mjpeg"));
    // The system refuses a name of so many characters, as it would one on a disk that is broken.
    let index = out.pictures()[0].with_file_name("index.jsonl");
    let lines = fs::read_to_string(&index).unwrap();
    let name = out.pictures()[1].file_name().unwrap().to_owned();
    let broken = lines.replace(name.to_str().unwrap(), &"x".repeat(300));
    fs::write(&index, broken).unwrap();
    let (_view, site) = start_view(out.path());
    await_frames(&site, "door", 3);
    assert!(!ends_well(&site, "zip") && !ends_well(&site, "mjpeg"));
}

#[test]
fn what_is_missing_is_told_and_what_comes_is_there_in_seconds() {
    let out = recorded(5, "--layout flat");
    let index = out.pictures()[0].with_file_name("index.jsonl");
    let lines = fs::read_to_string(&index).unwrap();
    let lines: Vec<_> = lines.split_inclusive('\n').collect();
    // The third never came, and the last is still to come.
    fs::write(&index, [lines[0], lines[1], lines[3]].concat()).unwrap();
    let (_view, site) = start_view(out.path());
    let timeline = await_frames(&site, "door", 3);
    assert_eq!(timeline["gaps"].as_array().unwrap().len(), 1);
    assert_eq!(timeline["gaps"][0]["frames"], 1);
    fs::write(&index, [lines[0], lines[1], lines[3], lines[4]].concat()).unwrap();
    await_frames(&site, "door", 4);
}

#[test]
fn what_is_no_folder_is_refused_in_a_line() {
    let out = Folder::new();
    super::view(&out.path().join("nothing"))
        .run(SOON)
        .failed(1, "cannot show what is in");
}

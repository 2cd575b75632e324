//! `make test-windows`: the Windows subscriber, under Wine, against a real Mosquitto and the real publisher.
//!
//! Wine has no console here, so Ctrl-Break, closing the window, logging off and shutting down cannot be shown; and it takes
//! names that Windows does not: those are for the property tests of the subscriber's layout.
#![cfg(unix)]

#[path = "windows/broker_inside.rs"]
mod broker_inside;
#[expect(dead_code, reason = "other tests need more of it")]
mod harness;
#[path = "windows/page.rs"]
mod page;
#[path = "windows/service.rs"]
mod service;
#[path = "windows/wine.rs"]
mod wine;

use std::fs;
use std::path::{Path, PathBuf};

use harness::broker::{Broker, Setup};
use harness::certificates::Authority;
use harness::eventually::{A_RUN, SOON, eventually_true};
use harness::folder::Folder;
use harness::footage::{FRAMES, footage};
use harness::launch::Launch;
use harness::outcome::Outcome;
use harness::publisher_at;
use wine::{holder, windows_path, windows_subscriber};

#[test]
fn every_frame_becomes_a_file_and_verify_finds_them_whole() {
    let (broker, out) = (Broker::start(), Folder::new());
    let storing = subscriber(&broker.url(), out.path()).flags("--frames 132");
    arrives_whole(&broker, &broker.url(), storing, "--format binary", &out);
    let verifying = windows_subscriber()
        .arg("verify")
        .arg(windows_path(out.path()));
    verifying.run(A_RUN).succeeded();
}

#[test]
fn json_frames_arrive() {
    let (broker, out) = (Broker::start(), Folder::new());
    let storing = subscriber(&broker.url(), out.path()).flags("--frames 132");
    arrives_whole(&broker, &broker.url(), storing, "--format json", &out);
}

#[test]
fn frames_arrive_by_mqtt_3_1_1() {
    let (broker, out) = (Broker::start(), Folder::new());
    let storing = subscriber(&broker.url(), out.path()).flags("--frames 132 --protocol 3.1.1");
    arrives_whole(&broker, &broker.url(), storing, "--protocol 3.1.1", &out);
}

#[test]
fn frames_arrive_over_tls() {
    let authority = Authority::new();
    let broker = Setup::default().encrypted(authority.sign_local()).start();
    let (out, url) = (
        Folder::new(),
        format!("mqtts://localhost:{}", broker.port()),
    );
    let ca = authority.certificate();
    let storing = subscriber(&url, out.path())
        .flags("--frames 132 --ca-file")
        .arg(windows_path(&ca));
    let sending = sender(&url, "").arg("--ca-file").arg(&ca);
    arrive_whole(&broker, storing, sending, &out);
}

#[test]
fn metadata_for_explorer_leave_the_picture_as_it_was() {
    let (broker, out) = (Broker::start(), Folder::new());
    let storing = subscriber(&broker.url(), out.path())
        .flags("--frames 132 --exif")
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    sender(&broker.url(), "").run(A_RUN).succeeded();
    storing.wait(A_RUN).succeeded();
    let verifying = windows_subscriber()
        .arg("verify")
        .arg(windows_path(out.path()));
    verifying.run(A_RUN).succeeded();
}

#[test]
fn what_is_published_while_it_is_killed_comes_when_it_is_back() {
    let (broker, out) = (Broker::start(), Folder::new());
    let storing = || subscriber(&broker.url(), out.path()).flags("--consumer pc");
    let killed = storing().start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let sending = sender(&broker.url(), "--fps 60").start();
    out.await_pictures(20);
    killed.kill();
    sending.wait(A_RUN).succeeded();
    let again = storing().start();
    out.await_pictures(FRAMES);
    again.interrupt();
    again.wait(SOON).succeeded();
    out.holds("door", &footage().frames);
}

#[test]
fn folders_may_have_any_name_and_length() {
    let deep = format!("deep/{}", "a folder of a long name/".repeat(14));
    for name in ["with spaces", "Größe 写真 📷", &deep] {
        let (broker, out) = (Broker::start(), Folder::new());
        let folder = out.path().join(name);
        let storing = subscriber(&broker.url(), &folder).flags("--frames 132");
        arrives_whole(&broker, &broker.url(), storing, "", &out);
    }
}

#[test]
fn a_folder_may_be_given_as_windows_itself_writes_it() {
    let (broker, out) = (Broker::start(), Folder::new());
    let verbatim = format!(r"\\?\{}\frames", windows_path(out.path()));
    let storing = windows_subscriber()
        .arg("--broker")
        .arg(broker.url())
        .arg("--out")
        .arg(verbatim)
        .with_summary()
        .flags("--frames 132");
    arrives_whole(&broker, &broker.url(), storing, "", &out);
}

#[test]
fn a_virus_scanner_that_opens_each_file_as_it_is_written_costs_no_frame() {
    let (broker, out) = (Broker::start(), Folder::new());
    let scanning = holder()
        .arg(format!("{}\\", windows_path(out.path())))
        .start();
    scanning.says("scanning");
    let storing = subscriber(&broker.url(), out.path()).flags("--frames 132");
    arrives_whole(&broker, &broker.url(), storing, "", &out);
}

#[test]
fn a_reader_that_holds_the_latest_file_costs_no_frame_and_sees_the_last_one_later() {
    let (broker, out, folder) = (Broker::start(), Folder::new(), Folder::new());
    let latest = folder.path().join("now.jpg");
    let storing = subscriber(&broker.url(), out.path())
        .arg("--latest")
        .arg(windows_path(&latest))
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    fs::write(&latest, "an older picture").expect("writing a file");
    let holding = holder().arg(windows_path(&latest)).start();
    holding.says("held");
    sender(&broker.url(), "--frames 131").run(A_RUN).succeeded();
    out.await_pictures(FRAMES - 1);
    storing.says("cannot write the newest picture");
    holding.kill();
    sender(&broker.url(), "--frames 1").run(A_RUN).succeeded();
    eventually_true("the last frame to be the latest", || {
        fs::read(&latest).is_ok_and(|picture| picture == footage().frames[0])
    });
    storing.interrupt();
    assert_eq!(storing.wait(SOON).succeeded().count("stored"), 132);
}

#[test]
fn ctrl_c_finishes_what_was_received_says_the_figures_and_is_no_failure() {
    let (broker, out) = (Broker::start(), Folder::new());
    let storing = subscriber(&broker.url(), out.path())
        .flags("--consumer pc")
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let sending = sender(&broker.url(), "--fps 60").start();
    out.await_pictures(20);
    storing.interrupt();
    let ended = storing.wait(SOON).succeeded();
    sending.wait(A_RUN).succeeded();
    let stored = usize::try_from(ended.subscriber_balances().count("stored")).expect("a count");
    assert_eq!(out.pictures().len(), stored);
    assert!(partial_files(out.path()).is_empty());
    assert!(ended.stderr().contains("Stored"), "{}", ended.stderr());
}

#[test]
fn doctor_finds_broker_camera_and_disk_well() {
    let (broker, out) = (Broker::start(), Folder::new());
    let doctor = |url: &str| {
        let asking = windows_subscriber().arg("doctor").arg("--broker").arg(url);
        asking.arg("--out").arg(windows_path(out.path())).run(A_RUN)
    };
    let sending = sender(&broker.url(), "--fps 10 --loop").start();
    sending.says("connected");
    let said = doctor(&broker.url()).succeeded().text();
    for line in [
        "ok       broker: ",
        "ok       camera: door",
        "ok       disk: --out",
    ] {
        assert!(said.contains(line), "{said}");
    }
    sending.interrupt();
    doctor("mqtt://127.0.0.1:1").failed(1, "checks found something wrong");
}

#[test]
fn a_second_one_in_the_same_folder_is_refused_in_one_line() {
    let (broker, out) = (Broker::start(), Folder::new());
    let first = subscriber(&broker.url(), out.path()).start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let second = subscriber(&broker.url(), out.path()).run(A_RUN);
    second.failed(1, "another");
    first.interrupt();
    first.wait(SOON).succeeded();
}

fn subscriber(url: &str, out: &Path) -> Launch {
    windows_subscriber()
        .arg("--broker")
        .arg(url)
        .arg("--out")
        .arg(windows_path(out))
        .with_summary()
}

/// The publisher with the footage; at 100 frames a second if nothing else is said.
fn sender(url: &str, flags: &str) -> Launch {
    let pace = if flags.contains("--fps") {
        ""
    } else {
        "--fps 100"
    };
    publisher_at(url)
        .arg("--source")
        .arg(&footage().file)
        .flags(flags)
        .flags(pace)
}

#[track_caller]
fn arrives_whole(
    broker: &Broker,
    url: &str,
    storing: Launch,
    flags: &str,
    out: &Folder,
) -> Outcome {
    arrive_whole(broker, storing, sender(url, flags), out)
}

/// All frames, byte for byte, once.
#[track_caller]
fn arrive_whole(broker: &Broker, storing: Launch, sending: Launch, out: &Folder) -> Outcome {
    let storing = storing.start();
    broker.await_subscriptions(1, "cameras/+/frames");
    sending.run(A_RUN).succeeded();
    let stored = storing.wait(A_RUN).succeeded();
    assert_eq!(stored.subscriber_balances().count("stored"), 132);
    out.holds("door", &footage().frames);
    assert!(partial_files(out.path()).is_empty());
    stored
}

/// Files that a program has left half-written.
fn partial_files(folder: &Path) -> Vec<PathBuf> {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .map(|item| item.expect("listing a folder").into_path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "part")
        })
        .collect()
}

//! The Windows program as a service.

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::broker_inside::add_user;
use crate::harness::broker::Broker;
use crate::harness::eventually::A_RUN;
use crate::harness::folder::Folder;
use crate::harness::footage::{FRAMES, footage};
use crate::harness::launch::Launch;
use crate::harness::ports::free_port;
use crate::sender;
use crate::wine::{windows_path, windows_subscriber};

#[test]
fn as_a_service_it_is_installed_started_asked_stopped_and_taken_away() {
    let _turn = the_one_service();
    let broker = Broker::start();
    let (out, logs) = (Folder::new(), Folder::new());
    service("status", &[]).run(A_RUN).failed(1, "not installed");
    let out_path = windows_path(out.path());
    let log_path = windows_path(logs.path());
    let options = [
        "--broker",
        &broker.url(),
        "--out",
        &out_path,
        "--consumer",
        "pc",
        "--log-dir",
        &log_path,
    ];
    service("install", &options).run(A_RUN).succeeded();
    service("install", &options).run(A_RUN).failed(1, "already");
    service("status", &[]).run(A_RUN).failed(1, "stopped");
    service("start", &[]).run(A_RUN).succeeded();
    assert_eq!(
        service("status", &[]).run(A_RUN).succeeded().text().trim(),
        "running"
    );
    broker.await_subscriptions(1, "cameras/+/frames");
    sender(&broker.url(), "").run(A_RUN).succeeded();
    out.await_pictures(FRAMES);
    service("stop", &[]).run(A_RUN).succeeded();
    service("status", &[]).run(A_RUN).failed(1, "stopped");
    out.holds("door", &footage().frames);
    let log = fs::read_dir(logs.path()).expect("listing the logs").next();
    let log = log.expect("a log file").expect("a log file").path();
    let log = fs::read_to_string(log).expect("reading the log");
    assert!(
        log.contains("connected to") && log.contains("Stored 132 frames"),
        "{log}"
    );
    service("uninstall", &[]).run(A_RUN).succeeded();
    service("status", &[]).run(A_RUN).failed(1, "not installed");
}

#[test]
fn a_service_with_a_broker_inside_finds_its_files_where_it_was_installed() {
    let _turn = the_one_service();
    let (port, home) = (free_port(), Folder::new());
    let (url, missing) = (format!("embedded:127.0.0.1:{port}"), "no-such-file");
    let install = |url: &str, users: &str| {
        service("install", &["--broker", url, "--broker-users", users])
            .flags("--out frames --log-dir logs --consumer pc")
            .in_folder(home.path())
            .run(A_RUN)
    };
    install(&url, missing).failed(1, "cannot read");
    let open = service("install", &["--broker", "embedded:0.0.0.0:1883"]);
    open.run(A_RUN).failed(2, "open to everybody");
    service("status", &[]).run(A_RUN).failed(1, "not installed");

    add_user("camera", "door", home.path());
    let said = install(&url, "users.txt").succeeded().text();
    let frames = home.path().join("frames");
    let may_write = format!(
        r#"icacls "{}" /grant "*S-1-5-19:(OI)(CI)M""#,
        windows_path(&frames)
    );
    assert!(said.contains(&may_write), "{said}");
    service("start", &[]).run(A_RUN).succeeded();
    sender(&format!("mqtt://127.0.0.1:{port}"), "--username door")
        .arg("--password-file")
        .arg(home.path().join("door.password"))
        .run(A_RUN)
        .succeeded();
    home.await_pictures(FRAMES);
    service("stop", &[]).run(A_RUN).succeeded();
    service("uninstall", &[]).run(A_RUN).succeeded();
    assert!(frames.join("door").is_dir() && home.path().join("logs").is_dir());
}

/// The list of services has one place for ours: whoever has this may use it, and finds it empty.
fn the_one_service() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    // A test that failed leaves it poisoned, and perhaps its service installed.
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    service("uninstall", &[]).run(A_RUN);
    turn
}

fn service(command: &str, options: &[&str]) -> Launch {
    let launch = windows_subscriber().arg("service").arg(command);
    options.iter().fold(launch, Launch::arg)
}

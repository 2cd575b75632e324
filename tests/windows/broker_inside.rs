//! The broker inside the Windows program, and a publisher on Linux that comes to it.

use std::path::Path;

use crate::harness::certificates::Authority;
use crate::harness::eventually::A_RUN;
use crate::harness::folder::Folder;
use crate::harness::footage::footage;
use crate::harness::ports::free_port;
use crate::wine::{windows_path, windows_subscriber};
use crate::{sender, subscriber};

#[test]
fn a_pc_and_a_pi_are_all_that_is_needed() {
    let (port, out) = (free_port(), Folder::new());
    let storing = subscriber(&format!("embedded:127.0.0.1:{port}"), out.path())
        .flags("--frames 132 --consumer pc --receipts")
        .start();
    let spool = Folder::new();
    sender(&format!("mqtt://127.0.0.1:{port}"), "--confirm pc")
        .arg("--spool-dir")
        .arg(spool.path())
        .run(A_RUN)
        .succeeded();
    storing.wait(A_RUN).succeeded();
    out.holds("door", &footage().frames);
}

#[test]
fn a_pi_comes_in_by_its_own_password_over_tls_and_by_no_other() {
    let (port, out, keys) = (free_port(), Folder::new(), Folder::new());
    add_user("camera", "door", keys.path());
    add_user("consumer", "office", keys.path());
    let authority = Authority::new();
    let certificate = authority.sign_local();
    let storing = subscriber(&format!("embedded:127.0.0.1:{port}"), out.path())
        .flags("--frames 132 --consumer pc --broker-users")
        .arg(windows_path(&keys.path().join("users.txt")))
        .arg("--broker-cert-file")
        .arg(windows_path(&certificate.certificate))
        .arg("--broker-key-file")
        .arg(windows_path(&certificate.key))
        .start();
    storing.says("connected to");
    let sending = |user: &str| {
        sender(&format!("mqtts://127.0.0.1:{port}"), "--username door")
            .arg("--ca-file")
            .arg(authority.certificate())
            .arg("--password-file")
            .arg(keys.path().join(format!("{user}.password")))
            .run(A_RUN)
    };
    sending("office").failed(1, "password");
    assert!(out.pictures().is_empty());
    sending("door").succeeded();
    let stored = storing.wait(A_RUN).succeeded();
    assert_eq!(stored.subscriber_balances().count("stored"), 132);
    out.holds("door", &footage().frames);
}

/// Makes a user of the broker inside, and `NAME.password`, in `folder`.
pub(crate) fn add_user(kind: &str, name: &str, folder: &Path) {
    windows_subscriber()
        .flags(&format!(
            "broker add-{kind} {name} --broker-users users.txt"
        ))
        .in_folder(folder)
        .run(A_RUN)
        .succeeded();
}

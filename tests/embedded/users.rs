//! The users' file, as a person finds and changes it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};

use super::Pc;
use crate::harness::bare_subscriber;
use crate::harness::eventually::SOON;
use crate::harness::outcome::Outcome;

fn change(pc: &Pc, words: &str) -> Outcome {
    bare_subscriber()
        .flags(&format!("broker {words} --broker-users"))
        .arg(pc.users())
        .run(SOON)
}

#[test]
fn a_name_can_be_had_again_and_what_is_in_the_way_is_named() {
    let pc = Pc::new();
    pc.add("camera", "door");
    let password = pc.password("door");
    let said = change(&pc, "remove door").succeeded().text();
    assert!(said.contains(password.to_str().unwrap()), "{said}");
    change(&pc, "add-camera door").failed(1, "delete it");
    fs::remove_file(&password).unwrap();
    change(&pc, "add-camera door").succeeded();
    // Windows takes con.password for a device, wherever it is.
    change(&pc, "add-camera con").succeeded();
    assert!(pc.password("con_").exists());
}

#[test]
fn a_change_leaves_link_rights_and_remarks_as_they_were() {
    let pc = Pc::new();
    let file = pc.keys.path().join("kept-elsewhere");
    fs::write(&file, "# ours\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    // Only root may give it to somebody, and must not take it away again.
    let is_given = chown(&file, Some(1234), Some(1234)).is_ok();
    symlink(&file, pc.users()).unwrap();
    pc.add("camera", "door");
    assert!(pc.users().is_symlink());
    assert!(
        fs::read_to_string(&file)
            .unwrap()
            .starts_with("# ours\ncamera door ")
    );
    let kept = fs::metadata(&file).unwrap();
    assert_eq!(kept.mode() & 0o777, 0o640);
    assert!(!is_given || (kept.uid(), kept.gid()) == (1234, 1234));
}

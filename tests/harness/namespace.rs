//! A tiny disk of a program's own, without being root: a tmpfs in a user and mount namespace.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::eventually::eventually_true;
use super::program::Program;

/// Mounts a tmpfs with the options `$1` at `$2`, fills `$3` bytes of it, runs the rest, and copies what is on the tmpfs
/// to `$4` at the end: the mount goes with the program.
const SCRIPT: &str = r#"
# Ctrl-C is for the program; what it leaves is still to be copied.
trap : INT TERM
mount -t tmpfs -o "$1" tmpfs "$2" || exit 90
if [ "$3" -gt 0 ]; then head -c "$3" /dev/zero > "$2/ballast" || exit 91; fi
disk=$2 copy=$4
shift 4
"$@"
code=$?
[ "$copy" = - ] || cp -a "$disk/." "$copy" || exit 92
exit $code
"#;

/// A command that runs the words after it with a disk of `bytes` at `mount_point`, of which `ballast` are taken. What
/// the program leaves there is copied into `copy` at the end.
pub(crate) fn with_tiny_disk(mount_point: &Path, bytes: u64, ballast: u64, copy: &Path) -> Command {
    let mut command = in_namespace(&format!("size={bytes}"), mount_point);
    command.arg(ballast.to_string()).arg(copy);
    command
}

/// A command that runs the words after it with a disk at `mount_point` that nobody can write to, root included.
pub(crate) fn with_read_only_disk(mount_point: &Path) -> Command {
    let mut command = in_namespace("ro", mount_point);
    command.args(["0", "-"]);
    command
}

/// The ballast on the tiny disk at `mount_point` of `program`, by the path that leads there from outside.
pub(crate) fn remove_ballast(program: &Program, mount_point: &Path) {
    let inside = mount_point
        .strip_prefix("/")
        .expect("the mount point is absolute");
    let ballast: PathBuf = ["/proc", &program.id().to_string(), "root"]
        .iter()
        .collect::<PathBuf>()
        .join(inside)
        .join("ballast");
    eventually_true("the ballast to be there", || ballast.exists());
    fs::remove_file(ballast).expect("removing the ballast");
}

fn in_namespace(options: &str, mount_point: &Path) -> Command {
    let mut command = Command::new("unshare");
    command
        .args([
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            SCRIPT,
            "sh",
            options,
        ])
        .arg(mount_point);
    command
}

//! Where the programs of a storm live: a namespace with small disks and clocks of their own, without being root.
//!
//! The namespace belongs to a program that only sleeps, so that disks outlive those who write to them.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{FallocateFlags, fallocate, fstatvfs};

use super::plan::Side;
use crate::harness::eventually::A_RUN;
use crate::harness::launch::Launch;
use crate::harness::program::Program;

/// Mounts a tmpfs of `$1` bytes, if that is not 0, at each of the other words. Whoever plays with clocks leaves things
/// in /dev/shm when it is killed: it gets one of its own.
const SCRIPT: &str = r#"
size=$1; shift
if [ -d /dev/shm ]; then mount -t tmpfs tmpfs /dev/shm || exit 90; fi
for disk in "$@"; do
  [ "$size" = 0 ] || mount -t tmpfs -o "size=$size" tmpfs "$disk" || exit 91
done
echo the land is there >&2
exec sleep 1000000
"#;

/// Disks and clocks for both sides.
pub(crate) struct Land {
    sleeper: Program,
    folder: PathBuf,
    /// How large its disks are, if they are small.
    disk_bytes: Option<u64>,
    has_clocks: bool,
}

impl Land {
    /// Makes it in `folder`. Disks are as large as `disk_bytes` says, or as large as the one below.
    pub(crate) fn new(folder: &Path, disk_bytes: Option<u64>, has_clocks: bool) -> Self {
        let mut script = Launch::new("land", "unshare").flags("--user --map-root-user --mount");
        let size = disk_bytes.unwrap_or(0).to_string();
        for word in ["sh", "-c", SCRIPT, "sh", &size] {
            script = script.arg(word);
        }
        for side in [Side::Publisher, Side::Subscriber] {
            let disk = disk_of(folder, side);
            fs::create_dir(&disk).expect("making a mount point");
            script = script.arg(disk);
        }
        let sleeper = script.start();
        sleeper.says("the land is there");
        let land = Self {
            sleeper,
            folder: folder.to_owned(),
            disk_bytes,
            has_clocks,
        };
        for side in [Side::Publisher, Side::Subscriber] {
            land.set_clock(side, 0);
        }
        land
    }

    /// The disk of `side`, by its path for those who live here.
    pub(crate) fn disk(&self, side: Side) -> PathBuf {
        disk_of(&self.folder, side)
    }

    /// `path`, which is one for those who live here, by the path that leads there from outside.
    pub(crate) fn seen_from_outside(&self, path: &Path) -> PathBuf {
        let inside = path.strip_prefix("/").expect("paths here are absolute");
        let root = ["/proc", &self.sleeper.id().to_string(), "root"];
        root.iter().collect::<PathBuf>().join(inside)
    }

    /// The command that runs the words after it here, with the clock of `side`.
    pub(crate) fn enter(&self, side: Side) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &self.sleeper.id().to_string()])
            .args(["--user", "--mount", "--preserve-credentials", "--", "env"]);
        if self.has_clocks {
            let mut set = |name: &str, value: OsString| {
                let mut variable = OsString::from(name);
                variable.push("=");
                variable.push(value);
                command.arg(variable);
            };
            set("LD_PRELOAD", libfaketime().into());
            set("FAKETIME_TIMESTAMP_FILE", self.clock(side).into());
            set("FAKETIME_CACHE_DURATION", "1".into());
            set("FAKETIME_DONT_FAKE_MONOTONIC", "1".into());
            set("NO_FAKE_STAT", "1".into());
        }
        command
    }

    /// Sets the wall clock of `side` so many seconds ahead. Programs that run notice within a second.
    pub(crate) fn set_clock(&self, side: Side, seconds_ahead: i64) {
        let clock = self.clock(side);
        let new = clock.with_extension("new");
        fs::write(&new, format!("{seconds_ahead:+}\n"))
            .and_then(|()| fs::rename(&new, &clock))
            .expect("setting a clock");
    }

    /// Takes all the room that is left on the disk of `side`.
    ///
    /// # Panics
    /// If it is not the small disk that was mounted: whoever removes the mount point from outside takes the mount away,
    /// and what is below is this machine's own disk.
    pub(crate) fn fill(&self, side: Side) {
        let filled = File::create(self.ballast(side)).and_then(|ballast| {
            let disk = fstatvfs(&ballast)?;
            let capacity = disk.f_blocks * disk.f_frsize;
            assert!(
                self.disk_bytes.is_some_and(|bytes| capacity <= bytes),
                "the small disk is gone: {capacity} bytes are another's"
            );
            let room = disk.f_bavail * disk.f_frsize;
            fallocate(&ballast, FallocateFlags::empty(), 0, room)?;
            Ok(())
        });
        match filled {
            // Somebody else took some of the room meanwhile: next to nothing is left in any case.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {}
            filled => filled.expect("filling a disk"),
        }
    }

    /// Gives back what [`Land::fill`] took, if it took any.
    pub(crate) fn free(&self, side: Side) {
        let _ = fs::remove_file(self.ballast(side));
    }

    /// Copies what is on small disks to where they are mounted: there it stays when the mounts go with this land.
    pub(crate) fn keep_disks(&self) {
        for side in [Side::Publisher, Side::Subscriber] {
            let disk = self.disk(side);
            let inside = self.seen_from_outside(&disk);
            if self.disk_bytes.is_some() {
                let mut copy = Launch::new("cp", "cp").arg("-a");
                copy = copy.arg(inside.join(".")).arg(disk);
                copy.run(A_RUN).succeeded();
            }
        }
    }

    fn ballast(&self, side: Side) -> PathBuf {
        self.seen_from_outside(&self.disk(side).join("ballast"))
    }

    fn clock(&self, side: Side) -> PathBuf {
        self.folder.join(format!("{side}-clock"))
    }
}

fn disk_of(folder: &Path, side: Side) -> PathBuf {
    folder.join(format!("{side}-disk"))
}

/// The library that gives programs another wall clock: Debian keeps it in a folder for each architecture.
fn libfaketime() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    folders
        .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.exists())
        .expect("libfaketime is missing: run `make test-prepare`")
}

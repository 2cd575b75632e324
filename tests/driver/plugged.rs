//! The emulated webcam, while it is plugged in.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use webcam::order::Order;
use webcam::picture::Footage;
use webcam::record::Sent;

use crate::harness::eventually::{A_RUN, eventually, eventually_true};
use crate::harness::launch::Launch;
use crate::harness::program::Program;

/// Where the webcam's footage is in the virtual machine.
const FOOTAGE: &str = "/footage";

/// Where its pictures come out, as long as nobody holds that name.
pub(crate) const VIDEO: &str = "/dev/video0";

/// A webcam in a port.
pub(crate) struct Webcam {
    program: Program,
    folder: TempDir,
}

/// What the webcam shows.
pub(crate) fn footage() -> Footage {
    Footage::read(Path::new(FOOTAGE)).expect("reading the footage")
}

impl Webcam {
    /// An ordinary one.
    #[track_caller]
    pub(crate) fn plug_in() -> Self {
        Self::plug_in_with(&[])
    }

    /// One with these words on its command line.
    #[track_caller]
    pub(crate) fn plug_in_with(words: &[&str]) -> Self {
        eventually_true("the last webcam to be gone", || nodes().is_empty());
        let folder = TempDir::new().expect("making the webcam's folder");
        let launch = Launch::new("webcam", "webcam")
            .flags("--footage")
            .arg(FOOTAGE)
            .arg("--orders")
            .arg(folder.path().join("orders"))
            .arg("--record")
            .arg(folder.path().join("record"));
        let program = words.iter().fold(launch, Launch::arg).start();
        // One for pictures, one for metadata.
        eventually_true("the driver to know the webcam", || nodes().len() == 2);
        Self { program, folder }
    }

    pub(crate) fn order(&self, order: Order) {
        order
            .send(&self.folder.path().join("orders"))
            .expect("ordering the webcam");
    }

    /// What it has sent so far.
    pub(crate) fn record(&self) -> Vec<Sent> {
        Sent::read(&self.folder.path().join("record")).expect("reading the webcam's record")
    }

    /// Waits until it has sent `count` pictures more.
    #[track_caller]
    pub(crate) fn await_pictures(&self, count: usize) {
        let before = self.record().len();
        eventually(A_RUN, &format!("{count} pictures more"), || {
            (self.record().len() >= before + count).then_some(())
        });
    }

    /// Pulls the cable. Returns what it had sent.
    #[track_caller]
    pub(crate) fn unplug(self) -> Vec<Sent> {
        self.program.kill();
        eventually_true("the devices to go", || nodes().is_empty());
        self.record()
    }
}

/// Every video device there is, by number.
pub(crate) fn nodes() -> Vec<PathBuf> {
    let entries = fs::read_dir("/dev").expect("listing devices").flatten();
    let mut nodes: Vec<_> = entries.map(|entry| entry.path()).collect();
    nodes.retain(|path| path.to_string_lossy().starts_with("/dev/video"));
    nodes.sort();
    nodes
}

//! The page: what a folder holds, what happens now, who may see it, and what it costs.

mod screen;

mod crowds;
mod folders;
mod guarding;
mod living;
mod scrubbing;

use std::path::Path;

use crate::harness::bare_subscriber;
use crate::harness::broker::Broker;
use crate::harness::eventually::A_RUN;
use crate::harness::folder::Folder;
use crate::harness::footage::footage;
use crate::harness::http::Site;
use crate::harness::launch::Launch;
use crate::harness::program::Program;
use crate::harness::{publisher, subscriber};

/// `frame-subscriber view` of a folder, at a port that the system chooses.
fn view(folder: &Path) -> Launch {
    bare_subscriber()
        .arg("view")
        .arg(folder)
        .flags("--listen 127.0.0.1:0")
}

fn start_view(folder: &Path) -> (Program, Site) {
    let program = view(folder).start();
    let site = Site::of(&program);
    (program, site)
}

/// A folder with the first `count` frames of the footage, of the camera `door`.
fn with_frames(count: usize) -> Folder {
    recorded(count, "")
}

/// The same, stored with `flags`.
fn recorded(count: usize, flags: &str) -> Folder {
    let (broker, out) = (Broker::start(), Folder::new());
    let pictures = tempfile::tempdir().unwrap();
    footage().write_into(pictures.path(), count);
    let storing = subscriber(&broker, out.path())
        .flags(&format!("--frames {count} {flags}"))
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    publisher(&broker)
        .flags("--fps 20 --source")
        .arg(pictures.path())
        .run(A_RUN)
        .succeeded();
    storing.wait(A_RUN).succeeded();
    out
}

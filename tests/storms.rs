//! Two storms of the many that `make chaos` makes, and the storm's own parts: who judges must be right.

mod judging;
mod planning;
mod proxying;
mod reading;

use std::slice;
use std::time::Duration;

use tempfile::tempdir;

use crate::storm::plan::Plan;
use crate::storm::report::table;
use crate::storm::storm;

/// One that has every program killed in it, and pauses, weather and full disks.
#[test]
fn a_storm_loses_no_frame() {
    loses_no_frame(1);
}

#[test]
fn another_storm_loses_no_frame() {
    loses_no_frame(2);
}

#[track_caller]
fn loses_no_frame(seed: u64) {
    let folder = tempdir().unwrap();
    let plan = Plan::new(seed, Duration::from_secs(40));
    let report = storm(&plan, folder.path(), false);
    println!(
        "{plan}\n{}\n{}",
        report.lines(),
        table(slice::from_ref(&report))
    );
    assert!(report.is_good(), "a promise was not kept");
}

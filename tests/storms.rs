//! A few storms of the many that `make chaos` makes, and the storm's own parts: who judges must be right.

mod judging;
mod planning;
mod proxying;
mod reading;

use std::slice;
use std::time::Duration;

use tempfile::tempdir;

use crate::storm::plan::Plan;
use crate::storm::report::{Report, table};
use crate::storm::{Guard, storm};

#[test]
fn a_storm_loses_no_frame() {
    loses_no_frame(1);
}

#[test]
fn another_storm_loses_no_frame() {
    loses_no_frame(7);
}

#[test]
fn a_storm_that_kills_the_broker_with_the_subscriber_loses_no_frame() {
    let plan = Plan::new(3, Duration::from_secs(40)).embedding_the_broker();
    let report = made(&plan, Guard::Receipts);
    assert!(report.is_good(), "a promise was not kept");
}

/// A storm that would do no harm in any case proves nothing.
#[test]
fn without_receipts_a_storm_loses_frames_and_the_judge_sees_it() {
    let report = made(&Plan::new(5, Duration::from_secs(25)), Guard::Spool);
    let verdict = &report.verdict;
    assert!(verdict.lost() > 0);
    assert_eq!((verdict.duplicates(), verdict.corrupt()), (0, 0));
}

#[test]
fn without_receipts_a_storm_that_spares_the_broker_loses_no_frame() {
    let plan = Plan::new(5, Duration::from_secs(25)).sparing_the_broker();
    let report = made(&plan, Guard::Spool);
    assert!(report.is_good(), "a promise was not kept");
}

#[track_caller]
fn loses_no_frame(seed: u64) {
    let plan = Plan::new(seed, Duration::from_secs(40));
    let report = made(&plan, Guard::Receipts);
    assert!(report.is_good(), "a promise was not kept");
}

fn made(plan: &Plan, guard: Guard) -> Report {
    let folder = tempdir().unwrap();
    let report = storm(plan, folder.path(), guard);
    println!(
        "{plan}\n{}\n{}",
        report.lines(),
        table(slice::from_ref(&report))
    );
    report
}

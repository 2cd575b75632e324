//! `doctor`: is all well with camera, broker, clock and disk? Nothing is published that anybody takes for a frame.

mod broker;
mod camera;

use runtime::disk::{self, Demand};
use runtime::findings::Findings;
use runtime::progress::Progress;
use runtime::{clock, logging};

use crate::config::{DoctorArgs, RunArgs};
use crate::run::{link_options, source_options};
use crate::spool::folder_of;

/// Checks what a run with the same options would need.
pub(crate) async fn check(args: DoctorArgs) -> anyhow::Result<()> {
    let DoctorArgs { json, run } = args;
    logging::start(&run.log, &Progress::new())?;
    check_options(&run)?;
    let camera = run.camera();
    let link = link_options(&run, &camera)?;
    let mut findings = Findings::new(json);
    let picture_bytes = camera::check(&mut findings, &run, source_options(&run, &camera)).await;
    broker::check(&mut findings, &run, &camera, link, picture_bytes).await;
    clock::check(&mut findings);
    match run.spool.spool_dir.as_deref() {
        Some(dir) => disk::check(
            &mut findings,
            Demand {
                option: "--spool-dir",
                folder: &folder_of(dir, &camera),
                bounded_by: "--spool-max-bytes",
                may_grow_to: Some(("--spool-max-bytes", run.spool.spool_max_bytes.as_u64())),
                bytes_per_second: None,
            },
        ),
        None => findings.ok(
            disk::CHECK,
            "not used: without --spool-dir, frames wait in memory",
        ),
    }
    findings.close()
}

/// What a run would refuse is refused here, too.
fn check_options(run: &RunArgs) -> anyhow::Result<()> {
    run.check()?;
    run.on_full()?;
    run.spool_full()?;
    run.format()?;
    Ok(())
}

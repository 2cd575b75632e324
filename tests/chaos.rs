//! `make chaos`: storms from seeds, one after another, and a table of what came of them. It ends with 1 if a frame was
//! lost, doubled or spoilt in any of them.
#![cfg(unix)]

#[expect(dead_code, reason = "other tests need more of it")]
mod harness;
mod storm;

use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use storm::plan::Plan;
use storm::report::{Report, table};

/// Storms of kills, cuts and full disks, each from a number
#[derive(Parser)]
struct Cli {
    /// How many storms
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// The seed of the first; the others follow it
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// How long each lasts, in seconds, before it is calm
    #[arg(long, default_value_t = 45)]
    seconds: u64,
    /// How many at a time
    #[arg(long, default_value_t = 2)]
    jobs: u64,
    /// Without spool and receipts: frames are lost, and the losses that are counted are compared with the truth
    #[arg(long)]
    bare: bool,
    /// Keep the plan, the logs and the disks of each storm in a folder below this one
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Print the plans and do nothing
    #[arg(long)]
    plan: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let plans = || {
        let length = Duration::from_secs(cli.seconds);
        (cli.first_seed..cli.first_seed + cli.seeds).map(move |seed| Plan::new(seed, length))
    };
    if cli.plan {
        for plan in plans() {
            println!("{plan}");
        }
        return ExitCode::SUCCESS;
    }
    let start = Instant::now();
    let plans: Vec<_> = plans().collect();
    let next = AtomicU64::new(0);
    let mut reports = Vec::new();
    let mut failures = 0;
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cli.jobs)
            .map(|_| scope.spawn(|| work(&cli, &plans, &next)))
            .collect();
        for worker in workers {
            let (done, failed) = worker.join().expect("a storm's panic is caught");
            reports.extend(done);
            failures += failed;
        }
    });
    reports.sort_by_key(|report: &Report| report.plan.seed);
    println!("\n{}", table(&reports));
    let bad = reports.iter().filter(|report| !report.is_good()).count();
    println!(
        "{} storms in {} s; {bad} bad, {failures} could not be made",
        reports.len(),
        start.elapsed().as_secs()
    );
    ExitCode::from(u8::from(bad + failures > 0))
}

/// Makes one storm after another as long as there are plans. Gives the reports, and how many storms could not be made.
fn work(cli: &Cli, plans: &[Plan], next: &AtomicU64) -> (Vec<Report>, usize) {
    let (mut reports, mut failures) = (Vec::new(), 0);
    while let Some(plan) = usize::try_from(next.fetch_add(1, Relaxed))
        .ok()
        .and_then(|nth| plans.get(nth))
    {
        let made = panic::catch_unwind(AssertUnwindSafe(|| make(cli, plan)));
        match made {
            Ok(report) => {
                print!("{}", report.lines());
                reports.push(report);
            }
            Err(_) => {
                println!("seed {}: the storm could not be made", plan.seed);
                failures += 1;
            }
        }
    }
    (reports, failures)
}

fn make(cli: &Cli, plan: &Plan) -> Report {
    match &cli.keep {
        Some(folder) => {
            let folder = folder.join(format!("seed-{}", plan.seed));
            fs::create_dir_all(&folder).expect("making the folder to keep");
            let folder = fs::canonicalize(folder).expect("the folder is there");
            storm::storm(plan, &folder, cli.bare)
        }
        None => {
            let folder = tempfile::tempdir().expect("making a folder for the storm");
            storm::storm(plan, folder.path(), cli.bare)
        }
    }
}

//! `make chaos`: storms from seeds, one after another, and a table of what came of them. It ends with 1 if a frame was
//! lost, doubled or spoilt in any of them.
#![cfg(unix)]

#[expect(dead_code, reason = "other tests need more of it")]
mod harness;
mod storm;

use std::fs;
use std::panic;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use storm::plan::Plan;
use storm::report::{Report, table};
use storm::{Guard, storm};

/// Storms of kills, cuts and full disks, each from a number
#[derive(Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
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
    /// With a spool but without receipts: what the broker loses is lost
    #[arg(long, conflicts_with = "bare")]
    unconfirmed: bool,
    /// Nothing happens to the broker: then a spool loses nothing without receipts, either
    #[arg(long, requires = "unconfirmed")]
    spare_broker: bool,
    /// The broker is inside the subscriber, and is killed and stopped with it
    #[arg(long, conflicts_with_all = ["bare", "unconfirmed"])]
    embedded: bool,
    /// Keep the plan, the logs and the disks of each storm in a folder below this one
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Print the plans and do nothing
    #[arg(long)]
    plan: bool,
}

impl Cli {
    fn guard(&self) -> Guard {
        match (self.bare, self.unconfirmed) {
            (true, _) => Guard::Nothing,
            (_, true) => Guard::Spool,
            _ => Guard::Receipts,
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let length = Duration::from_secs(cli.seconds);
    let seeds = cli.first_seed..cli.first_seed + cli.seeds;
    let plan = |seed| {
        let plan = Plan::new(seed, length);
        match (cli.spare_broker, cli.embedded) {
            (true, _) => plan.sparing_the_broker(),
            (_, true) => plan.embedding_the_broker(),
            _ => plan,
        }
    };
    let plans: Vec<_> = seeds.map(plan).collect();
    if cli.plan {
        for plan in &plans {
            println!("{plan}");
        }
        return ExitCode::SUCCESS;
    }
    let start = Instant::now();
    let reports = make_all(&cli, &plans);
    let good = reports.iter().filter(|report| report.is_good()).count();
    println!(
        "\n{}\n{good} of {} storms were good; {} seconds",
        table(&reports),
        plans.len(),
        start.elapsed().as_secs()
    );
    if good == plans.len() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Makes the storm of each plan, some beside each other. One that could not be made has no report.
fn make_all(cli: &Cli, plans: &[Plan]) -> Vec<Report> {
    let left = Mutex::new(plans.iter());
    let next = || left.lock().expect("taking a plan does not panic").next();
    let reports = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..cli.jobs {
            scope.spawn(|| {
                while let Some(plan) = next() {
                    // What went wrong in the making has been said.
                    let Ok(report) = panic::catch_unwind(|| make(cli, plan)) else {
                        println!("seed {}: the storm could not be made", plan.seed);
                        continue;
                    };
                    print!("{}", report.lines());
                    let mut reports = reports.lock().expect("adding a report does not panic");
                    reports.push(report);
                }
            });
        }
    });
    let mut reports = reports
        .into_inner()
        .expect("adding a report does not panic");
    reports.sort_by_key(|report| report.plan.seed);
    reports
}

fn make(cli: &Cli, plan: &Plan) -> Report {
    let Some(folder) = &cli.keep else {
        let folder = tempfile::tempdir().expect("making a folder for the storm");
        return storm(plan, folder.path(), cli.guard());
    };
    let folder = folder.join(format!("seed-{}", plan.seed));
    fs::create_dir_all(&folder).expect("making the folder to keep");
    let folder = fs::canonicalize(folder).expect("the folder is there");
    storm(plan, &folder, cli.guard())
}

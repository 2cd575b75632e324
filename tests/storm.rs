//! A storm: for a while programs are killed, networks cut and disks filled, all by a plan; then it is calm, and what
//! was captured is looked for.
//!
//! ```text
//! plan (pure) ─> stage: camera ─> publisher ─> network ─> broker ─> network ─> subscriber ─> disk
//!                         └──────── records                                                   │
//!                verdict <─ judge (pure) <─ evidence: records, logs, spool, ledgers, disks ───┘
//! ```

pub(crate) mod books;
pub(crate) mod camera;
pub(crate) mod evidence;
pub(crate) mod judge;
mod land;
mod mover;
mod part;
pub(crate) mod plan;
pub(crate) mod proxy;
pub(crate) mod report;
mod stage;
pub(crate) mod weather;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::harness::eventually::eventually;
use judge::{Evidence, judge};
use plan::Plan;
use report::Report;
use stage::Stage;

/// How long the rest may take to be delivered when all is well.
const CALM: Duration = Duration::from_secs(90);
/// Nothing more comes if nothing has come for so long.
const SILENCE: Duration = Duration::from_secs(3);
/// Thousands of files are not counted all the time.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// What stands against losses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// Frames are lost, and the question is whether the programs know how many.
    Nothing,
    /// A spool, which a frame leaves when the broker has it: what the broker loses is lost.
    Spool,
    /// A spool, which a frame leaves when the consumer's receipt says that it is on disk: nothing may be lost.
    Receipts,
}

/// Makes the storm of `plan` in `folder`, which must be empty, and judges it.
pub(crate) fn storm(plan: &Plan, folder: &Path, guard: Guard) -> Report {
    fs::write(folder.join("plan.txt"), plan.to_string()).expect("writing the plan");
    let mut stage = Stage::new(plan, folder, guard);
    let start = Instant::now();
    for planned in &plan.events {
        pass_time(&mut stage, start + planned.at);
        stage.happen(planned.event);
    }
    pass_time(&mut stage, start + plan.length);

    let calm_since = Instant::now();
    stage.calm_down();
    await_empty_spool(&mut stage);
    if guard != Guard::Receipts {
        await_silence(&mut stage);
    }
    let drained_in = calm_since.elapsed();
    let ledgers = stage.end();
    let evidence = gather(&mut stage, &ledgers);
    let books = (guard == Guard::Nothing).then(|| books::compare(&stage, &evidence));
    keep_logs(&stage, &ledgers, folder);
    stage.land.keep_disks();
    Report {
        plan: plan.clone(),
        guard,
        kills: [
            stage.publisher.kills,
            stage.broker_kills,
            stage.subscriber.kills,
        ],
        drained_in,
        verdict: judge(&evidence),
        books,
        missed: missed(&stage),
        complaints: [&stage.publisher, &stage.subscriber, &stage.viewer]
            .iter()
            .flat_map(|part| part.complaints.clone())
            .collect(),
    }
}

/// Lets time pass until `then`, while somebody looks after the programs.
fn pass_time(stage: &mut Stage, then: Instant) {
    let left = then.saturating_duration_since(Instant::now());
    eventually(left + CALM, "the time to pass", || {
        stage.look_after();
        (Instant::now() >= then).then_some(())
    });
}

/// Waits until nothing is left to deliver, but not for ever: what is still there then is the judge's business.
fn await_empty_spool(stage: &mut Stage) {
    let deadline = Instant::now() + CALM;
    while !evidence::read_spool(&stage.spool()).is_empty() && Instant::now() < deadline {
        pass_time(stage, Instant::now() + BETWEEN_LOOKS);
    }
}

/// Waits until no more files come.
fn await_silence(stage: &mut Stage) {
    let deadline = Instant::now() + CALM;
    let (mut files, mut since) = (0, Instant::now());
    while since.elapsed() < SILENCE && Instant::now() < deadline {
        pass_time(stage, Instant::now() + BETWEEN_LOOKS);
        let now = evidence::files_below(&stage.nth_output(stage.disks)).len();
        if now != files {
            (files, since) = (now, Instant::now());
        }
    }
}

fn gather(stage: &mut Stage, ledgers: &str) -> Evidence {
    let mut evidence = Evidence {
        emitted: camera::read_records(&stage.records()),
        disks: (1..=stage.disks)
            .map(|nth| evidence::read_disk(&[stage.nth_output(nth), stage.nth_shelf(nth)]))
            .collect(),
        onlookers: vec![evidence::read_disk(&[stage.viewer_output()])],
        owed: std::mem::take(&mut stage.owed),
        spooled: evidence::read_spool(&stage.spool()),
        given_up: std::mem::take(&mut stage.given_up),
        ..Evidence::default()
    };
    evidence::read_ledgers(ledgers, &mut evidence.given_up);
    for log in &stage.publisher.logs {
        evidence::read_log(log, &mut evidence.numbered);
    }
    evidence
}

/// How many frames the subscriber says are missing. Where its disk was replaced it cannot know what was on the other.
fn missed(stage: &Stage) -> u64 {
    let figures = stage.subscriber.figures.as_ref();
    let missing = figures.and_then(|figures| figures["missing"].as_u64());
    missing.filter(|_| stage.disks == 1).unwrap_or(0)
}

/// Leaves what was said, for whoever wants to know how it came about.
fn keep_logs(stage: &Stage, ledgers: &str, folder: &Path) {
    let logs = [
        ("publisher", &stage.publisher.logs),
        ("subscriber", &stage.subscriber.logs),
        ("viewer", &stage.viewer.logs),
        ("broker", &stage.broker_logs),
        ("ledgers", &vec![ledgers.to_owned()]),
    ];
    for (name, lives) in logs {
        for (nth, log) in lives.iter().enumerate() {
            let file = folder.join(format!("{name}-{:02}.log", nth + 1));
            fs::write(file, log).expect("keeping a log");
        }
    }
}

//! The whole program: reception here, the store on its thread, and one end for both.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail, ensure};
use link::{Connector, LinkError, LinkOptions, MQTT_MAX_PACKET_BYTES, SessionKind, Will};
use protocol::topic::{self, OFFLINE};
use runtime::program::usage_if;
use runtime::progress::Progress;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::{Cli, Command, RunArgs, VerifyArgs};
use crate::latest::{LatestFile, MjpegOut};
use crate::latest_only;
use crate::receive::{RECEIVE_MAXIMUM, Receive, Reception};
use crate::report::{Reporter, Summary};
use crate::retention::Retention;
use crate::store::FrameStore;
use crate::storing::{self, Outputs};
use crate::verify::VerifyOptions;

/// Frames between reception and the store's thread.
const JOBS: usize = 16;
/// A consumer publishes little: its status.
const WINDOW: u16 = 8;
/// The program: command line in, exit code out.
#[must_use]
pub fn main() -> ExitCode {
    let cli: Cli = runtime::program::parse();
    runtime::allocator::keep_frame_memory();
    match cli.command {
        Some(Command::Verify(args)) => runtime::program::exit_code(verify(&args)),
        Some(Command::Run(args)) => runtime::program::run(run(*args)),
        None => runtime::program::run(run(cli.run)),
    }
}

/// Receives and stores until a limit is reached or somebody says stop.
async fn run(args: RunArgs) -> anyhow::Result<()> {
    args.frames.check()?;
    let progress = Progress::new();
    runtime::logging::start(&args.log, &progress);
    if let Some(path) = &args.summary_json {
        runtime::summary::check_writable(path)?;
    }
    let connector = Connector::new(link_options(&args)?);
    let store = FrameStore::open(&args.files.out, args.files.layout.clone())?;
    let out = store.root().to_owned();
    let in_use = store.folders_in_use();
    let outputs = Outputs {
        store,
        latest: args.files.latest.clone().map(LatestFile::new),
        latest_failed: false,
        stdout: mjpeg_out(args.files.stdout).context("failed to write to standard output")?,
        frames_limit: args.frames.frames,
        latest_only: args.frames.latest_only.max_lag().is_some(),
    };
    if outputs
        .latest
        .as_ref()
        .is_some_and(|latest| !latest.names_camera())
        && args.frames.camera.one().is_none()
    {
        warn!(
            "--latest names one file for all cameras: with more than one, put {{camera}} into its name"
        );
    }
    if args.frames.consumer.is_none() && args.frames.latest_only.max_lag().is_none() {
        info!(
            "no --consumer name: frames that are published while this program is away are not for it"
        );
    }

    let stop = runtime::shutdown::on_signal();
    let give_up = CancellationToken::new();
    let (jobs, jobs_to_do) = mpsc::channel(JOBS);
    let (done, answers) = mpsc::unbounded_channel();
    let store_thread = storing::spawn(outputs, jobs_to_do, done, give_up.clone())
        .context("failed to start the store")?;
    let mut reporter = Reporter::new(progress);
    reporter.counters.is_shared = args.frames.group.is_some();
    reporter.counters.is_latest_only = args.frames.latest_only.max_lag().is_some();
    let mut receive = Receive::new(reception(&args), jobs, answers, reporter);
    let mut retention = None;
    if let Some(limits) = args.files.keep.limits() {
        let (thread, feed) = Retention::start(out.clone(), limits, in_use)
            .context("failed to start the retention")?;
        receive.retention = feed;
        retention = Some(thread);
    }
    let received = receive.run(connector, &stop).await;

    give_up.cancel();
    let finished = receive.finish();
    let stored = store_thread.join();
    // It ends before the store lets go of the folder.
    let deleted = retention.map(Retention::finish);
    let stored = stored
        .map(Outputs::finish)
        .map_err(|_| anyhow!("the store's thread died"));
    let reporter = finished.close();
    let summary = Summary::new(&reporter, deleted.flatten().unwrap_or_default());
    runtime::summary::print(&summary.lines(reporter.counters.bytes, &out));
    if let Some(path) = &args.summary_json {
        runtime::summary::write_json(path, &summary)?;
    }
    stored?;
    ensure!(deleted != Some(None), "the retention's thread died");
    verdict(received, &args)
}

fn mjpeg_out(wanted: bool) -> std::io::Result<Option<MjpegOut>> {
    wanted
        .then(|| MjpegOut::start(std::io::stdout()))
        .transpose()
}

/// Re-reads a folder against its index.
fn verify(args: &VerifyArgs) -> anyhow::Result<()> {
    let repaired = if args.repair {
        Some(crate::repair::repair(&args.dir)?)
    } else {
        None
    };
    let mut report = crate::verify::verify(
        &args.dir,
        VerifyOptions {
            decode: !args.no_decode,
        },
    )?;
    report.repaired = repaired;
    let printed = if args.json {
        serde_json::to_string_pretty(&report).context("failed to write the report")?
    } else {
        report.to_string()
    };
    writeln!(std::io::stdout(), "{printed}").context("failed to print the report")?;
    let is_good = if args.no_gaps {
        report.is_sound()
    } else {
        report.is_whole()
    };
    if !is_good {
        bail!("{} is not whole", args.dir.display());
    }
    Ok(())
}

fn verdict(received: Result<(), LinkError>, args: &RunArgs) -> anyhow::Result<()> {
    match (received, &args.frames.consumer) {
        (Ok(()), _) => Ok(()),
        (Err(LinkError::TakenOver), Some(consumer)) => Err(anyhow!(
            "another consumer uses the name {consumer}: give each consumer a name of its own with --consumer"
        )),
        (Err(error), _) => Err(error.into()),
    }
}

fn reception(args: &RunArgs) -> Reception {
    let frames = &args.frames;
    let filter = frames.topic_prefix.frames_filter(frames.camera.one());
    Reception {
        filter: frames
            .group
            .as_ref()
            .map_or(filter.clone(), |group| format!("$share/{group}/{filter}")),
        prefix: frames.topic_prefix.clone(),
        consumer: frames.consumer.clone(),
        max_frame_bytes: frames.max_frame_bytes.as_u64(),
        protocol: args.broker.protocol,
        max_lag: frames.latest_only.max_lag(),
        duration: frames.duration,
        drain_timeout: frames.drain_timeout,
    }
}

fn link_options(args: &RunArgs) -> anyhow::Result<LinkOptions> {
    let access = args
        .broker
        .access()
        .map_err(|error| usage_if(error.is_contradiction(), error))?;
    let consumer = args.frames.consumer.as_ref();
    let is_latest_only = args.frames.latest_only.max_lag().is_some();
    Ok(LinkOptions {
        broker: args.broker.broker.clone(),
        tls: access.tls,
        credentials: access.credentials,
        protocol: args.broker.protocol,
        client_id: consumer
            .map_or_else(nameless_client_id, |consumer| format!("fb-sub-{consumer}")),
        keep_alive: access.keep_alive,
        session: if consumer.is_some() && !is_latest_only {
            SessionKind::Persistent {
                expiry: args.frames.session_expiry,
            }
        } else {
            SessionKind::Clean
        },
        will: consumer.map(|consumer| Will {
            topic: topic::consumer_status(consumer),
            payload: OFFLINE.into(),
        }),
        window: WINDOW,
        receive_maximum: if is_latest_only {
            latest_only::RECEIVE_MAXIMUM
        } else {
            RECEIVE_MAXIMUM
        },
        // What is larger than --max-frame-bytes is set aside here: a broker that was told would leave it out silently.
        max_packet_bytes: MQTT_MAX_PACKET_BYTES,
    })
}

/// Unlike any other's: nameless consumers must not end each other.
fn nameless_client_id() -> String {
    format!("fb-sub-{:016x}", fastrand::u64(..))
}

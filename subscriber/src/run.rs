//! The whole program: reception here, the store on its thread, and one end for both.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, anyhow, bail, ensure};
use jiff::tz::TimeZone;
use link::{Connector, LinkError, LinkOptions, MQTT_MAX_PACKET_BYTES, Qos, SessionKind, Will};
use protocol::topic::{self, OFFLINE};
use runtime::program::usage_if;
use runtime::progress::Progress;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::{Cli, Command, FrameArgs, RunArgs, VerifyArgs};
use crate::embedded;
use crate::latest::{LatestFile, MjpegOut};
use crate::latest_only;
use crate::metrics::Metrics;
use crate::receive::{RECEIVE_MAXIMUM, Receipts, Receive, Reception, StoreEnds};
use crate::report::{Reporter, Summary};
use crate::retention::{Retention, RetentionFeed};
use crate::store::{FrameStore, SharedLedger};
use crate::storing::{self, AtOnce, Outputs, Syncing};
use crate::verify::VerifyOptions;
use crate::view::{Listening, Received, View};

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
        Some(Command::View(args)) => runtime::program::run(crate::view::view_folder(args)),
        Some(Command::Doctor(args)) => runtime::program::run(crate::doctor::check(*args)),
        #[cfg(windows)]
        Some(Command::Service(command)) => {
            runtime::program::exit_code(crate::service::main(command, |args| {
                runtime::program::complete(run(args))
            }))
        }
        Some(Command::Top(args)) => runtime::program::run(crate::top::run(args)),
        Some(Command::Control(args)) => runtime::program::run(crate::control::run(*args)),
        #[cfg(feature = "embedded-broker")]
        Some(Command::Broker(command)) => {
            runtime::program::exit_code(embedded::change_users(&command))
        }
        Some(Command::Run(args)) => runtime::program::run(run(*args)),
        None => runtime::program::run(run(cli.run)),
    }
}

/// Receives and stores until a limit is reached or somebody says stop.
async fn run(mut args: RunArgs) -> anyhow::Result<()> {
    args.check()?;
    let progress = Progress::new();
    runtime::logging::start(&args.log, &progress)?;
    if let Some(path) = &args.summary_json {
        runtime::summary::check_writable(path)?;
    }
    let showcase = args.metrics.listen()?;
    let listening = Listening::wanted_by(&args.view)?;
    let broker = embedded::start(&mut args)?;
    let mut options = link_options(&args)?;
    embedded::let_in(broker.as_ref(), &mut options);
    let connector = Connector::new(options);
    let store = open_store(&args)?;
    let (out, ledger) = (store.root().to_owned(), Arc::clone(store.ledger()));
    let (page, pictures) = listening.as_ref().map(|_| crate::view::feed()).unzip();
    let outputs = Outputs {
        store,
        latest: args.files.latest.clone().map(LatestFile::new),
        latest_failed: false,
        refused: Arc::default(),
        stdout: mjpeg_out(args.files.stdout).context("failed to write to standard output")?,
        page,
        frames_limit: args.frames.frames,
        stored: 0,
        latest_only: args.frames.latest_only.max_lag().is_some(),
    };
    say_what_may_surprise(&args, &outputs);

    let stop = runtime::shutdown::on_signal();
    runtime::service::ready();
    let give_up = CancellationToken::new();
    let (jobs, jobs_to_do) = mpsc::channel(JOBS);
    let (done, answers) = mpsc::unbounded_channel();
    let (retention, retention_feed) = match args.files.keep.limits() {
        Some(limits) => {
            let (thread, feed) = Retention::start(&outputs.store, limits)
                .context("failed to start the retention")?;
            (Some(thread), feed)
        }
        None => (None, RetentionFeed::default()),
    };
    let refused = Arc::clone(&outputs.refused);
    let outputs = Arc::new(Mutex::new(outputs));
    let at_once = AtOnce::of(&outputs);
    let store_thread = storing::spawn(Arc::clone(&outputs), jobs_to_do, done, give_up.clone())
        .context("failed to start the store")?;
    let (syncing, syncing_ends) = Syncing::start(Arc::clone(&ledger), args.frames.receipts)
        .context("failed to start syncing")?;
    let mut reporter = reporter(&args, progress, &ledger);
    reporter.store_refuses = refused;
    let mut view = None;
    if args.wants_figures() {
        let figures = reporter.watch_figures(&out);
        if let (Some(listening), Some(pictures)) = (listening, pictures) {
            let figures = figures.clone();
            let received = Received { pictures, figures };
            view = Some(View::start(listening, &out, Some(received))?);
        }
        if let Some(showcase) = showcase {
            showcase.show(Metrics::new(figures));
        }
    }
    let ends = StoreEnds {
        at_once,
        jobs: Some(jobs),
        answers,
        ledger,
        syncing: syncing_ends,
        retention: retention_feed,
    };
    let mut receive = Receive::new(reception(&args), ends, receipts(&args), reporter);
    let received = receive.run(connector, &stop).await;

    if let Some(view) = view {
        view.finish();
    }
    give_up.cancel();
    let (finished, syncing_ends) = receive.finish();
    let stored = store_thread.join();
    // It ends before the store lets go of the folder.
    let deleted = retention.map(Retention::finish);
    let stored = stored.map_err(|_| anyhow!("the store's thread died"));
    if let Ok(mut outputs) = outputs.lock() {
        outputs.finish();
    }
    // Now that nothing more is stored: the last sync has it all.
    drop(syncing_ends);
    let synced = syncing.finish();
    let reporter = finished.close();
    let summary = Summary::new(&reporter, deleted.flatten().unwrap_or_default());
    runtime::summary::print(&summary.lines(reporter.counters.bytes, &out));
    if let Some(path) = &args.summary_json {
        runtime::summary::write_json(path, &summary)?;
    }
    stored?;
    ensure!(synced, "the thread that syncs died");
    ensure!(deleted != Some(None), "the retention's thread died");
    verdict(received, &args)
}

fn say_what_may_surprise(args: &RunArgs, outputs: &Outputs) {
    let latest = outputs.latest.as_ref();
    if latest.is_some_and(|latest| !latest.names_camera()) && args.frames.camera.one().is_none() {
        warn!(
            "--latest names one file for all cameras: with more than one, put {{camera}} into its name"
        );
    }
    if args.frames.consumer.is_none() && args.frames.latest_only.max_lag().is_none() {
        info!(
            "no --consumer name: frames that are published while this program is away are not for it"
        );
    }
}

fn open_store(args: &RunArgs) -> anyhow::Result<FrameStore> {
    let files = &args.files;
    let store = FrameStore::open_synced(&files.out, files.layout.clone(), args.sync())?;
    Ok(if files.exif {
        store.with_exif(TimeZone::system())
    } else {
        store
    })
}

fn reporter(args: &RunArgs, progress: Progress, ledger: &Arc<SharedLedger>) -> Reporter {
    let mut reporter = Reporter::new(progress, Arc::clone(ledger));
    reporter.counters.is_shared = args.frames.group.is_some();
    reporter.counters.is_latest_only = args.frames.latest_only.max_lag().is_some();
    reporter.counters.confirms = args.frames.receipts;
    reporter
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
    let mut filters = filters(frames);
    if args.wants_figures() {
        // As with ledgers: what was said while we were away must not queue.
        let statuses = frames.topic_prefix.status_filter(frames.camera.one());
        filters.push((statuses, Qos::AtMostOnce));
    }
    Reception {
        filters,
        prefix: frames.topic_prefix.clone(),
        consumer: frames.consumer.clone(),
        max_frame_bytes: frames.max_frame_bytes.as_u64(),
        protocol: args.broker.protocol,
        max_lag: frames.latest_only.max_lag(),
        duration: frames.duration,
        drain_timeout: frames.drain_timeout,
    }
}

/// What is subscribed to.
pub(crate) fn filters(frames: &FrameArgs) -> Vec<(String, Qos)> {
    let (prefix, camera) = (&frames.topic_prefix, frames.camera.one());
    let filter = prefix.frames_filter(camera);
    if let Some(group) = &frames.group {
        return vec![(format!("$share/{group}/{filter}"), Qos::AtLeastOnce)];
    }
    let mut filters = vec![(filter, Qos::AtLeastOnce)];
    if let (true, Some(consumer)) = (frames.receipts, &frames.consumer) {
        filters.push((prefix.resend_filter(camera, consumer), Qos::AtLeastOnce));
    }
    // The newest one is retained: those that were published while we were away must not fill the broker's queue.
    filters.push((prefix.ledger_filter(camera), Qos::AtMostOnce));
    filters
}

fn receipts(args: &RunArgs) -> Option<Receipts> {
    let frames = &args.frames;
    let consumer = frames.consumer.clone().filter(|_| frames.receipts)?;
    Some(Receipts::new(consumer, frames.topic_prefix.clone()))
}

pub(crate) fn link_options(args: &RunArgs) -> anyhow::Result<LinkOptions> {
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

//! The whole program: capture on its thread, delivery here, and one end for both.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use link::{Connector, LinkError, LinkOptions, Protocol, SessionKind};
use protocol::frame::StreamId;
use protocol::topic::CameraName;
use runtime::program::usage_if;
use runtime::progress::Progress;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::announce::Announcer;
use crate::capture::{Capture, CaptureLimits, CaptureOutcome};
use crate::config::{Cli, Command, DeliveryMode, RunArgs};
use crate::control::{self, CaptureEnd, ControlDesk, DeskOptions};
use crate::counters::Counters;
use crate::deliver::{Delivery, DeliveryOptions};
use crate::depot::{Depot, DepotLimits};
use crate::figures::Watched;
use crate::metrics::Metrics;
use crate::outbox::Outbox;
use crate::queue::{Limits, Queue};
use crate::report::{DeliveryTimes, HoldUp, StatsMaker, Summary, show_progress};
use crate::source::{Absence, SourceOptions};
use crate::spool::Spool;

/// Patience at the end: somebody waits after a signal, nobody after a file.
const DRAIN_AFTER_SIGNAL: Duration = Duration::from_secs(10);
const DRAIN_AFTER_SOURCE: Duration = Duration::from_mins(1);

/// Frames that a source without a pace of its own may be ahead of a network that takes them: they are still in the
/// processor's cache when they are sent.
const READ_AHEAD_FRAMES: usize = 8;

/// What a publisher receives is acknowledgements, receipts and requests: nothing large.
const MAX_INCOMING_BYTES: u32 = 1 << 20;
const RECEIVE_MAXIMUM: u16 = 16;

/// The program: command line in, exit code out.
#[must_use]
pub fn main() -> ExitCode {
    let cli: Cli = runtime::program::parse();
    match cli.command {
        Some(Command::Devices(args)) => runtime::program::exit_code(crate::devices::list(&args)),
        Some(Command::Doctor(args)) => runtime::program::run(crate::doctor::check(*args)),
        Some(Command::Forget(args)) => runtime::program::run(crate::forget::forget(*args)),
        Some(Command::Run(args)) => publish(*args),
        None => publish(cli.run),
    }
}

fn publish(args: RunArgs) -> ExitCode {
    runtime::allocator::keep_frame_memory();
    runtime::program::run(run(args))
}

/// Captures and delivers until the source ends, a limit is reached, or somebody says stop.
async fn run(cli: RunArgs) -> anyhow::Result<()> {
    let progress = Progress::new();
    runtime::logging::start(&cli.log, &progress)?;
    if let Some(path) = &cli.summary_json {
        runtime::summary::check_writable(path)?;
    }
    cli.check()?;
    // Before anything is made or opened.
    cli.allows_control()?;
    let camera = cli.camera();
    let connector = Connector::new(link_options(&cli, &camera)?);
    let stream = StreamId::new();
    let counters = Arc::new(Counters::default());
    let hold_up = Arc::new(HoldUp::default());
    let showcase = cli.metrics.listen()?;
    let times = Arc::new(DeliveryTimes::new(showcase.is_some()));
    let outbox = Arc::new(outbox(&cli, &camera, stream, &counters, &hold_up)?);
    let (desk, orders) = control(&cli, &camera, stream)?;
    let mut delivery = Delivery::new(
        delivery_options(&cli, &camera, stream)?,
        outbox.clone(),
        counters.clone(),
        hold_up.clone(),
        times.clone(),
        StatsMaker::new(stream.to_string()),
        desk,
    );

    let source_options = source_options(&cli, &camera);
    if let Some(showcase) = showcase {
        let watched = Watched {
            camera: camera.clone(),
            stream,
            counters: counters.clone(),
            outbox: outbox.clone(),
            times: times.clone(),
            absence: source_options.absence.clone(),
            spool_max_bytes: cli
                .spool
                .spool_dir
                .as_ref()
                .map(|_| cli.spool.spool_max_bytes.as_u64()),
        };
        showcase.show(Metrics::watch(watched));
    }

    let signal = runtime::shutdown::on_signal();
    let stop_capture = signal.child_token();
    let captured = Capture {
        spec: cli.source.source.clone(),
        options: source_options,
        limits: CaptureLimits {
            frames: cli.source.frames,
            duration: cli.source.duration,
        },
        stream,
        outbox: outbox.clone(),
        counters: counters.clone(),
        control: orders,
    }
    .run(stop_capture.clone());
    let reporter = tokio::spawn(show_progress(
        progress.clone(),
        counters.clone(),
        outbox,
        times,
    ));

    runtime::service::ready();
    let capture_over = CancellationToken::new();
    let give_up = give_up_after(cli.delivery.drain_timeout, capture_over.clone(), signal);
    let (delivered, captured) = tokio::join!(
        async {
            let delivered = delivery.run(connector, give_up).await;
            stop_capture.cancel();
            delivered
        },
        async {
            let captured = captured.await;
            capture_over.cancel();
            captured
        },
    );
    let remainder = delivery.settle().await;
    reporter.abort();
    progress.finish();

    let span = captured.as_ref().map(|span| *span).unwrap_or_default();
    let summary = Summary::new(
        camera.to_string(),
        stream.to_string(),
        &counters,
        span,
        remainder,
    );
    runtime::summary::print(&summary.lines(&counters));
    if let Some(path) = &cli.summary_json {
        runtime::summary::write_json(path, &summary)?;
    }
    verdict(delivered, captured, &camera)
}

fn verdict(
    delivered: Result<(), LinkError>,
    captured: CaptureOutcome,
    camera: &CameraName,
) -> anyhow::Result<()> {
    match delivered {
        Err(LinkError::TakenOver) => Err(anyhow!(
            "another publisher uses the camera name {camera}: give each camera a name of its own with --camera"
        )),
        Err(error) => Err(error.into()),
        Ok(()) => captured.map(|_| ()),
    }
}

/// A token that is cancelled when the time to drain is over: it runs from the end of the capture, or from the signal.
fn give_up_after(
    drain_timeout: Option<Duration>,
    capture_over: CancellationToken,
    signal: CancellationToken,
) -> CancellationToken {
    let give_up = CancellationToken::new();
    let cancel = give_up.clone();
    tokio::spawn(async move {
        capture_over.cancelled().await;
        tokio::select! {
            () = sleep(drain_timeout.unwrap_or(DRAIN_AFTER_SOURCE)) => {}
            () = async {
                signal.cancelled().await;
                sleep(drain_timeout.unwrap_or(DRAIN_AFTER_SIGNAL)).await;
            } => {}
        }
        cancel.cancel();
    });
    give_up
}

pub(crate) fn link_options(cli: &RunArgs, camera: &CameraName) -> anyhow::Result<LinkOptions> {
    let access = cli
        .broker
        .access()
        .map_err(|error| usage_if(error.is_contradiction(), error))?;
    Ok(LinkOptions {
        broker: cli.broker.broker.clone(),
        tls: access.tls,
        credentials: access.credentials,
        protocol: cli.broker.protocol,
        client_id: format!("fb-pub-{camera}"),
        keep_alive: access.keep_alive,
        session: SessionKind::Clean,
        will: Some(Announcer::will(camera, &cli.delivery.topics.topic_prefix)),
        window: cli.window(),
        receive_maximum: RECEIVE_MAXIMUM,
        max_packet_bytes: MAX_INCOMING_BYTES,
    })
}

pub(crate) fn source_options(cli: &RunArgs, camera: &CameraName) -> SourceOptions {
    SourceOptions {
        camera: camera.clone(),
        resolution: cli.source.resolution,
        fps: cli.source.fps,
        repeat: cli.source.repeat,
        max_frame_bytes: usize::try_from(cli.source.max_frame_bytes.as_u64()).unwrap_or(usize::MAX),
        controls: cli.source.control.clone(),
        absence: Absence::default(),
    }
}

/// Where frames wait: in memory, or in a spool.
fn outbox(
    cli: &RunArgs,
    camera: &CameraName,
    stream: StreamId,
    counters: &Arc<Counters>,
    hold_up: &Arc<HoldUp>,
) -> anyhow::Result<Outbox> {
    let Some(dir) = &cli.spool.spool_dir else {
        return Ok(Outbox::Memory {
            queue: Box::new(Queue::new(stream, queue_limits(cli), cli.on_full()?)),
            counters: counters.clone(),
            hold_up: hold_up.clone(),
        });
    };
    let limits = DepotLimits {
        max_bytes: cli.spool.spool_max_bytes.as_u64(),
        lane_bytes: cli.delivery.queue_max_bytes.as_u64(),
        on_full: cli.spool_full()?,
        source_can_wait: cli.source_can_wait(),
    };
    let (spool, leftovers) = Spool::open(dir, camera, stream, cli.spool.spool_sync)?;
    if !leftovers.frames.is_empty() {
        info!(
            "{} frames of earlier runs are in the spool: they are delivered beside the new ones",
            leftovers.frames.len()
        );
    }
    match (cli.spool.confirm.is_empty(), cli.broker.protocol) {
        (true, Protocol::V5) => info!(
            "no --confirm: a frame leaves the spool once the broker has it, which is no proof that a consumer has"
        ),
        (true, Protocol::V311) => warn!(
            "no --confirm: over MQTT 3.1.1 the broker takes a frame even if nobody listens, and it leaves the spool"
        ),
        (false, _) => {}
    }
    Ok(Outbox::Spool(Box::new(Depot::new(
        camera.clone(),
        stream,
        cli.spool.confirm.clone(),
        limits,
        counters.clone(),
        (spool, leftovers),
    ))))
}

/// Both ends of control, where it is allowed.
fn control(
    cli: &RunArgs,
    camera: &CameraName,
    stream: StreamId,
) -> anyhow::Result<(Option<ControlDesk>, Option<CaptureEnd>)> {
    if !cli.allows_control()? {
        return Ok((None, None));
    }
    let spec = &cli.source.source;
    let (desk_end, capture_end) = control::line(spec, &source_options(cli, camera));
    let options = DeskOptions {
        camera: camera.clone(),
        prefix: cli.delivery.topics.topic_prefix.clone(),
        stream,
        spec: spec.clone(),
    };
    let desk = ControlDesk::new(options, desk_end);
    Ok((Some(desk), Some(capture_end)))
}

/// Live delivery has a mailbox for one frame instead of a queue; a source that is read as fast as the network takes its
/// frames is read little ahead.
fn queue_limits(cli: &RunArgs) -> Limits {
    let max_frames = match cli.delivery.delivery {
        DeliveryMode::Every => usize::MAX,
        DeliveryMode::Live => 1,
    };
    Limits {
        max_bytes: cli.delivery.queue_max_bytes.as_u64(),
        max_frames,
        read_ahead: if cli.is_flat_out() {
            READ_AHEAD_FRAMES
        } else {
            usize::MAX
        },
    }
}

fn delivery_options(
    cli: &RunArgs,
    camera: &CameraName,
    stream: StreamId,
) -> anyhow::Result<DeliveryOptions> {
    Ok(DeliveryOptions {
        camera: camera.clone(),
        stream,
        prefix: cli.delivery.topics.topic_prefix.clone(),
        format: cli.format()?,
        qos: cli.qos(),
        window: usize::from(cli.window()),
        newest_wins: cli.delivery.delivery == DeliveryMode::Live,
        publish_latest: !cli.delivery.no_latest,
        home_assistant: cli.home_assistant(),
    })
}

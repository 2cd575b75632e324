//! What the subscriber says of itself: the live line and the closing summary.

mod clocks;
mod handing_out;
mod seldom;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use runtime::latency::Latencies;
use runtime::progress::Progress;
use runtime::rate::Rate;
use serde::Serialize;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tracing::warn;

use crate::counters::{Counters, Shortfall};
use crate::retention::Deleted;
use crate::store::{Outcome, SharedLedger};
use crate::storing::Stored;
use clocks::Clocks;
use handing_out::HandingOut;
use seldom::Seldom;

/// Counts, and shows progress at every [`Reporter::tick`].
pub(crate) struct Reporter {
    pub(crate) counters: Counters,
    pub(crate) reconnects: u64,
    pub(crate) waiting: usize,
    /// Whether there is a connection to the broker.
    pub(crate) is_connected: bool,
    /// Whether the disk takes no frames at the moment.
    pub(crate) store_refuses: Arc<AtomicBool>,
    ledger: Arc<SharedLedger>,
    progress: Progress,
    ticks: Interval,
    ticked: u32,
    /// The live line changes with each tick, or more seldom.
    ticks_a_line: u32,
    /// Present if somebody wants figures.
    figures: Option<HandingOut>,
    latencies: Latencies,
    frames: Rate,
    bytes: Rate,
    overrun: u64,
    clocks: Clocks,
    gap_warnings: Seldom,
    set_aside_warnings: Seldom,
    lag_warnings: Seldom,
}

impl Reporter {
    pub(crate) fn new(progress: Progress, ledger: Arc<SharedLedger>) -> Self {
        let mut ticks = interval(progress.interval());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.reset();
        Self {
            counters: Counters::default(),
            reconnects: 0,
            waiting: 0,
            is_connected: false,
            store_refuses: Arc::default(),
            ledger,
            progress,
            ticks,
            ticked: 0,
            ticks_a_line: 1,
            figures: None,
            latencies: Latencies::new(),
            frames: Rate::new(),
            bytes: Rate::new(),
            overrun: 0,
            clocks: Clocks::default(),
            gap_warnings: Seldom::default(),
            set_aside_warnings: Seldom::default(),
            lag_warnings: Seldom::default(),
        }
    }

    pub(crate) fn enter(&mut self, stored: &Stored) {
        let opened_gap = self.counters.enter(stored);
        let now = Instant::now();
        if let Some(figures) = &mut self.figures {
            figures.tally.enter(stored, now);
        }
        if let (Some(frame), Outcome::Stored { .. }) = (&stored.frame, &stored.outcome) {
            self.latencies.record(stored.latency);
            if let Some(disagreement) = self.clocks.observe(frame, stored.transit, now) {
                warn!("camera {}: {disagreement}", frame.camera);
            }
        }
        if let (Some(frame), Some(range)) = (&stored.frame, opened_gap)
            && self.gap_warnings.is_due(now)
        {
            warn!(
                "camera {}: frames {} to {} have not come (yet)",
                frame.camera,
                range.start(),
                range.end()
            );
        }
        match &stored.outcome {
            Outcome::Quarantined { path, reason } if self.set_aside_warnings.is_due(now) => {
                warn!("set aside in {}: {reason}", path.display());
            }
            Outcome::Conflict { path } if self.set_aside_warnings.is_due(now) => warn!(
                "a second picture under one frame's identity is set aside in {}",
                path.display()
            ),
            _ => {}
        }
    }

    /// Frames come late by `lag`, and the connection is given up for it.
    pub(crate) fn behind(&mut self, lag: Duration) {
        if self.lag_warnings.is_due(Instant::now()) {
            warn!(
                "frames come {:.1} s late: skipping what has queued at the broker",
                lag.as_secs_f64()
            );
        }
    }

    /// QoS 0 messages of this connection that came faster than they could be stored.
    pub(crate) fn overrun(&mut self, total: u64) {
        if total > self.overrun {
            warn!(
                "{} QoS 0 messages came faster than they can be stored and are lost: publish at QoS 1",
                total - self.overrun
            );
        }
        self.overrun = total;
    }

    /// Resolves once an interval, having shown progress, or handed out figures. Cancel-safe.
    pub(crate) async fn tick(&mut self) {
        self.ticks.tick().await;
        self.ticked = self.ticked.wrapping_add(1);
        self.hand_out_figures_in_time();
        if self.ticked.is_multiple_of(self.ticks_a_line) {
            self.show_progress();
        }
    }

    fn show_progress(&mut self) {
        let now = Instant::now();
        say_more_gaps(self.gap_warnings.more(now));
        say_more_set_aside(self.set_aside_warnings.more(now));
        let latency = self
            .latencies
            .take()
            .map_or_else(String::new, |latency| format!(", latency {latency}"));
        let shortfall = self.shortfall();
        let absent = if self.counters.is_latest_only {
            format!("skipped {}", shortfall.skipped)
        } else {
            format!("missing {}", shortfall.missing.frames)
        };
        self.progress.show(format!(
            "{:.1} fps, {:.1} MB/s{latency}, queue {}, stored {}, duplicates {}, {absent}",
            self.frames.per_second(self.counters.stored),
            self.bytes.per_second(self.counters.bytes) / 1e6,
            self.waiting,
            self.counters.stored,
            self.counters.duplicates,
        ));
    }

    fn shortfall(&self) -> Shortfall {
        self.ledger.read(|ledger| self.counters.shortfall(ledger))
    }

    /// Takes the live line away.
    pub(crate) fn finish(&mut self) {
        say_more_gaps(self.gap_warnings.rest());
        say_more_set_aside(self.set_aside_warnings.rest());
        self.hand_out_figures();
        self.progress.finish();
    }
}

fn say_more_gaps(gaps: Option<u64>) {
    if let Some(gaps) = gaps {
        warn!("more frames have not come (yet): {gaps} gaps since this was last said");
    }
}

fn say_more_set_aside(payloads: Option<u64>) {
    if let Some(payloads) = payloads {
        warn!(
            "more is set aside: {payloads} messages since this was last said; the index beside them says why"
        );
    }
}

/// The closing figures. `received = stored + duplicates + quarantined + foreign`.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    received: u64,
    stored: u64,
    duplicates: u64,
    quarantined: u64,
    foreign: u64,
    gaps: u64,
    missing: u64,
    given_up: u64,
    /// Left out because only the latest are wanted; not among the received ones.
    skipped: u64,
    /// Stored frames that were taken later than they came: the camera's clock is ahead of ours.
    from_future: u64,
    /// Files that retention has deleted.
    deleted: u64,
    #[serde(skip)]
    deleted_bytes: u64,
    reconnects: u64,
}

impl Summary {
    pub(crate) fn new(reporter: &Reporter, deleted: Deleted) -> Self {
        let counters = &reporter.counters;
        let Shortfall {
            missing,
            given_up,
            skipped,
        } = reporter.shortfall();
        Self {
            received: counters.received,
            stored: counters.stored,
            duplicates: counters.duplicates,
            quarantined: counters.quarantined,
            foreign: counters.foreign,
            gaps: missing.gaps,
            missing: missing.frames,
            given_up,
            skipped,
            from_future: reporter.clocks.frames_from_future(),
            deleted: deleted.files,
            deleted_bytes: deleted.bytes,
            reconnects: reporter.reconnects,
        }
    }

    /// For people.
    pub(crate) fn lines(&self, bytes: u64, out: &std::path::Path) -> Vec<String> {
        let mut lines = vec![
            format!("Stored {} frames in {}", self.stored, out.display()),
            format!(
                "Received {} ({}): {} duplicates, {} quarantined, {} foreign; {} reconnects",
                self.received,
                ByteSize(bytes),
                self.duplicates,
                self.quarantined,
                self.foreign,
                self.reconnects,
            ),
        ];
        if self.missing > 0 {
            lines.push(format!(
                "Missing: {} frames in {} gaps, lost or still to come",
                self.missing, self.gaps
            ));
        }
        if self.given_up > 0 {
            lines.push(format!(
                "Given up by their cameras: {} frames",
                self.given_up
            ));
        }
        if self.skipped > 0 {
            lines.push(format!("Skipped for newer ones: {} frames", self.skipped));
        }
        if self.from_future > 0 {
            lines.push(format!(
                "From the future, by a camera's clock: {} frames",
                self.from_future
            ));
        }
        if self.deleted > 0 {
            lines.push(format!(
                "Deleted by retention: {} frames, {}",
                self.deleted,
                ByteSize(self.deleted_bytes)
            ));
        }
        lines
    }
}

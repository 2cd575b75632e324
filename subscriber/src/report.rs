//! What the subscriber says of itself: the live line and the closing summary.

use bytesize::ByteSize;
use runtime::latency::Latencies;
use runtime::progress::Progress;
use runtime::rate::Rate;
use serde::Serialize;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tracing::warn;

use crate::counters::Counters;
use crate::storing::Stored;

/// Counts, and shows progress at every [`Reporter::tick`].
pub(crate) struct Reporter {
    pub(crate) counters: Counters,
    pub(crate) reconnects: u64,
    pub(crate) waiting: usize,
    progress: Progress,
    ticks: Interval,
    latencies: Latencies,
    frames: Rate,
    bytes: Rate,
    overrun: u64,
}

impl Reporter {
    pub(crate) fn new(progress: Progress) -> Self {
        let mut ticks = interval(progress.interval());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.reset();
        Self {
            counters: Counters::default(),
            reconnects: 0,
            waiting: 0,
            progress,
            ticks,
            latencies: Latencies::new(),
            frames: Rate::new(),
            bytes: Rate::new(),
            overrun: 0,
        }
    }

    pub(crate) fn enter(&mut self, stored: &Stored) {
        if let Some(latency) = self.counters.enter(stored) {
            self.latencies.record(latency);
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

    /// Resolves once an interval, having shown progress. Cancel-safe.
    pub(crate) async fn tick(&mut self) {
        self.ticks.tick().await;
        let latency = self
            .latencies
            .take()
            .map_or_else(String::new, |latency| format!(", latency {latency}"));
        let missing = self.counters.missing();
        self.progress.show(format!(
            "{:.1} fps, {:.1} MB/s{latency}, queue {}, stored {}, duplicates {}, missing {}",
            self.frames.per_second(self.counters.stored),
            self.bytes.per_second(self.counters.bytes) / 1e6,
            self.waiting,
            self.counters.stored,
            self.counters.duplicates,
            missing.frames,
        ));
    }

    /// Takes the live line away.
    pub(crate) fn finish(&self) {
        self.progress.finish();
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
    reconnects: u64,
}

impl Summary {
    pub(crate) fn new(reporter: &Reporter) -> Self {
        let counters = &reporter.counters;
        let missing = counters.missing();
        Self {
            received: counters.received,
            stored: counters.stored,
            duplicates: counters.duplicates,
            quarantined: counters.quarantined,
            foreign: counters.foreign,
            gaps: missing.gaps,
            missing: missing.frames,
            given_up: 0,
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
                "Missing: {} frames in {} gaps",
                self.missing, self.gaps
            ));
        }
        lines
    }
}

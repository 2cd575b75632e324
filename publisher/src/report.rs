//! What the publisher says of itself: the live line, the `stats` topic, the closing summary.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytesize::ByteSize;
use runtime::latency::Latencies;
use runtime::latency_buckets::LatencyBuckets;
use runtime::progress::Progress;
use runtime::rate::Rate;
use serde::Serialize;

use crate::capture::CaptureSpan;
use crate::counters::{Counters, DropReason};
use crate::outbox::Outbox;
use crate::parcel::Depth;

/// Why delivery is held up, for the books of whoever must drop a frame meanwhile.
#[derive(Debug, Default)]
pub(crate) struct HoldUp(AtomicU8);

impl HoldUp {
    const REASONS: [DropReason; 3] = [
        DropReason::QueueFull,
        DropReason::BrokerUnreachable,
        DropReason::NoSubscriber,
    ];

    /// The reason that a frame without room is dropped for now.
    pub(crate) fn reason(&self) -> DropReason {
        Self::REASONS[usize::from(self.0.load(Relaxed))]
    }

    pub(crate) fn set(&self, reason: DropReason) {
        let at = Self::REASONS
            .iter()
            .position(|known| *known == reason)
            .unwrap_or(0);
        self.0.store(u8::try_from(at).unwrap_or(0), Relaxed);
    }
}

/// Capture-to-acknowledgement times, written by delivery.
pub(crate) struct DeliveryTimes(Mutex<Times>);

struct Times {
    /// Since the live line showed them.
    latest: Latencies,
    /// Since the start, if somebody wants figures.
    all: Option<LatencyBuckets>,
}

impl DeliveryTimes {
    pub(crate) fn new(keeps_all: bool) -> Self {
        Self(Mutex::new(Times {
            latest: Latencies::new(),
            all: keeps_all.then(LatencyBuckets::default),
        }))
    }

    pub(crate) fn record(&self, latency: Duration) {
        let mut times = self.lock();
        times.latest.record(latency);
        if let Some(all) = &mut times.all {
            all.record(latency);
        }
    }

    /// Those since the start, if they are kept.
    pub(crate) fn all(&self) -> Option<LatencyBuckets> {
        self.lock().all.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows progress until it is dropped.
pub(crate) async fn show_progress(
    progress: Progress,
    counters: Arc<Counters>,
    outbox: Arc<Outbox>,
    times: Arc<DeliveryTimes>,
) {
    let mut ticks = tokio::time::interval(progress.interval());
    let mut frames = Rate::new();
    let mut bytes = Rate::new();
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let depth = outbox.depth();
        let latency = times
            .lock()
            .latest
            .take()
            .map_or_else(String::new, |times| format!(", latency {times}"));
        progress.show(format!(
            "{:.1} fps, {:.1} MB/s{latency}, {}, dropped {}",
            frames.per_second(counters.delivered.load(Relaxed)),
            bytes.per_second(counters.delivered_bytes.load(Relaxed)) / 1e6,
            waiting(&outbox, depth),
            counters.dropped(),
        ));
    }
}

fn waiting(outbox: &Outbox, depth: Depth) -> String {
    match outbox {
        Outbox::Memory { .. } => {
            format!("queue {} ({})", depth.queued, ByteSize(depth.queued_bytes))
        }
        Outbox::Spool(_) => {
            format!(
                "spool {} ({})",
                depth.spooled,
                ByteSize(depth.spooled_bytes)
            )
        }
    }
}

/// The `stats` topic's payload.
#[derive(Serialize)]
pub(crate) struct Stats {
    stream: String,
    fps: f64,
    bytes_per_second: f64,
    captured: u64,
    delivered: u64,
    dropped: u64,
    invalid: u64,
    queued_frames: usize,
    queued_bytes: u64,
    spooled_frames: usize,
    spooled_bytes: u64,
    reconnects: u64,
}

/// Makes [`Stats`], one interval after another.
pub(crate) struct StatsMaker {
    stream: String,
    frames: Rate,
    bytes: Rate,
}

impl StatsMaker {
    pub(crate) fn new(stream: String) -> Self {
        Self {
            stream,
            frames: Rate::new(),
            bytes: Rate::new(),
        }
    }

    pub(crate) fn make(&mut self, counters: &Counters, outbox: &Outbox) -> Stats {
        let depth = outbox.depth();
        Stats {
            stream: self.stream.clone(),
            fps: self.frames.per_second(counters.delivered.load(Relaxed)),
            bytes_per_second: self
                .bytes
                .per_second(counters.delivered_bytes.load(Relaxed)),
            captured: counters.captured.load(Relaxed),
            delivered: counters.delivered.load(Relaxed),
            dropped: counters.dropped(),
            invalid: counters.invalid.load(Relaxed),
            queued_frames: depth.queued,
            queued_bytes: depth.queued_bytes,
            spooled_frames: depth.spooled,
            spooled_bytes: depth.spooled_bytes,
            reconnects: counters.reconnects.load(Relaxed),
        }
    }
}

/// The closing figures. `captured = delivered + dropped + spooled + unconfirmed`.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    camera: String,
    stream: String,
    fps: f64,
    captured: u64,
    delivered: u64,
    dropped: u64,
    spooled: u64,
    unconfirmed: u64,
    invalid: u64,
    /// Of frames that earlier runs had left in the spool; they are in none of the figures above.
    earlier_delivered: u64,
    earlier_dropped: u64,
    earlier_spooled: u64,
    reconnects: u64,
}

/// What is still on its way at the end.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Remainder {
    /// Sent, and the broker has not acknowledged it.
    pub(crate) unconfirmed: usize,
    /// Safe in the spool, of this run and of earlier ones.
    pub(crate) spooled: usize,
    pub(crate) earlier_spooled: usize,
}

impl Summary {
    pub(crate) fn new(
        camera: String,
        stream: String,
        counters: &Counters,
        span: CaptureSpan,
        remainder: Remainder,
    ) -> Self {
        Self {
            camera,
            stream,
            fps: span.fps(),
            captured: counters.captured.load(Relaxed),
            delivered: counters.delivered.load(Relaxed),
            dropped: counters.dropped(),
            spooled: remainder.spooled as u64,
            unconfirmed: remainder.unconfirmed as u64,
            invalid: counters.invalid.load(Relaxed),
            earlier_delivered: counters.earlier_delivered.load(Relaxed),
            earlier_dropped: counters.earlier_dropped.load(Relaxed),
            earlier_spooled: remainder.earlier_spooled as u64,
            reconnects: counters.reconnects.load(Relaxed),
        }
    }

    /// For people.
    pub(crate) fn lines(&self, counters: &Counters) -> Vec<String> {
        let mut lines = vec![
            format!("Captured {} frames at {:.2}fps", self.captured, self.fps),
            format!(
                "Delivered {}, dropped {}, unconfirmed {}, invalid {}; {} in all, {} reconnects",
                self.delivered,
                self.dropped,
                self.unconfirmed,
                self.invalid,
                ByteSize(counters.delivered_bytes.load(Relaxed)),
                self.reconnects,
            ),
        ];
        if self.dropped > 0 {
            lines.push(format!("Dropped: {}", counters.why_dropped()));
        }
        if self.spooled > 0 {
            lines.push(format!(
                "Spooled: {} are in the spool and will be delivered by the next run",
                self.spooled
            ));
        }
        if self.earlier_delivered + self.earlier_dropped + self.earlier_spooled > 0 {
            lines.push(format!(
                "Of earlier runs: delivered {}, dropped {}, spooled {}",
                self.earlier_delivered, self.earlier_dropped, self.earlier_spooled
            ));
        }
        if self.unconfirmed > 0 {
            lines.push(format!(
                "Unconfirmed: {} were sent, but the broker had not acknowledged them at the end",
                self.unconfirmed
            ));
        }
        lines
    }
}

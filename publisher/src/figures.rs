//! The publisher's figures as plain data: what monitoring shows of a run. They are looked up when somebody asks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;

use jiff::Timestamp;
use protocol::frame::StreamId;
use protocol::topic::CameraName;
use runtime::latency_buckets::LatencyBuckets;
use serde::Serialize;

use crate::counters::{Counters, DropReason};
use crate::outbox::Outbox;
use crate::report::DeliveryTimes;
use crate::source::Absence;

/// Where the figures are looked up.
pub(crate) struct Watched {
    pub(crate) camera: CameraName,
    pub(crate) stream: StreamId,
    pub(crate) counters: Arc<Counters>,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) times: Arc<DeliveryTimes>,
    pub(crate) absence: Absence,
    /// Absent without a spool.
    pub(crate) spool_max_bytes: Option<u64>,
}

/// A run at one moment. At its end, `captured = delivered + dropped + spooled + unconfirmed`.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) version: &'static str,
    pub(crate) camera: String,
    pub(crate) stream: StreamId,
    pub(crate) at: Timestamp,
    pub(crate) started_at: Timestamp,
    /// Whether there is a connection to the broker.
    pub(crate) is_connected: bool,
    /// Connections after the first.
    pub(crate) reconnects: u64,
    /// Frames that have got a number.
    pub(crate) captured: u64,
    /// Over the last two seconds.
    pub(crate) captured_per_second: f64,
    /// Frames that the broker has, or with `--confirm`, the consumers.
    pub(crate) delivered: u64,
    /// Of all delivered frames, those of earlier runs among them.
    pub(crate) delivered_bytes: u64,
    /// Numbered frames that were given up, by reason.
    pub(crate) dropped: BTreeMap<&'static str, u64>,
    /// Broken pictures, which got no number.
    pub(crate) invalid: u64,
    /// Frames that earlier runs had left in the spool.
    pub(crate) earlier_delivered: u64,
    pub(crate) earlier_dropped: u64,
    /// Frames that wait in memory.
    pub(crate) queued_frames: usize,
    pub(crate) queued_bytes: u64,
    /// Frames in the spool, those in memory among them.
    pub(crate) spooled_frames: usize,
    pub(crate) spooled_bytes: u64,
    /// Most that the spool may take; absent without one.
    pub(crate) spool_max_bytes: Option<u64>,
    /// Frames that were sent and await their acknowledgement, looked at five times a second.
    pub(crate) in_flight: usize,
    /// From the grab to the acknowledgement, since the start; without the backlog.
    pub(crate) latencies: LatencyBuckets,
}

impl Watched {
    /// Whether there is a connection to the broker.
    pub(crate) fn is_connected(&self) -> bool {
        self.counters.is_connected.load(Relaxed)
    }

    /// How many frames have got a number.
    pub(crate) fn captured(&self) -> u64 {
        self.counters.captured.load(Relaxed)
    }

    /// How things stand now.
    pub(crate) fn look(&self, started_at: SystemTime, captured_per_second: f64) -> Figures {
        let (counters, depth) = (&self.counters, self.outbox.depth());
        let dropped = DropReason::ALL.map(|reason| (reason.name(), counters.dropped_for(reason)));
        Figures {
            version: env!("CARGO_PKG_VERSION"),
            camera: self.camera.to_string(),
            stream: self.stream,
            at: Timestamp::now(),
            started_at: Timestamp::try_from(started_at).unwrap_or_default(),
            is_connected: counters.is_connected.load(Relaxed),
            reconnects: counters.reconnects.load(Relaxed),
            captured: self.captured(),
            captured_per_second,
            delivered: counters.delivered.load(Relaxed),
            delivered_bytes: counters.delivered_bytes.load(Relaxed),
            dropped: dropped.into(),
            invalid: counters.invalid.load(Relaxed),
            earlier_delivered: counters.earlier_delivered.load(Relaxed),
            earlier_dropped: counters.earlier_dropped.load(Relaxed),
            queued_frames: depth.queued,
            queued_bytes: depth.queued_bytes,
            spooled_frames: depth.spooled,
            spooled_bytes: depth.spooled_bytes,
            spool_max_bytes: self.spool_max_bytes,
            in_flight: if counters.is_connected.load(Relaxed) {
                counters.in_flight.load(Relaxed)
            } else {
                0
            },
            latencies: self.times.all().unwrap_or_default(),
        }
    }
}

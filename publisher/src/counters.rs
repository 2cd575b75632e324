//! The publisher's books: every numbered frame is in exactly one of them at the end.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Why a numbered frame was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DropReason {
    /// The network was slower than the camera.
    QueueFull,
    /// The broker could not be reached and the queue filled up.
    BrokerUnreachable,
    /// Nobody subscribed.
    NoSubscriber,
    /// Larger than the broker's packet limit.
    TooLarge,
    /// Refused by the broker.
    Refused,
    /// Still queued when the time to drain ran out.
    NotDelivered,
    /// The spool was full.
    SpoolFull,
    /// The spool could not be written.
    SpoolUnwritable,
    /// Its file in the spool was damaged or taken away.
    Torn,
}

impl DropReason {
    pub(crate) const ALL: [Self; 9] = [
        Self::QueueFull,
        Self::BrokerUnreachable,
        Self::NoSubscriber,
        Self::TooLarge,
        Self::Refused,
        Self::NotDelivered,
        Self::SpoolFull,
        Self::SpoolUnwritable,
        Self::Torn,
    ];

    /// A short name, for programs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::BrokerUnreachable => "broker_unreachable",
            Self::NoSubscriber => "no_subscriber",
            Self::TooLarge => "too_large",
            Self::Refused => "refused",
            Self::NotDelivered => "not_delivered",
            Self::SpoolFull => "spool_full",
            Self::SpoolUnwritable => "spool_unwritable",
            Self::Torn => "torn",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::QueueFull => "network slower than the camera",
            Self::BrokerUnreachable => "broker unreachable",
            Self::NoSubscriber => "no subscriber",
            Self::TooLarge => "larger than the broker's limit",
            Self::Refused => "refused by the broker",
            Self::NotDelivered => "still queued at the end",
            Self::SpoolFull => "spool full",
            Self::SpoolUnwritable => "spool not writable",
            Self::Torn => "damaged in the spool",
        }
    }
}

/// Totals since the start, shared by all stages.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) captured: AtomicU64,
    pub(crate) delivered: AtomicU64,
    pub(crate) delivered_bytes: AtomicU64,
    pub(crate) invalid: AtomicU64,
    pub(crate) reconnects: AtomicU64,
    /// Whether there is a connection to the broker.
    pub(crate) is_connected: AtomicBool,
    /// Frames that were sent and await their acknowledgement, as they were a moment ago.
    pub(crate) in_flight: AtomicUsize,
    /// Frames that earlier runs had left in the spool: outside of this run's books.
    pub(crate) earlier_delivered: AtomicU64,
    pub(crate) earlier_dropped: AtomicU64,
    dropped: [AtomicU64; DropReason::ALL.len()],
}

impl Counters {
    /// A frame of this run has been delivered.
    pub(crate) fn deliver(&self, bytes: u64) {
        self.delivered.fetch_add(1, Relaxed);
        self.delivered_bytes.fetch_add(bytes, Relaxed);
    }

    /// A frame of an earlier run has been delivered.
    pub(crate) fn deliver_earlier(&self, bytes: u64) {
        self.earlier_delivered.fetch_add(1, Relaxed);
        self.delivered_bytes.fetch_add(bytes, Relaxed);
    }

    /// A frame of an earlier run has been given up.
    pub(crate) fn drop_earlier(&self) {
        self.earlier_dropped.fetch_add(1, Relaxed);
    }

    pub(crate) fn drop_frames(&self, reason: DropReason, count: usize) {
        self.dropped[reason as usize].fetch_add(count as u64, Relaxed);
    }

    pub(crate) fn dropped_for(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize].load(Relaxed)
    }

    pub(crate) fn dropped(&self) -> u64 {
        DropReason::ALL
            .into_iter()
            .map(|reason| self.dropped_for(reason))
            .sum()
    }

    /// `10 no subscriber, 2 larger than the broker's limit`; empty if nothing was dropped.
    pub(crate) fn why_dropped(&self) -> String {
        let parts: Vec<String> = DropReason::ALL
            .into_iter()
            .map(|reason| (reason, self.dropped_for(reason)))
            .filter(|(_, count)| *count > 0)
            .map(|(reason, count)| format!("{count} {}", reason.words()))
            .collect();
        parts.join(", ")
    }
}

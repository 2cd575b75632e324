//! The figures as metrics: their names, units and meanings. docs/MONITORING.md lists them.

mod cameras;

use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use runtime::exposition::{Exposition, Kind};
use runtime::metrics::Shown;
use tokio::sync::watch;

use crate::figures::Figures;

/// What `--metrics` shows.
pub(crate) struct Metrics {
    figures: watch::Receiver<Arc<Figures>>,
}

impl Metrics {
    pub(crate) fn new(figures: watch::Receiver<Arc<Figures>>) -> Self {
        Self { figures }
    }

    fn figures(&self) -> Arc<Figures> {
        self.figures.borrow().clone()
    }
}

impl Shown for Metrics {
    fn program(&self) -> &'static str {
        "frame-subscriber"
    }

    fn started_at(&self) -> SystemTime {
        self.figures().started_at.into()
    }

    fn expose(&self, to: &mut Exposition) {
        let figures = self.figures();
        expose_totals(to, &figures);
        cameras::expose(to, &figures.cameras);
    }

    fn json(&self) -> Vec<u8> {
        serde_json::to_vec(&*self.figures()).unwrap_or_default()
    }

    fn health(&self) -> Result<(), String> {
        health(&self.figures(), Timestamp::now())
    }
}

/// Figures are made each second, whatever else happens; older ones mean that reception hangs.
const STALE: Duration = Duration::from_secs(15);

fn health(figures: &Figures, now: Timestamp) -> Result<(), String> {
    let age = now.duration_since(figures.at);
    if Duration::try_from(age).is_ok_and(|age| age > STALE) {
        return Err(format!("reception hangs since {:.0} s", age.as_secs_f64()));
    }
    if figures.store_refuses {
        return Err("the disk of --out takes no frames: the log says why".to_owned());
    }
    if figures.is_connected {
        Ok(())
    } else {
        Err("not connected to the broker".to_owned())
    }
}

fn expose_totals(to: &mut Exposition, figures: &Figures) {
    use Kind::{Counter, Gauge};
    let mut single = |name, kind, help, value: &dyn Display| {
        to.single(&format!("framebridge_subscriber_{name}"), kind, help, value);
    };
    single(
        "connected",
        Gauge,
        "Whether there is a connection to the broker",
        &u8::from(figures.is_connected),
    );
    single(
        "reconnects_total",
        Counter,
        "Connections to the broker after the first",
        &figures.reconnects,
    );
    single(
        "messages_overrun_total",
        Counter,
        "QoS 0 messages that came faster than they could be stored, and are lost",
        &figures.overrun,
    );
    single(
        "messages_waiting",
        Gauge,
        "Messages that have come and wait for the disk",
        &figures.waiting,
    );
    single(
        "frames_from_future_total",
        Counter,
        "Stored frames that came before they were taken, by their camera's clock",
        &figures.from_future,
    );
    single(
        "frames_skipped",
        Gauge,
        "Frames left out because only the latest are wanted",
        &figures.skipped,
    );
    single(
        "all_frames_missing",
        Gauge,
        "Frames of all cameras that have not come, at this moment",
        &figures.missing,
    );
    single(
        "all_frames_given_up",
        Gauge,
        "Frames that all cameras have given up",
        &figures.given_up,
    );
    if let Some(disk) = figures.disk {
        single(
            "disk_free_bytes",
            Gauge,
            "What may still be written to the disk of --out",
            &disk.free,
        );
        single("disk_size_bytes", Gauge, "The disk of --out", &disk.total);
    }
    let name = "framebridge_subscriber_messages_total";
    let mut messages = to.family(
        name,
        Counter,
        "Messages that were dealt with, by what became of them",
    );
    for (outcome, count) in [
        ("stored", figures.stored),
        ("duplicate", figures.duplicates),
        ("quarantined", figures.quarantined),
        ("foreign", figures.foreign),
    ] {
        messages.sample(&[("outcome", outcome)], count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_says_what_is_wrong() {
        let start = Timestamp::UNIX_EPOCH;
        let mut figures = Figures::at_start(start);
        let why = health(&figures, start).unwrap_err();
        assert_eq!(why, "not connected to the broker");
        figures.is_connected = true;
        assert_eq!(health(&figures, start + STALE), Ok(()));
        figures.store_refuses = true;
        let why = health(&figures, start).unwrap_err();
        assert_eq!(why, "the disk of --out takes no frames: the log says why");
        figures.store_refuses = false;
        let why = health(&figures, start + 2 * STALE).unwrap_err();
        assert_eq!(why, "reception hangs since 30 s");
        // Somebody has set the clock back.
        figures.at = start + 2 * STALE;
        assert_eq!(health(&figures, start), Ok(()));
    }
}

//! The figures as metrics: their names, units and meanings. docs/MONITORING.md lists them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use runtime::exposition::{Exposition, Kind};
use runtime::metrics::Shown;
use tokio::time::interval;

use crate::figures::{Figures, Watched};
use crate::recent_rate::RecentRate;

/// How often the camera's rate is measured.
const LOOK: Duration = Duration::from_millis(500);

/// What `--metrics` shows.
pub(crate) struct Metrics {
    watched: Arc<Watched>,
    started_at: SystemTime,
    captured: Arc<Mutex<RecentRate>>,
}

impl Metrics {
    /// Begins to measure the camera's rate, until the program ends. To be called in a runtime.
    pub(crate) fn watch(watched: Watched) -> Self {
        let watched = Arc::new(watched);
        let captured = Arc::new(Mutex::new(RecentRate::default()));
        let (counter, rate) = (Arc::clone(&watched), Arc::clone(&captured));
        tokio::spawn(async move {
            let mut looks = interval(LOOK);
            loop {
                looks.tick().await;
                lock(&rate).note(Instant::now(), counter.captured());
            }
        });
        Self {
            watched,
            started_at: SystemTime::now(),
            captured,
        }
    }

    fn figures(&self) -> Figures {
        let captured_per_second = lock(&self.captured).per_second();
        self.watched.look(self.started_at, captured_per_second)
    }
}

fn lock(rate: &Mutex<RecentRate>) -> MutexGuard<'_, RecentRate> {
    rate.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shown for Metrics {
    fn program(&self) -> &'static str {
        "frame-publisher"
    }

    fn started_at(&self) -> SystemTime {
        self.started_at
    }

    fn expose(&self, to: &mut Exposition) {
        expose(to, &self.figures());
    }

    fn json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.figures()).unwrap_or_default()
    }

    fn health(&self) -> Result<(), String> {
        health(self.watched.is_connected(), self.watched.absence.lasting())
    }
}

/// A camera that is plugged in again, or a program that is started anew, is back before that.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a source is away may quote an address or a program: that stands in the log, which fewer can read.
fn health(is_connected: bool, source_is_away: Option<Duration>) -> Result<(), String> {
    if !is_connected {
        return Err("not connected to the broker".to_owned());
    }
    match source_is_away {
        Some(away) if away >= PATIENCE => Err(format!(
            "the source gives no pictures since {} s: the log says why",
            away.as_secs()
        )),
        _ => Ok(()),
    }
}

fn expose(to: &mut Exposition, figures: &Figures) {
    let camera = ("camera", figures.camera.as_str());
    for (name, kind, help, value) in counts(figures).into_iter().chain(states(figures)) {
        let name = format!("framebridge_publisher_{name}");
        to.family(&name, kind, help).sample(&[camera], value);
    }
    if let Some(most) = figures.spool_max_bytes {
        let name = "framebridge_publisher_spool_limit_bytes";
        let help = "Most that the spool may take";
        to.family(name, Kind::Gauge, help).sample(&[camera], most);
    }
    let name = "framebridge_publisher_frames_dropped_total";
    let help = "Numbered frames that were given up, by reason";
    let mut dropped = to.family(name, Kind::Counter, help);
    for (reason, count) in &figures.dropped {
        dropped.sample(&[camera, ("reason", reason)], count);
    }
    let name = "framebridge_publisher_delivery_latency_seconds";
    let help = "From the grab to the broker's acknowledgement, of frames that were sent at once";
    let mut latencies = to.family(name, Kind::Histogram, help);
    latencies.histogram(&[camera], &figures.latencies);
}

/// Name, kind, help and value.
type Row = (&'static str, Kind, &'static str, f64);

/// What became of frames.
fn counts(figures: &Figures) -> [Row; 7] {
    let row = |name, help, value| (name, Kind::Counter, help, value as f64);
    [
        row(
            "frames_captured_total",
            "Frames that have got a number",
            figures.captured,
        ),
        row(
            "frames_delivered_total",
            "Frames that the broker has, or with --confirm, the consumers",
            figures.delivered,
        ),
        row(
            "delivered_bytes_total",
            "Bytes of all delivered frames",
            figures.delivered_bytes,
        ),
        row(
            "frames_invalid_total",
            "Broken pictures, which got no number",
            figures.invalid,
        ),
        row(
            "earlier_frames_delivered_total",
            "Delivered frames that earlier runs had left in the spool",
            figures.earlier_delivered,
        ),
        row(
            "earlier_frames_dropped_total",
            "Frames of earlier runs that were given up",
            figures.earlier_dropped,
        ),
        row(
            "reconnects_total",
            "Connections to the broker after the first",
            figures.reconnects,
        ),
    ]
}

/// How things stand.
fn states(figures: &Figures) -> [Row; 7] {
    let row = |name, help, value| (name, Kind::Gauge, help, value);
    [
        row(
            "connected",
            "Whether there is a connection to the broker",
            f64::from(u8::from(figures.is_connected)),
        ),
        row(
            "frames_per_second",
            "Frames captured a second, over the last two",
            figures.captured_per_second,
        ),
        row(
            "frames_queued",
            "Frames that wait in memory",
            figures.queued_frames as f64,
        ),
        row(
            "queued_bytes",
            "Bytes of the frames that wait in memory",
            figures.queued_bytes as f64,
        ),
        row(
            "frames_spooled",
            "Frames in the spool",
            figures.spooled_frames as f64,
        ),
        row(
            "spooled_bytes",
            "Bytes of the frames in the spool",
            figures.spooled_bytes as f64,
        ),
        row(
            "frames_in_flight",
            "Frames that were sent and await their acknowledgement",
            figures.in_flight as f64,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_says_what_is_wrong() {
        assert_eq!(health(true, None), Ok(()));
        assert_eq!(health(true, Some(PATIENCE / 2)), Ok(()));
        let why = health(false, Some(PATIENCE)).unwrap_err();
        assert_eq!(why, "not connected to the broker");
        let why = health(true, Some(PATIENCE)).unwrap_err();
        assert_eq!(
            why,
            "the source gives no pictures since 10 s: the log says why"
        );
    }
}

//! What the figures need to know of each camera, counted frame by frame.
//!
//! It is bounded: a network may invent names of cameras.

use std::collections::HashMap;
use std::time::Instant;

use protocol::frame::FrameId;
use protocol::topic::CameraName;
use runtime::latency::Latencies;
use runtime::latency_buckets::LatencyBuckets;
use runtime::rate::Rate;

use super::{CameraFigures, CameraStatus, LastPicture, Latency};
use crate::counters::Shortfall;
use crate::store::Outcome;
use crate::storing::Stored;

/// Cameras that are told apart. Of more, those go first of which nothing but words has come: whoever may publish a status may invent
/// names. Then the one that has been silent longest goes.
const MAX_CAMERAS: usize = 256;

/// The cameras' books.
#[derive(Default)]
pub(crate) struct Tally {
    cameras: HashMap<CameraName, CameraTally>,
}

struct CameraTally {
    heard_at: Instant,
    status: CameraStatus,
    stored: u64,
    bytes: u64,
    duplicates: u64,
    quarantined: u64,
    frame_rate: Rate,
    byte_rate: Rate,
    latest: Latencies,
    all: LatencyBuckets,
    last: Option<LastPicture>,
    available: Option<u64>,
}

impl Tally {
    /// Enters what became of one message.
    pub(crate) fn enter(&mut self, stored: &Stored, now: Instant) {
        if stored.outcome == Outcome::Skipped {
            return;
        }
        let Some(name) = stored.camera() else {
            return;
        };
        let camera = self.heard(name, now);
        camera.bytes += stored.bytes;
        match &stored.outcome {
            Outcome::Stored { .. } => {
                camera.stored += 1;
                camera.latest.record(stored.latency);
                camera.all.record(stored.latency);
                camera.last = Some(last_picture(stored.frame.as_ref(), stored));
            }
            Outcome::Foreign { .. } => {
                camera.stored += 1;
                camera.last = Some(last_picture(None, stored));
            }
            Outcome::Duplicate => camera.duplicates += 1,
            Outcome::Quarantined { .. } | Outcome::Conflict { .. } => camera.quarantined += 1,
            Outcome::Skipped => {}
        }
    }

    /// A camera has said whether it is online.
    pub(crate) fn enter_status(&mut self, name: &CameraName, status: CameraStatus, now: Instant) {
        self.heard(name, now).status = status;
    }

    /// A camera has said how many frames can still be had of it.
    pub(crate) fn enter_available(&mut self, name: &CameraName, frames: u64, now: Instant) {
        self.heard(name, now).available = Some(frames);
    }

    /// What cameras said of themselves may have changed unheard.
    pub(crate) fn forget_statuses(&mut self) {
        for camera in self.cameras.values_mut() {
            camera.status = CameraStatus::Unknown;
        }
    }

    /// What each camera's figures are, by name. The next ones go by what comes after these.
    pub(crate) fn take(
        &mut self,
        shortfalls: &HashMap<CameraName, Shortfall>,
        clock_ahead_seconds: impl Fn(&CameraName) -> Option<f64>,
    ) -> Vec<CameraFigures> {
        let mut figures: Vec<_> = self
            .cameras
            .iter_mut()
            .map(|(name, camera)| {
                let shortfall = shortfalls.get(name).copied().unwrap_or_default();
                camera.take(name, shortfall, clock_ahead_seconds(name))
            })
            .collect();
        figures.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        figures
    }

    fn heard(&mut self, name: &CameraName, now: Instant) -> &mut CameraTally {
        if !self.cameras.contains_key(name) {
            self.make_room();
        }
        let camera = self.cameras.entry(name.clone());
        let camera = camera.or_insert_with(|| CameraTally::new(now));
        camera.heard_at = now;
        camera
    }

    fn make_room(&mut self) {
        if self.cameras.len() < MAX_CAMERAS {
            return;
        }
        let silent = self
            .cameras
            .iter()
            .min_by_key(|(_, camera)| (camera.has_shown_a_picture(), camera.heard_at));
        if let Some(name) = silent.map(|(name, _)| name.clone()) {
            self.cameras.remove(&name);
        }
    }
}

impl CameraTally {
    fn new(now: Instant) -> Self {
        Self {
            heard_at: now,
            status: CameraStatus::Unknown,
            stored: 0,
            bytes: 0,
            duplicates: 0,
            quarantined: 0,
            frame_rate: Rate::new(),
            byte_rate: Rate::new(),
            latest: Latencies::new(),
            all: LatencyBuckets::default(),
            last: None,
            available: None,
        }
    }

    /// Duplicates are pictures, too: after a restart of ours they may be all that comes.
    fn has_shown_a_picture(&self) -> bool {
        self.stored + self.duplicates > 0
    }

    fn take(
        &mut self,
        name: &CameraName,
        shortfall: Shortfall,
        clock_ahead_seconds: Option<f64>,
    ) -> CameraFigures {
        CameraFigures {
            name: name.clone(),
            status: self.status,
            stored: self.stored,
            bytes: self.bytes,
            duplicates: self.duplicates,
            quarantined: self.quarantined,
            gaps: shortfall.missing.gaps,
            missing: shortfall.missing.frames,
            given_up: shortfall.given_up,
            frames_per_second: self.frame_rate.per_second(self.stored),
            bytes_per_second: self.byte_rate.per_second(self.bytes),
            latency: self.latest.take().map(|latest| Latency {
                p50_seconds: latest.p50.as_secs_f64(),
                p99_seconds: latest.p99.as_secs_f64(),
            }),
            latencies: self.all.clone(),
            last: self.last,
            available: self.available,
            clock_ahead_seconds,
        }
    }
}

fn last_picture(frame: Option<&FrameId>, stored: &Stored) -> LastPicture {
    LastPicture {
        sequence: frame.map(|frame| frame.sequence),
        taken_at: stored.taken_at,
    }
}

#[cfg(test)]
mod tests;

//! Handing out figures, once a second, to whoever watches them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use protocol::topic::CameraName;
use runtime::disk_space::{Space, watch_space};
use runtime::rate::Rate;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::Reporter;
use crate::counters::Shortfall;
use crate::figures::{self, CameraStatus, Figures, Tally};

/// The reporter's tick while figures are wanted: the live line's and the figures' intervals are whole numbers of it.
const TICK: Duration = Duration::from_millis(500);

/// What the figures need beside the books.
pub(super) struct HandingOut {
    pub(super) tally: Tally,
    to: watch::Sender<Arc<Figures>>,
    started_at: Timestamp,
    disk: watch::Receiver<Option<Space>>,
    pictures: Rate,
    bytes: Rate,
}

impl Reporter {
    /// Counts for figures from now on. `out` is the folder whose disk is looked at.
    pub(crate) fn watch_figures(&mut self, out: &Path) -> watch::Receiver<Arc<Figures>> {
        self.ticks_a_line = ticks_in(self.progress.interval());
        self.ticks = interval(TICK);
        self.ticks
            .set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.ticks.reset();
        let started_at = Timestamp::now();
        let (to, figures) = watch::channel(Arc::new(Figures::at_start(started_at)));
        self.figures = Some(HandingOut {
            tally: Tally::default(),
            to,
            started_at,
            disk: watch_space(out.to_owned()),
            pictures: Rate::new(),
            bytes: Rate::new(),
        });
        figures
    }

    /// A camera has said how many frames can still be had of it.
    pub(crate) fn enter_available(&mut self, camera: &CameraName, frames: u64) {
        if let Some(figures) = &mut self.figures {
            figures
                .tally
                .enter_available(camera, frames, Instant::now());
        }
    }

    /// A camera has said whether it is online.
    pub(crate) fn enter_status(&mut self, camera: &CameraName, status: CameraStatus) {
        if let Some(figures) = &mut self.figures {
            figures.tally.enter_status(camera, status, Instant::now());
        }
    }

    /// The connection is lost: what cameras say meanwhile is not heard.
    pub(crate) fn disconnected(&mut self) {
        self.is_connected = false;
        if let Some(figures) = &mut self.figures {
            figures.tally.forget_statuses();
        }
    }

    pub(super) fn hand_out_figures_in_time(&mut self) {
        if self.ticked.is_multiple_of(ticks_in(figures::INTERVAL)) {
            self.hand_out_figures();
        }
    }

    /// Hands them out if somebody wants them.
    pub(super) fn hand_out_figures(&mut self) {
        let shortfall = self.figures.as_ref().map(|_| self.shortfall());
        let (Some(shortfall), Some(handing_out)) = (shortfall, &mut self.figures) else {
            return;
        };
        let Shortfall {
            missing,
            given_up,
            skipped,
        } = shortfall;
        let counters = &self.counters;
        let shortfalls = self.ledger.read(|ledger| counters.shortfalls(ledger));
        let now = Instant::now();
        let clocks = &self.clocks;
        let cameras = handing_out.tally.take(&shortfalls, |camera| {
            let disagreement = clocks.disagreement(camera, now)?;
            Some(disagreement.ahead_seconds())
        });
        let disk = *handing_out.disk.borrow();
        let pictures = counters.stored + counters.foreign;
        let figures = Figures {
            at: Timestamp::now(),
            is_connected: self.is_connected,
            store_refuses: self.store_refuses.load(Relaxed),
            reconnects: self.reconnects,
            received: counters.received,
            bytes: counters.bytes,
            stored: counters.stored,
            duplicates: counters.duplicates,
            quarantined: counters.quarantined,
            foreign: counters.foreign,
            gaps: missing.gaps,
            missing: missing.frames,
            given_up,
            skipped,
            overrun: self.overrun,
            from_future: clocks.frames_from_future(),
            waiting: self.waiting,
            frames_per_second: handing_out.pictures.per_second(pictures),
            bytes_per_second: handing_out.bytes.per_second(counters.bytes),
            disk,
            cameras,
            ..Figures::at_start(handing_out.started_at)
        };
        handing_out.to.send_replace(Arc::new(figures));
    }
}

fn ticks_in(interval: Duration) -> u32 {
    let ticks = interval.as_millis() / TICK.as_millis();
    u32::try_from(ticks).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use protocol::frame::{FrameId, StreamId};
    use runtime::progress::Progress;
    use tokio::time::Instant;

    use super::*;
    use crate::layout::Layout;
    use crate::store::{FrameStore, Outcome};
    use crate::storing::Stored;

    fn reporter(out: &Path) -> Reporter {
        let store = FrameStore::open(out, Layout::default()).unwrap();
        Reporter::new(Progress::new(), Arc::clone(store.ledger()))
    }

    async fn next(
        reporter: &mut Reporter,
        figures: &mut watch::Receiver<Arc<Figures>>,
    ) -> Arc<Figures> {
        while !figures.has_changed().unwrap() {
            reporter.tick().await;
        }
        figures.borrow_and_update().clone()
    }

    #[tokio::test(start_paused = true)]
    async fn figures_are_handed_out_once_a_second() {
        let folder = tempfile::tempdir().unwrap();
        let mut reporter = reporter(folder.path());
        let mut figures = reporter.watch_figures(folder.path());
        let start = Instant::now();
        for seconds in 1..=3 {
            next(&mut reporter, &mut figures).await;
            assert_eq!(start.elapsed(), seconds * figures::INTERVAL);
        }
    }

    #[tokio::test]
    async fn figures_say_what_is_missing_of_which_camera_and_whose_clock_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let mut reporter = reporter(folder.path());
        let mut figures = reporter.watch_figures(folder.path());
        reporter.is_connected = true;
        let [door, gate] = ["door", "gate"].map(|name| FrameId {
            camera: name.parse().unwrap(),
            stream: StreamId::new(),
            sequence: 1,
        });
        let last_of_gate = FrameId {
            sequence: 5,
            ..gate.clone()
        };
        for (frame, transit) in [(&door, 20), (&gate, -3000), (&last_of_gate, -3000)] {
            reporter.enter(&Stored {
                ack: None,
                outcome: Outcome::Stored { path: "x".into() },
                frame: Some(frame.clone()),
                stranger: None,
                taken_at: Timestamp::UNIX_EPOCH,
                bytes: 100,
                latency: Duration::ZERO,
                transit: SignedDuration::from_millis(transit),
            });
        }
        reporter.enter_status(&door.camera, CameraStatus::Online);

        let seen = next(&mut reporter, &mut figures).await;
        assert_eq!((seen.stored, seen.bytes, seen.missing), (3, 300, 3));
        assert!(seen.is_connected && seen.frames_per_second > 0.0);
        let [door, gate] = &seen.cameras[..] else {
            panic!("{seen:#?}");
        };
        assert_eq!(
            (door.status, door.missing, door.clock_ahead_seconds),
            (CameraStatus::Online, 0, None)
        );
        assert_eq!(
            (gate.gaps, gate.missing, gate.clock_ahead_seconds),
            (1, 3, Some(3.0))
        );

        reporter.disconnected();
        let seen = next(&mut reporter, &mut figures).await;
        assert!(!seen.is_connected);
        assert_eq!(seen.cameras[0].status, CameraStatus::Unknown);
    }

    #[tokio::test]
    async fn figures_say_how_much_room_the_disk_has_once_that_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let mut reporter = reporter(folder.path());
        let mut figures = reporter.watch_figures(folder.path());
        let known = async { while next(&mut reporter, &mut figures).await.disk.is_none() {} };
        let known = tokio::time::timeout(Duration::from_secs(20), known).await;
        known.expect("nobody looked at the disk");
    }
}

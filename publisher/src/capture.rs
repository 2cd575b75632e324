//! From the source to the outbox: pictures are checked, repaired and numbered.
//!
//! What may block, a camera's driver or a spool's disk, is captured on a thread of its own. What only waits shares
//! delivery's: waking another thread costs more than a picture's check. Whoever takes requests has a thread for capture, too:
//! letting go of a source may take its time.
//!
//! Capture never waits for the network, unless its source is one that can wait. It knows nothing of MQTT.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use protocol::frame::{Frame, FrameId, StreamId, to_microseconds};
use protocol::jpeg;
use protocol::topic::CameraName;
use runtime::deadline::reached;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::control::{CaptureEnd, SteeredSource};
use crate::counters::Counters;
use crate::outbox::Outbox;
use crate::source::{Captured, RawPicture, SourceOptions, SourceSpec};

/// What ends a capture, besides the source itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CaptureLimits {
    pub(crate) frames: Option<u64>,
    pub(crate) duration: Option<Duration>,
}

/// Everything that capture needs; its books and its outbox are shared with delivery.
pub(crate) struct Capture {
    pub(crate) spec: SourceSpec,
    pub(crate) options: SourceOptions,
    pub(crate) limits: CaptureLimits,
    pub(crate) stream: StreamId,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) counters: Arc<Counters>,
    /// Where orders come from, if any may.
    pub(crate) control: Option<CaptureEnd>,
}

/// The span that was captured, for the closing line.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct CaptureSpan {
    frames: u64,
    /// When they came, on the clock that nobody sets: a small computer learns the time of day while it captures.
    first_and_last: Option<(Instant, Instant)>,
    /// For how long nothing was to be captured.
    paused: Duration,
}

impl CaptureSpan {
    /// Frames a second between the first and the last picture.
    pub(crate) fn fps(&self) -> f64 {
        let Some((first, last)) = self.first_and_last else {
            return 0.0;
        };
        let seconds = (last - first).saturating_sub(self.paused).as_secs_f64();
        if seconds > 0.0 {
            (self.frames - 1) as f64 / seconds
        } else {
            0.0
        }
    }

    /// Whether a picture that came at `next` comes when `duration` is over, to the nearest picture: ten seconds at 30 fps are
    /// 300 pictures, however unevenly they come. Pauses count: who says when it is to end means the clock.
    fn covers(&self, duration: Option<Duration>, next: Instant) -> bool {
        duration
            .zip(self.first_and_last)
            .is_some_and(|(duration, (first, _))| {
                let passed = next - first;
                let captured_for = passed.saturating_sub(self.paused).as_secs_f64();
                let half_interval = captured_for / self.frames as f64 / 2.0;
                passed.as_secs_f64() + half_interval >= duration.as_secs_f64()
            })
    }

    fn add(&mut self, at: Instant) {
        self.frames += 1;
        let first = self.first_and_last.map_or(at, |(first, _)| first);
        self.first_and_last = Some((first, at));
    }
}

/// What has become of the capture once it is over.
pub(crate) type CaptureOutcome = anyhow::Result<CaptureSpan>;

impl Capture {
    /// Captures until the source ends, a limit is reached, or `stop`. The outbox is closed when it is over, for whatever reason.
    pub(crate) async fn run(self, stop: CancellationToken) -> CaptureOutcome {
        let (sender, outcome) = oneshot::channel();
        if self.may_block() {
            self.spawn_thread(stop, sender)?;
        } else {
            tokio::spawn(self.capture_for(stop, sender));
        }
        outcome
            .await
            .unwrap_or_else(|_| Err(anyhow!("the capture died")))
    }

    fn may_block(&self) -> bool {
        self.spec.may_block() || self.outbox.depot().is_some() || self.control.is_some()
    }

    fn spawn_thread(
        self,
        stop: CancellationToken,
        sender: oneshot::Sender<CaptureOutcome>,
    ) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("failed to start the capture runtime")?;
        let body = move || {
            runtime.block_on(self.capture_for(stop, sender));
            runtime.shutdown_background();
        };
        thread::Builder::new()
            .name("capture".into())
            .spawn(body)
            .context("failed to start the capture thread")?;
        Ok(())
    }

    /// Captures, and tells `sender` how it ended: whoever learns of the end finds the outbox closed.
    async fn capture_for(self, stop: CancellationToken, sender: oneshot::Sender<CaptureOutcome>) {
        let outbox = CloseOnDrop(self.outbox.clone());
        let captured = self.capture(stop).await;
        drop(outbox);
        let _ = sender.send(captured);
    }

    async fn capture(mut self, stop: CancellationToken) -> CaptureOutcome {
        let mut source = SteeredSource::open(&self.spec, &self.options, self.control.take())?;
        let mut span = CaptureSpan::default();
        let mut deadline = self.deadline();
        while self.limits.frames.is_none_or(|limit| span.frames < limit) {
            let captured = tokio::select! {
                biased;
                () = told_to_stop(&stop, deadline) => break,
                captured = source.next() => captured?,
            };
            let picture = match captured {
                Captured::Picture(picture) => picture,
                Captured::Broken(error) => {
                    self.count_broken(error);
                    continue;
                }
                Captured::End => break,
            };
            let came_at = Instant::now();
            span.paused = source.paused();
            if span.covers(self.limits.duration, came_at) {
                break;
            }
            if span.frames == 0 {
                // The clock starts with the first picture: a slow camera costs no frames.
                deadline = self.deadline();
            }
            let Some(frame) = self.number(picture, span.frames + 1) else {
                continue;
            };
            span.add(came_at);
            self.counters.captured.fetch_add(1, Relaxed);
            source.became(&frame);
            let last = frame.clone();
            tokio::select! {
                biased;
                () = source.while_obeying(self.outbox.push(frame)) => {}
                // A source that waits for room is to stop: this frame has its number, so it is stored or named.
                () = told_to_stop(&stop, deadline) => {
                    self.outbox.push_at_once(last);
                    break;
                }
            }
        }
        Ok(span)
    }

    /// When the time is over that begins now; `None` if it has no end that a clock will see.
    fn deadline(&self) -> Option<Instant> {
        Instant::now().checked_add(self.limits.duration?)
    }

    /// A usable picture gets the next number; a broken one is counted and gets none.
    fn number(&self, picture: RawPicture, sequence: u64) -> Option<Frame> {
        match jpeg::prepare(picture.jpeg, self.options.max_frame_bytes) {
            Ok(prepared) => Some(Frame {
                id: FrameId {
                    camera: self.camera().clone(),
                    stream: self.stream,
                    sequence,
                },
                captured_at: to_microseconds(picture.captured_at),
                width: prepared.width,
                height: prepared.height,
                crc32c: protocol::frame::checksum(&prepared.jpeg),
                dropped: 0,
                jpeg: prepared.jpeg,
            }),
            Err(error) => {
                self.count_broken(error);
                None
            }
        }
    }

    fn count_broken(&self, error: jpeg::JpegError) {
        let before = self.counters.invalid.fetch_add(1, Relaxed);
        if before == 0 {
            warn!(
                "the source gave a broken picture ({error}); such pictures are skipped and counted"
            );
        } else {
            debug!("broken picture: {error}");
        }
    }

    fn camera(&self) -> &CameraName {
        &self.options.camera
    }
}

/// Waits for `stop`, or for `deadline` if there is one.
async fn told_to_stop(stop: &CancellationToken, deadline: Option<Instant>) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = reached(deadline) => {}
    }
}

/// Delivery must learn of the end even if capture panics.
struct CloseOnDrop(Arc<Outbox>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;
    use crate::counters::DropReason;
    use crate::queue::{Limits, OnFull, Queue};
    use crate::source::fixture;

    #[test]
    fn ten_seconds_at_thirty_frames_a_second_are_three_hundred_pictures() {
        let start = Instant::now();
        for jitter_micros in [0, 200, 400] {
            let mut span = CaptureSpan::default();
            let at = |nth: u64| {
                start
                    + Duration::from_micros(
                        200 + nth * 33_333 - nth % 2 * 200 + nth % 2 * jitter_micros,
                    )
            };
            let taken = (0..400).find(|&nth| {
                let over = span.covers(Some(Duration::from_secs(10)), at(nth));
                span.add(at(nth));
                over
            });
            assert_eq!(taken, Some(300));
        }
    }

    #[test]
    fn a_pause_counts_for_the_end_and_not_for_the_rate() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut span = CaptureSpan::default();
        span.add(start);
        span.add(start + second);
        span.paused = 8 * second;
        span.add(start + 10 * second);
        assert!((span.fps() - 1.0).abs() < 1e-9);
        assert!(span.covers(Some(10 * second), start + 10 * second));
        assert!(!span.covers(Some(12 * second), start + 10 * second));
    }

    /// Captures a file of three pictures into a queue for `room` that nobody empties.
    async fn capture(duration: Duration, room: usize) -> (Arc<Counters>, CaptureOutcome) {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("clip.mjpeg");
        std::fs::write(&file, [1, 2, 3].map(fixture::picture).concat()).unwrap();
        let limits = Limits {
            max_bytes: u64::MAX,
            max_frames: room,
            read_ahead: usize::MAX,
        };
        let counters = Arc::<Counters>::default();
        let stream = StreamId::new();
        let capture = Capture {
            spec: SourceSpec::Path(file),
            options: fixture::options(),
            limits: CaptureLimits {
                frames: None,
                duration: Some(duration),
            },
            stream,
            outbox: Arc::new(Outbox::Memory {
                queue: Box::new(Queue::new(stream, limits, OnFull::Block)),
                counters: counters.clone(),
                hold_up: Arc::default(),
            }),
            counters: counters.clone(),
            control: None,
        };
        let captured = timeout(fixture::PATIENCE, capture.run(CancellationToken::new())).await;
        (counters, captured.expect("the capture does not end"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_waits_for_room_ends_when_the_time_is_over() {
        let (counters, captured) = capture(Duration::from_secs(5), 1).await;
        assert_eq!(captured.unwrap().frames, 2);
        assert_eq!(counters.captured.load(Relaxed), 2);
        assert_eq!(counters.dropped_for(DropReason::NotDelivered), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_beyond_all_clocks_is_no_limit() {
        assert_eq!(capture(Duration::MAX, 9).await.1.unwrap().frames, 3);
    }
}

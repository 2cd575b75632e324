//! `--latest-only`: the newest frame wins, and what is stored is never much older than what the camera sees.
//!
//! The session is clean: what is not acknowledged does not come again either. So an acknowledgement only keeps the broker's
//! window open, and is given at once, in the order of receipt (MQTT 5 section 4.6). Of what waits for the store only the
//! newest of each camera is kept. When frames come late they have queued at the broker, behind a slow network or a
//! program that was held up: the connection is dropped, and the broker forgets its queue with the session.
//!
//! Pure: it knows nothing of connections. Whatever is left out is counted as skipped by whoever asks.

mod lag;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use protocol::event::Decoded;
use protocol::topic::CameraName;

use crate::latest::{Forward, Shot};
use crate::store::{Arrival, Content};
use lag::Lag;

/// Most messages that the broker may send ahead of our acknowledgements.
pub(crate) const RECEIVE_MAXIMUM: u16 = 2;

/// No connection is dropped sooner: what is late until then is only skipped.
const SHORTEST_CONNECTION: Duration = Duration::from_secs(1);
/// Cameras whose lag is known at a time: their names come from the network.
const MAX_CAMERAS: usize = 1024;

/// What is to become of a frame that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is its camera's newest.
    Newest,
    /// Left out: a newer one came before it, or it is late and nothing can be done about it.
    Skip,
    /// Left out: it is late by so much, and so is all that the broker has queued.
    Behind(Duration),
}

/// How far each camera has come, and how late.
#[derive(Debug)]
pub(crate) struct LatestOnly {
    max_lag: Duration,
    start: Instant,
    connected_at: Instant,
    lags: HashMap<CameraName, Lag>,
    forward: Forward,
}

impl LatestOnly {
    pub(crate) fn new(max_lag: Duration, now: Instant) -> Self {
        Self {
            max_lag,
            start: now,
            connected_at: now,
            lags: HashMap::new(),
            forward: Forward::default(),
        }
    }

    /// A new connection: nothing is queued for it, so what comes first is as fresh as can be.
    pub(crate) fn connected(&mut self, now: Instant) {
        self.connected_at = now;
        self.lags.clear();
    }

    /// Judges what came at `now`.
    pub(crate) fn judge(&mut self, arrival: &Arrival, now: Instant) -> Verdict {
        let Content::Decoded(Decoded::Frame(frame)) = &arrival.content else {
            // It does not say how old it is.
            return Verdict::Newest;
        };
        let shot = Shot::from(frame);
        // What a camera sends again after an outage of its own is old, and says nothing of the broker's queue.
        if !self.forward.is_newer(&shot, now) {
            return Verdict::Skip;
        }
        if self.lags.len() >= MAX_CAMERAS && !self.lags.contains_key(&arrival.camera) {
            self.lags.clear();
        }
        let lag = self
            .lags
            .entry(arrival.camera.clone())
            .or_default()
            .observe(frame.captured_at, now - self.start);
        if lag <= self.max_lag {
            self.forward.advance(&shot, now);
            Verdict::Newest
        } else if now < self.connected_at + SHORTEST_CONNECTION {
            Verdict::Skip
        } else {
            Verdict::Behind(lag)
        }
    }

    /// Whether what was the newest has waited too long.
    pub(crate) fn is_stale(&self, arrival: &Arrival, now: Instant) -> bool {
        let Content::Decoded(Decoded::Frame(frame)) = &arrival.content else {
            return false;
        };
        let lag = self.lags.get(&arrival.camera);
        lag.is_some_and(|lag| lag.of(frame.captured_at, now - self.start) > self.max_lag)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use jiff::Timestamp;
    use protocol::frame::{Frame, FrameId, StreamId};

    use super::*;

    const MAX_LAG: Duration = Duration::from_secs(1);

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// A frame of a camera whose clock began with its stream.
    fn frame(stream: StreamId, sequence: u64, captured: Duration) -> Arrival {
        let id = FrameId {
            camera: "door".parse().unwrap(),
            stream,
            sequence,
        };
        let frame = Frame {
            id,
            captured_at: Timestamp::UNIX_EPOCH + captured,
            width: 1,
            height: 1,
            crc32c: 0,
            dropped: 0,
            jpeg: Bytes::new(),
        };
        of(Content::Decoded(Decoded::Frame(frame)))
    }

    fn of(content: Content) -> Arrival {
        Arrival {
            camera: "door".parse().unwrap(),
            received_at: Timestamp::UNIX_EPOCH,
            content,
        }
    }

    #[test]
    fn frames_that_queued_are_left_out_and_a_new_connection_begins_anew() {
        let (start, stream) = (Instant::now(), StreamId::new());
        let mut latest = LatestOnly::new(MAX_LAG, start);
        latest.connected(start);
        let mut judge = |sequence: u64, came| {
            let captured = millis(100 * sequence);
            latest.judge(&frame(stream, sequence, captured), start + came)
        };
        for sequence in 1..=20 {
            assert_eq!(
                judge(sequence, millis(100 * sequence + 50)),
                Verdict::Newest
            );
        }
        // It was held up for three seconds: what queued meanwhile comes at once.
        let Verdict::Behind(lag) = judge(21, millis(5050)) else {
            panic!("it is not behind");
        };
        assert!(lag.abs_diff(millis(2900)) < millis(2), "{lag:?}");
        latest.connected(start + millis(5100));
        let next = frame(stream, 51, millis(5100));
        assert_eq!(latest.judge(&next, start + millis(5150)), Verdict::Newest);
    }

    #[test]
    fn a_connection_lasts_a_while_though_frames_are_late() {
        let (start, stream) = (Instant::now(), StreamId::new());
        let mut latest = LatestOnly::new(MAX_LAG, start);
        latest.connected(start);
        let mut judge = |sequence, captured, came| {
            latest.judge(
                &frame(stream, sequence, millis(captured)),
                start + millis(came),
            )
        };
        assert_eq!(judge(1, 5000, 100), Verdict::Newest);
        // The camera's clock was set back.
        assert_eq!(judge(2, 1000, 200), Verdict::Skip);
        assert!(matches!(judge(3, 1800, 1100), Verdict::Behind(_)));
    }

    #[test]
    fn what_a_camera_sends_again_is_left_out_and_ends_no_connection() {
        let (start, stream) = (Instant::now(), StreamId::new());
        let mut latest = LatestOnly::new(MAX_LAG, start);
        let minute = millis(60_000);
        latest.judge(&frame(stream, 900, minute), start + minute);
        let again = frame(stream, 3, millis(200));
        assert_eq!(latest.judge(&again, start + minute), Verdict::Skip);
    }

    #[test]
    fn what_waits_grows_stale() {
        let (start, stream) = (Instant::now(), StreamId::new());
        let mut latest = LatestOnly::new(MAX_LAG, start);
        let waiting = frame(stream, 1, millis(0));
        assert_eq!(latest.judge(&waiting, start), Verdict::Newest);
        assert!(!latest.is_stale(&waiting, start + MAX_LAG));
        assert!(latest.is_stale(&waiting, start + 2 * MAX_LAG));
    }

    #[test]
    fn a_bare_picture_has_no_age() {
        let start = Instant::now();
        let mut latest = LatestOnly::new(MAX_LAG, start);
        let bare = of(Content::Decoded(Decoded::Foreign(Bytes::new())));
        assert_eq!(latest.judge(&bare, start), Verdict::Newest);
        assert!(!latest.is_stale(&bare, start + 9 * MAX_LAG));
    }
}

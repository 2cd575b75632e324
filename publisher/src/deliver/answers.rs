//! What the broker answers to a frame, and what becomes of the frame then.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use link::{Event, LinkError, PublishOutcome, PublishToken};
use tracing::{info, warn};

use super::Delivery;
use crate::audience::Audience;
use crate::counters::DropReason;

impl Delivery {
    pub(super) fn take_event(&mut self, event: &Event) -> Result<(), LinkError> {
        let Event::Published(token, outcome) = *event else {
            return Ok(());
        };
        match outcome {
            PublishOutcome::Accepted => self.accepted(token),
            PublishOutcome::NoSubscribers => self.unheard(token),
            PublishOutcome::Denied => {
                self.in_flight.keep_for_later(token);
                return Err(LinkError::Fatal(format!(
                    "the broker denies publishing for camera {}: check its access list and --username",
                    self.options.camera
                )));
            }
            PublishOutcome::Refused => {
                if self.in_flight.settle(token).is_some() {
                    self.counters.drop_frames(DropReason::Refused, 1);
                }
            }
        }
        Ok(())
    }

    fn accepted(&mut self, token: PublishToken) {
        let Some(frame) = self.in_flight.settle(token) else {
            return;
        };
        if self.audience != Audience::Present {
            info!("somebody subscribes now: delivering");
            self.audience = Audience::Present;
            self.hold_up.set(DropReason::QueueFull);
        }
        self.packet_limit.taken(frame.jpeg.len());
        self.counters.delivered.fetch_add(1, Relaxed);
        self.counters
            .delivered_bytes
            .fetch_add(frame.jpeg.len() as u64, Relaxed);
        let latency = Timestamp::now().duration_since(frame.captured_at);
        self.times
            .record(Duration::try_from(latency).unwrap_or_default());
    }

    fn unheard(&mut self, token: PublishToken) {
        let jpeg_bytes = if self.options.newest_wins {
            let dropped = self.in_flight.settle(token);
            self.counters
                .drop_frames(DropReason::NoSubscriber, usize::from(dropped.is_some()));
            dropped.map(|frame| frame.jpeg.len())
        } else {
            self.in_flight.keep_for_later(token)
        };
        let Some(jpeg_bytes) = jpeg_bytes else { return };
        self.packet_limit.taken(jpeg_bytes);
        if self.audience == Audience::Present {
            warn!(
                "nobody subscribes to {}: waiting for a subscriber",
                self.options.prefix.frames(&self.options.camera)
            );
            self.hold_up.set(DropReason::NoSubscriber);
        }
        self.audience = self.audience.unheard(Instant::now());
    }
}

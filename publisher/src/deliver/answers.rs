//! What the broker answers to a frame, and what becomes of the frame then.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use link::{Event, LinkError, PublishOutcome, PublishToken, Session};
use tracing::{info, warn};

use super::Delivery;
use crate::announce::LEDGER_TOKEN;
use crate::audience::Audience;
use crate::control::ANSWER_TOKEN;
use crate::counters::DropReason;
use crate::home_assistant::ANNOUNCEMENT_TOKEN;
use crate::parcel::Route;

impl Delivery {
    pub(super) fn take_event(
        &mut self,
        session: &mut Session,
        event: Event,
    ) -> Result<(), LinkError> {
        let (token, outcome) = match event {
            Event::Published(LEDGER_TOKEN, outcome) => {
                self.ledger.acknowledged();
                if outcome == PublishOutcome::Denied && !self.said_ledger_denied {
                    self.said_ledger_denied = true;
                    warn!(
                        "the broker denies publishing {}: no consumer is told what was given up; check its access list",
                        self.options.prefix.ledger(&self.options.camera)
                    );
                }
                return Ok(());
            }
            Event::Published(ANSWER_TOKEN, outcome) => {
                if let Some(desk) = &mut self.control {
                    desk.answer_settled(outcome);
                }
                return Ok(());
            }
            Event::Published(ANNOUNCEMENT_TOKEN, outcome) => {
                if let Some(home_assistant) = &mut self.home_assistant {
                    home_assistant.settled(outcome);
                }
                return Ok(());
            }
            Event::Published(token, outcome) => (token, outcome),
            Event::Received(received, ack) => {
                self.take_message(session, &received, ack);
                return Ok(());
            }
            Event::Subscribed => return Ok(()),
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
            PublishOutcome::Refused => match (self.in_flight.settle(token), self.outbox.depot()) {
                (Some(parcel), Some(depot)) if parcel.to != Route::Everybody => {
                    depot.reached_nobody(&parcel);
                }
                // A quota, say: it has a place to wait.
                (Some(parcel), Some(depot)) => {
                    depot.set_apart(&parcel);
                    if !self.said_refused {
                        self.said_refused = true;
                        warn!(
                            "the broker refuses a frame: it waits in the spool, as do all like it"
                        );
                    }
                }
                (Some(parcel), None) => {
                    self.outbox.give_up(&parcel.frame.id, DropReason::Refused);
                }
                (None, _) => {}
            },
        }
        Ok(())
    }

    fn accepted(&mut self, token: PublishToken) {
        let Some(parcel) = self.in_flight.settle(token) else {
            return;
        };
        let frame = &parcel.frame;
        self.packet_limit.taken(frame.jpeg.len());
        self.outbox.accepted(&parcel);
        if parcel.to != Route::Everybody {
            return;
        }
        if self.audience != Audience::Present {
            info!("somebody subscribes now: delivering");
            self.audience = Audience::Present;
            self.hold_up.set(DropReason::QueueFull);
        }
        if parcel.is_fresh {
            let latency = Timestamp::now().duration_since(frame.captured_at);
            self.times
                .record(Duration::try_from(latency).unwrap_or_default());
        }
    }

    fn unheard(&mut self, token: PublishToken) {
        if let Some(Route::Confirmer(_)) = self.in_flight.route(token) {
            if let (Some(parcel), Some(depot)) = (self.in_flight.settle(token), self.outbox.depot())
            {
                depot.reached_nobody(&parcel);
            }
            return;
        }
        let jpeg_bytes = if self.options.newest_wins {
            let dropped = self.in_flight.settle(token);
            if let Some(parcel) = &dropped {
                self.outbox
                    .give_up(&parcel.frame.id, DropReason::NoSubscriber);
            }
            dropped.map(|parcel| parcel.frame.jpeg.len())
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

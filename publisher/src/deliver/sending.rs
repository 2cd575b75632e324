//! Which frames may go now, and what becomes of one that is too large for the broker.

use std::time::Instant;

use link::{Message, Session};
use protocol::event;
use protocol::frame::Frame;
use tracing::warn;

use super::Delivery;
use crate::counters::DropReason;
use crate::packet_limit::Verdict;
use crate::parcel::Route;

impl Delivery {
    /// Where the newest frame wins, none is taken before it may be sent: it would only grow old.
    pub(super) fn may_admit(&self) -> bool {
        self.in_flight.has_room()
            && (!self.options.newest_wins
                || self
                    .audience
                    .may_send(Instant::now(), self.in_flight.unacknowledged()))
    }

    /// The backlog has half of the window, so that a new frame never waits for more than that.
    pub(super) fn may_take_backlog(&self) -> bool {
        self.backlog_waits_until.is_none()
            && self.in_flight.of_backlog() < (self.in_flight.window() / 2).max(1)
    }

    /// Sends frames while audience and broker take them.
    pub(super) fn send_what_may_go(&mut self, session: &mut Session) {
        while self.trial_over.is_none()
            && self
                .audience
                .may_send(Instant::now(), self.in_flight.unacknowledged())
        {
            let Some((parcel, hang_ups)) = self.in_flight.next_unsent() else {
                return;
            };
            let to = parcel.to;
            let mut frame = parcel.frame.clone();
            frame.dropped = self.outbox.dropped_of(&frame.id);
            let message = self.message(&frame, to);
            let verdict = self
                .packet_limit
                .judge(message.packet_bytes(), hang_ups, Instant::now());
            if verdict == Verdict::TooLarge {
                self.give_up_too_large(&message);
                continue;
            }
            let token = self.in_flight.mark_sent();
            if !session.publish(message, token) {
                self.in_flight.keep_for_later(token);
                return;
            }
            if frame.id.stream == self.options.stream {
                self.last_sent = Some(frame);
            }
        }
    }

    /// The verdict on the frame that is to be sent next, and the size of its packet.
    pub(super) fn judge_next(&mut self) -> Option<(Verdict, usize)> {
        let (parcel, hang_ups) = self.in_flight.next_unsent()?;
        let bytes = self.message(&parcel.frame, parcel.to).packet_bytes();
        Some((
            self.packet_limit.judge(bytes, hang_ups, Instant::now()),
            bytes,
        ))
    }

    /// A frame on trial is condemned once a silent connection has lasted.
    pub(super) fn end_trial(&mut self) {
        self.trial_over = None;
        if let Some((Verdict::OnTrial, bytes)) = self.judge_next() {
            self.packet_limit.condemn(bytes, Instant::now());
        }
    }

    fn message(&self, frame: &Frame, to: Route) -> Message {
        let encoded = event::encode(frame, self.options.format);
        Message {
            topic: self.topic(to),
            payload: encoded.payload,
            qos: self.options.qos,
            retain: false,
            content_type: Some(encoded.content_type),
            user_properties: encoded.user_properties,
            exchange: None,
        }
    }

    fn give_up_too_large(&mut self, message: &Message) {
        if !self.said_too_large {
            self.said_too_large = true;
            let limit = self.packet_limit.words();
            let is_told = self.packet_limit.is_told_below(message.packet_bytes());
            let fate = if self.outbox.depot().is_some() && !is_told {
                "it waits in the spool and is tried again each minute, as are all like it"
            } else {
                "dropped and counted, as are all like it"
            };
            let setting = if is_told {
                "max_packet_size"
            } else {
                "max_packet_size or message_size_limit"
            };
            warn!(
                "a frame needs a packet of {} bytes, more than the broker's limit{limit}: {fate}; raise {setting} \
                 in the broker's configuration, or lower the camera's quality",
                message.packet_bytes(),
            );
        }
        let Some(parcel) = self.in_flight.give_up_unsent() else {
            return;
        };
        match self.outbox.depot() {
            // A limit that was only guessed costs no frame that has a place to wait.
            Some(depot) if !self.packet_limit.is_told_below(message.packet_bytes()) => {
                depot.set_apart(&parcel);
            }
            _ => self.outbox.give_up(&parcel.frame.id, DropReason::TooLarge),
        }
    }
}

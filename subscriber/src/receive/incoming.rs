//! What comes: a camera's ledger is taken in here, a frame goes to the store, in its turn.

use link::{AckToken, Received, Session};
use protocol::topic::{OFFLINE, ONLINE};
use tracing::warn;

use super::arrival::arrival;
use super::{RECEIVE_MAXIMUM, Receive, Reception};
use crate::figures::CameraStatus;
use crate::store::Arrival;
use crate::storing::Job;

fn status(payload: &[u8]) -> CameraStatus {
    match str::from_utf8(payload) {
        Ok(ONLINE) => CameraStatus::Online,
        Ok(OFFLINE) => CameraStatus::Offline,
        _ => CameraStatus::Unknown,
    }
}

impl Receive {
    /// Takes a message. Whether the connection has fallen behind.
    pub(super) fn receive(
        &mut self,
        session: &mut Session,
        received: Received,
        ack: Option<AckToken>,
    ) -> bool {
        let (prefix, ledger) = (&self.reception.prefix, &self.store.ledger);
        let mut is_behind = false;
        if prefix.camera_of_ledger(&received.topic).is_some() {
            let taken = self.ledgers.take(prefix, &received, ledger);
            if let Some((camera, available)) = taken {
                self.reporter.enter_available(&camera, available);
                if let Some(receipts) = &mut self.receipts {
                    receipts.draw(camera);
                }
            }
        } else if let Some(camera) = prefix.camera_of_status(&received.topic) {
            // The broker may send them on for an earlier run that wanted figures.
            self.reporter
                .enter_status(&camera, status(&received.payload));
        } else if received.retain {
            self.warn_of_retained_frame(&received.topic);
        } else if self.latest_only.is_none() {
            self.take(ack, |reception| arrival(reception, received));
            return false;
        } else {
            let arrival = arrival(&self.reception, received);
            is_behind = self.take_newest(arrival);
        }
        if let Some(ack) = ack {
            session.ack(ack);
        }
        is_behind
    }

    /// The broker keeps to its window only at QoS 1: what else comes must not fill the memory while the disk is full.
    pub(super) fn take(
        &mut self,
        ack: Option<AckToken>,
        arrival: impl FnOnce(&Reception) -> Arrival,
    ) {
        if ack.is_none() && self.waiting.len() >= usize::from(RECEIVE_MAXIMUM) {
            self.overrun += 1;
            return;
        }
        let arrival = arrival(&self.reception);
        self.waiting.push_back(Job { arrival, ack });
    }

    fn warn_of_retained_frame(&mut self, topic: &str) {
        if !self.retained_was_said {
            self.retained_was_said = true;
            warn!("a retained message on {topic} is ignored: frames must not be retained");
        }
    }
}

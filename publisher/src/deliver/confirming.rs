//! Consumers that must confirm: their receipts and whether they are there.

use std::time::{Duration, Instant};

use link::{AckToken, Qos, Received, Session};
use protocol::receipt::Receipt;
use protocol::topic::{self, ONLINE};
use tracing::{debug, info, warn};

use super::Delivery;
use crate::parcel::Route;

/// How long what earlier runs left is held back for receipts, which may show that it has arrived.
const WAIT_FOR_RECEIPTS: Duration = Duration::from_secs(2);

impl Delivery {
    /// Where a frame goes.
    pub(super) fn topic(&self, to: Route) -> String {
        let (prefix, camera) = (&self.options.prefix, &self.options.camera);
        let depot = self.outbox.depot();
        match (to, depot) {
            (Route::Confirmer(nth), Some(depot)) => prefix.resend(camera, &depot.confirmers()[nth]),
            _ => prefix.frames(camera),
        }
    }

    /// To be called first on each connection: a receipt counts only if it comes on the present one.
    pub(super) fn subscribe_to_confirmers(&mut self, session: &mut Session) {
        let Some(depot) = self.outbox.depot() else {
            return;
        };
        for consumer in depot.confirmers() {
            let receipts = self.options.prefix.receipt(&self.options.camera, consumer);
            session.subscribe(&receipts, Qos::AtLeastOnce);
            session.subscribe(&topic::consumer_status(consumer), Qos::AtLeastOnce);
        }
        if depot.unknown_confirmer().is_some() {
            self.backlog_waits_until = Some(Instant::now() + WAIT_FOR_RECEIPTS);
        }
    }

    /// A message: a request, a receipt, a consumer's status or Home Assistant's. What is none of them is nobody's.
    pub(super) fn take_message(
        &mut self,
        session: &mut Session,
        received: &Received,
        ack: Option<AckToken>,
    ) {
        if let Some(ack) = ack {
            session.ack(ack);
        }
        if self.take_request(received) {
            return;
        }
        if let Some(home_assistant) = &mut self.home_assistant {
            home_assistant.take(received);
        }
        let Some(depot) = self.outbox.depot() else {
            return;
        };
        for (nth, consumer) in depot.confirmers().iter().enumerate() {
            let (prefix, camera) = (&self.options.prefix, &self.options.camera);
            if received.topic == topic::consumer_status(consumer) {
                depot.is_online(nth, received.payload == ONLINE);
            } else if received.topic == prefix.receipt(camera, consumer) {
                // A retained one may be of a disk that is no more. An empty one claims nothing: `doctor` asks by it whether it
                // may be sent.
                if !received.retain && !received.payload.is_empty() {
                    self.take_receipt(nth, &received.payload);
                }
            }
        }
    }

    fn take_receipt(&self, nth: usize, payload: &[u8]) {
        let Some(depot) = self.outbox.depot() else {
            return;
        };
        let consumer = &depot.confirmers()[nth];
        let receipt = match Receipt::from_json(payload) {
            Ok(receipt) => receipt,
            Err(error) => {
                warn!("consumer {consumer} sent something that is no receipt: {error}");
                return;
            }
        };
        let news = depot.receipt(nth, &receipt);
        if news.new_store {
            warn!(
                "consumer {consumer} writes into another folder now: what it had confirmed before is not there, and \
                 what is still in the spool is sent to it again"
            );
        } else if news.new_session {
            info!(
                "the broker had forgotten consumer {consumer}: {} frames are sent to it again",
                news.lacking
            );
        } else if news.lacking > 0 {
            debug!(
                "consumer {consumer} lacks {} frames: they are sent again",
                news.lacking
            );
        }
    }
}

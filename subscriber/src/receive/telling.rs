//! What others are told: whether this consumer is there, and what it has.

use link::{Message, NO_TOKEN, PublishOutcome, PublishToken, Session};
use protocol::topic;
use tracing::warn;

use super::Receive;
use super::receipts::RECEIPT;

impl Receive {
    pub(super) fn publish_receipts(&mut self, session: &mut Session) {
        if let Some(receipts) = &mut self.receipts {
            receipts.publish(session, &self.store.ledger);
        }
    }

    pub(super) fn enter_answer(&mut self, token: PublishToken, outcome: PublishOutcome) {
        match &mut self.receipts {
            Some(receipts) if token == RECEIPT => receipts.answered(outcome),
            _ if outcome == PublishOutcome::Denied => self.warn_of_denied_status(),
            _ => {}
        }
    }

    pub(super) fn warn_of_denied_status(&self) {
        let Some(consumer) = &self.reception.consumer else {
            return;
        };
        warn!(
            "the broker denies {}: with our access list, --consumer must be the --username",
            topic::consumer_status(consumer)
        );
    }

    pub(super) fn publish_status(&self, session: &mut Session, status: &'static str) {
        let Some(consumer) = &self.reception.consumer else {
            return;
        };
        let message = Message::retained_text(topic::consumer_status(consumer), status);
        session.publish(message, NO_TOKEN);
    }
}

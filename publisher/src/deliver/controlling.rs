//! Requests from afar, where they are allowed: frames go first, and nothing here is waited for.

use link::{Received, Session};

use super::Delivery;
use crate::control::{ControlDesk, Envelope, Figures, Outcome};

/// What came of an order to capture; never without a desk. Cancel-safe.
pub(super) async fn next_outcome(desk: &mut Option<ControlDesk>) -> (Envelope, Outcome) {
    match desk {
        Some(desk) => desk.next_outcome().await,
        None => std::future::pending().await,
    }
}

impl Delivery {
    /// Takes a message if it is a request. Whether it is one.
    pub(super) fn take_request(&mut self, received: &Received) -> bool {
        let is_request = self
            .control
            .as_ref()
            .is_some_and(|desk| desk.is_for(&received.topic));
        if is_request {
            self.at_desk(|desk, figures| desk.take(received, figures));
        }
        is_request
    }

    pub(super) fn settle_request(&mut self, envelope: Envelope, outcome: Outcome) {
        self.at_desk(|desk, figures| desk.settle(envelope, outcome, figures));
    }

    pub(super) fn look_after_requests(&mut self) {
        self.at_desk(ControlDesk::look);
    }

    /// Not on a silent connection.
    pub(super) fn publish_answers(&mut self, session: &mut Session) {
        if let (Some(desk), None) = (&mut self.control, self.trial_over) {
            desk.publish(session);
        }
    }

    pub(super) fn publish_last_answers(&mut self, session: &mut Session) {
        self.at_desk(|desk, figures| desk.publish_all(session, figures));
    }

    fn at_desk(&mut self, work: impl FnOnce(&mut ControlDesk, &Figures)) {
        let Some(desk) = &mut self.control else {
            return;
        };
        let figures = Figures {
            counters: &self.counters,
            outbox: &self.outbox,
        };
        work(desk, &figures);
    }
}

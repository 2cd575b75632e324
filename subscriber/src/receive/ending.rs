//! The end of reception: what has come is stored and acknowledged, and the cameras are told.

use link::{Event, Session};
use protocol::topic::OFFLINE;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{Receipts, Receive};
use crate::report::Reporter;
use crate::storing::{Stored, SyncingEnds};

impl Receive {
    /// Leaves `session` in good order.
    pub(super) async fn take_leave(&mut self, mut session: Session) {
        let deadline = Instant::now() + self.reception.drain_timeout;
        self.drain(&mut session, deadline).await;
        self.publish_last_receipts(&mut session, deadline).await;
        self.publish_status(&mut session, OFFLINE);
        session.close().await;
    }

    /// Waits for the store to finish what has come, and acknowledges it. What it takes no more comes again.
    async fn drain(&mut self, session: &mut Session, deadline: Instant) {
        while Instant::now() < deadline {
            if let Some(stored) = self.hand_over() {
                self.acknowledge(session, &stored);
                // The acknowledgement leaves before the next frame is stored.
                yield_now().await;
                continue;
            }
            if self.unanswered == 0 {
                return;
            }
            tokio::select! {
                stored = self.store.answers.recv() => match stored {
                    Some(stored) => self.acknowledge(session, &stored),
                    None => return,
                },
                () = sleep_until(deadline) => return,
            }
        }
    }

    /// Tells the cameras all that is on disk in the end, so that they need not keep it until we come again.
    async fn publish_last_receipts(&mut self, session: &mut Session, deadline: Instant) {
        if self.receipts.is_none() {
            return;
        }
        // If it is late, the receipts say less.
        let _ = timeout_at(deadline, self.store.syncing.sync_now()).await;
        if let Some(receipts) = &mut self.receipts {
            receipts.advance(&self.store.ledger);
        }
        self.publish_receipts(session);
        while self.receipts.as_ref().is_some_and(Receipts::are_due) {
            match timeout_at(deadline, session.next_event()).await {
                Ok(Ok(Event::Published(token, outcome))) => self.enter_answer(token, outcome),
                // What comes now is not acknowledged, and comes again.
                Ok(Ok(_)) => {}
                Ok(Err(_)) | Err(_) => return,
            }
            self.publish_receipts(session);
        }
    }

    /// Ends the stage: the store gets nothing more, and what it still answers is counted. Syncing goes on as long as its
    /// ends are held.
    pub(crate) fn finish(self) -> (Finished, SyncingEnds) {
        let finished = Finished {
            answers: self.store.answers,
            reporter: self.reporter,
        };
        (finished, self.store.syncing)
    }
}

/// What is left of the stage: the books, and answers that may still come.
pub(crate) struct Finished {
    answers: mpsc::UnboundedReceiver<Stored>,
    reporter: Reporter,
}

impl Finished {
    /// Closes the books, once the store's thread is over.
    pub(crate) fn close(mut self) -> Reporter {
        while let Ok(stored) = self.answers.try_recv() {
            self.reporter.enter(&stored);
        }
        self.reporter.finish();
        self.reporter
    }
}

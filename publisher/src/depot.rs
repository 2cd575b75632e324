//! The spool at work: capture's frames go to disk first, delivery takes them from memory while it keeps up, and from
//! disk when it does not.
//!
//! New frames wait in a short *lane* in memory as well as in the spool. When the lane overflows, all of it becomes
//! *backlog*, and is read from disk again when its turn comes: so what an outage has piled up never stands between the
//! camera and a consumer. Lane and backlog are served in turn.

mod book;
mod intake;
mod reading;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use protocol::frame::{Frame, FrameId, StreamId};
use protocol::ledger::Ledger;
use protocol::receipt::Receipt;
use protocol::topic::{CameraName, ConsumerName};
use tokio::sync::Notify;

use crate::counters::{Counters, DropReason};
use crate::custody::{Custody, Key, News};
use crate::parcel::{Depth, Parcel, Route};
use crate::queue::OnFull;
use crate::spool::{Leftovers, Spool};
use book::{Book, Next};

/// How much the depot may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DepotLimits {
    /// On disk. One frame always may, however large.
    pub(crate) max_bytes: u64,
    /// In memory besides.
    pub(crate) lane_bytes: u64,
    pub(crate) on_full: OnFull,
    /// The source waits a moment for a full lane rather than running ahead of delivery.
    pub(crate) source_can_wait: bool,
}

/// Capture pushes, delivery pops; they are on different threads.
pub(crate) struct Depot {
    camera: CameraName,
    present: StreamId,
    confirmers: Vec<ConsumerName>,
    limits: DepotLimits,
    counters: Arc<Counters>,
    spool: Spool,
    book: Mutex<Book>,
    /// Something may be taken out, or everything is over.
    changed: Notify,
    /// Something was taken out of the lane, or left the spool.
    room: Notify,
}

impl Depot {
    /// Takes over what earlier runs left in the spool. `present` is this run's stream.
    pub(crate) fn new(
        camera: CameraName,
        present: StreamId,
        confirmers: Vec<ConsumerName>,
        limits: DepotLimits,
        counters: Arc<Counters>,
        (spool, leftovers): (Spool, Leftovers),
    ) -> Self {
        let mut custody = Custody::new(present, &confirmers, Instant::now());
        for (key, facts) in leftovers.frames {
            custody.take_over(key, facts);
        }
        for (stream, given_up) in &leftovers.given_up {
            custody.were_given_up(*stream, given_up);
        }
        let depot = Self {
            camera,
            present,
            confirmers,
            limits,
            counters,
            spool,
            book: Mutex::new(Book {
                custody,
                lane: VecDeque::new(),
                lane_bytes: 0,
                newest: None,
                backlog_is_next: false,
                closed: false,
                delivery_stands: false,
                unreadable: HashMap::new(),
                apart: VecDeque::new(),
                said_full_at: None,
            }),
            changed: Notify::new(),
            room: Notify::new(),
        };
        depot.clear_away(&mut depot.lock());
        depot
    }

    /// The names that `--confirm` gave.
    pub(crate) fn confirmers(&self) -> &[ConsumerName] {
        &self.confirmers
    }

    /// See [`crate::outbox::Outbox::pop`].
    pub(crate) async fn pop(&self, backlog: bool) -> Option<Parcel> {
        loop {
            // A disk full of damaged files must not keep everything else waiting.
            tokio::task::consume_budget().await;
            let changed = self.changed.notified();
            let next = self.lock().next(backlog);
            match next {
                Next::Fresh(frame) => {
                    self.room.notify_one();
                    return Some(Parcel::fresh(frame));
                }
                Next::Spooled(key, facts, to) => {
                    if let Some(frame) = self.read(key, facts, to) {
                        return Some(Parcel {
                            frame,
                            to,
                            is_fresh: false,
                        });
                    }
                }
                Next::Over => return None,
                Next::Nothing => changed.await,
            }
        }
    }

    /// See [`crate::outbox::Outbox::drained`].
    pub(crate) async fn drained(&self) {
        loop {
            let changed = self.changed.notified();
            {
                let book = self.lock();
                if book.is_over() {
                    return;
                }
            }
            changed.await;
        }
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    pub(crate) fn accepted(&self, parcel: &Parcel, now: Instant) {
        let mut book = self.lock();
        let key = key_of(&parcel.frame.id);
        match parcel.to {
            Route::Everybody => book.custody.accepted(key, now),
            Route::Confirmer(nth) => book.custody.accepted_again(nth, key, now),
        }
        self.clear_away(&mut book);
    }

    /// A frame for one confirmer reached nobody: it is not there. It is sent again when it is.
    pub(crate) fn reached_nobody(&self, parcel: &Parcel) {
        if let Route::Confirmer(nth) = parcel.to {
            let mut book = self.lock();
            book.custody.not_sent_again(nth, key_of(&parcel.frame.id));
            book.custody.is_online(nth, false, Instant::now());
        }
    }

    /// Gives up a frame that was taken out, unless a receipt has released it meanwhile.
    pub(crate) fn give_up(&self, id: &FrameId, reason: DropReason) {
        let key = key_of(id);
        let mut book = self.lock();
        let Some(facts) = book.custody.give_up(key) else {
            return;
        };
        self.write_off(&book, key, reason);
        self.spool.remove(key, facts);
        self.clear_away(&mut book);
    }

    /// Whether a frame that was taken out is still to be delivered: a receipt may have settled it meanwhile.
    pub(crate) fn is_wanted(&self, parcel: &Parcel) -> bool {
        let nth = match parcel.to {
            Route::Everybody => None,
            Route::Confirmer(nth) => Some(nth),
        };
        let key = key_of(&parcel.frame.id);
        self.lock().custody.is_wanted(key, nth)
    }

    /// Whether a confirmer's status says that it is there.
    pub(crate) fn is_online(&self, nth: usize, online: bool) {
        self.lock().custody.is_online(nth, online, Instant::now());
        self.changed.notify_one();
    }

    /// The connection is gone.
    pub(crate) fn connection_lost(&self) {
        self.lock().custody.connection_lost(Instant::now());
    }

    /// A receipt of confirmer `nth` that came live on the present connection.
    pub(crate) fn receipt(&self, nth: usize, receipt: &Receipt) -> News {
        let now = Instant::now();
        let mut book = self.lock();
        book.custody.is_online(nth, true, now);
        let news = book.custody.receipt(nth, receipt, now);
        self.clear_away(&mut book);
        self.changed.notify_one();
        news
    }

    /// Looks whether somebody has lost the last frames. Gives how many are sent again.
    pub(crate) fn look_for_idle_tails(&self, window: usize) -> usize {
        let lacking = self
            .lock()
            .custody
            .look_for_idle_tails(window, Instant::now());
        if lacking > 0 {
            self.changed.notify_one();
        }
        lacking
    }

    /// A confirmer of which nothing has been heard in this run.
    pub(crate) fn unknown_confirmer(&self) -> Option<ConsumerName> {
        self.lock().custody.unknown_confirmer().cloned()
    }

    /// Grows whenever the ledger says something else than before.
    pub(crate) fn changes(&self) -> u64 {
        self.lock().custody.changes()
    }

    pub(crate) fn ledger(&self, counter: u64) -> Ledger {
        self.lock().custody.ledger(counter)
    }

    pub(crate) fn dropped_of(&self, stream: StreamId) -> u64 {
        self.lock().custody.given_up_count(stream)
    }

    pub(crate) fn newest(&self) -> Option<Frame> {
        self.lock().newest.clone()
    }

    pub(crate) fn depth(&self) -> Depth {
        let book = self.lock();
        Depth {
            queued: book.lane.len(),
            queued_bytes: book.lane_bytes,
            spooled: book.custody.count(true) + book.custody.count(false),
            spooled_bytes: book.custody.bytes(),
        }
    }

    /// Frames that stay in the spool: of this run, and of earlier ones.
    pub(crate) fn left(&self) -> (usize, usize) {
        let book = self.lock();
        (book.custody.count(true), book.custody.count(false))
    }

    /// Removes this run's folder if nothing is left that anybody must be told.
    pub(crate) fn leave(&self) {
        let book = self.lock();
        if book.custody.count(true) == 0 && book.custody.given_up_count(self.present) == 0 {
            self.spool.remove_stream(self.present);
        }
    }

    /// Writes a frame down as given up, and counts it.
    fn write_off(&self, book: &Book, key: Key, reason: DropReason) {
        self.spool
            .write_given_up(key.stream, &book.custody.given_up(key.stream));
        if key.stream == self.present {
            self.counters.drop_frames(reason, 1);
        } else {
            self.counters.drop_earlier();
        }
    }

    /// Removes what is delivered, and counts it.
    fn clear_away(&self, book: &mut Book) {
        let mut any = false;
        while let Some((key, facts)) = book.custody.next_released() {
            any = true;
            if key.stream == self.present {
                self.counters.deliver(facts.bytes);
            } else {
                self.counters.deliver_earlier(facts.bytes);
            }
            self.spool.remove(key, facts);
        }
        for stream in book.custody.forget_delivered_streams() {
            self.spool.remove_stream(stream);
        }
        if any {
            self.room.notify_one();
        }
        if book.is_over() {
            self.changed.notify_one();
        }
    }

    /// A stage that panicked ends the program elsewhere; the book itself is whole after every statement.
    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key_of(id: &FrameId) -> Key {
    Key {
        stream: id.stream,
        sequence: id.sequence,
    }
}

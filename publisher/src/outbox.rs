//! Numbered frames on their way out: capture puts them in, delivery takes them out and says what became of them.
//!
//! Two kinds: the [`Queue`] keeps frames in memory, for as long as the program lives; the [`Depot`] keeps them in a spool
//! on disk until they are delivered.

use std::sync::Arc;
use std::time::Instant;

use protocol::frame::{Frame, FrameId};
use protocol::ledger::Ledger;

use crate::counters::{Counters, DropReason};
use crate::depot::Depot;
use crate::parcel::{Depth, Parcel};
use crate::queue::Queue;
use crate::report::HoldUp;

/// Where frames wait.
pub(crate) enum Outbox {
    /// In memory.
    Memory {
        queue: Box<Queue>,
        counters: Arc<Counters>,
        hold_up: Arc<HoldUp>,
    },
    /// On disk.
    Spool(Box<Depot>),
}

impl Outbox {
    /// Puts a frame in. What must be dropped for it is counted, be it the frame itself. Waits if that is the policy; a
    /// cancelled wait has put in nothing.
    pub(crate) async fn push(&self, frame: Frame) {
        match self {
            Self::Memory {
                queue,
                counters,
                hold_up,
            } => {
                let dropped = queue.push(frame).await;
                counters.drop_frames(hold_up.reason(), dropped);
            }
            Self::Spool(depot) => depot.push(frame).await,
        }
    }

    /// Puts a frame in without waiting, at the end: one that finds no room is given up.
    pub(crate) fn push_at_once(&self, frame: Frame) {
        match self {
            Self::Memory { .. } => self.give_up(&frame.id, DropReason::NotDelivered),
            Self::Spool(depot) => depot.push_at_once(frame),
        }
    }

    /// The next frame to send, once there is one; from the backlog only if `backlog` says so. `None`: nothing is left and
    /// nothing more will come. Cancel-safe.
    pub(crate) async fn pop(&self, backlog: bool) -> Option<Parcel> {
        match self {
            Self::Memory { queue, .. } => queue.pop().await.map(Parcel::fresh),
            Self::Spool(depot) => depot.pop(backlog).await,
        }
    }

    /// Resolves when nothing is left and nothing more will come. Cancel-safe.
    pub(crate) async fn drained(&self) {
        match self {
            Self::Memory { queue, .. } => queue.drained().await,
            Self::Spool(depot) => depot.drained().await,
        }
    }

    /// Nothing more will be put in.
    pub(crate) fn close(&self) {
        match self {
            Self::Memory { queue, .. } => queue.close(),
            Self::Spool(depot) => depot.close(),
        }
    }

    /// The broker has accepted a frame that was taken out.
    pub(crate) fn accepted(&self, parcel: &Parcel) {
        match self {
            Self::Memory { counters, .. } => counters.deliver(parcel.frame.jpeg.len() as u64),
            Self::Spool(depot) => depot.accepted(parcel, Instant::now()),
        }
    }

    /// A frame that was taken out will never be delivered.
    pub(crate) fn give_up(&self, id: &FrameId, reason: DropReason) {
        match self {
            Self::Memory {
                queue, counters, ..
            } => {
                queue.was_given_up(id.sequence);
                counters.drop_frames(reason, 1);
            }
            Self::Spool(depot) => depot.give_up(id, reason),
        }
    }

    /// What can still be had, `oldest_in_flight` being the lowest number that was taken out and not settled.
    pub(crate) fn ledger(&self, counter: u64, oldest_in_flight: Option<u64>) -> Ledger {
        match self {
            Self::Memory { queue, .. } => queue.ledger(counter, oldest_in_flight),
            Self::Spool(depot) => depot.ledger(counter),
        }
    }

    /// Grows whenever the ledger changes; `None` where it is small enough to be made and compared.
    pub(crate) fn ledger_changes(&self) -> Option<u64> {
        self.depot().map(Depot::changes)
    }

    /// How many frames of a stream were given up so far.
    pub(crate) fn dropped_of(&self, id: &FrameId) -> u64 {
        match self {
            Self::Memory { counters, .. } => counters.dropped(),
            Self::Spool(depot) => depot.dropped_of(id.stream),
        }
    }

    /// The newest frame of this run.
    pub(crate) fn newest(&self) -> Option<Frame> {
        match self {
            Self::Memory { queue, .. } => queue.newest(),
            Self::Spool(depot) => depot.newest(),
        }
    }

    pub(crate) fn depth(&self) -> Depth {
        match self {
            Self::Memory { queue, .. } => {
                let (queued, queued_bytes) = queue.depth();
                Depth {
                    queued,
                    queued_bytes,
                    ..Depth::default()
                }
            }
            Self::Spool(depot) => depot.depth(),
        }
    }

    /// The spool, if there is one.
    pub(crate) fn depot(&self) -> Option<&Depot> {
        match self {
            Self::Memory { .. } => None,
            Self::Spool(depot) => Some(depot),
        }
    }
}

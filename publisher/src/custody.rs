//! Which frames the spool holds, and what has become of each. Pure: no files, no connections, no clock.
//!
//! ```text
//!  taken in ──> waiting ──> flying ──> sent ──> settled by every confirmer ──> released
//!                  ^           |         |
//!                  └───────────┘         └──> lacking: sent again, to the one who lacks it
//! ```
//!
//! **Invariant**: a frame leaves by being *released* or by being *given up*, and in no other way. With confirmers
//! (`--confirm`), it is released once each of them has settled it by a receipt; without, once the broker has accepted it.
//! A frame that is flying is never given up to make room.
//!
//! The broker hands a consumer its messages in the order in which it took them. So the broker's acceptances are counted
//! through, as *order*; and when a consumer has settled a frame of a higher order, one of a lower order will not come any
//! more: it is lacking.

mod confirmer;
mod leaving;
mod settling;
mod stream;
mod telling;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use protocol::frame::StreamId;
use protocol::topic::ConsumerName;

use confirmer::Confirmer;
pub(crate) use confirmer::News;
use stream::{Held, Order, State, Stream};

/// A frame by its stream and number. The camera is always the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) stream: StreamId,
    pub(crate) sequence: u64,
}

/// What is known of a frame without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Microseconds since 1970.
    pub(crate) captured_micros: i64,
    pub(crate) bytes: u64,
    pub(crate) crc32c: u32,
}

/// The book of the spool.
#[derive(Debug)]
pub(crate) struct Custody {
    present: StreamId,
    confirmers: Vec<Confirmer>,
    streams: BTreeMap<StreamId, Stream>,
    bytes: u64,
    changes: u64,
    next_order: Order,
    /// What was sent, in the order in which the broker accepted it.
    sent: BTreeMap<Order, Key>,
    released: VecDeque<(Key, Facts)>,
}

impl Custody {
    /// Nothing is held. `present` is this run's stream.
    pub(crate) fn new(present: StreamId, confirmers: &[ConsumerName], now: Instant) -> Self {
        Self {
            present,
            confirmers: confirmers
                .iter()
                .map(|name| Confirmer::new(name.clone(), now))
                .collect(),
            streams: BTreeMap::from([(present, Stream::default())]),
            bytes: 0,
            changes: 0,
            next_order: 1,
            sent: BTreeMap::new(),
            released: VecDeque::new(),
        }
    }

    /// An earlier run left a frame in the spool: whether it was sent is not known.
    pub(crate) fn take_over(&mut self, key: Key, facts: Facts) {
        self.hold(key, facts);
        self.return_to_backlog(key);
    }

    /// A new frame is in the spool, and in memory, whence it will be sent.
    pub(crate) fn hold(&mut self, key: Key, facts: Facts) {
        let stream = self.streams.entry(key.stream).or_default();
        stream.last = stream.last.max(key.sequence);
        let state = State::Waiting;
        let before = stream.held.insert(key.sequence, Held { facts, state });
        stream.held_numbers.insert(key.sequence);
        debug_assert!(before.is_none(), "one number, two frames");
        self.bytes += facts.bytes;
        self.changes += 1;
    }

    /// The memory lets go of a waiting or flying frame without its having been sent: the spool has it still.
    pub(crate) fn return_to_backlog(&mut self, key: Key) {
        if let Some(stream) = self.streams.get_mut(&key.stream)
            && let Some(held) = stream.held.get_mut(&key.sequence)
        {
            held.state = State::Waiting;
            stream.backlog.insert(key.sequence);
        }
        self.release_if_settled(key);
    }

    /// The oldest frame of the backlog, which is flying from now on.
    pub(crate) fn next_from_backlog(&mut self) -> Option<(Key, Facts)> {
        let key = self.oldest_first().find_map(|(id, stream)| {
            let sequence = stream.backlog.first()?;
            Some(Key {
                stream: id,
                sequence,
            })
        })?;
        let held = self.fly(key)?;
        Some((key, held))
    }

    /// A frame from memory is being sent. `None`: it was given up meanwhile.
    pub(crate) fn fly(&mut self, key: Key) -> Option<Facts> {
        let stream = self.streams.get_mut(&key.stream)?;
        let held = stream.held.get_mut(&key.sequence)?;
        held.state = State::Flying;
        stream.backlog.remove(key.sequence);
        Some(held.facts)
    }

    /// The broker has accepted a flying frame for everybody who subscribes.
    pub(crate) fn accepted(&mut self, key: Key, now: Instant) {
        let order = self.take_order();
        let Some(held) = self.held_mut(key) else {
            return;
        };
        held.state = State::Sent(order);
        self.sent.insert(order, key);
        for confirmer in &mut self.confirmers {
            if !confirmer.has_settled(key) {
                confirmer.owes(now);
            }
        }
        self.release_if_settled(key);
    }

    /// The broker has accepted a frame that confirmer `nth` lacked.
    pub(crate) fn accepted_again(&mut self, nth: usize, key: Key, now: Instant) {
        let order = self.take_order();
        if self.held(key).is_some() {
            self.confirmers[nth].sent_again(key, order, now);
        }
    }

    /// A frame that confirmer `nth` lacks was not sent after all: it still lacks it.
    pub(crate) fn not_sent_again(&mut self, nth: usize, key: Key) {
        self.confirmers[nth].lands(key);
        if self.held(key).is_some() && !self.confirmers[nth].has_settled(key) {
            self.confirmers[nth].lacks(key);
        }
    }

    /// Whether confirmer `nth`, or everybody if it is `None`, still wants a frame that was taken out.
    pub(crate) fn is_wanted(&self, key: Key, nth: Option<usize>) -> bool {
        self.held(key).is_some() && nth.is_none_or(|nth| !self.confirmers[nth].has_settled(key))
    }

    /// Whether a consumer's status says that it is there.
    pub(crate) fn is_online(&mut self, nth: usize, online: bool, now: Instant) {
        self.confirmers[nth].is_online(online, now);
    }

    /// The connection is gone: whatever is known of who is there holds no longer.
    pub(crate) fn connection_lost(&mut self, now: Instant) {
        for confirmer in &mut self.confirmers {
            confirmer.is_online(false, now);
        }
    }

    /// The next frame that a confirmer lacks, and which confirmer that is. It is taken off its list.
    pub(crate) fn next_lacking(&mut self) -> Option<(usize, Key, Facts)> {
        for nth in 0..self.confirmers.len() {
            while let Some(key) = self.confirmers[nth].next_lacking() {
                if let Some(held) = self.held(key) {
                    return Some((nth, key, held.facts));
                }
                self.confirmers[nth].lands(key);
            }
        }
        None
    }

    /// Whether all confirmers that are there have much to settle: what is sent ahead of them would pile up at the broker, and
    /// new frames would stand behind it.
    pub(crate) fn backlog_must_wait(&self) -> bool {
        let mut online = self.confirmers.iter().filter(|confirmer| confirmer.online);
        online.clone().count() > 0 && online.all(Confirmer::is_behind)
    }

    /// Earlier streams in the order of their making, as far as clocks agreed; the present one last in any case.
    fn oldest_first(&self) -> impl Iterator<Item = (StreamId, &Stream)> {
        let earlier = self.streams.iter().filter(|(id, _)| **id != self.present);
        earlier
            .chain(self.streams.get_key_value(&self.present))
            .map(|(id, stream)| (*id, stream))
    }

    fn take_order(&mut self) -> Order {
        let order = self.next_order;
        self.next_order += 1;
        order
    }

    fn held(&self, key: Key) -> Option<&Held> {
        self.streams.get(&key.stream)?.held.get(&key.sequence)
    }

    fn held_mut(&mut self, key: Key) -> Option<&mut Held> {
        self.streams
            .get_mut(&key.stream)?
            .held
            .get_mut(&key.sequence)
    }
}

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
mod settling;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use protocol::frame::StreamId;
use protocol::ledger::{Ledger, MAX_LEDGER_STREAMS, StreamLedger};
use protocol::ranges::RangeSet;
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

    /// The confirmer that has the most to settle.
    pub(crate) fn furthest_behind(&self) -> Option<&ConsumerName> {
        let behind = self.confirmers.iter().max_by_key(|one| one.unsettled)?;
        (behind.unsettled > 0).then_some(&behind.name)
    }

    /// Gives up the oldest frame that is not flying.
    pub(crate) fn give_up_oldest(&mut self) -> Option<(Key, Facts)> {
        let key = self.oldest_first().find_map(|(id, stream)| {
            let keys = stream.held.iter().map(|(sequence, held)| {
                let key = Key {
                    stream: id,
                    sequence: *sequence,
                };
                (key, held.state)
            });
            let mut idle = keys.filter(|(key, state)| {
                *state != State::Flying
                    && !self.confirmers.iter().any(|one| one.is_flying_again(*key))
            });
            idle.next().map(|(key, _)| key)
        })?;
        let facts = self.give_up(key)?;
        Some((key, facts))
    }

    /// Gives up a frame, whatever its state. `None` if it is not held.
    pub(crate) fn give_up(&mut self, key: Key) -> Option<Facts> {
        let facts = self.drop_held(key)?;
        self.streams.get_mut(&key.stream)?.give_up(key.sequence);
        Some(facts)
    }

    /// A frame of this run was given up before it could be taken in.
    pub(crate) fn give_up_new(&mut self, key: Key) {
        self.changes += 1;
        let stream = self.streams.entry(key.stream).or_default();
        stream.last = stream.last.max(key.sequence);
        stream.give_up(key.sequence);
    }

    /// What an earlier run has written down as given up.
    pub(crate) fn were_given_up(&mut self, stream: StreamId, given_up: &RangeSet) {
        let stream = self.streams.entry(stream).or_default();
        stream.last = stream.last.max(given_up.last().unwrap_or(0));
        stream.given_up.insert_all(given_up);
        // What is here is not given up, whatever was written down before a crash.
        stream.given_up.remove_all(&stream.held_numbers);
    }

    /// What was given up of a stream.
    pub(crate) fn given_up(&self, stream: StreamId) -> RangeSet {
        self.streams
            .get(&stream)
            .map(|stream| stream.given_up.clone())
            .unwrap_or_default()
    }

    pub(crate) fn given_up_count(&self, stream: StreamId) -> u64 {
        let stream = self.streams.get(&stream);
        stream.map_or(0, |stream| stream.given_up.count())
    }

    /// A frame that was delivered to all who must have it; its file may go.
    pub(crate) fn next_released(&mut self) -> Option<(Key, Facts)> {
        self.released.pop_front()
    }

    /// Frames that are held, of the present stream or of earlier ones.
    pub(crate) fn count(&self, of_present: bool) -> usize {
        self.streams
            .iter()
            .filter(|(id, _)| (**id == self.present) == of_present)
            .map(|(_, stream)| stream.held.len())
            .sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.streams.values().all(|stream| stream.held.is_empty())
    }

    /// Bytes of all frames that are held.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A confirmer of which no receipt was heard: what it has settled is not known yet.
    pub(crate) fn unknown_confirmer(&self) -> Option<&ConsumerName> {
        let unknown = self.confirmers.iter().find(|one| !one.is_known())?;
        Some(&unknown.name)
    }

    /// Grows whenever the ledger changes.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// What can still be had. The oldest streams first: they are delivered first, and make room for others.
    pub(crate) fn ledger(&self, counter: u64) -> Ledger {
        let of = |(id, stream): (StreamId, &Stream)| {
            StreamLedger {
                stream: id,
                last: stream.last,
                available: stream.held_numbers.clone(),
                given_up: stream.given_up.clone(),
            }
            .bounded()
        };
        let mut streams: Vec<StreamLedger> = self
            .oldest_first()
            .filter(|(id, _)| *id != self.present)
            .take(MAX_LEDGER_STREAMS - 1)
            .map(of)
            .collect();
        streams.extend(
            self.streams
                .get(&self.present)
                .map(|stream| of((self.present, stream))),
        );
        Ledger {
            stream: self.present,
            counter,
            streams,
        }
    }

    /// Drops the books of earlier streams that are delivered, and whose given-up frames every confirmer has written off.
    /// Gives the streams.
    pub(crate) fn forget_delivered_streams(&mut self) -> Vec<StreamId> {
        if self.streams.len() == 1 {
            return Vec::new();
        }
        let forgotten: Vec<StreamId> = self
            .streams
            .iter()
            .filter(|(id, stream)| {
                let is_told = |one: &Confirmer| one.has_settled_all(**id, &stream.given_up);
                **id != self.present
                    && stream.held.is_empty()
                    && self.confirmers.iter().all(is_told)
            })
            .map(|(id, _)| *id)
            .collect();
        self.changes += forgotten.len() as u64;
        for id in &forgotten {
            self.streams.remove(id);
            for confirmer in &mut self.confirmers {
                confirmer.forget_stream(*id);
            }
        }
        forgotten
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

    fn release_if_settled(&mut self, key: Key) {
        let Some(held) = self.held(key) else { return };
        let may_go = match held.state {
            State::Sent(_) => true,
            // An earlier run may have sent it: then those who confirm have it, or nobody knows.
            State::Waiting => !self.confirmers.is_empty(),
            State::Flying => false,
        };
        let is_settled = |confirmer: &Confirmer| confirmer.has_settled(key);
        if may_go
            && self.confirmers.iter().all(is_settled)
            && let Some(facts) = self.drop_held(key)
        {
            self.released.push_back((key, facts));
        }
    }

    fn drop_held(&mut self, key: Key) -> Option<Facts> {
        let stream = self.streams.get_mut(&key.stream)?;
        let held = stream.held.remove(&key.sequence)?;
        stream.held_numbers.remove(key.sequence);
        stream.backlog.remove(key.sequence);
        self.bytes -= held.facts.bytes;
        self.changes += 1;
        if let State::Sent(order) = held.state {
            self.sent.remove(&order);
        }
        for confirmer in &mut self.confirmers {
            if matches!(held.state, State::Sent(_)) && !confirmer.has_settled(key) {
                confirmer.unsettled = confirmer.unsettled.saturating_sub(1);
            }
            confirmer.forget(key);
        }
        Some(held.facts)
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

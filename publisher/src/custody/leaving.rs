//! How a frame leaves the spool: released, or given up.

use protocol::frame::StreamId;
use protocol::ranges::RangeSet;

use super::confirmer::Confirmer;
use super::stream::State;
use super::{Custody, Facts, Key};

impl Custody {
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

    /// A frame that was delivered to all who must have it; its file may go.
    pub(crate) fn next_released(&mut self) -> Option<(Key, Facts)> {
        self.released.pop_front()
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

    /// Releases a frame that everybody has who must.
    pub(super) fn release_if_settled(&mut self, key: Key) {
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
}

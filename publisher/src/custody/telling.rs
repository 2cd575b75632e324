//! What the book tells: counts, the ledger, and whom it waits for.

use protocol::frame::StreamId;
use protocol::ledger::{Ledger, MAX_LEDGER_STREAMS, StreamLedger};
use protocol::ranges::RangeSet;
use protocol::topic::ConsumerName;

use super::Custody;
use super::stream::Stream;

impl Custody {
    /// The confirmer that has the most to settle.
    pub(crate) fn furthest_behind(&self) -> Option<&ConsumerName> {
        let behind = self.confirmers.iter().max_by_key(|one| one.unsettled)?;
        (behind.unsettled > 0).then_some(&behind.name)
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
}

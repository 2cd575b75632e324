//! What receipts settle, and what the lack of receipts shows.

use std::time::Instant;

use protocol::frame::StreamId;
use protocol::ranges::RangeSet;
use protocol::receipt::Receipt;

use super::stream::State;
use super::{Custody, Key, News};

impl Custody {
    /// A receipt of confirmer `nth` that came live on the present connection.
    pub(crate) fn receipt(&mut self, nth: usize, receipt: &Receipt, now: Instant) -> News {
        let claims = self.believable(receipt);
        let confirmer = &mut self.confirmers[nth];
        let Some((mut news, newly_settled)) = confirmer.take(receipt, claims, now) else {
            return News::default();
        };
        let mut settled = Vec::new();
        for (id, numbers) in newly_settled {
            let Some(stream) = self.streams.get(&id) else {
                continue;
            };
            for range in numbers.ranges() {
                for (sequence, held) in stream.held.range(range.clone()) {
                    let key = Key {
                        stream: id,
                        sequence: *sequence,
                    };
                    if let State::Sent(order) = held.state {
                        confirmer.heard(key, order);
                        confirmer.unsettled = confirmer.unsettled.saturating_sub(1);
                    }
                    settled.push(key);
                }
            }
        }
        confirmer.settled_last = settled.len();
        if news.new_store {
            let unsettled = self
                .sent
                .values()
                .filter(|key| !confirmer.has_settled(**key));
            confirmer.unsettled = unsettled.count();
        }
        for (order, key) in self.sent.range(..confirmer.may_have_missed(&news)) {
            if confirmer.will_not_get(*key, *order, receipt, &news, now) {
                confirmer.lacks(*key);
                news.lacking += 1;
            }
        }
        for key in settled {
            self.release_if_settled(key);
        }
        news
    }

    /// What a receipt claims, as far as it can be true: of streams that are known, numbers that were given out.
    fn believable(&self, receipt: &Receipt) -> Vec<(StreamId, RangeSet)> {
        let known = receipt.streams.iter().filter_map(|claimed| {
            let last = self.streams.get(&claimed.stream)?.last;
            let mut settled = claimed.settled();
            settled.remove_range(last.saturating_add(1)..=u64::MAX);
            Some((claimed.stream, settled))
        });
        known.collect()
    }

    /// Time passes: a consumer that is there and settles nothing is sent the oldest frames again, `window` at most.
    pub(crate) fn look_for_idle_tails(&mut self, window: usize, now: Instant) -> usize {
        let mut lacking = 0;
        for confirmer in &mut self.confirmers {
            if !confirmer.may_have_lost_its_tail(now) {
                continue;
            }
            let tail: Vec<Key> = self
                .sent
                .values()
                .copied()
                .filter(|key| confirmer.may_lack(*key))
                .take(window)
                .collect();
            if !tail.is_empty() {
                confirmer.tail_is_sent_again(now);
            }
            lacking += tail.len();
            for key in tail {
                confirmer.lacks(key);
            }
        }
        lacking
    }
}

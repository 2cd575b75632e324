//! A consumer whose receipts decide: what it has settled, what it lacks, and when it is sent something again. Pure.
//!
//! A frame is sent again to it
//! - when it has settled one that the broker accepted later (messages keep their order, so the earlier one is lost),
//! - when its session at the broker is new (what was sent before may have gone with the old one),
//! - when it is there, settles nothing for a while, and frames are outstanding (the last ones may be lost, and no later
//!   one will show it): one window at most, with back-off.
//!
//! A receipt counts once, and only if it is newer than all others of its run. One of another store voids what earlier ones
//! claimed: it is not on the new disk.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use protocol::frame::StreamId;
use protocol::ranges::RangeSet;
use protocol::receipt::{Receipt, RunId, SessionId, StoreId};
use protocol::topic::ConsumerName;

use super::Key;
use super::stream::Order;

/// How long a consumer that is there may settle nothing. Receipts come once a second, after a sync that takes its time.
const FIRST_PATIENCE: Duration = Duration::from_secs(3);
const LONGEST_PATIENCE: Duration = Duration::from_mins(1);
/// Between two sendings of one frame to one consumer, doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// So much may always be sent ahead of a consumer's receipts: it is what they can settle in a second at least.
const UNSETTLED_AT_LEAST: usize = 512;
/// Runs of which it is remembered how far they counted.
const RUNS: usize = 64;

/// What a receipt brought, for the log.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct News {
    /// Its session at the broker is not the one of before.
    pub(crate) new_session: bool,
    /// Its output folder is not the one of before.
    pub(crate) new_store: bool,
    /// Frames that will be sent to it again because of this receipt.
    pub(crate) lacking: usize,
}

impl News {
    /// Whether what was on its way to it may be lost.
    fn begins_anew(&self) -> bool {
        self.new_session || self.new_store
    }
}

#[derive(Debug)]
pub(super) struct Confirmer {
    pub(super) name: ConsumerName,
    pub(super) online: bool,
    /// Frames that were sent and that it has not settled.
    pub(super) unsettled: usize,
    /// Frames in the spool that its last receipt settled.
    pub(super) settled_last: usize,
    /// Its runs that were heard of, with the highest counter of each; the last heard stands last.
    runs: VecDeque<(RunId, u64)>,
    store: Option<StoreId>,
    session: Option<SessionId>,
    settled: BTreeMap<StreamId, RangeSet>,
    lacking: BTreeSet<Key>,
    flying_again: HashSet<Key>,
    /// Sent again, and neither settled nor lacking since.
    on_the_way_again: HashSet<Key>,
    sent_again: HashMap<Key, Again>,
    /// The highest order that it is known to have been given.
    heard: Order,
    /// When it settled something last, or began to owe something.
    moved_at: Instant,
    patience: Duration,
}

/// The last sending of a frame to this consumer alone.
#[derive(Debug)]
struct Again {
    order: Order,
    times: u32,
    at: Instant,
}

impl Confirmer {
    pub(super) fn new(name: ConsumerName, now: Instant) -> Self {
        Self {
            name,
            online: false,
            unsettled: 0,
            settled_last: 0,
            runs: VecDeque::new(),
            store: None,
            session: None,
            settled: BTreeMap::new(),
            lacking: BTreeSet::new(),
            flying_again: HashSet::new(),
            on_the_way_again: HashSet::new(),
            sent_again: HashMap::new(),
            heard: 0,
            moved_at: now,
            patience: FIRST_PATIENCE,
        }
    }

    pub(super) fn is_online(&mut self, online: bool, now: Instant) {
        if online && !self.online {
            self.moved_at = now;
            self.patience = FIRST_PATIENCE;
        }
        self.online = online;
    }

    /// Whether a receipt of `run` was heard.
    #[cfg(test)]
    pub(super) fn knows_run(&self, run: RunId) -> bool {
        self.runs.iter().any(|(known, _)| *known == run)
    }

    /// Whether a receipt of it was heard.
    pub(super) fn is_known(&self) -> bool {
        !self.runs.is_empty()
    }

    /// Enters a receipt that settles `claims`: numbers that were given out, of streams in the spool. Gives what is settled
    /// only since. `None` if the receipt is an old one.
    pub(super) fn take(
        &mut self,
        receipt: &Receipt,
        claims: Vec<(StreamId, RangeSet)>,
        now: Instant,
    ) -> Option<(News, Vec<(StreamId, RangeSet)>)> {
        if !self.is_newest(receipt) {
            return None;
        }
        let mut news = News::default();
        if self.store.is_some_and(|store| store != receipt.store) {
            news.new_store = true;
            self.settled.clear();
        }
        if self.session.is_some_and(|known| known != receipt.session) {
            news.new_session = true;
        }
        if news.begins_anew() {
            self.heard = 0;
            self.sent_again.clear();
            self.on_the_way_again.clear();
        }
        self.store = Some(receipt.store);
        self.session = Some(receipt.session);
        let mut newly_settled = Vec::new();
        for (stream, mut claimed) in claims {
            let settled = self.settled.entry(stream).or_default();
            claimed.remove_all(settled);
            if !claimed.is_empty() {
                settled.insert_all(&claimed);
                self.moved_at = now;
                self.patience = FIRST_PATIENCE;
                newly_settled.push((stream, claimed));
            }
        }
        self.lacking.retain(|key| !is_in(&self.settled, *key));
        self.on_the_way_again
            .retain(|key| !is_in(&self.settled, *key));
        Some((news, newly_settled))
    }

    fn is_newest(&mut self, receipt: &Receipt) -> bool {
        let known = self.runs.iter().position(|(run, _)| *run == receipt.run);
        if let Some(at) = known {
            if receipt.counter <= self.runs[at].1 {
                return false;
            }
            self.runs.remove(at);
        }
        self.runs.push_back((receipt.run, receipt.counter));
        if self.runs.len() > RUNS {
            self.runs.pop_front();
        }
        true
    }

    pub(super) fn has_settled(&self, key: Key) -> bool {
        is_in(&self.settled, key)
    }

    pub(super) fn has_settled_all(&self, stream: StreamId, numbers: &RangeSet) -> bool {
        let mut unsettled = numbers.clone();
        if let Some(settled) = self.settled.get(&stream) {
            unsettled.remove_all(settled);
        }
        unsettled.is_empty()
    }

    /// It has settled a frame that the broker accepted for everybody as the `order`th.
    pub(super) fn heard(&mut self, key: Key, order: Order) {
        self.heard = self.heard.max(self.last_order(key, order));
    }

    /// What the broker accepted from this order on may still be on its way to it.
    pub(super) fn may_have_missed(&self, news: &News) -> Order {
        if news.begins_anew() {
            Order::MAX
        } else {
            self.heard
        }
    }

    /// Whether a frame that was sent may be lost, as far as is known.
    pub(super) fn may_lack(&self, key: Key) -> bool {
        !self.has_settled(key) && !self.lacking.contains(&key) && !self.flying_again.contains(&key)
    }

    /// Whether a frame that it has not settled was lost on the way to it.
    pub(super) fn will_not_get(
        &self,
        key: Key,
        order: Order,
        receipt: &Receipt,
        news: &News,
        now: Instant,
    ) -> bool {
        if !self.may_lack(key) {
            return false;
        }
        if news.begins_anew() {
            return true;
        }
        let is_overtaken = self.last_order(key, order) < self.heard;
        let is_told = receipt.complete
            || receipt
                .streams
                .iter()
                .any(|stream| stream.stream == key.stream && key.sequence <= stream.through);
        let may_go_again = self
            .sent_again
            .get(&key)
            .is_none_or(|again| now >= again.at + pause_after(again.times));
        is_overtaken && is_told && may_go_again
    }

    /// Puts a frame on the list of those to be sent to it again.
    pub(super) fn lacks(&mut self, key: Key) {
        self.flying_again.remove(&key);
        self.on_the_way_again.remove(&key);
        self.lacking.insert(key);
    }

    /// A frame is not being sent to it again after all.
    pub(super) fn lands(&mut self, key: Key) {
        self.flying_again.remove(&key);
    }

    /// Whether as much was sent to it again as it seems to settle between two receipts.
    fn is_busy(&self) -> bool {
        self.flying_again.len() + self.on_the_way_again.len() >= self.manages()
    }

    /// So many frames may be sent ahead of its receipts.
    fn manages(&self) -> usize {
        self.settled_last.max(UNSETTLED_AT_LEAST)
    }

    /// The oldest frame that it lacks, while it is there; it counts as being sent from here on.
    pub(super) fn next_lacking(&mut self) -> Option<Key> {
        if !self.online || self.is_busy() {
            return None;
        }
        let key = self.lacking.pop_first()?;
        self.flying_again.insert(key);
        Some(key)
    }

    pub(super) fn is_flying_again(&self, key: Key) -> bool {
        self.flying_again.contains(&key)
    }

    /// The broker has accepted a frame for it, as the `order`th.
    pub(super) fn sent_again(&mut self, key: Key, order: Order, now: Instant) {
        self.flying_again.remove(&key);
        if self.has_settled(key) {
            return;
        }
        self.on_the_way_again.insert(key);
        let again = self.sent_again.entry(key).or_insert(Again {
            order,
            times: 0,
            at: now,
        });
        again.order = order;
        again.times += 1;
        again.at = now;
    }

    /// The broker has accepted a frame for everybody: it owes a receipt for it.
    pub(super) fn owes(&mut self, now: Instant) {
        if self.unsettled == 0 {
            self.moved_at = now;
            self.patience = FIRST_PATIENCE;
        }
        self.unsettled += 1;
    }

    /// The frame is held no more.
    pub(super) fn forget(&mut self, key: Key) {
        self.lacking.remove(&key);
        self.flying_again.remove(&key);
        self.on_the_way_again.remove(&key);
        self.sent_again.remove(&key);
    }

    pub(super) fn forget_stream(&mut self, stream: StreamId) {
        self.settled.remove(&stream);
    }

    /// Whether it has more to settle than it seems to manage between two receipts. What it lacks is not on its way.
    pub(super) fn is_behind(&self) -> bool {
        self.unsettled.saturating_sub(self.lacking.len()) >= self.manages()
    }

    /// Whether it is there, owes receipts, and nothing has moved for longer than patience lasts.
    pub(super) fn may_have_lost_its_tail(&self, now: Instant) -> bool {
        self.online
            && self.is_known()
            && self.unsettled > 0
            && (self.lacking.is_empty() || self.is_busy())
            && self.flying_again.is_empty()
            && now >= self.moved_at + self.patience
    }

    pub(super) fn tail_is_sent_again(&mut self, now: Instant) {
        self.moved_at = now;
        self.patience = (self.patience * 2).min(LONGEST_PATIENCE);
    }

    fn last_order(&self, key: Key, order: Order) -> Order {
        self.sent_again
            .get(&key)
            .map_or(order, |again| order.max(again.order))
    }
}

fn is_in(settled: &BTreeMap<StreamId, RangeSet>, key: Key) -> bool {
    settled
        .get(&key.stream)
        .is_some_and(|numbers| numbers.contains(key.sequence))
}

fn pause_after(times: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(1 << times.saturating_sub(1).min(16))
        .min(LONGEST_PATIENCE)
}

//! The book is driven through everything that can happen to a publisher, a broker and two consumers, in every order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use protocol::ledger::Ledger;
use protocol::ranges::RangeSet;
use protocol::receipt::{Receipt, RunId, SessionId, StoreId, StreamReceipt};

use super::*;

/// A consumer, and what the broker keeps for it.
struct Consumer {
    store: StoreId,
    session: SessionId,
    run: RunId,
    counter: u64,
    stored: BTreeSet<Key>,
    /// Its queue at the broker, in the order in which the broker took the messages.
    queue: VecDeque<Key>,
    sent: Vec<Receipt>,
    /// What its last receipt to be taken was backed by.
    confirmed: BTreeSet<Key>,
}

impl Consumer {
    fn new() -> Self {
        Self {
            store: StoreId::new(),
            session: SessionId::new(),
            run: RunId::new(),
            counter: 0,
            stored: BTreeSet::new(),
            queue: VecDeque::new(),
            sent: Vec::new(),
            confirmed: BTreeSet::new(),
        }
    }

    fn receipt(&mut self, ledger: &Ledger) -> Receipt {
        self.counter += 1;
        let mut streams: BTreeMap<StreamId, RangeSet> = BTreeMap::new();
        for key in &self.stored {
            streams.entry(key.stream).or_default().insert(key.sequence);
        }
        for stream in &ledger.streams {
            // What can be had no more is written off.
            let mut settled = stream.available.missing_through(stream.last);
            settled.insert_all(streams.entry(stream.stream).or_default());
            streams.insert(stream.stream, settled);
        }
        let receipt = Receipt {
            store: self.store,
            session: self.session,
            run: self.run,
            counter: self.counter,
            complete: true,
            streams: streams
                .iter()
                .map(|(stream, settled)| StreamReceipt::new(*stream, settled))
                .collect(),
        };
        self.sent.push(receipt.clone());
        self.confirmed = self.stored.clone();
        receipt
    }
}

struct World {
    custody: Custody,
    stream: StreamId,
    next_sequence: u64,
    now: Instant,
    /// The files of the spool.
    files: BTreeMap<Key, Facts>,
    in_flight: Vec<(Key, Option<usize>)>,
    consumers: Vec<Consumer>,
    given_up: BTreeSet<Key>,
    numbered: BTreeSet<Key>,
    released: BTreeSet<Key>,
}

impl World {
    fn new(consumers: usize) -> Self {
        let (stream, now) = (StreamId::new(), Instant::now());
        let mut world = Self {
            custody: Custody::new(stream, &names(consumers), now),
            stream,
            next_sequence: 1,
            now,
            files: BTreeMap::new(),
            in_flight: Vec::new(),
            consumers: (0..consumers).map(|_| Consumer::new()).collect(),
            given_up: BTreeSet::new(),
            numbered: BTreeSet::new(),
            released: BTreeSet::new(),
        };
        world.everybody_is_online();
        world
    }

    fn everybody_is_online(&mut self) {
        for nth in 0..self.consumers.len() {
            self.custody.is_online(nth, true, self.now);
        }
    }

    fn capture(&mut self, to_memory: bool) {
        let key = Key {
            stream: self.stream,
            sequence: self.next_sequence,
        };
        let facts = Facts {
            captured_micros: 0,
            bytes: 10,
            crc32c: 0,
        };
        self.next_sequence += 1;
        self.numbered.insert(key);
        self.files.insert(key, facts);
        self.custody.hold(key, facts);
        if to_memory {
            self.custody.fly(key);
            self.in_flight.push((key, None));
        } else {
            self.custody.return_to_backlog(key);
        }
    }

    fn send_from_backlog(&mut self) {
        if let Some((key, _)) = self.custody.next_from_backlog() {
            self.in_flight.push((key, None));
        }
    }

    fn send_again(&mut self) {
        if let Some((nth, key, _)) = self.custody.next_lacking() {
            assert!(self.files.contains_key(&key), "what is gone is sent again");
            self.in_flight.push((key, Some(nth)));
        }
    }

    /// The broker takes what is in flight at `at`, and says so if the connection holds.
    fn broker_takes(&mut self, at: usize, says_so: bool) {
        if at >= self.in_flight.len() {
            return;
        }
        let (key, to) = self.in_flight[at];
        for (nth, consumer) in self.consumers.iter_mut().enumerate() {
            if to.is_none_or(|to| to == nth) {
                consumer.queue.push_back(key);
            }
        }
        if says_so {
            self.in_flight.remove(at);
            match to {
                None => self.custody.accepted(key, self.now),
                Some(nth) => self.custody.accepted_again(nth, key, self.now),
            }
        } else {
            self.custody.connection_lost(self.now);
            self.everybody_is_online();
        }
    }

    fn deliver(&mut self, nth: usize, count: usize) {
        let consumer = &mut self.consumers[nth];
        for _ in 0..count {
            if let Some(key) = consumer.queue.pop_front() {
                consumer.stored.insert(key);
            }
        }
    }

    fn receipt(&mut self, nth: usize) {
        let ledger = self.custody.ledger(1);
        let receipt = self.consumers[nth].receipt(&ledger);
        self.custody.receipt(nth, &receipt, self.now);
    }

    /// The publisher is killed, and starts again with what its disk has.
    fn restart(&mut self) {
        self.in_flight.clear();
        self.stream = StreamId::new();
        self.next_sequence = 1;
        let names = names(self.consumers.len());
        self.custody = Custody::new(self.stream, &names, self.now);
        for (key, facts) in &self.files {
            self.custody.take_over(*key, *facts);
        }
        for key in &self.given_up {
            self.custody.were_given_up(
                key.stream,
                &[key.sequence..=key.sequence].into_iter().collect(),
            );
        }
        self.everybody_is_online();
    }

    /// Removes the files that may go, and sees that they may.
    fn clear_away(&mut self) -> Result<(), TestCaseError> {
        while let Some((key, _)) = self.custody.next_released() {
            prop_assert!(self.files.remove(&key).is_some(), "released twice");
            self.released.insert(key);
            for consumer in &self.consumers {
                prop_assert!(
                    consumer.confirmed.contains(&key),
                    "removed unconfirmed: {key:?}"
                );
            }
        }
        self.custody.forget_delivered_streams();
        prop_assert_eq!(
            self.custody.count(true) + self.custody.count(false),
            self.files.len()
        );
        prop_assert_eq!(self.custody.bytes(), self.files.len() as u64 * 10);
        Ok(())
    }
}

fn names(count: usize) -> Vec<ConsumerName> {
    (0..count)
        .map(|nth| format!("consumer-{nth}").parse().unwrap())
        .collect()
}

#[derive(Debug, Clone)]
enum Step {
    Capture {
        to_memory: bool,
    },
    SendFromBacklog,
    SendAgain,
    Accepted(usize),
    /// The broker has it, and the connection breaks before it says so.
    AcceptedUnheard(usize),
    ConnectionLost,
    Deliver(usize, usize),
    Receipt(usize),
    OldReceipt(usize, usize),
    /// The broker forgets the newest messages of a queue: it was full, or came back from an older state.
    BrokerForgets(usize, usize),
    BrokerWiped,
    NewStore(usize),
    ConsumerRestarts(usize),
    Offline(usize),
    Evict,
    Restart,
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let consumer = 0..2_usize;
    let step = prop_oneof![
        8 => any::<bool>().prop_map(|to_memory| Step::Capture { to_memory }),
        6 => Just(Step::SendFromBacklog),
        4 => Just(Step::SendAgain),
        10 => (0..4_usize).prop_map(Step::Accepted),
        1 => (0..4_usize).prop_map(Step::AcceptedUnheard),
        1 => Just(Step::ConnectionLost),
        8 => (consumer.clone(), 1..5_usize).prop_map(|(nth, count)| Step::Deliver(nth, count)),
        6 => consumer.clone().prop_map(Step::Receipt),
        2 => (consumer.clone(), 0..20_usize).prop_map(|(nth, which)| Step::OldReceipt(nth, which)),
        2 => (consumer.clone(), 1..4_usize).prop_map(|(nth, count)| Step::BrokerForgets(nth, count)),
        1 => Just(Step::BrokerWiped),
        1 => consumer.clone().prop_map(Step::NewStore),
        1 => consumer.clone().prop_map(Step::ConsumerRestarts),
        1 => consumer.prop_map(Step::Offline),
        1 => Just(Step::Evict),
        1 => Just(Step::Restart),
        2 => (0..70_u64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..150)
}

fn take(world: &mut World, step: &Step) {
    let consumers = world.consumers.len();
    match *step {
        Step::Capture { to_memory } => world.capture(to_memory),
        Step::SendFromBacklog => world.send_from_backlog(),
        Step::SendAgain => world.send_again(),
        Step::Accepted(at) => world.broker_takes(at, true),
        Step::AcceptedUnheard(at) => world.broker_takes(at, false),
        Step::ConnectionLost => world.custody.connection_lost(world.now),
        Step::Deliver(nth, count) if nth < consumers => world.deliver(nth, count),
        Step::Receipt(nth) if nth < consumers => {
            world.custody.is_online(nth, true, world.now);
            world.receipt(nth);
        }
        Step::OldReceipt(nth, which) if nth < consumers => {
            let consumer = &world.consumers[nth];
            // A run that was never heard of is believed: nothing tells it from a new one.
            if let Some(receipt) = consumer.sent.get(which).cloned()
                && world.custody.confirmers[nth].knows_run(receipt.run)
            {
                world.custody.receipt(nth, &receipt, world.now);
            }
        }
        Step::BrokerForgets(nth, count) if nth < consumers => {
            let queue = &mut world.consumers[nth].queue;
            queue.truncate(queue.len().saturating_sub(count));
        }
        // Both lose their sessions at once.
        Step::BrokerWiped => {
            for consumer in &mut world.consumers {
                consumer.queue.clear();
                consumer.session = SessionId::new();
            }
        }
        Step::NewStore(nth) if nth < consumers => {
            let fresh = Consumer::new();
            let consumer = &mut world.consumers[nth];
            consumer.store = fresh.store;
            consumer.session = fresh.session;
            consumer.run = fresh.run;
            consumer.counter = 0;
            consumer.stored.clear();
            world.receipt(nth);
        }
        Step::ConsumerRestarts(nth) if nth < consumers => {
            world.consumers[nth].run = RunId::new();
            world.consumers[nth].counter = 0;
            world.receipt(nth);
        }
        Step::Offline(nth) if nth < consumers => world.custody.is_online(nth, false, world.now),
        Step::Evict => {
            if let Some((key, _)) = world.custody.give_up_oldest() {
                assert!(
                    !world.in_flight.iter().any(|(flying, _)| *flying == key),
                    "evicted in flight"
                );
                world.files.remove(&key);
                world.given_up.insert(key);
            }
        }
        Step::Restart => world.restart(),
        Step::Wait(seconds) => {
            world.now += Duration::from_secs(seconds);
            world.custody.look_for_idle_tails(4, world.now);
        }
        _ => {}
    }
}

/// All is well from here on: everything is delivered, and the spool empties.
fn heal(world: &mut World) -> Result<(), TestCaseError> {
    world.everybody_is_online();
    let mut rounds = 0;
    while !world.custody.is_empty() || !world.in_flight.is_empty() {
        rounds += 1;
        prop_assert!(rounds < 200, "something sticks: {:?}", world.custody);
        world.now += Duration::from_secs(70);
        world.custody.look_for_idle_tails(4, world.now);
        for _ in 0..1000 {
            world.send_from_backlog();
            world.send_again();
        }
        while !world.in_flight.is_empty() {
            world.broker_takes(0, true);
        }
        for nth in 0..world.consumers.len() {
            world.deliver(nth, 10_000);
            world.receipt(nth);
        }
        world.clear_away()?;
    }
    Ok(())
}

proptest! {
    /// Whatever happens in whatever order: nothing is removed unconfirmed, nothing sticks, and every numbered frame ends
    /// on the disks of all who must have it, or is named as given up.
    #[test]
    fn every_frame_is_confirmed_or_named(steps in steps(), consumers in 1..3_usize) {
        let mut world = World::new(consumers);
        for step in &steps {
            take(&mut world, step);
            world.clear_away()?;
        }
        heal(&mut world)?;
        for key in &world.numbered {
            prop_assert!(world.given_up.contains(key) != world.released.contains(key));
        }
    }

    /// Without confirmers the broker's word frees a frame, and nothing else does.
    #[test]
    fn the_brokers_word_is_enough_where_nobody_must_confirm(steps in steps()) {
        let mut world = World::new(0);
        let mut accepted = BTreeSet::new();
        for step in &steps {
            if let Step::Accepted(at) = step
                && let Some((key, _)) = world.in_flight.get(*at)
            {
                accepted.insert(*key);
            }
            take(&mut world, step);
            while let Some((key, _)) = world.custody.next_released() {
                prop_assert!(accepted.contains(&key));
                world.files.remove(&key);
            }
        }
    }
}

fn key(stream: StreamId, sequence: u64) -> Key {
    Key { stream, sequence }
}

#[test]
fn a_frame_that_was_overtaken_is_sent_again_at_once() {
    let mut world = World::new(1);
    for _ in 0..3 {
        world.capture(true);
        world.broker_takes(0, true);
    }
    // The broker loses the second.
    let stream = world.stream;
    world.consumers[0].queue.retain(|key| key.sequence != 2);
    world.deliver(0, 3);
    world.receipt(0);
    assert_eq!(
        world.custody.next_lacking().map(|(_, key, _)| key),
        Some(key(stream, 2))
    );
    assert!(world.custody.next_lacking().is_none());
}

#[test]
fn thousands_of_lost_frames_are_sent_again_beside_new_ones() {
    let mut world = World::new(1);
    world.receipt(0);
    for _ in 0..2000 {
        world.capture(true);
        world.broker_takes(0, true);
    }
    take(&mut world, &Step::BrokerWiped);
    world.receipt(0);
    for _ in 0..100 {
        world.capture(true);
        world.broker_takes(0, true);
        while !world.custody.is_empty() && world.custody.next_from_backlog().is_none() {
            let before = world.in_flight.len();
            world.send_again();
            if world.in_flight.len() == before {
                break;
            }
            world.broker_takes(0, true);
        }
        world.deliver(0, 600);
        world.receipt(0);
        world.clear_away().unwrap();
    }
    assert!(
        world.custody.is_empty(),
        "{} frames stick",
        world.custody.count(true)
    );
}

#[test]
fn a_receipt_settles_no_frame_of_the_future() {
    let mut world = World::new(1);
    world.capture(true);
    world.broker_takes(0, true);
    let mut receipt = world.consumers[0].receipt(&world.custody.ledger(1));
    let everything = |stream| StreamReceipt {
        stream,
        through: u64::MAX,
        missing: RangeSet::default(),
    };
    receipt.streams = vec![everything(world.stream), everything(StreamId::new())];
    world.custody.receipt(0, &receipt, world.now);
    assert!(world.custody.next_released().is_some());
    world.capture(false);
    assert!(world.custody.next_released().is_none(), "it was never sent");
}

#[test]
fn a_resend_that_is_settled_meanwhile_is_over_when_it_lands() {
    let mut world = World::new(2);
    world.receipt(0);
    world.receipt(1);
    world.capture(true);
    world.broker_takes(0, true);
    take(&mut world, &Step::BrokerWiped);
    world.receipt(0);
    world.receipt(1);
    let (nth, lacking, _) = world.custody.next_lacking().unwrap();
    world.consumers[nth].stored.insert(lacking);
    world.receipt(nth);
    assert!(!world.custody.is_wanted(lacking, Some(nth)));
    world.custody.not_sent_again(nth, lacking);
    assert!(
        world.custody.give_up_oldest().is_some(),
        "nothing flies any more"
    );
}

#[test]
fn a_lost_tail_is_sent_again_only_to_a_consumer_that_is_there() {
    let mut world = World::new(1);
    world.receipt(0);
    world.capture(true);
    world.broker_takes(0, true);
    world.consumers[0].queue.clear();
    let later = world.now + Duration::from_secs(10);
    world.custody.is_online(0, false, world.now);
    assert_eq!(world.custody.look_for_idle_tails(4, later), 0);
    world.custody.is_online(0, true, later);
    let later = later + Duration::from_secs(10);
    assert_eq!(world.custody.look_for_idle_tails(4, later), 1);
    assert_eq!(world.custody.look_for_idle_tails(4, later), 0, "once");
}

#[test]
fn a_new_disk_voids_what_the_old_one_confirmed() {
    let mut world = World::new(2);
    world.capture(true);
    world.broker_takes(0, true);
    world.deliver(0, 1);
    world.receipt(0);
    assert!(
        world.custody.next_released().is_none(),
        "the other lacks it"
    );
    take(&mut world, &Step::NewStore(0));
    world.deliver(1, 1);
    world.receipt(1);
    assert!(
        world.custody.next_released().is_none(),
        "it is not on the new disk"
    );
    assert!(world.custody.next_lacking().is_some());
}

#[test]
fn an_old_receipt_is_worth_nothing() {
    let mut world = World::new(1);
    world.capture(true);
    world.receipt(0);
    world.broker_takes(0, true);
    world.deliver(0, 1);
    let late = world.consumers[0].receipt(&world.custody.ledger(1));
    let latest = Receipt {
        counter: late.counter + 1,
        streams: Vec::new(),
        ..late.clone()
    };
    world.custody.receipt(0, &latest, world.now);
    world.custody.receipt(0, &late, world.now);
    assert!(world.custody.next_released().is_none());
}

#[test]
fn the_ledger_tells_what_can_be_had() {
    let mut world = World::new(1);
    for _ in 0..4 {
        world.capture(true);
    }
    world.custody.return_to_backlog(key(world.stream, 1));
    let (evicted, _) = world.custody.give_up_oldest().unwrap();
    assert_eq!(evicted.sequence, 1);
    world.custody.give_up_new(key(world.stream, 5));
    let ledger = world.custody.ledger(9);
    let present = &ledger.streams[0];
    assert_eq!((ledger.counter, present.last), (9, 5));
    assert_eq!(present.available, [2..=4].into_iter().collect());
    assert_eq!(present.given_up, [1..=1, 5..=5].into_iter().collect());
}

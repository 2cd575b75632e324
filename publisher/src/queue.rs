//! Numbered frames that wait for the network: bounded in bytes, with one policy for when it is full.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::frame::{Frame, StreamId};
use protocol::ledger::{Ledger, MAX_LEDGER_RANGES, StreamLedger};
use protocol::ranges::RangeSet;
use tokio::sync::Notify;
use tokio::time::timeout;

/// What happens to a frame that finds no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum OnFull {
    /// The oldest waiting frames go, the new one stays.
    DropOldest,
    /// The new frame goes.
    DropNewest,
    /// The source waits: for files and pipes, which can.
    Block,
}

/// How much may wait. One frame always may, however large.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) max_bytes: u64,
    pub(crate) max_frames: usize,
    /// How many frames a source that waits may be ahead of a network that takes them.
    pub(crate) read_ahead: usize,
}

/// A network that has taken no frame for so long stands still: the source goes on to the limits.
const STANDSTILL: Duration = Duration::from_millis(50);

/// Capture pushes, delivery pops; they may be on different threads.
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    pushed: Notify,
    popped: Notify,
    stream: StreamId,
    limits: Limits,
    on_full: OnFull,
}

#[derive(Default)]
struct Waiting {
    frames: VecDeque<Frame>,
    bytes: u64,
    /// The highest number that came.
    last: u64,
    given_up: RangeSet,
    closed: bool,
}

impl Queue {
    /// For the frames of `stream`.
    pub(crate) fn new(stream: StreamId, limits: Limits, on_full: OnFull) -> Self {
        Self {
            waiting: Mutex::default(),
            pushed: Notify::new(),
            popped: Notify::new(),
            stream,
            limits,
            on_full,
        }
    }

    /// Queues `frame`. Gives the number of frames that were dropped for it, or it among them. Waits if that is the
    /// policy; a cancelled wait has queued nothing.
    pub(crate) async fn push(&self, frame: Frame) -> usize {
        let mut stands_still = false;
        loop {
            let popped = self.popped.notified();
            let is_ahead = {
                let mut waiting = self.lock();
                let is_ahead = !stands_still && waiting.frames.len() >= self.limits.read_ahead;
                let has_room = !is_ahead && waiting.has_room_for(&frame, self.limits);
                if has_room || self.on_full != OnFull::Block {
                    let dropped = waiting.push(frame, self.limits, self.on_full);
                    self.pushed.notify_one();
                    return dropped;
                }
                is_ahead
            };
            if is_ahead {
                stands_still = timeout(STANDSTILL, popped).await.is_err();
            } else {
                popped.await;
            }
        }
    }

    /// The oldest frame, when there is one. `None`: closed and empty. Cancel-safe.
    pub(crate) async fn pop(&self) -> Option<Frame> {
        loop {
            let pushed = self.pushed.notified();
            {
                let mut waiting = self.lock();
                if let Some(frame) = waiting.pop() {
                    // Not for every frame: that would wake a source's thread each time.
                    if waiting.frames.len() <= self.limits.read_ahead / 2 {
                        self.popped.notify_one();
                    }
                    return Some(frame);
                }
                if waiting.closed {
                    return None;
                }
            }
            pushed.await;
        }
    }

    /// Resolves when the queue is closed and empty. Cancel-safe.
    pub(crate) async fn drained(&self) {
        loop {
            let pushed = self.pushed.notified();
            {
                let waiting = self.lock();
                if waiting.closed && waiting.frames.is_empty() {
                    return;
                }
            }
            pushed.await;
        }
    }

    /// Nothing more will be pushed.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.pushed.notify_one();
    }

    /// Frame `sequence` will not be delivered.
    pub(crate) fn was_given_up(&self, sequence: u64) {
        self.lock().give_up(sequence);
    }

    /// What can still be had: all from the oldest that waits, or is in flight, to the newest.
    pub(crate) fn ledger(&self, counter: u64, oldest_in_flight: Option<u64>) -> Ledger {
        let waiting = self.lock();
        let oldest_waiting = waiting.frames.front().map(|frame| frame.id.sequence);
        let oldest = oldest_in_flight.into_iter().chain(oldest_waiting).min();
        let mut available: RangeSet = oldest
            .map(|oldest| oldest..=waiting.last)
            .into_iter()
            .collect();
        available.remove_all(&waiting.given_up);
        let present = StreamLedger {
            stream: self.stream,
            last: waiting.last,
            available,
            given_up: waiting.given_up.clone(),
        };
        Ledger {
            stream: self.stream,
            counter,
            streams: vec![present.bounded()],
        }
    }

    /// The newest waiting frame.
    pub(crate) fn newest(&self) -> Option<Frame> {
        self.lock().frames.back().cloned()
    }

    /// Waiting frames, and their bytes.
    pub(crate) fn depth(&self) -> (usize, u64) {
        let waiting = self.lock();
        (waiting.frames.len(), waiting.bytes)
    }

    /// A stage that panicked ends the program elsewhere; the queue itself is whole after every statement.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn has_room_for(&self, frame: &Frame, limits: Limits) -> bool {
        self.frames.is_empty()
            || (self.frames.len() < limits.max_frames
                && self.bytes + frame.jpeg.len() as u64 <= limits.max_bytes)
    }

    fn push(&mut self, frame: Frame, limits: Limits, on_full: OnFull) -> usize {
        let mut dropped = 0;
        self.last = self.last.max(frame.id.sequence);
        while !self.has_room_for(&frame, limits) {
            dropped += 1;
            if on_full == OnFull::DropNewest {
                self.give_up(frame.id.sequence);
                return dropped;
            }
            if let Some(oldest) = self.pop() {
                self.give_up(oldest.id.sequence);
            }
        }
        self.bytes += frame.jpeg.len() as u64;
        self.frames.push_back(frame);
        dropped
    }

    fn give_up(&mut self, sequence: u64) {
        self.last = self.last.max(sequence);
        self.given_up.insert(sequence);
        self.given_up.keep_highest_ranges(MAX_LEDGER_RANGES);
    }

    fn pop(&mut self) -> Option<Frame> {
        let frame = self.frames.pop_front()?;
        self.bytes -= frame.jpeg.len() as u64;
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use proptest::prelude::*;

    use super::*;
    use crate::in_flight::tests::frame;

    const LIMITS: Limits = Limits {
        max_bytes: 100,
        max_frames: 4,
        read_ahead: usize::MAX,
    };

    proptest! {
        #[test]
        fn every_frame_is_popped_or_counted_as_dropped(
            sizes in prop::collection::vec(0..150_usize, 0..40),
            keep_newest in any::<bool>(),
        ) {
            let on_full = if keep_newest { OnFull::DropOldest } else { OnFull::DropNewest };
            let mut waiting = Waiting::default();
            let mut dropped = 0;
            for (size, sequence) in sizes.iter().zip(1..) {
                dropped += waiting.push(frame(sequence, *size), LIMITS, on_full);
                let bytes: usize = waiting.frames.iter().map(|frame| frame.jpeg.len()).sum();
                prop_assert_eq!(bytes as u64, waiting.bytes);
                prop_assert!(waiting.frames.len() <= LIMITS.max_frames);
                prop_assert!(waiting.bytes <= LIMITS.max_bytes || waiting.frames.len() == 1);
            }
            prop_assert_eq!(waiting.frames.len() + dropped, sizes.len());
            prop_assert_eq!(waiting.given_up.count(), dropped as u64);
            prop_assert!(waiting.frames.iter().map(|f| f.id.sequence).is_sorted());
        }
    }

    #[tokio::test]
    async fn a_full_queue_makes_a_file_wait() {
        let queue = Queue::new(StreamId::new(), LIMITS, OnFull::Block);
        for sequence in 1..=4 {
            assert_eq!(queue.push(frame(sequence, 10)).await, 0);
        }
        let mut fifth = pin!(queue.push(frame(5, 10)));
        let early = tokio::time::timeout(Duration::from_millis(20), &mut fifth).await;
        assert!(early.is_err(), "pushed into a full queue");
        assert_eq!(queue.pop().await.unwrap().id.sequence, 1);
        assert_eq!(fifth.await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_is_read_little_ahead_of_a_network_that_takes_frames() {
        let limits = Limits {
            read_ahead: 2,
            ..LIMITS
        };
        let queue = Queue::new(StreamId::new(), limits, OnFull::Block);
        for sequence in 1..=2 {
            queue.push(frame(sequence, 10)).await;
        }
        let began = tokio::time::Instant::now();
        let mut third = pin!(queue.push(frame(3, 10)));
        assert!(timeout(STANDSTILL / 2, &mut third).await.is_err());
        queue.pop().await.unwrap();
        third.await;
        assert!(began.elapsed() < STANDSTILL, "it goes on at once");
        queue.push(frame(4, 10)).await;
        assert!(began.elapsed() >= STANDSTILL, "nobody took one");
    }

    #[tokio::test]
    async fn a_closed_queue_gives_what_it_holds_and_then_ends() {
        let queue = Queue::new(StreamId::new(), LIMITS, OnFull::DropOldest);
        queue.push(frame(1, 10)).await;
        queue.close();
        assert!(queue.pop().await.is_some());
        assert!(queue.pop().await.is_none());
    }
}

//! How a frame comes into the depot: there is room for it, or room is made, or it must go.

use std::time::{Duration, Instant};

use protocol::frame::Frame;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::book::Book;
use super::{Depot, key_of};
use crate::counters::DropReason;
use crate::custody::Facts;
use crate::queue::OnFull;

/// The lane is a second or two of a camera: a bridge, not a store.
const LANE_FRAMES: usize = 64;
/// How long a source that can wait does so for delivery to take something: longer is an outage.
const PATIENCE: Duration = Duration::from_secs(1);
/// A full disk may be emptied by others, who do not tell.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// What a file may take beside its bytes, and more.
const DISK_SLACK_BYTES: u64 = 64 * 1024;
/// How often it is said that frames are given up for want of room.
const SAY_FULL_EVERY: Duration = Duration::from_mins(1);

/// What became of an attempt.
enum Intake {
    Taken,
    GivenUp,
    Full,
}

impl Depot {
    /// See [`crate::outbox::Outbox::push`].
    pub(crate) async fn push(&self, frame: Frame) {
        if self.limits.source_can_wait {
            self.wait_for_the_lane().await;
        }
        loop {
            let room = self.room.notified();
            match self.take_in(&frame) {
                Intake::Taken => break,
                Intake::GivenUp => return,
                Intake::Full => tokio::select! {
                    () = room => {}
                    () = sleep(LOOK_AGAIN) => {}
                },
            }
        }
        self.enter(frame);
    }

    /// See [`crate::outbox::Outbox::push_at_once`].
    pub(crate) fn push_at_once(&self, frame: Frame) {
        match self.take_in(&frame) {
            Intake::Taken => self.enter(frame),
            Intake::GivenUp => {}
            Intake::Full => {
                let mut book = self.lock();
                book.custody.give_up_new(key_of(&frame.id));
                self.write_off(&book, key_of(&frame.id), DropReason::NotDelivered);
                self.clear_away(&mut book);
            }
        }
    }

    /// A frame that is in the spool goes into the lane.
    fn enter(&self, frame: Frame) {
        debug!(
            "numbered frame {} of {}, crc32c {:08x}",
            frame.id.sequence, frame.id.stream, frame.crc32c
        );
        let mut book = self.lock();
        if book.lane.len() >= LANE_FRAMES
            || book.lane_bytes + frame.jpeg.len() as u64 > self.limits.lane_bytes
        {
            book.lane_becomes_backlog();
        }
        book.lane_bytes += frame.jpeg.len() as u64;
        book.newest = Some(frame.clone());
        book.lane.push_back(frame);
        drop(book);
        self.changed.notify_one();
    }

    /// In sequence while delivery moves; what it leaves standing becomes backlog.
    async fn wait_for_the_lane(&self) {
        loop {
            let room = self.room.notified();
            {
                let book = self.lock();
                let has_room =
                    book.lane.len() < LANE_FRAMES && book.lane_bytes < self.limits.lane_bytes;
                if has_room || book.delivery_stands {
                    return;
                }
            }
            if timeout(PATIENCE, room).await.is_err() {
                self.lock().delivery_stands = true;
                return;
            }
        }
    }

    fn take_in(&self, frame: &Frame) -> Intake {
        let key = key_of(&frame.id);
        let facts = Facts {
            captured_micros: frame.captured_at.as_microsecond(),
            bytes: frame.jpeg.len() as u64,
            crc32c: frame.crc32c,
        };
        while !self.has_room_for(facts.bytes) {
            let why = "--spool-max-bytes is reached";
            if self.give_up_oldest(why).is_none() {
                return self.refuse(frame, DropReason::SpoolFull, why);
            }
        }
        let mut freed_bytes = 0;
        loop {
            match self.spool.write(key, facts, &frame.jpeg) {
                Ok(()) => break,
                Err(error) if runtime::folder::is_full(&error) => {
                    let why = "the disk is full";
                    // A disk on which removing makes no room must not cost the whole spool.
                    if freed_bytes > 2 * facts.bytes + DISK_SLACK_BYTES {
                        return self.refuse(frame, DropReason::SpoolFull, why);
                    }
                    // What is delivered may still lie there.
                    if freed_bytes == 0 && self.spool.finish_removals() {
                        freed_bytes = 1;
                        continue;
                    }
                    match self.give_up_oldest(why) {
                        Some(bytes) => freed_bytes += bytes,
                        None => return self.refuse(frame, DropReason::SpoolFull, why),
                    }
                }
                Err(error) => {
                    return self.refuse(frame, DropReason::SpoolUnwritable, &error.to_string());
                }
            }
        }
        self.lock().custody.hold(key, facts);
        Intake::Taken
    }

    fn has_room_for(&self, bytes: u64) -> bool {
        let book = self.lock();
        book.custody.is_empty() || book.custody.bytes() + bytes <= self.limits.max_bytes
    }

    /// Gives up the oldest frame, if that is the policy and one may go. Gives its size in bytes.
    fn give_up_oldest(&self, why: &str) -> Option<u64> {
        if self.limits.on_full != OnFull::DropOldest {
            return None;
        }
        let mut book = self.lock();
        let (key, facts) = book.custody.give_up_oldest()?;
        self.say_full(&mut book, why, "the oldest frames are given up and counted");
        self.write_off(&book, key, DropReason::SpoolFull);
        drop(book);
        self.spool.remove_now(key, facts);
        Some(facts.bytes)
    }

    /// The new frame finds no room.
    fn refuse(&self, frame: &Frame, reason: DropReason, why: &str) -> Intake {
        let mut book = self.lock();
        if self.limits.on_full == OnFull::Block {
            self.say_full(&mut book, why, "the source waits");
            return Intake::Full;
        }
        self.say_full(&mut book, why, "new frames are given up and counted");
        let key = key_of(&frame.id);
        book.custody.give_up_new(key);
        self.write_off(&book, key, reason);
        Intake::GivenUp
    }

    fn say_full(&self, book: &mut Book, why: &str, what: &str) {
        let now = Instant::now();
        if book
            .said_full_at
            .is_some_and(|at| now < at + SAY_FULL_EVERY)
        {
            return;
        }
        book.said_full_at = Some(now);
        let behind = book.custody.furthest_behind();
        let behind = behind.map_or_else(String::new, |name| {
            format!("; {name} has yet to confirm what is in it")
        });
        warn!(
            "no room in the spool {}: {why}; {what}{behind}",
            self.spool.folder().display()
        );
    }
}

//! How a frame comes into the depot: there is room for it, or room is made, or it must go.

use std::time::{Duration, Instant};

use protocol::frame::Frame;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::{Book, Depot, key_of};
use crate::counters::DropReason;
use crate::custody::Facts;
use crate::queue::OnFull;

/// The lane is a second or two of a camera: a bridge, not a store.
const LANE_FRAMES: usize = 64;
/// How long a source that can wait does so for delivery to take something: longer is an outage.
const PATIENCE: Duration = Duration::from_secs(1);
/// A full disk may be emptied by others, who do not tell.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
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
            if !self.make_room(why) {
                return self.refuse(frame, DropReason::SpoolFull, why);
            }
        }
        loop {
            match self.spool.write(key, facts, &frame.jpeg) {
                Ok(()) => break,
                Err(error) if runtime::folder::is_full(&error) => {
                    let why = "the disk is full";
                    if !self.make_room(why) {
                        return self.refuse(frame, DropReason::SpoolFull, why);
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

    /// Gives up the oldest frame, if that is the policy and one may go.
    fn make_room(&self, why: &str) -> bool {
        if self.limits.on_full != OnFull::DropOldest {
            return false;
        }
        let mut book = self.lock();
        let Some((key, facts)) = book.custody.give_up_oldest() else {
            return false;
        };
        self.say_full(&mut book, why, "the oldest frames are given up and counted");
        self.write_off(&book, key, DropReason::SpoolFull);
        drop(book);
        self.spool.remove_now(key, facts);
        true
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

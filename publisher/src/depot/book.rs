//! What the depot knows: the custody of all frames, and those in the lane. Pure but for the clock.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use protocol::frame::Frame;

use super::key_of;
use crate::custody::{Custody, Facts, Key};
use crate::parcel::Route;

pub(super) struct Book {
    pub(super) custody: Custody,
    pub(super) lane: VecDeque<Frame>,
    pub(super) lane_bytes: u64,
    pub(super) newest: Option<Frame>,
    pub(super) backlog_is_next: bool,
    pub(super) closed: bool,
    /// Nothing was taken out for long: a source that can wait need not.
    pub(super) delivery_stands: bool,
    /// How often the disk did not give a file.
    pub(super) unreadable: HashMap<Key, u32>,
    /// What cannot be delivered now, and when it is tried again. To the custody it is flying.
    pub(super) apart: VecDeque<(Instant, Key, Route)>,
    pub(super) said_full_at: Option<Instant>,
}

/// What comes next.
pub(super) enum Next {
    Fresh(Frame),
    Spooled(Key, Facts, Route),
    Nothing,
    Over,
}

impl Book {
    pub(super) fn next(&mut self, backlog: bool) -> Next {
        if self.is_over() {
            return Next::Over;
        }
        self.delivery_stands = false;
        if backlog
            && (self.backlog_is_next || self.lane.is_empty())
            && let Some(spooled) = self.next_spooled()
        {
            self.backlog_is_next = false;
            return spooled;
        }
        self.backlog_is_next = true;
        while let Some(frame) = self.lane.pop_front() {
            self.lane_bytes -= frame.jpeg.len() as u64;
            // One that was given up for room meanwhile is skipped.
            if self.custody.fly(key_of(&frame.id)).is_some() {
                return Next::Fresh(frame);
            }
        }
        Next::Nothing
    }

    fn next_spooled(&mut self) -> Option<Next> {
        if let Some((nth, key, facts)) = self.custody.next_lacking() {
            return Some(Next::Spooled(key, facts, Route::Confirmer(nth)));
        }
        if self.custody.backlog_must_wait() {
            return None;
        }
        let (key, facts) = self.custody.next_from_backlog()?;
        Some(Next::Spooled(key, facts, Route::Everybody))
    }

    /// The lane is too long: the spool has it all.
    pub(super) fn lane_becomes_backlog(&mut self) {
        for frame in self.lane.drain(..) {
            self.custody.return_to_backlog(key_of(&frame.id));
        }
        self.lane_bytes = 0;
    }

    pub(super) fn is_over(&self) -> bool {
        self.closed && self.custody.is_empty()
    }
}

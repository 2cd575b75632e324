//! Reception where only the latest frames are wanted: of what waits for the store, the newest of each camera.

use std::time::Instant;

use protocol::event::Decoded;

use super::{RECEIVE_MAXIMUM, Receive};
use crate::latest_only::Verdict;
use crate::store::{Arrival, Content};
use crate::storing::Job;

impl Receive {
    /// Takes what came, which is acknowledged already. Whether the connection has fallen behind.
    pub(super) fn take_newest(&mut self, arrival: Arrival) -> bool {
        let Some(latest_only) = &mut self.latest_only else {
            return false;
        };
        match latest_only.judge(&arrival, Instant::now()) {
            Verdict::Newest => {
                let of_camera = |job: &Job| job.arrival.camera == arrival.camera;
                // Cameras' names come from the network: no more of them wait than messages would.
                let overtaken = match self.waiting.iter().position(of_camera) {
                    Some(at) => self.waiting.remove(at),
                    None if self.waiting.len() < usize::from(RECEIVE_MAXIMUM) => None,
                    None => self.waiting.pop_front(),
                };
                self.waiting.push_back(Job { arrival, ack: None });
                if let Some(job) = overtaken {
                    self.skip(&job.arrival);
                }
                false
            }
            Verdict::Skip => {
                self.skip(&arrival);
                false
            }
            Verdict::Behind(lag) => {
                self.skip(&arrival);
                self.reporter.behind(lag);
                true
            }
        }
    }

    /// What has waited too long is not handed to the store any more.
    pub(super) fn skip_what_is_stale(&mut self) {
        let Some(latest_only) = &self.latest_only else {
            return;
        };
        let now = Instant::now();
        let is_stale = |job: &Job| latest_only.is_stale(&job.arrival, now);
        let (stale, fresh) = self.waiting.drain(..).partition(is_stale);
        self.waiting = fresh;
        for job in stale {
            self.skip(&job.arrival);
        }
    }

    /// Whether what waits had better wait here, where a newer one may take its place.
    pub(super) fn leaves_to_the_store_what_it_has(&self) -> bool {
        self.latest_only.is_some() && self.unanswered > 0
    }

    fn skip(&mut self, arrival: &Arrival) {
        let frame = match &arrival.content {
            Content::Decoded(Decoded::Frame(frame)) => Some(&frame.id),
            _ => None,
        };
        // A repeat of what is on disk since an earlier run is left out, but nothing is missed for it.
        let is_stored = frame.is_some_and(|id| self.store.ledger.has(id));
        if !is_stored {
            self.reporter.counters.skip(frame);
        }
    }
}

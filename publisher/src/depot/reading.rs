//! Frames that are read from the spool again, and what cannot be delivered at the moment: it is set apart, and others go on.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use protocol::frame::{Frame, FrameId};
use protocol::jpeg;
use tracing::warn;

use super::{Depot, key_of};
use crate::counters::DropReason;
use crate::custody::{Facts, Key};
use crate::parcel::{Parcel, Route};

/// A disk that cannot give a file is asked this often, this far apart, before the frame is given up.
const READ_ATTEMPTS: u32 = 12;
const READ_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// How long a frame is set apart that the broker does not take.
const APART_FOR: Duration = Duration::from_mins(1);

impl Depot {
    /// A frame that was taken out cannot be delivered now, and others can: it comes again after [`APART_FOR`].
    pub(crate) fn set_apart(&self, parcel: &Parcel) {
        let again_at = Instant::now() + APART_FOR;
        let key = key_of(&parcel.frame.id);
        self.lock().apart.push_back((again_at, key, parcel.to));
    }

    /// What was set apart for long enough comes again.
    pub(crate) fn bring_back(&self) {
        let now = Instant::now();
        let mut book = self.lock();
        let count = book.apart.len();
        for _ in 0..count {
            let Some((again_at, key, to)) = book.apart.pop_front() else {
                break;
            };
            if now < again_at {
                book.apart.push_back((again_at, key, to));
                continue;
            }
            match to {
                Route::Everybody => book.custody.return_to_backlog(key),
                Route::Confirmer(nth) => book.custody.not_sent_again(nth, key),
            }
        }
        self.clear_away(&mut book);
    }

    /// Reads a frame again. `None`: it is set apart, or given up.
    pub(super) fn read(&self, key: Key, facts: Facts, to: Route) -> Option<Frame> {
        let read = self
            .spool
            .read(key, facts)
            .and_then(|picture| match jpeg::check(&picture) {
                Ok(size) => Ok((picture, size)),
                Err(_) => Err(self.spool.torn(key, facts)),
            });
        let error = match read {
            Ok((picture, (width, height))) => {
                return Some(Frame {
                    id: FrameId {
                        camera: self.camera.clone(),
                        stream: key.stream,
                        sequence: key.sequence,
                    },
                    captured_at: Timestamp::from_microsecond(facts.captured_micros)
                        .unwrap_or(Timestamp::UNIX_EPOCH),
                    width,
                    height,
                    crc32c: facts.crc32c,
                    dropped: 0,
                    jpeg: picture,
                });
            }
            Err(error) => error,
        };
        let mut book = self.lock();
        let attempts = book.unreadable.entry(key).or_default();
        *attempts += 1;
        let attempts = *attempts;
        if error.may_pass() && (error.will_pass() || attempts < READ_ATTEMPTS) {
            if attempts == 1 {
                warn!(
                    "frame {} of stream {} {error}; it is tried again later",
                    key.sequence, key.stream
                );
            }
            let again_at = Instant::now() + READ_AGAIN_AFTER;
            book.apart.push_back((again_at, key, to));
            return None;
        }
        book.unreadable.remove(&key);
        warn!(
            "a frame of the spool is given up: frame {} of stream {} {error}",
            key.sequence, key.stream
        );
        if book.custody.give_up(key).is_some() {
            self.write_off(&book, key, DropReason::Torn);
        }
        self.clear_away(&mut book);
        None
    }
}

//! The store ledger: which frames an output folder ever had, and which will never come to it.
//!
//! Each frame has a number in its stream; a camera's book has one for each of its streams. What
//! was stored once is never stored again, wherever its file is now. A camera's own ledger says what can be had no more:
//! that is written off. Both together are what a receipt settles.
//!
//! **Invariant**: what the ledger says is stored was on disk before. It may lag behind the files, never lead. A receipt
//! claims no frame that the last checkpoint of the ledger does not have.
//!
//! Pure bookkeeping: it knows nothing of files, connections or clocks. It is bounded: in cameras, streams and ranges.

mod camera;
mod stream;

#[cfg(test)]
mod tests;

use protocol::frame::{FrameId, StreamId};
use protocol::ledger::Ledger;
use protocol::ranges::RangeSet;
use protocol::receipt::{Receipt, RunId, SessionId, StoreId};
use protocol::topic::CameraName;
use serde::{Deserialize, Serialize};

use crate::index::Entry;

pub(crate) use camera::{CameraBook, Taken};
pub(crate) use stream::{Standing, StreamBook};

/// More cameras than this are not remembered; the one that has been silent longest is forgotten first.
const MAX_CAMERAS: usize = 1024;

/// The books of one output folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreLedger {
    store: StoreId,
    #[serde(default)]
    session: Option<SessionId>,
    /// The camera that was spoken of last stands last.
    cameras: Vec<CameraBook>,
}

/// Numbers of one stream of one camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbers {
    /// The camera.
    pub camera: CameraName,
    /// Its stream.
    pub stream: StreamId,
    /// The numbers.
    pub numbers: RangeSet,
}

impl StoreLedger {
    /// The ledger of a folder that never had a frame.
    #[must_use]
    pub fn new() -> Self {
        Self {
            store: StoreId::new(),
            session: None,
            cameras: Vec::new(),
        }
    }

    /// The folder's own name.
    #[must_use]
    pub fn store(&self) -> StoreId {
        self.store
    }

    /// The consumer's session at the broker, if one is known.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        self.session
    }

    /// Begins a session unlike any before.
    pub fn begin_session(&mut self) {
        self.session = Some(SessionId::new());
    }

    /// Enters numbers that an index of the folder records, and whose files were looked at. What is in doubt stays so.
    pub fn enter(&mut self, found: &Numbers) {
        self.camera_mut(&found.camera)
            .stream_mut(found.stream)
            .enter_recorded(&found.numbers);
    }

    /// Whether all these numbers are known: as stored, or as in doubt.
    pub(crate) fn has(&self, found: &Numbers) -> bool {
        let book = self.stream(&found.camera, found.stream);
        book.is_some_and(|book| book.has(&found.numbers))
    }

    /// Whether an index's entry is a frame that is neither known as stored nor in doubt.
    pub(crate) fn lacks(&self, entry: &Entry) -> bool {
        entry.identity().is_some_and(|(stream, sequence)| {
            self.stream(&entry.camera, stream)
                .is_none_or(|book| book.standing(sequence) == Standing::Unknown)
        })
    }

    /// Every stream that is known of.
    pub(crate) fn streams(&self) -> impl Iterator<Item = (&CameraName, StreamId)> {
        self.cameras
            .iter()
            .flat_map(|book| book.streams().map(|stream| (book.camera(), stream)))
    }

    /// What is known of a frame.
    pub(crate) fn standing(&self, id: &FrameId) -> Standing {
        self.stream(&id.camera, id.stream)
            .map_or(Standing::Unknown, |book| book.standing(id.sequence))
    }

    /// Enters a frame that was stored; `is_synced` if a power cut could not take it any more.
    pub(crate) fn enter_stored(&mut self, id: &FrameId, is_synced: bool) {
        self.book_mut(id).enter_stored(id.sequence, is_synced);
    }

    /// Enters a frame that was set aside: it is dealt with, and need not come again.
    pub(crate) fn enter_set_aside(&mut self, id: &FrameId, is_synced: bool) {
        self.book_mut(id).enter_set_aside(id.sequence, is_synced);
    }

    /// A power cut cannot take this frame any more.
    pub(crate) fn enter_synced(&mut self, id: &FrameId) {
        self.book_mut(id).enter_synced(id.sequence);
    }

    /// This frame may be gone after a power cut although it was stored: if it comes again, it is written again.
    pub(crate) fn doubt(&mut self, id: &FrameId) {
        self.book_mut(id).doubt(id.sequence);
    }

    /// [`StoreLedger::doubt`] of each of these numbers.
    pub(crate) fn doubt_all(&mut self, found: &Numbers) {
        let book = self.camera_mut(&found.camera).stream_mut(found.stream);
        for number in found.numbers.numbers() {
            book.doubt(number);
        }
    }

    /// What a checkpoint may say: all but what a power cut could still take.
    pub(crate) fn kept(&self) -> Self {
        let mut kept = self.clone();
        for camera in &mut kept.cameras {
            camera.keep_synced();
        }
        kept
    }

    /// What a checkpoint adds to the one before it: it may be claimed once the checkpoint is on disk.
    pub(crate) fn unclaimed(&self) -> Vec<Numbers> {
        self.cameras
            .iter()
            .flat_map(CameraBook::unclaimed)
            .collect()
    }

    /// A checkpoint with these numbers is on disk.
    pub(crate) fn claim(&mut self, checkpointed: &[Numbers]) {
        for numbers in checkpointed {
            self.camera_mut(&numbers.camera).claim(numbers);
        }
    }

    /// Takes in what a camera says of its frames.
    pub(crate) fn take(&mut self, camera: &CameraName, ledger: &Ledger, is_live: bool) -> Taken {
        self.camera_mut(camera).take(ledger, is_live)
    }

    /// The receipt for a camera; `None` if nothing is known of it, or no session has begun.
    pub(crate) fn receipt(&self, camera: &CameraName, run: RunId, counter: u64) -> Option<Receipt> {
        Some(Receipt {
            store: self.store,
            session: self.session?,
            run,
            counter,
            complete: true,
            streams: self.camera(camera)?.receipts(),
        })
    }

    /// The cameras, each with a number that grows when more can be claimed of it.
    pub(crate) fn claims(&self) -> impl Iterator<Item = (&CameraName, u64)> {
        self.cameras
            .iter()
            .map(|book| (book.camera(), book.claims()))
    }

    /// The cameras' books.
    pub(crate) fn cameras(&self) -> &[CameraBook] {
        &self.cameras
    }

    /// The book of one stream.
    pub(crate) fn stream(&self, camera: &CameraName, stream: StreamId) -> Option<&StreamBook> {
        self.camera(camera)?.stream(stream)
    }

    fn camera(&self, camera: &CameraName) -> Option<&CameraBook> {
        self.cameras.iter().rfind(|book| book.camera() == camera)
    }

    fn book_mut(&mut self, id: &FrameId) -> &mut StreamBook {
        self.camera_mut(&id.camera).stream_mut(id.stream)
    }

    fn camera_mut(&mut self, camera: &CameraName) -> &mut CameraBook {
        let known = self
            .cameras
            .iter()
            .rposition(|book| book.camera() == camera);
        let book = match known {
            Some(last) if last + 1 == self.cameras.len() => self.cameras.pop(),
            Some(earlier) => Some(self.cameras.remove(earlier)),
            None => None,
        };
        if self.cameras.len() >= MAX_CAMERAS {
            self.cameras.remove(0);
        }
        self.cameras
            .push_mut(book.unwrap_or_else(|| CameraBook::new(camera.clone())))
    }
}

impl Default for StoreLedger {
    fn default() -> Self {
        Self::new()
    }
}

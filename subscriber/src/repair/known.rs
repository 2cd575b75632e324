//! What the indexes of an output folder know together: which streams there are, and which frames have more than one entry.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use protocol::frame::{FrameId, StreamId};
use protocol::ranges::{Inserted, RangeSet};
use protocol::topic::CameraName;

use crate::index::Entry;

/// Which frames are stored: for each camera and stream, their numbers.
pub(crate) type Books = BTreeMap<CameraName, BTreeMap<StreamId, RangeSet>>;

/// What is known.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) books: Books,
    /// Streams by the eight digits that stand in file names.
    streams: HashMap<String, BTreeSet<(CameraName, StreamId)>>,
    /// Frames that have more than one entry: how many of them are still to come, once they are gone through again.
    doubled: HashMap<FrameId, u64>,
    /// Those of them of which one entry was kept.
    settled: HashSet<FrameId>,
}

impl Known {
    /// Enters a stream, though nothing of it may be stored.
    pub(super) fn add_stream(&mut self, camera: &CameraName, stream: StreamId) {
        let of_name = self.streams.entry(stream.short()).or_default();
        of_name.insert((camera.clone(), stream));
    }

    /// Enters what an index says.
    pub(super) fn add(&mut self, entry: &Entry) {
        let Some(id) = frame_id(entry) else { return };
        self.add_stream(&id.camera, id.stream);
        if !self.add_frame(&id) {
            *self.doubled.entry(id).or_insert(1) += 1;
        }
    }

    /// Enters a frame. Whether it is new.
    pub(super) fn add_frame(&mut self, id: &FrameId) -> bool {
        let streams = self.books.entry(id.camera.clone()).or_default();
        let stored = streams.entry(id.stream).or_default();
        stored.insert(id.sequence) != Inserted::Known
    }

    /// The streams whose names in files are `stream8`.
    pub(super) fn streams_named(
        &self,
        stream8: &str,
    ) -> impl Iterator<Item = &(CameraName, StreamId)> {
        self.streams.get(stream8).into_iter().flatten()
    }

    /// Whether an entry stays: of those of one frame, the first whose file is there, or the last if none is. Each entry
    /// is to be asked for once, after all were entered.
    pub(super) fn keeps(&mut self, entry: &Entry, file_is_there: impl FnOnce() -> bool) -> bool {
        let Some(id) = frame_id(entry) else {
            return true;
        };
        let Some(to_come) = self.doubled.get_mut(&id) else {
            return true;
        };
        *to_come = to_come.saturating_sub(1);
        let is_last = *to_come == 0;
        if self.settled.contains(&id) || !(is_last || file_is_there()) {
            return false;
        }
        self.settled.insert(id);
        true
    }
}

pub(super) fn frame_id(entry: &Entry) -> Option<FrameId> {
    let (stream, sequence) = entry.identity()?;
    Some(FrameId {
        camera: entry.camera.clone(),
        stream,
        sequence,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Kind;

    fn entry(stream: StreamId, sequence: u64) -> Entry {
        Entry {
            file: String::new(),
            camera: "door".parse().unwrap(),
            kind: Kind::Frame {
                stream,
                sequence,
                captured_at: jiff::Timestamp::UNIX_EPOCH,
                dropped: 0,
            },
            size: None,
            bytes: 0,
            crc32c: 0,
            exif_bytes: 0,
            received_at: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    /// Which of the entries of one frame stay, by whether their files are there.
    fn kept(files: &[bool]) -> Vec<bool> {
        let (mut known, entry) = (Known::default(), entry(StreamId::new(), 1));
        for _ in files {
            known.add(&entry);
        }
        files
            .iter()
            .map(|is_there| known.keeps(&entry, || *is_there))
            .collect()
    }

    #[test]
    fn one_entry_of_each_frame_stays_and_rather_one_whose_file_is_there() {
        assert_eq!(kept(&[false]), [true]);
        assert_eq!(kept(&[true, true, true]), [true, false, false]);
        assert_eq!(kept(&[false, true, true]), [false, true, false]);
        assert_eq!(kept(&[false, false]), [false, true]);
    }

    #[test]
    fn streams_are_found_by_their_names_in_files() {
        let (mut known, stream) = (Known::default(), StreamId::new());
        known.add(&entry(stream, 7));
        let found: Vec<_> = known.streams_named(&stream.short()).collect();
        assert_eq!(found, [&("door".parse().unwrap(), stream)]);
        assert_eq!(known.streams_named("00000000").count(), 0);
    }
}

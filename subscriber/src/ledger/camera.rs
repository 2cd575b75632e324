//! The book of one camera: its streams, and which of its own ledgers is the newest.

use std::collections::VecDeque;

use protocol::frame::StreamId;
use protocol::ledger::{Ledger, MAX_LEDGER_STREAMS};
use protocol::receipt::StreamReceipt;
use protocol::topic::CameraName;
use serde::{Deserialize, Serialize};

use super::{Numbers, StreamBook};

/// Streams that are remembered beside those of the camera's ledger; the one that has been silent longest goes first.
const MAX_OTHER_STREAMS: usize = 256;
/// Former runs of the camera that are remembered: a broker that was restored may still send their ledgers.
const MAX_FORMER_RUNS: usize = 64;

/// What became of a camera's ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is the newest; what it says was entered.
    Newest,
    /// It is the newest one, once more.
    Again,
    /// A newer one came before: nothing was entered.
    Older,
}

/// What is known of one camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CameraBook {
    #[serde(with = "crate::camera_name")]
    camera: CameraName,
    /// The run and counter of the camera's newest ledger.
    #[serde(default)]
    newest: Option<(StreamId, u64)>,
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    former_runs: VecDeque<StreamId>,
    /// The streams of that ledger.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    listed: Vec<StreamId>,
    /// The stream that was spoken of last stands last.
    streams: Vec<(StreamId, StreamBook)>,
    /// Grows when more can be claimed.
    #[serde(skip)]
    claims: u64,
    /// Whether a ledger came in this run of ours.
    #[serde(skip)]
    is_heard: bool,
}

impl CameraBook {
    pub(super) fn new(camera: CameraName) -> Self {
        Self {
            camera,
            newest: None,
            former_runs: VecDeque::new(),
            listed: Vec::new(),
            streams: Vec::new(),
            claims: 0,
            is_heard: false,
        }
    }

    pub(crate) fn camera(&self) -> &CameraName {
        &self.camera
    }

    pub(super) fn claims(&self) -> u64 {
        self.claims
    }

    pub(super) fn streams(&self) -> impl Iterator<Item = StreamId> {
        self.streams.iter().map(|(stream, _)| *stream)
    }

    pub(super) fn stream(&self, stream: StreamId) -> Option<&StreamBook> {
        let found = self.streams.iter().rfind(|(id, _)| *id == stream);
        found.map(|(_, book)| book)
    }

    pub(super) fn stream_mut(&mut self, stream: StreamId) -> &mut StreamBook {
        let known = self.streams.iter().rposition(|(id, _)| *id == stream);
        let entry = match known {
            Some(last) if last + 1 == self.streams.len() => self.streams.pop(),
            Some(earlier) => Some(self.streams.remove(earlier)),
            None => None,
        };
        let entry = entry.unwrap_or_else(|| {
            self.forget_silent();
            (stream, StreamBook::default())
        });
        let (_, book) = self.streams.push_mut(entry);
        book
    }

    /// The streams of the camera's ledger, if it came in this run of ours.
    pub(crate) fn heard_streams(&self) -> impl Iterator<Item = (StreamId, &StreamBook)> {
        let heard = self.streams.iter().filter(|_| self.is_heard);
        heard
            .filter(|(id, _)| self.listed.contains(id))
            .map(|(id, book)| (*id, book))
    }

    pub(super) fn keep_synced(&mut self) {
        for (_, book) in &mut self.streams {
            book.keep_synced();
        }
    }

    pub(super) fn unclaimed(&self) -> impl Iterator<Item = Numbers> {
        self.streams.iter().filter_map(|(stream, book)| {
            let numbers = book.synced_and_unclaimed();
            (!numbers.is_empty()).then(|| Numbers {
                camera: self.camera.clone(),
                stream: *stream,
                numbers,
            })
        })
    }

    pub(super) fn claim(&mut self, checkpointed: &Numbers) {
        let found = self
            .streams
            .iter_mut()
            .rfind(|(id, _)| *id == checkpointed.stream);
        if let Some((_, book)) = found {
            book.claim(&checkpointed.numbers);
            self.claims += 1;
        }
    }

    /// `is_live`: it was not kept by the broker but published just now, so it is the present run's, whatever was heard before
    /// from a broker that came back from an older state.
    pub(super) fn take(&mut self, ledger: &Ledger, is_live: bool) -> Taken {
        self.is_heard = true;
        if is_live {
            self.former_runs.retain(|run| *run != ledger.stream);
        }
        match self.newest {
            Some((run, counter)) if run == ledger.stream && counter == ledger.counter => {
                return Taken::Again;
            }
            Some((run, counter)) if run == ledger.stream && counter > ledger.counter => {
                return Taken::Older;
            }
            _ if self.former_runs.contains(&ledger.stream) => return Taken::Older,
            Some((run, _)) if run != ledger.stream => {
                if self.former_runs.len() >= MAX_FORMER_RUNS {
                    self.former_runs.pop_front();
                }
                self.former_runs.push_back(run);
            }
            _ => {}
        }
        self.newest = Some((ledger.stream, ledger.counter));
        self.listed = ledger.streams.iter().map(|stream| stream.stream).collect();
        let mut has_changed = false;
        for stream in &ledger.streams {
            has_changed |= self.stream_mut(stream.stream).write_off(stream);
        }
        self.forget_silent();
        self.claims += u64::from(has_changed);
        Taken::Newest
    }

    /// One for each stream of the camera's ledger; as long as none has come, for those that spoke last.
    pub(super) fn receipts(&self) -> Vec<StreamReceipt> {
        let is_listed =
            |(id, _): &&(StreamId, StreamBook)| self.newest.is_none() || self.listed.contains(id);
        self.streams
            .iter()
            .rev()
            .filter(is_listed)
            .take(MAX_LEDGER_STREAMS)
            .map(|(stream, book)| StreamReceipt::new(*stream, &book.claimed()))
            .filter(|receipt| receipt.through > 0)
            .collect()
    }

    fn forget_silent(&mut self) {
        let is_other = |id: &StreamId| !self.listed.contains(id);
        let others = self.streams.iter().filter(|(id, _)| is_other(id)).count();
        for _ in MAX_OTHER_STREAMS..others {
            if let Some(silent) = self.streams.iter().position(|(id, _)| is_other(id)) {
                self.streams.remove(silent);
            }
        }
    }
}

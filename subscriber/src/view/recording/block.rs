//! A camera's frames, a few hundred at a time: enough to draw a timeline, and to know where in which index to read on.

use std::collections::HashMap;

use super::folder::FolderId;
use super::runs::Runs;

/// Lines of one block, as a rule: they are read at once, in less than a millisecond.
const BLOCK_FRAMES: u32 = 512;

/// A block of so many frames or more ends where nothing was taken for so long, or the clock jumps: a timeline shows that.
const PAUSE: i64 = 10_000_000;
const FRAMES_BEFORE_A_PAUSE: u32 = 16;

/// Neighbours in one index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) folder: FolderId,
    /// Where its first line begins, and its last one ends. Lines of other cameras may stand between them.
    pub(super) start: u64,
    pub(super) end: u64,
    /// The earliest and the latest time, in microseconds since 1970.
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) frames: u32,
    pub(super) bytes: u64,
    /// When its last line was taken: the order of lines is not the order of time.
    ends_at: i64,
}

/// A line of an index, as far as a summary knows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) folder: FolderId,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) time: i64,
    pub(super) bytes: u64,
}

/// All frames of a camera.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    /// In the order of reading.
    pub(super) all: Vec<Block>,
    /// Which block of a folder still grows.
    growing: HashMap<FolderId, usize>,
    /// Which numbers they have.
    pub(super) runs: Runs,
}

impl Blocks {
    pub(super) fn enter(&mut self, line: Line) {
        let growing = self.growing.get(&line.folder).copied();
        if let Some(nth) = growing
            && let Some(block) = self.all.get_mut(nth)
            && block.takes(line)
        {
            block.end = line.end;
            block.first = block.first.min(line.time);
            block.last = block.last.max(line.time);
            block.ends_at = line.time;
            block.frames += 1;
            block.bytes += line.bytes;
            return;
        }
        self.growing.insert(line.folder, self.all.len());
        self.all.push(Block {
            folder: line.folder,
            start: line.start,
            end: line.end,
            first: line.time,
            last: line.time,
            frames: 1,
            bytes: line.bytes,
            ends_at: line.time,
        });
    }

    /// Forgets the blocks of which `is_gone` says so.
    pub(super) fn forget(&mut self, mut is_gone: impl FnMut(&Block) -> bool) {
        let before = self.all.len();
        self.all.retain(|block| !is_gone(block));
        if self.all.len() < before {
            // Places have moved. What grows begins a block anew.
            self.growing.clear();
        }
    }

    /// The next block towards later times that may have a frame at or after `time`; blocks are taken in the order of their
    /// beginnings, behind the one at which `behind` is.
    pub(super) fn next(&self, time: i64, behind: Option<(i64, usize)>) -> Option<(i64, usize)> {
        let candidates = self.all.iter().enumerate();
        candidates
            .filter(|(_, block)| block.last >= time)
            .map(|(nth, block)| (block.first, nth))
            .filter(|key| behind.is_none_or(|behind| *key > behind))
            .min()
    }

    /// [`Self::next`] towards earlier times, in the order of their ends.
    pub(super) fn previous(&self, time: i64, behind: Option<(i64, usize)>) -> Option<(i64, usize)> {
        let candidates = self.all.iter().enumerate();
        candidates
            .filter(|(_, block)| block.first <= time)
            .map(|(nth, block)| (block.last, nth))
            .filter(|key| behind.is_none_or(|behind| *key < behind))
            .max()
    }
}

impl Block {
    /// Whether `line` may be its next one.
    fn takes(&self, line: Line) -> bool {
        let pause = line.time.saturating_sub(self.ends_at).saturating_abs();
        self.frames < BLOCK_FRAMES && (pause < PAUSE || self.frames < FRAMES_BEFORE_A_PAUSE)
    }
}

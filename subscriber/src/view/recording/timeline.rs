//! A stretch of time, summed up: how many frames there are in each part of it, and what is missing.

use protocol::topic::CameraName;
use serde::Serialize;

use super::Recording;

/// Parts that a timeline may have: more than a screen has columns.
const MAX_SLOTS: usize = 4096;

/// Gaps that are told one by one.
const MAX_GAPS: usize = 500;

/// A stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(in crate::view) struct Timeline {
    pub(in crate::view) from: i64,
    pub(in crate::view) to: i64,
    /// About how many frames were taken in each part, all of them of the same length.
    pub(in crate::view) slots: Vec<f32>,
    pub(in crate::view) gaps: Vec<Missing>,
    /// Whether there are more gaps than are told.
    pub(in crate::view) more_gaps: bool,
    /// At most so many frames, and bytes, are in it: whole blocks are counted.
    pub(in crate::view) frames: u64,
    pub(in crate::view) bytes: u64,
}

/// Frames that are not there, between the times of two that are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::view) struct Missing {
    pub(in crate::view) from: i64,
    pub(in crate::view) to: i64,
    pub(in crate::view) frames: u64,
}

impl Recording {
    /// What there is of `camera` between two times, in microseconds since 1970.
    pub(in crate::view) fn timeline(
        &self,
        camera: &CameraName,
        from: i64,
        to: i64,
        slots: usize,
    ) -> Timeline {
        let to = to.max(from.saturating_add(1));
        let mut timeline = Timeline {
            from,
            to,
            slots: vec![0.0; slots.clamp(1, MAX_SLOTS)],
            gaps: Vec::new(),
            more_gaps: false,
            frames: 0,
            bytes: 0,
        };
        let state = self.state();
        let Some(blocks) = state.cameras.get(camera) else {
            return timeline;
        };
        for block in &blocks.all {
            if block.last >= from && block.first <= to {
                timeline.frames += u64::from(block.frames);
                timeline.bytes += block.bytes;
                timeline.spread(block.first, block.last, block.frames);
            }
        }
        let (gaps, more_gaps) = blocks.runs.gaps(from, to, MAX_GAPS);
        timeline.more_gaps = more_gaps;
        let is_deleted = |gap: &super::runs::Gap| {
            let gone = state.journal.gone_of(camera, gap.stream);
            gone.is_some_and(|gone| gone.contains_range(gap.missing.clone()))
        };
        let missing = gaps.into_iter().filter(|gap| !is_deleted(gap));
        timeline.gaps = missing
            .map(|gap| Missing {
                from: gap.from,
                to: gap.to,
                frames: (gap.missing.end() - gap.missing.start()).saturating_add(1),
            })
            .collect();
        timeline
    }
}

impl Timeline {
    /// Spreads the frames of a block evenly over its time.
    fn spread(&mut self, first: i64, last: i64, frames: u32) {
        let count = self.slots.len() as f64;
        // Who asks may ask for all of time.
        let length = (self.to as f64 - self.from as f64) / count;
        let at = |time: i64| ((time as f64 - self.from as f64) / length).clamp(0.0, count);
        let (begin, end) = (at(first), at(last));
        let whole = (last - first) as f64 / length;
        let per_slot = f64::from(frames) / whole.max(1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "they are places in `slots`"
        )]
        let (begin_slot, end_slot) = (begin as usize, (end as usize).min(self.slots.len() - 1));
        for slot in begin_slot..=end_slot {
            let covered = (end.min(slot as f64 + 1.0) - begin.max(slot as f64)).max(0.0);
            let share = if whole < 1.0 && begin_slot == end_slot {
                1.0
            } else {
                covered
            };
            #[expect(clippy::cast_possible_truncation, reason = "it is drawn")]
            {
                self.slots[slot] += (per_slot * share) as f32;
            }
        }
    }
}

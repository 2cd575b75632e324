//! What a verification found, for people and as JSON.

use std::fmt::{self, Display};
use std::path::Path;

use protocol::frame::StreamId;
use protocol::ranges::RangeSet;
use protocol::topic::CameraName;
use serde::Serialize;

use crate::repair::Repaired;

/// Problems that are printed.
const PRINTED_PROBLEMS: usize = 20;
/// Gaps of a stream that are printed.
const PRINTED_GAPS: usize = 8;
/// Problems that are kept for the JSON form; the rest is counted.
const KEPT_PROBLEMS: usize = 1000;

/// The findings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Frames that the indexes name, each once.
    pub frames: u64,
    /// Frames whose file is there and as recorded, a complete JPEG, and decodable.
    pub whole: u64,
    /// Bare pictures of other publishers.
    pub foreign: u64,
    /// Those of them that are whole.
    pub foreign_whole: u64,
    /// Payloads that were set aside. They are no fault of the folder.
    pub quarantined: u64,
    /// Files that retention has deleted while their index still names them.
    pub deleted: u64,
    /// Index entries whose frame another entry has.
    pub duplicates: u64,
    /// Runs of missing numbers.
    pub gaps: u64,
    /// Missing numbers.
    pub missing: u64,
    /// Index lines that are no entries.
    pub unreadable_lines: u64,
    /// Indexes whose last line a crash cut short. Its frame was not acknowledged.
    pub torn_lines: u64,
    /// Pictures that no index names.
    pub unindexed: u64,
    /// Files whose writing was cut short, or is going on.
    pub leftovers: u64,
    /// Each stream with its gaps.
    pub streams: Vec<StreamReport>,
    /// How many problems there are, without the gaps.
    pub problem_count: u64,
    /// The problems, by path: at most the first thousand.
    pub problems: Vec<Problem>,
    /// What was mended before, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repaired: Option<Repaired>,
}

/// The numbers of one stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StreamReport {
    /// The camera.
    pub camera: String,
    /// Its run.
    pub stream: String,
    /// The lowest number stored.
    pub first: u64,
    /// The highest number stored.
    pub last: u64,
    /// How many of this stream's frames the camera itself had given up, as its last frames tell.
    pub given_up: u64,
    /// Missing numbers between first and last.
    pub missing: u64,
    /// Runs of them, each with its first and its last number.
    pub gaps: Vec<(u64, u64)>,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// Where, from the folder that was verified.
    pub path: String,
    /// What.
    pub problem: String,
}

impl StreamReport {
    pub(super) fn new(
        camera: &CameraName,
        stream: StreamId,
        seen: &RangeSet,
        given_up: u64,
    ) -> Self {
        let gaps: Vec<_> = seen.gaps().map(|gap| (*gap.start(), *gap.end())).collect();
        Self {
            camera: camera.to_string(),
            stream: stream.to_string(),
            first: seen.ranges().first().map_or(0, |range| *range.start()),
            last: seen.ranges().last().map_or(0, |range| *range.end()),
            given_up,
            missing: gaps.iter().map(|(first, last)| last - first + 1).sum(),
            gaps,
        }
    }
}

impl Report {
    /// Whether there is something, and nothing is missing or broken.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.missing == 0 && self.is_sound()
    }

    /// Whether there is something, and nothing of it is broken; frames may be missing.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problem_count == 0
    }

    pub(super) fn add_problem(&mut self, dir: &Path, path: &Path, problem: &impl Display) {
        self.problem_count += 1;
        if self.problems.len() < KEPT_PROBLEMS {
            let path = path.strip_prefix(dir).unwrap_or(path);
            self.problems.push(Problem {
                path: path.display().to_string(),
                problem: problem.to_string(),
            });
        }
    }

    /// Adds what a reader found.
    pub(super) fn merge(&mut self, other: Self) {
        self.whole += other.whole;
        self.foreign_whole += other.foreign_whole;
        self.problem_count += other.problem_count;
        self.problems.extend(other.problems);
    }

    /// Sums up, once everything is merged.
    pub(super) fn finish(&mut self) {
        self.gaps = self.streams.iter().map(|s| s.gaps.len() as u64).sum();
        // Numbers come from the network: they may be as large as numbers go.
        self.missing = (self.streams.iter()).fold(0, |sum, s| sum.saturating_add(s.missing));
        if self.frames + self.foreign + self.quarantined + self.deleted == 0 {
            self.problem_count += 1;
            self.problems.push(Problem {
                path: ".".to_owned(),
                problem: "no index names any frame: is this an output folder?".to_owned(),
            });
        }
        self.problems.sort();
        self.problems.truncate(KEPT_PROBLEMS);
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(repaired) = &self.repaired {
            writeln!(f, "{repaired}")?;
        }
        write!(f, "{} of {} frames are whole, ", self.whole, self.frames)?;
        match self.gaps {
            0 => write!(f, "no gaps")?,
            1 => write!(
                f,
                "1 gap: {} missing",
                count(self.missing, "frame is", "frames are")
            )?,
            gaps => write!(
                f,
                "{gaps} gaps: {} missing",
                count(self.missing, "frame is", "frames are")
            )?,
        }
        for stream in &self.streams {
            if stream.first > 1 || !stream.gaps.is_empty() {
                write!(f, "\n{stream}")?;
            }
        }
        if self.foreign > 0 {
            let foreign = count(self.foreign, "foreign picture is", "foreign pictures are");
            write!(f, "\n{} of {foreign} whole", self.foreign_whole)?;
        }
        for (number, one, many) in [
            (
                self.quarantined,
                "payload is in quarantine",
                "payloads are in quarantine",
            ),
            (
                self.deleted,
                "file was deleted by retention",
                "files were deleted by retention",
            ),
            (
                self.unindexed,
                "picture is in no index",
                "pictures are in no index",
            ),
            (
                self.leftovers,
                "file is half-written, by a crash or at this moment",
                "files are half-written, by a crash or at this moment",
            ),
            (
                self.torn_lines,
                "index ends in a torn line, by a crash or at this moment",
                "indexes end in a torn line, by a crash or at this moment",
            ),
        ] {
            if number > 0 {
                write!(f, "\n{}", count(number, one, many))?;
            }
        }
        for Problem { path, problem } in self.problems.iter().take(PRINTED_PROBLEMS) {
            write!(f, "\nproblem: {path}: {problem}")?;
        }
        match self.problem_count.saturating_sub(PRINTED_PROBLEMS as u64) {
            0 => Ok(()),
            more => write!(f, "\nand {}", count(more, "more problem", "more problems")),
        }
    }
}

impl Display for StreamReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, stream {}: frames {} to {}",
            self.camera, self.stream, self.first, self.last
        )?;
        if self.gaps.is_empty() {
            return Ok(());
        }
        write!(f, " without ")?;
        for (n, (first, last)) in self.gaps.iter().take(PRINTED_GAPS).enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}-{last}")?;
            }
        }
        if let Some(more) = self.gaps.len().checked_sub(PRINTED_GAPS).filter(|&n| n > 0) {
            write!(f, " and {more} more")?;
        }
        if self.given_up > 0 {
            write!(f, " (the camera gave up {})", self.given_up)?;
        }
        Ok(())
    }
}

/// `number` and what there is of it.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

//! What is said of a storm: one line, its faults, and a row of a table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use protocol::ranges::RangeSet;

use super::Guard;
use super::books::Books;
use super::judge::{Fault, Verdict};
use super::plan::Plan;

/// Faults that are said one by one.
const SAID_FAULTS: usize = 12;

/// A storm in which less than one picture in so many was stored proves nothing.
const MOST_STORED: usize = 5;

/// What came of one storm.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) plan: Plan,
    pub(crate) guard: Guard,
    /// Of the publisher, the broker and the subscriber.
    pub(crate) kills: [usize; 3],
    /// How long it took, once all was well, until nothing was left to deliver.
    pub(crate) drained_in: Duration,
    pub(crate) verdict: Verdict,
    /// Without a guard: whether lost frames are counted.
    pub(crate) books: Option<Books>,
    /// How many frames the subscriber took to be missing at the end.
    pub(crate) missed: u64,
    /// What the programs did that they should not.
    pub(crate) complaints: Vec<String>,
}

impl Report {
    /// Whether what was promised was kept.
    pub(crate) fn is_good(&self) -> bool {
        let is_allowed = |fault: &Fault| match fault {
            Fault::Lost(_) | Fault::Undelivered(_) => match self.guard {
                Guard::Nothing => true,
                // What the broker has taken is safe as long as the broker is.
                Guard::Spool => !self.plan.spares_broker,
                Guard::Receipts => false,
            },
            _ => false,
        };
        self.complaints.is_empty()
            && self.objections().is_empty()
            && self.verdict.faults.iter().all(is_allowed)
    }

    /// What is wrong with the storm as a whole.
    fn objections(&self) -> Vec<&'static str> {
        let (verdict, settings) = (&self.verdict, &self.plan.settings);
        let books = self.books.unwrap_or_default();
        let may_lack_room = settings.full_disks || settings.spool_is_small();
        let objections = [
            (
                books.true_missing != books.counted_missing,
                "what is missing is not what is counted",
            ),
            (
                self.guard == Guard::Receipts && self.missed > 0 && verdict.lost() == 0,
                "the subscriber misses frames, and none is lost",
            ),
            (
                verdict.stored * MOST_STORED <= verdict.emitted,
                "too little was stored for a test",
            ),
            // Also one for which there is no room: it is given up under its number.
            (
                verdict.unnumbered > 0,
                "pictures between others got no number",
            ),
            (
                verdict.given_up > 0 && !may_lack_room,
                "frames were given up, and there was room",
            ),
        ];
        let holding = objections.into_iter().filter(|(holds, _)| *holds);
        holding.map(|(_, objection)| objection).collect()
    }

    /// How often something was killed.
    pub(crate) fn all_kills(&self) -> usize {
        self.kills.iter().sum()
    }

    /// The line of this storm, and a line for each fault, as far as they are not too many.
    pub(crate) fn lines(&self) -> String {
        let verdict = &self.verdict;
        let [publisher, broker, subscriber] = self.kills;
        let mut text = format!(
            "seed {}: killed publisher {publisher}, broker {broker}, subscriber {subscriber}; emitted {}, captured {} \
             ({} between them not), stored {} ({} again on a new disk), given up {}, lost {}, duplicate {}, corrupt {}; drained in {:.1} s: {}\n",
            self.plan.seed,
            verdict.emitted,
            verdict.captured,
            verdict.unnumbered,
            verdict.stored,
            verdict.stored_again,
            verdict.given_up,
            verdict.lost(),
            verdict.duplicates(),
            verdict.corrupt(),
            self.drained_in.as_secs_f64(),
            if self.is_good() { "good" } else { "BAD" },
        );
        if let Some(books) = self.books {
            let _ = writeln!(
                text,
                "  missing between stored frames: {}, counted by the subscriber: {}; {} more were emitted and never \
                 seen",
                books.true_missing,
                books.counted_missing,
                verdict.emitted - verdict.stored - verdict.lost(),
            );
        }
        for (complaint, times) in counted(&self.complaints) {
            let _ = writeln!(text, "  {times} x: {complaint}");
        }
        for objection in self.objections() {
            let _ = writeln!(text, "  {objection}");
        }
        for line in fault_lines(&verdict.faults).iter().take(SAID_FAULTS) {
            let _ = writeln!(text, "  {line}");
        }
        text
    }
}

/// A line for each fault; lost frames that follow each other share one.
fn fault_lines(faults: &[Fault]) -> Vec<String> {
    let mut streams = BTreeMap::<_, RangeSet>::new();
    let mut lines = Vec::new();
    for fault in faults {
        if let Fault::Lost((stream, sequence)) = fault {
            streams.entry(stream).or_default().insert(*sequence);
        } else {
            lines.push(fault.to_string());
        }
    }
    for (stream, lost) in streams {
        for range in lost.ranges() {
            let (first, last) = (range.start(), range.end());
            lines.push(format!("LOST: frames {first} to {last} of {stream}"));
        }
    }
    lines
}

fn counted(lines: &[String]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for line in lines {
        *counts.entry(line.as_str()).or_default() += 1;
    }
    counts
}

/// A Markdown table of storms, with their sums in the last row.
pub(crate) fn table(reports: &[Report]) -> String {
    let mut text = String::from(
        "| seed | kills (publisher, broker, subscriber) | captured | stored | again on a new disk | given up | lost | duplicate | corrupt | drained in |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for report in reports {
        let [publisher, broker, subscriber] = report.kills;
        let kills = format!(
            "{} ({publisher}, {broker}, {subscriber})",
            report.all_kills()
        );
        let seed = report.plan.seed.to_string();
        let drained = format!("{:.1} s", report.drained_in.as_secs_f64());
        row(&mut text, &seed, &kills, &[&report.verdict], &drained);
    }
    let kills: usize = reports.iter().map(Report::all_kills).sum();
    let verdicts: Vec<_> = reports.iter().map(|report| &report.verdict).collect();
    row(&mut text, "all", &kills.to_string(), &verdicts, "");
    text
}

fn row(text: &mut String, seed: &str, kills: &str, verdicts: &[&Verdict], drained: &str) {
    let sum = |count: fn(&Verdict) -> usize| -> usize { verdicts.iter().copied().map(count).sum() };
    let _ = writeln!(
        text,
        "| {seed} | {kills} | {} | {} | {} | {} | {} | {} | {} | {drained} |",
        sum(|verdict| verdict.captured),
        sum(|verdict| verdict.stored),
        sum(|verdict| verdict.stored_again),
        sum(|verdict| verdict.given_up),
        sum(Verdict::lost),
        sum(Verdict::duplicates),
        sum(Verdict::corrupt),
    );
}

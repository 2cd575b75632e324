//! Prometheus's text format, version 0.0.4: what every Prometheus, and whatever else scrapes, can read.
//!
//! The official client for Rust speaks `OpenMetrics` alone, which `promtool` does not check; and it counts by itself, whereas our
//! figures are counted already. The format is a few lines.

use std::fmt::{Display, Write as _};

use crate::latency_buckets::{BOUNDS, LatencyBuckets};

/// The content type of such a text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What kind of figures a family has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows; its name ends in `_total`.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How often something took how long; its name ends in `_seconds`.
    Histogram,
}

/// Names and values of labels, in their order.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

/// A text in the making, family after family.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
}

/// One family, in the making: all samples of one name.
pub struct Family<'a> {
    text: &'a mut String,
    name: &'a str,
}

impl Exposition {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a family. `help` is one sentence, without a full stop.
    pub fn family<'a>(&'a mut self, name: &'a str, kind: Kind, help: &str) -> Family<'a> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
        Family {
            text: &mut self.text,
            name,
        }
    }

    /// A family of one figure without labels.
    pub fn single(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) {
        self.family(name, kind, help).sample(&[], value);
    }

    /// The whole text.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{line}").expect("a string takes what is written");
    }
}

impl Family<'_> {
    /// One figure.
    pub fn sample(&mut self, labels: Labels<'_>, value: impl Display) {
        self.line("", labels, None, value);
    }

    /// One histogram.
    pub fn histogram(&mut self, labels: Labels<'_>, latencies: &LatencyBuckets) {
        let mut so_far = 0;
        for (count, bound) in latencies.counts.iter().zip(BOUNDS) {
            so_far += count;
            let bound = bound.as_secs_f64().to_string();
            self.line("_bucket", labels, Some(&bound), so_far);
        }
        let count = latencies.count();
        self.line("_bucket", labels, Some("+Inf"), count);
        self.line("_sum", labels, None, latencies.sum_seconds);
        self.line("_count", labels, None, count);
    }

    fn line(&mut self, suffix: &str, labels: Labels<'_>, bound: Option<&str>, value: impl Display) {
        let bound = bound.map(|bound| ("le", bound));
        let labels: Vec<String> = labels
            .iter()
            .copied()
            .chain(bound)
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        let name = self.name;
        let labels = match labels.as_slice() {
            [] => String::new(),
            labels => format!("{{{}}}", labels.join(",")),
        };
        writeln!(self.text, "{name}{suffix}{labels} {value}")
            .expect("a string takes what is written");
    }
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_family_says_what_it_is_before_its_figures() {
        let mut text = Exposition::new();
        text.single("up_seconds", Kind::Gauge, "How long it runs", 1.5);
        let mut family = text.family("seen_total", Kind::Counter, "Seen so far");
        family.sample(&[("camera", "door"), ("why", "a \"b\\\n")], 3_u64);
        assert_eq!(
            text.into_text(),
            "# HELP up_seconds How long it runs\n# TYPE up_seconds gauge\nup_seconds 1.5\n\
             # HELP seen_total Seen so far\n# TYPE seen_total counter\n\
             seen_total{camera=\"door\",why=\"a \\\"b\\\\\\n\"} 3\n"
        );
    }

    #[test]
    fn a_histogram_s_buckets_hold_all_that_took_no_longer() {
        let mut latencies = LatencyBuckets::default();
        for millis in [1, 15, 20_000] {
            latencies.record(Duration::from_millis(millis));
        }
        let mut text = Exposition::new();
        let mut family = text.family("t_seconds", Kind::Histogram, "Time");
        family.histogram(&[("camera", "door")], &latencies);
        let text = text.into_text();
        for line in [
            "t_seconds_bucket{camera=\"door\",le=\"0.001\"} 1",
            "t_seconds_bucket{camera=\"door\",le=\"0.01\"} 1",
            "t_seconds_bucket{camera=\"door\",le=\"0.02\"} 2",
            "t_seconds_bucket{camera=\"door\",le=\"10\"} 2",
            "t_seconds_bucket{camera=\"door\",le=\"+Inf\"} 3",
            "t_seconds_sum{camera=\"door\"} 20.016",
            "t_seconds_count{camera=\"door\"} 3",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} in {text}");
        }
    }
}

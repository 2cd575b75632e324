//! How long frames took since the start, in a few buckets: what a monitoring system adds up over programs and hours.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Upper bounds of all buckets but the last, which has none.
pub const BOUNDS: [Duration; 13] = [
    Duration::from_millis(1),
    Duration::from_millis(2),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
];

/// Latencies since the start.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LatencyBuckets {
    /// How many took no longer than the bound at the same place in [`BOUNDS`], and longer than the one before; the last ones
    /// took longer than any.
    pub counts: [u64; BOUNDS.len() + 1],
    /// All of them together.
    pub sum_seconds: f64,
}

impl LatencyBuckets {
    /// One more.
    pub fn record(&mut self, latency: Duration) {
        let bucket = BOUNDS.partition_point(|bound| *bound < latency);
        self.counts[bucket] += 1;
        self.sum_seconds += latency.as_secs_f64();
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_the_bucket_that_it_ends() {
        let mut buckets = LatencyBuckets::default();
        for micros in [0, 1000, 1001, 10_000_000, 10_000_001] {
            buckets.record(Duration::from_micros(micros));
        }
        let mut expected = [0; BOUNDS.len() + 1];
        expected[0] = 2;
        expected[1] = 1;
        expected[12] = 1;
        expected[13] = 1;
        assert_eq!(buckets.counts, expected);
        assert_eq!(buckets.count(), 5);
        assert!((buckets.sum_seconds - 20.002_002).abs() < 1e-9);
    }
}

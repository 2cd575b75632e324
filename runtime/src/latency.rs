//! How long frames take, as percentiles.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Beyond ten minutes a latency is a backlog: it is counted as this.
const LONGEST_MICROS: u64 = 600_000_000;

/// Latencies since the last [`Latencies::take`].
pub struct Latencies {
    micros: Histogram<u64>,
}

/// Two percentiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percentiles {
    /// Half of the frames took no longer.
    pub p50: Duration,
    /// 99 in 100 frames took no longer.
    pub p99: Duration,
}

impl Latencies {
    /// None yet.
    ///
    /// # Panics
    /// Never: the bounds are constant and valid.
    #[must_use]
    pub fn new() -> Self {
        Self {
            micros: Histogram::new_with_max(LONGEST_MICROS, 2).expect("constant bounds are valid"),
        }
    }

    /// One more. Negative ones (clocks that disagree) come in as zero.
    pub fn record(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(LONGEST_MICROS);
        self.micros.saturating_record(micros);
    }

    /// The percentiles since the last call; `None` if nothing came.
    pub fn take(&mut self) -> Option<Percentiles> {
        if self.micros.is_empty() {
            return None;
        }
        let at = |quantile| Duration::from_micros(self.micros.value_at_quantile(quantile));
        let percentiles = Percentiles {
            p50: at(0.50),
            p99: at(0.99),
        };
        self.micros.reset();
        Some(percentiles)
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Display for Percentiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let millis = |duration: Duration| duration.as_secs_f64() * 1000.0;
        write!(
            f,
            "p50 {:.1} ms, p99 {:.1} ms",
            millis(self.p50),
            millis(self.p99)
        )
    }
}

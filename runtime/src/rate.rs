//! Figures per second between two looks at a counter.

use std::time::Instant;

/// A counter's last reading.
pub struct Rate {
    at: Instant,
    total: u64,
}

impl Rate {
    /// Starts now, at zero.
    #[must_use]
    pub fn new() -> Self {
        Self {
            at: Instant::now(),
            total: 0,
        }
    }

    /// Growth per second since the last call.
    pub fn per_second(&mut self, total: u64) -> f64 {
        let now = Instant::now();
        let seconds = (now - self.at).as_secs_f64().max(1e-9);
        let grown = total.saturating_sub(self.total) as f64;
        *self = Self { at: now, total };
        grown / seconds
    }
}

impl Default for Rate {
    fn default() -> Self {
        Self::new()
    }
}

//! How often something may happen. Pure.

use std::time::Instant;

/// A few at once, and then so many a second.
#[derive(Debug)]
pub(super) struct Allowance {
    at_once: f64,
    per_second: f64,
    left: f64,
    counted_at: Instant,
}

impl Allowance {
    pub(super) fn new(at_once: u32, per_second: u32, now: Instant) -> Self {
        Self {
            at_once: at_once.into(),
            per_second: per_second.into(),
            left: at_once.into(),
            counted_at: now,
        }
    }

    /// Whether it may happen once more at `now`; if so, it counts.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.counted_at);
        self.counted_at = self.counted_at.max(now);
        self.left = (self.left + passed.as_secs_f64() * self.per_second).min(self.at_once);
        let may = self.left >= 1.0;
        if may {
            self.left -= 1.0;
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_few_at_once_and_then_so_many_a_second() {
        let start = Instant::now();
        let mut allowance = Allowance::new(3, 5, start);
        let granted = |allowance: &mut Allowance, at: Duration| {
            (0..100).filter(|_| allowance.take(start + at)).count()
        };
        assert_eq!(granted(&mut allowance, Duration::ZERO), 3);
        assert_eq!(granted(&mut allowance, Duration::from_millis(410)), 2);
        assert_eq!(granted(&mut allowance, Duration::from_mins(1)), 3);
        assert_eq!(granted(&mut allowance, Duration::ZERO), 0);
    }
}

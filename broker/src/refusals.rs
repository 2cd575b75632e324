//! Saying who was not let in, without letting whoever knocks fill the log.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::warn;

/// However often somebody is refused, one line follows another no faster.
const INTERVAL: Duration = Duration::from_secs(1);
/// Names come from whoever knocks: of a longer one this much is shown.
const SHOWN_CHARS: usize = 64;

/// What was said of refusals, and what was not.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<Said>);

#[derive(Debug, Default)]
struct Said {
    at: Option<Instant>,
    unsaid: u64,
}

impl Refusals {
    /// Says `refusal`, or counts it.
    pub(crate) fn say(&self, refusal: &str) {
        if let Some(unsaid) = self.enter(Instant::now()) {
            let more = if unsaid > 0 {
                format!("; {unsaid} more were refused since this was last said")
            } else {
                String::new()
            };
            warn!("{refusal}{more}");
        }
    }

    /// One more, `now`. How many were not said, if this one is to be said.
    fn enter(&self, now: Instant) -> Option<u64> {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said.at.is_some_and(|at| now < at + INTERVAL) {
            said.unsaid += 1;
            return None;
        }
        said.at = Some(now);
        Some(std::mem::take(&mut said.unsaid))
    }
}

/// As much of `name` as is shown.
pub(crate) fn short(name: &str) -> String {
    name.chars().take(SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_line_a_second_and_none_is_forgotten() {
        let (refusals, start) = (Refusals::default(), Instant::now());
        assert_eq!(refusals.enter(start), Some(0));
        for _ in 0..1000 {
            assert_eq!(refusals.enter(start), None);
        }
        assert_eq!(refusals.enter(start + INTERVAL), Some(1000));
        assert_eq!(refusals.enter(start + 2 * INTERVAL), Some(0));
    }

    #[test]
    fn a_long_name_is_cut() {
        assert_eq!(short(&"ü".repeat(60_000)).chars().count(), SHOWN_CHARS);
    }
}

//! The time between losing a source and having it again: how long to wait before the next try, and what to say.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Pictures for this long, and the next outage begins with short waits again.
const STEADY: Duration = Duration::from_secs(10);

/// Whether a source is away: shared by the source that knows and by whoever asks how the program is.
#[derive(Debug, Clone, Default)]
pub struct Absence(Arc<Mutex<Option<(Instant, String)>>>);

impl Absence {
    /// For how long; `None` while the source is there, or nobody wants it.
    pub(crate) fn lasting(&self) -> Option<Duration> {
        self.lock().as_ref().map(|(since, _)| since.elapsed())
    }

    /// Nothing in it is ever half done.
    fn lock(&self) -> MutexGuard<'_, Option<(Instant, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says each outage when it begins, when its reason changes and when it is over, and spaces the tries in between.
#[derive(Debug)]
pub(super) struct Outage {
    /// What is lost and found, in the log.
    name: String,
    shortest: Duration,
    longest: Duration,
    next_wait: Duration,
    /// When the outage that lasts began, and the reason that was said last.
    lasting: Absence,
    /// The first and the newest picture since the last outage.
    good: Option<(Instant, Instant)>,
}

impl Outage {
    /// Waits grow from `shortest`, doubling, to `longest`.
    pub(super) fn new(
        name: String,
        shortest: Duration,
        longest: Duration,
        lasting: Absence,
    ) -> Self {
        Self {
            name,
            shortest,
            longest,
            next_wait: shortest,
            lasting,
            good: None,
        }
    }

    /// The source is lost, or a try to get it back has failed. Returns how long to wait before the next try.
    pub(super) fn failed(&mut self, reason: impl fmt::Display) -> Duration {
        if let Some((first, last)) = self.good.take()
            && last - first >= STEADY
        {
            self.next_wait = self.shortest;
        }
        let reason = reason.to_string();
        let before = self.lasting.lock().take();
        let (since, said) = before.unwrap_or((Instant::now(), String::new()));
        if said == reason {
            tracing::debug!("{}: {reason}", self.name);
        } else {
            tracing::warn!("{}: {reason}; trying again until it works", self.name);
        }
        *self.lasting.lock() = Some((since, reason));
        let wait = self.next_wait.mul_f64(0.75 + fastrand::f64() / 4.0);
        self.next_wait = (self.next_wait * 2).min(self.longest);
        wait
    }

    /// A picture has come.
    pub(super) fn picture(&mut self) {
        let now = Instant::now();
        if let Some((since, _)) = self.lasting.lock().take() {
            let gone = now - since;
            tracing::info!(
                "{}: gives pictures after an outage of {:.1} s",
                self.name,
                gone.as_secs_f64()
            );
        }
        let first = self.good.map_or(now, |(first, _)| first);
        self.good = Some((first, now));
    }
}

/// A source that nobody wants any more, or not now, is not missed.
impl Drop for Outage {
    fn drop(&mut self) {
        self.lasting.lock().take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    fn outage() -> Outage {
        let second = Duration::from_secs(1);
        Outage::new("it".into(), second / 2, second * 30, Absence::default())
    }

    fn is_about(wait: Duration, full_secs: f64) -> bool {
        (full_secs * 0.75..=full_secs).contains(&wait.as_secs_f64())
    }

    #[tokio::test(start_paused = true)]
    async fn waits_double_with_jitter_up_to_the_longest() {
        let mut outage = outage();
        for full_secs in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] {
            let wait = outage.failed("gone");
            assert!(is_about(wait, full_secs), "{wait:?} for {full_secs}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_lasts_from_its_first_failure_to_the_next_picture() {
        let mut outage = outage();
        let began = Instant::now();
        outage.failed("gone");
        advance(Duration::from_secs(3)).await;
        outage.failed("busy");
        let absence = outage.lasting.clone();
        assert_eq!(absence.lasting(), Some(began.elapsed()));
        outage.picture();
        assert_eq!(absence.lasting(), None);
        outage.failed("gone");
        drop(outage);
        assert_eq!(absence.lasting(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn only_ten_seconds_of_pictures_make_the_waits_short_again() {
        let mut outage = outage();
        outage.failed("gone");
        outage.picture();
        advance(Duration::from_mins(1)).await;
        assert!(is_about(outage.failed("gone"), 1.0));
        outage.picture();
        advance(Duration::from_secs(10)).await;
        outage.picture();
        assert!(is_about(outage.failed("gone"), 0.5));
    }
}

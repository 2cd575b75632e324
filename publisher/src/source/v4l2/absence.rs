//! The time without a camera: how long to wait before the next try, and what is worth saying.

use std::time::{Duration, Instant};

const SHORTEST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Pictures for this long, and the next absence begins with short waits again.
const STEADY: Duration = Duration::from_secs(10);

/// Knows since when the camera is away, why, and what of it has been said.
#[derive(Debug)]
pub(super) struct Absence {
    next_wait: Duration,
    /// Since when, and the reason that was said last.
    away: Option<(Instant, String)>,
    pictures_since: Option<Instant>,
}

impl Absence {
    pub(super) fn new() -> Self {
        Self {
            next_wait: SHORTEST_WAIT,
            away: None,
            pictures_since: None,
        }
    }

    /// The camera is lost, or a try to reach it has failed. Returns how long to wait before the next try, and whether
    /// `reason` is news.
    pub(super) fn failed(&mut self, reason: &str, now: Instant) -> (Duration, bool) {
        if let Some(since) = self.pictures_since.take()
            && now.saturating_duration_since(since) >= STEADY
        {
            self.next_wait = SHORTEST_WAIT;
        }
        let (since, said) = self.away.take().unwrap_or((now, String::new()));
        let news = said != reason;
        self.away = Some((since, reason.to_owned()));
        let wait = self.next_wait;
        self.next_wait = (wait * 2).min(LONGEST_WAIT);
        (wait, news)
    }

    /// A picture has come. Returns how long the camera was away, if it was.
    pub(super) fn picture(&mut self, now: Instant) -> Option<Duration> {
        self.pictures_since.get_or_insert(now);
        let (since, _) = self.away.take()?;
        Some(now.saturating_duration_since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn waits_double_up_to_five_seconds() {
        let mut absence = Absence::new();
        let now = Instant::now();
        for wait in [250, 500, 1000, 2000, 4000, 5000, 5000] {
            assert_eq!(absence.failed("gone", now).0, ms(wait));
        }
    }

    #[test]
    fn a_reason_is_news_once_and_again_after_pictures() {
        let mut absence = Absence::new();
        let now = Instant::now();
        let mut news = |reason| absence.failed(reason, now).1;
        assert_eq!(
            [news("gone"), news("gone"), news("busy"), news("busy")],
            [true, false, true, false]
        );
        assert!(absence.picture(now).is_some());
        assert!(absence.failed("busy", now).1);
    }

    #[test]
    fn only_ten_seconds_of_pictures_make_the_waits_short_again() {
        let mut absence = Absence::new();
        let start = Instant::now();
        absence.failed("gone", start);
        absence.picture(start + ms(1_000));
        assert_eq!(absence.failed("gone", start + ms(10_000)).0, ms(500));
        absence.picture(start + ms(11_000));
        absence.picture(start + ms(21_000));
        assert_eq!(absence.failed("gone", start + ms(21_000)).0, ms(250));
    }

    #[test]
    fn an_absence_lasts_from_its_first_failure_to_the_next_picture() {
        let mut absence = Absence::new();
        let start = Instant::now();
        assert_eq!(absence.picture(start), None);
        absence.failed("gone", start);
        absence.failed("busy", start + ms(250));
        assert_eq!(absence.picture(start + ms(750)), Some(ms(750)));
        assert_eq!(absence.picture(start + ms(783)), None);
    }
}

//! Whether anybody listens. Pure.
//!
//! An MQTT 5 broker says of each publish whether anybody subscribes. When nobody does, delivery pauses: one frame at
//! a time asks again, with back-off.

use std::time::{Duration, Instant};

const FIRST_DELAY: Duration = Duration::from_secs(1);
/// Short enough that a consumer that joins sees frames soon; a probe is one frame.
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// Who listens, as far as the last answers tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Somebody, or not known yet.
    Present,
    /// Nobody; a probe may go at `probe_at`.
    Absent { probe_at: Instant, delay: Duration },
}

impl Audience {
    /// Nobody got a frame that was sent at `now`.
    pub(crate) fn unheard(self, now: Instant) -> Self {
        match self {
            Self::Present => Self::Absent {
                probe_at: now + FIRST_DELAY,
                delay: FIRST_DELAY,
            },
            // Answers to frames that were on their way already.
            Self::Absent { probe_at, .. } if now < probe_at => self,
            Self::Absent { delay, .. } => {
                let delay = (delay * 2).min(LONGEST_DELAY);
                Self::Absent {
                    probe_at: now + delay,
                    delay,
                }
            }
        }
    }

    /// Whether a frame may go now, with `unacknowledged` frames on their way.
    pub(crate) fn may_send(self, now: Instant, unacknowledged: usize) -> bool {
        match self {
            Self::Present => true,
            Self::Absent { probe_at, .. } => unacknowledged == 0 && now >= probe_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_probe_at_a_time_with_back_off() {
        let start = Instant::now();
        let absent = Audience::Present.unheard(start);
        assert!(!absent.may_send(start, 0));
        let first_probe = start + FIRST_DELAY;
        assert!(absent.may_send(first_probe, 0));
        assert!(!absent.may_send(first_probe, 1));
        let still_absent = absent.unheard(first_probe);
        assert!(!still_absent.may_send(first_probe + FIRST_DELAY, 0));
        assert!(still_absent.may_send(first_probe + 2 * FIRST_DELAY, 0));
    }

    #[test]
    fn answers_to_frames_already_on_their_way_do_not_lengthen_the_wait() {
        let start = Instant::now();
        let absent = Audience::Present.unheard(start);
        assert_eq!(absent.unheard(start + Duration::from_millis(5)), absent);
    }
}

//! How large a packet the broker takes. Pure.
//!
//! An MQTT 5 broker tells. One that does not tell hangs up on what is too large, and would do so for ever: a frame
//! on which it hangs up several times in a row, as soon as it comes, shows where the limit is.

use std::time::{Duration, Instant};

/// So many hang-ups on one frame are no accident.
const HANG_UPS_LIMIT: u32 = 3;

/// A limit that was only guessed is tried again after this long.
const GUESS_LIFE: Duration = Duration::from_mins(1);

/// What is known of the limit on the present connection.
#[derive(Debug, Default)]
pub(crate) struct PacketLimit {
    told_bytes: Option<usize>,
    /// Packets of this size and more were not taken, as seen at that moment.
    guess: Option<(usize, Instant)>,
}

impl PacketLimit {
    /// A new connection: what the broker told of its limit, if anything.
    pub(crate) fn told(&mut self, max_packet_bytes: Option<u32>) {
        self.told_bytes = max_packet_bytes.and_then(|limit| usize::try_from(limit).ok());
    }

    /// Whether a packet may be sent, on which the broker has hung up `hang_ups` times.
    pub(crate) fn allows(&mut self, packet_bytes: usize, hang_ups: u32, now: Instant) -> bool {
        if let Some(limit) = self.told_bytes {
            return packet_bytes <= limit;
        }
        if hang_ups >= HANG_UPS_LIMIT {
            self.guess = Some((packet_bytes, now));
        }
        self.guess
            .is_none_or(|(too_large, at)| packet_bytes < too_large || now > at + GUESS_LIFE)
    }

    /// The limit in words: ` of N bytes`, or nothing if it was not told.
    pub(crate) fn words(&self) -> String {
        self.told_bytes
            .map_or_else(String::new, |limit| format!(" of {limit} bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_broker_told_counts() {
        let mut limit = PacketLimit::default();
        limit.told(Some(1000));
        assert!(limit.allows(1000, 99, Instant::now()));
        assert!(!limit.allows(1001, 0, Instant::now()));
    }

    #[test]
    fn hang_ups_show_where_a_silent_broker_has_its_limit() {
        let mut limit = PacketLimit::default();
        let now = Instant::now();
        assert!(limit.allows(1000, HANG_UPS_LIMIT - 1, now));
        assert!(!limit.allows(1000, HANG_UPS_LIMIT, now));
        assert!(!limit.allows(2000, 0, now));
        assert!(limit.allows(999, 0, now));
        assert!(
            limit.allows(2000, 0, now + 2 * GUESS_LIFE),
            "the guess is never tried again"
        );
    }
}

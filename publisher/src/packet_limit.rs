//! How large a packet the broker takes. Pure.
//!
//! An MQTT 5 broker tells, as far as it knows itself. One that does not hangs up on what is too large, and would do so
//! for ever: a frame on which it hangs up several times in a row, as soon as it comes, is suspected. It is put on trial:
//! on the next connection nothing is sent for a moment. If the broker hangs up all the same it was not the frame (but
//! another program under our name, say); if not, the frame shows where the limit is. Pictures differ in size, so the
//! first such frame is seldom the smallest: one hang-up on another large one is enough then.

use std::time::{Duration, Instant};

/// So many hang-ups on one frame are no accident.
const HANG_UPS_LIMIT: u32 = 3;

/// How long a connection is silent to see whether the broker hangs up without the suspected frame.
pub(crate) const TRIAL: Duration = Duration::from_millis(500);

/// A limit that was only guessed is tried again after this long.
const GUESS_LIFE: Duration = Duration::from_mins(1);

/// What is to be done with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may be sent.
    Allowed,
    /// It is suspected: the next connection is to be silent for [`TRIAL`].
    OnTrial,
    /// It is to be given up.
    TooLarge,
}

/// What is known of the limit on the present connection.
#[derive(Debug, Default)]
pub(crate) struct PacketLimit {
    told_bytes: Option<usize>,
    /// Packets of this size and more were not taken, as seen at that moment.
    guess: Option<(usize, Instant)>,
    /// The largest picture that it has taken, in bytes.
    largest_taken_bytes: usize,
}

impl PacketLimit {
    /// A new connection: what the broker told of its limit, if anything.
    pub(crate) fn told(&mut self, max_packet_bytes: Option<u32>) {
        self.told_bytes = max_packet_bytes.and_then(|limit| usize::try_from(limit).ok());
        self.largest_taken_bytes = 0;
    }

    /// The broker took a frame with a picture of this size.
    pub(crate) fn taken(&mut self, jpeg_bytes: usize) {
        self.largest_taken_bytes = self.largest_taken_bytes.max(jpeg_bytes);
    }

    /// Whether a picture may be published beside the frames: no hang-up would ever be put down to it.
    pub(crate) fn surely_allows(&self, jpeg_bytes: usize) -> bool {
        self.told_bytes.is_some() || jpeg_bytes <= self.largest_taken_bytes
    }

    /// What is to be done with a packet on which the broker has hung up `hang_ups` times.
    pub(crate) fn judge(&mut self, packet_bytes: usize, hang_ups: u32, now: Instant) -> Verdict {
        if self.is_told_below(packet_bytes) {
            return Verdict::TooLarge;
        }
        self.guess = self.guess.filter(|(_, at)| now <= *at + GUESS_LIFE);
        match self.guess {
            Some((too_large, _)) if packet_bytes >= too_large => Verdict::TooLarge,
            Some((too_large, _)) if packet_bytes > too_large / 2 && hang_ups > 0 => {
                self.condemn(packet_bytes, now);
                Verdict::TooLarge
            }
            _ if hang_ups >= HANG_UPS_LIMIT => Verdict::OnTrial,
            _ => Verdict::Allowed,
        }
    }

    /// The broker does not take packets of this size.
    pub(crate) fn condemn(&mut self, packet_bytes: usize, now: Instant) {
        self.guess = Some((packet_bytes, now));
    }

    /// Whether the broker told that it does not take packets of this size.
    pub(crate) fn is_told_below(&self, packet_bytes: usize) -> bool {
        self.told_bytes.is_some_and(|limit| packet_bytes > limit)
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
        assert_eq!(limit.judge(1000, 0, Instant::now()), Verdict::Allowed);
        assert_eq!(limit.judge(1001, 0, Instant::now()), Verdict::TooLarge);
    }

    #[test]
    fn a_broker_may_hang_up_below_the_limit_that_it_told() {
        let mut limit = PacketLimit::default();
        limit.told(Some(1000));
        assert_eq!(
            limit.judge(500, HANG_UPS_LIMIT, Instant::now()),
            Verdict::OnTrial
        );
    }

    #[test]
    fn a_frame_that_is_condemned_shows_where_a_silent_broker_has_its_limit() {
        let mut limit = PacketLimit::default();
        let now = Instant::now();
        assert_eq!(limit.judge(1000, HANG_UPS_LIMIT - 1, now), Verdict::Allowed);
        assert_eq!(limit.judge(1000, HANG_UPS_LIMIT, now), Verdict::OnTrial);
        limit.condemn(1000, now);
        assert_eq!(limit.judge(1000, HANG_UPS_LIMIT, now), Verdict::TooLarge);
        assert_eq!(limit.judge(2000, 0, now), Verdict::TooLarge);
        assert_eq!(limit.judge(999, 0, now), Verdict::Allowed);
        let later = now + 2 * GUESS_LIFE;
        assert_eq!(
            limit.judge(2000, 0, later),
            Verdict::Allowed,
            "never tried again"
        );
    }

    #[test]
    fn once_there_is_a_guess_one_hang_up_on_another_large_frame_lowers_it() {
        let mut limit = PacketLimit::default();
        let now = Instant::now();
        limit.condemn(1000, now);
        assert_eq!(limit.judge(900, 0, now), Verdict::Allowed);
        assert_eq!(limit.judge(900, 1, now), Verdict::TooLarge);
        assert_eq!(limit.judge(950, 0, now), Verdict::TooLarge);
        assert_eq!(
            limit.judge(400, 1, now),
            Verdict::Allowed,
            "a small frame is blamed at once"
        );
        assert_eq!(
            limit.judge(900, 0, now),
            Verdict::TooLarge,
            "the guess was raised again"
        );
    }

    #[test]
    fn beside_the_frames_only_what_was_taken_as_a_frame_is_sure() {
        let mut limit = PacketLimit::default();
        assert!(!limit.surely_allows(1));
        limit.taken(1000);
        limit.taken(10);
        assert!(limit.surely_allows(1000));
        assert!(!limit.surely_allows(1001));
        limit.told(None);
        assert!(!limit.surely_allows(1), "another broker may answer now");
        limit.told(Some(5000));
        assert!(limit.surely_allows(4000));
    }
}

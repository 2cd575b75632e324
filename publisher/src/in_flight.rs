//! Frames that the broker does not have for certain. Pure.
//!
//! A frame enters when the window has room and leaves only when the broker has acknowledged it, or when it is given
//! up in so many words. What was sent on a connection that broke is sent again on the next, in order; an
//! acknowledgement counts only for the sending it answers.

use std::collections::VecDeque;

use link::{NO_TOKEN, PublishToken};

use crate::parcel::{Parcel, Route};

/// The window of unacknowledged frames, oldest first.
pub(crate) struct InFlight {
    frames: VecDeque<Flying>,
    window: usize,
    /// Starts above [`NO_TOKEN`], which names no frame.
    next_token: PublishToken,
}

struct Flying {
    parcel: Parcel,
    /// The sending that awaits its acknowledgement; `None` while it waits to be sent.
    sent_as: Option<PublishToken>,
    /// It was sent on a connection that broke before the answer came.
    may_have_arrived: bool,
    /// How often the broker hung up while this frame was being sent.
    failed_attempts: u32,
}

impl InFlight {
    /// Nothing in flight, at most `window` frames.
    pub(crate) fn new(window: usize) -> Self {
        Self {
            frames: VecDeque::with_capacity(window),
            window,
            next_token: NO_TOKEN + 1,
        }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.frames.len() < self.window
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.frames.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// How many await an acknowledgement.
    pub(crate) fn unacknowledged(&self) -> usize {
        self.frames
            .iter()
            .filter(|flying| flying.sent_as.is_some())
            .count()
    }

    /// How many were sent at least once without an answer: the broker may have them.
    pub(crate) fn unconfirmed(&self) -> usize {
        self.frames
            .iter()
            .filter(|flying| flying.sent_as.is_some() || flying.may_have_arrived)
            .count()
    }

    /// How many come from the backlog.
    pub(crate) fn of_backlog(&self) -> usize {
        let old = |flying: &&Flying| !flying.parcel.is_fresh;
        self.frames.iter().filter(old).count()
    }

    pub(crate) fn window(&self) -> usize {
        self.window
    }

    /// Takes out what is not wanted any more. To be called while no connection is there.
    pub(crate) fn take_unwanted(&mut self, is_wanted: impl Fn(&Parcel) -> bool) -> Vec<Parcel> {
        let (wanted, unwanted): (VecDeque<_>, VecDeque<_>) = self
            .frames
            .drain(..)
            .partition(|flying| is_wanted(&flying.parcel));
        self.frames = wanted;
        unwanted.into_iter().map(|flying| flying.parcel).collect()
    }

    /// The lowest number in flight.
    pub(crate) fn oldest(&self) -> Option<u64> {
        let sequences = self
            .frames
            .iter()
            .map(|flying| flying.parcel.frame.id.sequence);
        sequences.min()
    }

    /// Takes out all that was never sent.
    pub(crate) fn take_never_sent(&mut self) -> Vec<Parcel> {
        let (sent, never): (VecDeque<_>, VecDeque<_>) = self
            .frames
            .drain(..)
            .partition(|flying| flying.sent_as.is_some() || flying.may_have_arrived);
        self.frames = sent;
        never.into_iter().map(|flying| flying.parcel).collect()
    }

    /// A broker that takes fewer at once narrows the window; frames already in it stay.
    pub(crate) fn set_window(&mut self, window: usize) {
        self.window = window;
    }

    /// Takes in a frame, to be sent.
    pub(crate) fn admit(&mut self, parcel: Parcel) {
        self.frames.push_back(Flying {
            parcel,
            sent_as: None,
            may_have_arrived: false,
            failed_attempts: 0,
        });
    }

    /// The oldest frame that waits to be sent, and how often the broker hung up on it.
    pub(crate) fn next_unsent(&self) -> Option<(&Parcel, u32)> {
        let flying = self.frames.iter().find(|flying| flying.sent_as.is_none())?;
        Some((&flying.parcel, flying.failed_attempts))
    }

    /// The frame of [`Self::next_unsent`] is being sent: gives the token of this sending.
    pub(crate) fn mark_sent(&mut self) -> PublishToken {
        let token = self.next_token;
        self.next_token += 1;
        if let Some(flying) = self
            .frames
            .iter_mut()
            .find(|flying| flying.sent_as.is_none())
        {
            flying.sent_as = Some(token);
        }
        token
    }

    /// Gives up the frame of [`Self::next_unsent`].
    pub(crate) fn give_up_unsent(&mut self) -> Option<Parcel> {
        let at = self
            .frames
            .iter()
            .position(|flying| flying.sent_as.is_none())?;
        self.frames.remove(at).map(|flying| flying.parcel)
    }

    /// The sending `token` is done with: the frame leaves. `None` if `token` is of no frame in flight.
    pub(crate) fn settle(&mut self, token: PublishToken) -> Option<Parcel> {
        let at = self
            .frames
            .iter()
            .position(|flying| flying.sent_as == Some(token))?;
        self.frames.remove(at).map(|flying| flying.parcel)
    }

    /// To whom the sending `token` goes. `None` if `token` is of no frame in flight.
    pub(crate) fn route(&self, token: PublishToken) -> Option<Route> {
        let flying = self
            .frames
            .iter()
            .find(|flying| flying.sent_as == Some(token))?;
        Some(flying.parcel.to)
    }

    /// The sending `token` reached nobody: the frame stays, to be sent again. Gives the size of its picture, in bytes;
    /// `None` if `token` is of no frame.
    pub(crate) fn keep_for_later(&mut self, token: PublishToken) -> Option<usize> {
        let flying = self
            .frames
            .iter_mut()
            .find(|flying| flying.sent_as == Some(token))?;
        flying.sent_as = None;
        Some(flying.parcel.frame.jpeg.len())
    }

    /// The connection is gone: everything unacknowledged is to be sent again.
    pub(crate) fn connection_lost(&mut self) {
        for flying in &mut self.frames {
            flying.may_have_arrived |= flying.sent_as.take().is_some();
        }
    }

    /// The broker hung up without any frame: none is to blame.
    pub(crate) fn forgive(&mut self) {
        for flying in &mut self.frames {
            flying.failed_attempts = 0;
        }
    }

    /// The broker hung up on us: counts against the frame that was being sent. Those behind it may never have left.
    pub(crate) fn blame_oldest_sent(&mut self) {
        if let Some(flying) = self
            .frames
            .iter_mut()
            .find(|flying| flying.sent_as.is_some())
        {
            flying.failed_attempts += 1;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;
    use protocol::frame::{Frame, FrameId, StreamId};

    use super::*;

    /// A frame of `size` bytes, for tests of what carries frames.
    pub(crate) fn frame(sequence: u64, size: usize) -> Frame {
        let camera = "test".parse().unwrap();
        Frame {
            id: FrameId {
                camera,
                stream: StreamId::default(),
                sequence,
            },
            captured_at: Timestamp::UNIX_EPOCH,
            width: 1,
            height: 1,
            crc32c: 0,
            dropped: 0,
            jpeg: vec![0; size].into(),
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Send,
        Acknowledge(usize),
        Unheard(usize),
        LoseConnection,
        LateAcknowledgement(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => Just(Step::Send),
            4 => (0..8_usize).prop_map(Step::Acknowledge),
            1 => (0..8_usize).prop_map(Step::Unheard),
            1 => Just(Step::LoseConnection),
            1 => (0..40_u64).prop_map(Step::LateAcknowledgement),
        ];
        prop::collection::vec(step, 0..200)
    }

    proptest! {
        /// Whatever happens in whatever order: a frame leaves by an acknowledgement of its own current sending, or
        /// it is still there; and in the end all can be delivered.
        #[test]
        fn no_frame_leaves_without_its_own_acknowledgement(steps in steps()) {
            let mut in_flight = InFlight::new(5);
            let mut next_sequence = 1;
            let mut current: Vec<(u64, u64)> = Vec::new();
            let mut delivered = Vec::new();
            for step in steps {
                while in_flight.has_room() {
                    in_flight.admit(Parcel::fresh(frame(next_sequence, 0)));
                    next_sequence += 1;
                }
                match step {
                    Step::Send => {
                        if let Some(sequence) = in_flight.next_unsent().map(|(parcel, _)| parcel.frame.id.sequence) {
                            prop_assert!(current.iter().all(|(_, sent)| *sent != sequence));
                            current.push((in_flight.mark_sent(), sequence));
                        }
                    }
                    Step::Acknowledge(nth) if nth < current.len() => {
                        let (token, sequence) = current.remove(nth);
                        prop_assert_eq!(in_flight.settle(token).map(|parcel| parcel.frame.id.sequence), Some(sequence));
                        delivered.push(sequence);
                    }
                    Step::Unheard(nth) if nth < current.len() => {
                        prop_assert!(in_flight.keep_for_later(current.remove(nth).0).is_some());
                    }
                    Step::LoseConnection => {
                        in_flight.connection_lost();
                        current.clear();
                    }
                    Step::LateAcknowledgement(token) if current.iter().all(|(known, _)| *known != token) => {
                        prop_assert!(in_flight.settle(token).is_none());
                        prop_assert!(in_flight.keep_for_later(token).is_none());
                    }
                    _ => {}
                }
                prop_assert_eq!(in_flight.unacknowledged(), current.len());
                prop_assert_eq!(in_flight.len() + delivered.len(), usize::try_from(next_sequence).unwrap() - 1);
            }
            in_flight.connection_lost();
            while let Some((parcel, _)) = in_flight.next_unsent() {
                delivered.push(parcel.frame.id.sequence);
                let token = in_flight.mark_sent();
                in_flight.settle(token);
            }
            delivered.sort_unstable();
            prop_assert!(delivered.into_iter().eq(1..next_sequence));
        }
    }

    #[test]
    fn after_an_outage_frames_are_sent_again_in_order() {
        let mut in_flight = InFlight::new(3);
        for sequence in 1..=3 {
            in_flight.admit(Parcel::fresh(frame(sequence, 0)));
            in_flight.mark_sent();
        }
        in_flight.connection_lost();
        let again: Vec<_> = std::iter::from_fn(|| {
            let sequence = in_flight.next_unsent()?.0.frame.id.sequence;
            in_flight.mark_sent();
            Some(sequence)
        })
        .collect();
        assert_eq!(again, [1, 2, 3]);
    }

    #[test]
    fn what_was_sent_stays_unconfirmed_when_the_connection_is_lost() {
        let mut in_flight = InFlight::new(3);
        for sequence in 1..=3 {
            in_flight.admit(Parcel::fresh(frame(sequence, 0)));
        }
        in_flight.mark_sent();
        let heard_by_nobody = in_flight.mark_sent();
        in_flight.keep_for_later(heard_by_nobody);
        assert_eq!(in_flight.unconfirmed(), 1);
        in_flight.connection_lost();
        assert_eq!(in_flight.unacknowledged(), 0);
        assert_eq!(in_flight.unconfirmed(), 1);
    }

    #[test]
    fn only_the_frame_that_was_being_sent_counts_a_failed_attempt() {
        let mut in_flight = InFlight::new(2);
        in_flight.admit(Parcel::fresh(frame(1, 0)));
        in_flight.admit(Parcel::fresh(frame(2, 0)));
        in_flight.mark_sent();
        in_flight.mark_sent();
        in_flight.blame_oldest_sent();
        in_flight.connection_lost();
        assert_eq!(in_flight.next_unsent().unwrap().1, 1);
        in_flight.give_up_unsent();
        assert_eq!(in_flight.next_unsent().unwrap().1, 0);
    }
}

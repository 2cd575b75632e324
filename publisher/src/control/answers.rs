//! Answers on their way: one at a time, so that they take no more than one place beside the frames.

use std::collections::VecDeque;

use link::{Message, PublishOutcome, PublishToken, Session};
use protocol::control::{Answer, CONTENT_TYPE_JSON};
use tracing::{debug, warn};

/// Names the one answer that may be on its way.
pub(crate) const ANSWER_TOKEN: PublishToken = PublishToken::MAX - 1;

/// So many answers may wait.
const WAITING: usize = 32;
/// A picture may join no more than so many: each keeps its memory.
const BEFORE_A_PICTURE: usize = 3;

#[derive(Debug, Default)]
pub(super) struct Answers {
    /// The first may be on its way.
    waiting: VecDeque<Message>,
    is_first_sent: bool,
    said_denied: bool,
}

impl Answers {
    /// `false` if too many wait.
    pub(super) fn push(&mut self, answer: Message) -> bool {
        let has_room = self.waiting.len() < WAITING;
        if has_room {
            self.waiting.push_back(answer);
        }
        has_room
    }

    pub(super) fn has_room_for_a_picture(&self) -> bool {
        self.waiting.len() <= BEFORE_A_PICTURE
    }

    /// A new connection. The answer that was on its way may have arrived, or may be what the broker hung up on: it is not
    /// sent again, and whoever asked asks again.
    pub(super) fn connected(&mut self) {
        self.take_sent();
    }

    fn take_sent(&mut self) -> Option<Message> {
        if std::mem::take(&mut self.is_first_sent) {
            self.waiting.pop_front()
        } else {
            None
        }
    }

    /// Sends the next one, if none is on its way.
    pub(super) fn publish(&mut self, session: &mut Session) {
        while !self.is_first_sent
            && let Some(answer) = self.waiting.front_mut()
        {
            make_fit(answer, session);
            if !session.fits(answer) {
                self.waiting.pop_front();
                continue;
            }
            self.is_first_sent = session.publish(answer.clone(), ANSWER_TOKEN);
            if !self.is_first_sent {
                return;
            }
        }
    }

    /// Sends all that is left, before the connection is closed.
    pub(super) fn publish_all(&mut self, session: &mut Session) {
        while !self.waiting.is_empty() {
            self.publish(session);
            if self.take_sent().is_none() {
                return;
            }
        }
    }

    /// The broker has settled the one that was on its way.
    pub(super) fn settled(&mut self, outcome: PublishOutcome) {
        let Some(answer) = self.take_sent() else {
            return;
        };
        match outcome {
            PublishOutcome::Accepted => {}
            PublishOutcome::NoSubscribers => debug!("nobody waits on {}", answer.topic),
            PublishOutcome::Denied | PublishOutcome::Refused if self.said_denied => {}
            PublishOutcome::Denied | PublishOutcome::Refused => {
                self.said_denied = true;
                warn!(
                    "the broker denies publishing {}: requests are carried out, but not answered; check its access list",
                    answer.topic
                );
            }
        }
    }
}

/// A picture may be more than the broker takes: then this is said instead.
fn make_fit(answer: &mut Message, session: &Session) {
    if session.fits(answer) || answer.content_type == Some(CONTENT_TYPE_JSON) {
        return;
    }
    let why = format!(
        "the picture's {} bytes are more than the broker takes: raise max_packet_size in its configuration",
        answer.payload.len()
    );
    answer.payload = Answer::refused(&why).to_json().into();
    answer.content_type = Some(CONTENT_TYPE_JSON);
    answer.user_properties.clear();
}

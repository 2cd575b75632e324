//! Delivery's side of control: each request is judged, logged and answered, and a flood of them is turned away.

mod telling;

use std::time::{Duration, Instant};

use link::{PublishOutcome, Qos, Received, Session};
use protocol::control::{Answer, MAX_CORRELATION_BYTES, Request, Snapshot};
use protocol::frame::StreamId;
use protocol::topic::{CameraName, TopicPrefix};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tracing::{info, warn};

use super::DeskEnd;
use super::allowance::Allowance;
use super::answers::Answers;
use super::figures::Figures;
use super::order::{Envelope, Order, Outcome, Reply, Wish};
use crate::recent_rate::RecentRate;
use crate::source::{SourceClass, SourceSpec};

/// So many requests are taken at once, and so many a second. As many again are answered `busy`, and more not at all.
const AT_ONCE: u32 = 20;
const PER_SECOND: u32 = 10;

/// How often requests that came to nothing are said.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// Whom the desk speaks for.
pub(crate) struct DeskOptions {
    pub(crate) camera: CameraName,
    pub(crate) prefix: TopicPrefix,
    pub(crate) stream: StreamId,
    pub(crate) spec: SourceSpec,
}

/// Takes requests and answers them.
pub(crate) struct ControlDesk {
    options: DeskOptions,
    topic: String,
    started: Instant,
    line: DeskEnd,
    outcomes: UnboundedReceiver<(Envelope, Outcome)>,
    /// Of which each order gets a copy.
    outcome_sender: UnboundedSender<(Envelope, Outcome)>,
    may_take: Allowance,
    may_say_busy: Allowance,
    answers: Answers,
    captured: RecentRate,
    /// Requests that came to nothing for their number, and when that was said.
    turned_away: u64,
    said_turned_away: Option<Instant>,
}

impl ControlDesk {
    pub(crate) fn new(options: DeskOptions, line: DeskEnd) -> Self {
        let now = Instant::now();
        let (outcome_sender, outcomes) = unbounded_channel();
        Self {
            topic: options.prefix.control(&options.camera),
            options,
            started: now,
            line,
            outcomes,
            outcome_sender,
            may_take: Allowance::new(AT_ONCE, PER_SECOND, now),
            may_say_busy: Allowance::new(AT_ONCE, PER_SECOND, now),
            answers: Answers::default(),
            captured: RecentRate::default(),
            turned_away: 0,
            said_turned_away: None,
        }
    }

    /// To be called on each connection.
    pub(crate) fn connected(&mut self, session: &mut Session) {
        self.answers.connected();
        session.subscribe_as_published(&self.topic, Qos::AtLeastOnce);
    }

    /// Whether a message on `topic` is for the desk.
    pub(crate) fn is_for(&self, topic: &str) -> bool {
        topic == self.topic
    }

    /// Takes a request.
    pub(crate) fn take(&mut self, received: &Received, figures: &Figures) {
        let now = Instant::now();
        let is_busy = !self.may_take.take(now);
        if is_busy && !self.may_say_busy.take(now) {
            self.turned_away += 1;
            return;
        }
        let Some(mut envelope) = self.envelope(received) else {
            self.ignore(received, is_busy);
            return;
        };
        let request = if is_busy {
            return self.settle(envelope, Outcome::Busy, figures);
        } else if received.retain {
            Err(
                "a request must not be retained: it would come again at every connection"
                    .to_owned(),
            )
        } else if has_long_correlation(received) {
            Err(format!(
                "correlation data has at most {MAX_CORRELATION_BYTES} bytes"
            ))
        } else {
            Request::from_json(&received.payload).map_err(|error| error.to_string())
        };
        match request {
            Ok(request) => {
                envelope.command = request.word();
                self.carry_out(request, envelope, figures);
            }
            Err(why) => self.settle(envelope, Outcome::Refused(why), figures),
        }
    }

    /// Where the answer goes; `None` if it may not go there.
    fn envelope(&self, received: &Received) -> Option<Envelope> {
        let (prefix, camera) = (&self.options.prefix, &self.options.camera);
        let exchange = received.exchange.as_deref()?;
        let topic = exchange.response_topic.as_deref()?;
        let consumer = prefix.consumer_of_answers(camera, topic)?;
        let correlation_data = exchange
            .correlation_data
            .clone()
            .filter(|data| data.len() <= MAX_CORRELATION_BYTES);
        Some(Envelope {
            consumer,
            correlation_data,
            command: "request",
        })
    }

    /// Nothing is done that cannot be answered.
    fn ignore(&mut self, received: &Received, is_busy: bool) {
        if is_busy {
            self.turned_away += 1;
            return;
        }
        let exchange = received.exchange.as_deref();
        let has_topic = exchange.is_some_and(|exchange| exchange.response_topic.is_some());
        let said = if has_topic { "another" } else { "no" };
        warn!(
            "a request on {} is ignored: it has {said} response topic, and is answered on {}/CONSUMER only",
            self.topic,
            self.topic.replace("/control", "/answers")
        );
    }

    fn carry_out(&mut self, request: Request, envelope: Envelope, figures: &Figures) {
        let wish = match request {
            Request::Status {} => return self.settle(envelope, Outcome::Done, figures),
            Request::Snapshot {} if !self.answers.has_room_for_a_picture() => {
                return self.settle(envelope, Outcome::Busy, figures);
            }
            Request::Snapshot {} if !self.must_take_a_picture() => {
                return self.settle(envelope, Outcome::Newest, figures);
            }
            Request::Snapshot {} => Wish::Snapshot,
            Request::Pause {} => Wish::Pause,
            Request::Resume {} => Wish::Resume,
            Request::Fps { fps } => Wish::Fps(fps),
            Request::Resolution { size } => Wish::Resolution(size),
            Request::Set { controls } => Wish::Set(controls),
        };
        let reply = Reply::new(envelope, self.outcome_sender.clone());
        match self.line.orders.try_send(Order { wish, reply }) {
            Ok(()) => {}
            Err(TrySendError::Full(order)) => order.reply.give(Outcome::Busy),
            Err(TrySendError::Closed(order)) => drop(order),
        }
    }

    /// A paused camera's newest picture is old. A file has no other one than its next frame, which must keep its number.
    fn must_take_a_picture(&self) -> bool {
        self.line.state.is_paused() && self.options.spec.class() == SourceClass::Live
    }

    /// What came of an order. Cancel-safe; waits for ever if nothing was ordered.
    pub(crate) async fn next_outcome(&mut self) -> (Envelope, Outcome) {
        match self.outcomes.recv().await {
            Some(outcome) => outcome,
            // Not while the desk has a sender of its own.
            None => std::future::pending().await,
        }
    }

    /// Logs what came of a request, and makes it an answer.
    pub(crate) fn settle(&mut self, envelope: Envelope, outcome: Outcome, figures: &Figures) {
        let (command, consumer) = (envelope.command, &envelope.consumer);
        let answer = match outcome {
            Outcome::Done => Ok(Answer::done(self.status(figures))),
            Outcome::Busy => Ok(Answer::Busy {
                why: "too many requests at once: ask again in a second".to_owned(),
            }),
            Outcome::Refused(why) => Ok(Answer::refused(&why)),
            Outcome::Picture(snapshot) => Err(snapshot),
            Outcome::Newest => match self.line.state.newest() {
                Some(frame) => Err(Snapshot::from(frame)),
                None => Ok(Answer::refused("there is no picture yet")),
            },
        };
        match &answer {
            Ok(Answer::Refused { why }) => {
                warn!("control: {command} by {consumer} is refused: {why}");
            }
            Ok(Answer::Busy { .. }) => self.turned_away += 1,
            Ok(Answer::Done { .. }) | Err(_) => info!("control: {command} by {consumer}: done"),
        }
        let message = self.message(envelope, answer);
        if !self.answers.push(message) {
            self.turned_away += 1;
        }
    }

    /// To be called several times a second: measures, and says how many were turned away.
    pub(crate) fn look(&mut self, figures: &Figures) {
        let now = Instant::now();
        self.captured.note(now, figures.captured());
        let may_say = self.said_turned_away.is_none_or(|at| now >= at + SAY_EVERY);
        if self.turned_away > 0 && may_say {
            warn!(
                "{} requests on {} were too many at once: they were answered busy, or not at all",
                std::mem::take(&mut self.turned_away),
                self.topic
            );
            self.said_turned_away = Some(now);
        }
    }

    /// Sends the next answer, if none is on its way.
    pub(crate) fn publish(&mut self, session: &mut Session) {
        self.answers.publish(session);
    }

    /// Sends all answers, before the connection is closed.
    pub(crate) fn publish_all(&mut self, session: &mut Session, figures: &Figures) {
        while let Ok((envelope, outcome)) = self.outcomes.try_recv() {
            self.settle(envelope, outcome, figures);
        }
        self.answers.publish_all(session);
    }

    /// The broker has settled the answer that was on its way.
    pub(crate) fn answer_settled(&mut self, outcome: PublishOutcome) {
        self.answers.settled(outcome);
    }
}

fn has_long_correlation(received: &Received) -> bool {
    let exchange = received.exchange.as_deref();
    exchange
        .and_then(|exchange| exchange.correlation_data.as_ref())
        .is_some_and(|data| data.len() > MAX_CORRELATION_BYTES)
}

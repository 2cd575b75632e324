//! From the broker to the store and back: messages in, acknowledgements out, in order.
//!
//! The connection's task never waits for the disk; what the store has no room for waits here, and the broker sends no
//! more than its window without an acknowledgement. What needs none (QoS 0) has the same room, and is lost beyond it.
//! Only this stage acknowledges, and only what the store has answered.

mod arrival;
mod newest;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use link::{
    AckToken, Connector, Event, LinkError, Message, NO_TOKEN, Protocol, PublishOutcome, Qos,
    Session,
};
use protocol::topic::{self, ConsumerName, OFFLINE, ONLINE, TopicPrefix};
use runtime::deadline::reached;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use self::arrival::arrival;
use crate::latest_only::LatestOnly;
use crate::report::Reporter;
use crate::retention::RetentionFeed;
use crate::store::{Arrival, Outcome};
use crate::storing::{Job, Stored};

/// Most messages that the broker may send ahead of our acknowledgements.
pub(crate) const RECEIVE_MAXIMUM: u16 = 64;

/// How long a goodbye may take on a connection that has fallen behind.
const GOODBYE: Duration = Duration::from_millis(200);

/// What is received, and as whom.
pub(crate) struct Reception {
    pub(crate) filter: String,
    pub(crate) prefix: TopicPrefix,
    pub(crate) consumer: Option<ConsumerName>,
    pub(crate) max_frame_bytes: u64,
    pub(crate) protocol: Protocol,
    /// Where only the latest frames are wanted: how late they may come.
    pub(crate) max_lag: Option<Duration>,
    pub(crate) duration: Option<Duration>,
    pub(crate) drain_timeout: Duration,
}

/// The stage's ends: jobs to the store's thread, answers from it.
pub(crate) struct Receive {
    pub(crate) reception: Reception,
    pub(crate) jobs: mpsc::Sender<Job>,
    pub(crate) answers: mpsc::UnboundedReceiver<Stored>,
    pub(crate) reporter: Reporter,
    /// Hears of what is stored and acknowledged.
    pub(crate) retention: RetentionFeed,
    /// Present where only the latest frames are wanted.
    latest_only: Option<LatestOnly>,
    /// Received and not yet handed to the store.
    waiting: VecDeque<Job>,
    /// Handed to the store and not yet answered.
    unanswered: usize,
    /// QoS 0 messages that were lost: all those of earlier connections, and those that found no room here.
    overrun: u64,
    deadline: Option<Instant>,
}

/// What is left of the stage: the books, and answers that may still come.
pub(crate) struct Finished {
    answers: mpsc::UnboundedReceiver<Stored>,
    reporter: Reporter,
}

impl Finished {
    /// Closes the books, once the store's thread is over.
    pub(crate) fn close(mut self) -> Reporter {
        while let Ok(stored) = self.answers.try_recv() {
            self.reporter.enter(&stored);
        }
        self.reporter.finish();
        self.reporter
    }
}

/// Why a connection was left.
enum Left {
    /// Told to stop, or a limit is reached.
    Done,
    /// It broke.
    Lost(LinkError),
    /// Frames have queued for it that nobody wants any more.
    Behind,
}

impl Receive {
    pub(crate) fn new(
        reception: Reception,
        jobs: mpsc::Sender<Job>,
        answers: mpsc::UnboundedReceiver<Stored>,
        reporter: Reporter,
    ) -> Self {
        let latest_only = reception
            .max_lag
            .map(|max_lag| LatestOnly::new(max_lag, std::time::Instant::now()));
        Self {
            latest_only,
            reception,
            jobs,
            answers,
            reporter,
            retention: RetentionFeed::default(),
            waiting: VecDeque::new(),
            unanswered: 0,
            overrun: 0,
            deadline: None,
        }
    }

    /// Receives until `stop`, or until the store has had enough.
    ///
    /// # Errors
    /// What will not heal by itself.
    pub(crate) async fn run(
        &mut self,
        mut connector: Connector,
        stop: &CancellationToken,
    ) -> Result<(), LinkError> {
        let mut lost = None;
        loop {
            let deadline = self.deadline;
            let mut session = tokio::select! {
                session = self.answering(connector.connect(lost.take())) => match session {
                    Some(session) => session?,
                    None => return Ok(()),
                },
                () = stop.cancelled() => return Ok(()),
                () = reached(deadline) => return Ok(()),
            };
            self.reporter.reconnects = connector.reconnects();
            if let Some(latest_only) = &mut self.latest_only {
                latest_only.connected(std::time::Instant::now());
            } else if let Some(consumer) = &self.reception.consumer
                && connector.reconnects() > 0
                && !session.session_present()
            {
                warn!(
                    "the broker has forgotten what it kept for {consumer}: what came meanwhile is missing"
                );
            }
            self.deadline = self.deadline.or_else(|| {
                self.reception
                    .duration
                    .map(|duration| Instant::now() + duration)
            });
            match self.serve(&mut session, stop).await {
                Left::Done => {
                    self.drain(&mut session).await;
                    self.publish_status(&mut session, OFFLINE);
                    session.close().await;
                    return Ok(());
                }
                Left::Behind => {
                    self.overrun += session.overrun();
                    // A goodbye that does not get through is none that is worth waiting for.
                    let _ = timeout(GOODBYE, session.close()).await;
                }
                Left::Lost(error) => {
                    self.keep_what_comes_no_more();
                    self.overrun += session.overrun();
                    lost = Some(error);
                }
            }
        }
    }

    /// To a named consumer the broker sends again what waits here unacknowledged. To others it does not; yet what waits
    /// must not grow with each connection while the disk is full.
    fn keep_what_comes_no_more(&mut self) {
        let kept = match (&self.reception.consumer, &self.latest_only) {
            (Some(_), None) => 0,
            _ => RECEIVE_MAXIMUM,
        };
        self.waiting.truncate(kept.into());
    }

    /// Ends the stage: the store gets nothing more, and what it still answers is counted.
    pub(crate) fn finish(self) -> Finished {
        Finished {
            answers: self.answers,
            reporter: self.reporter,
        }
    }

    /// Does `work` while the store's answers go on being counted: there is nobody to acknowledge to. `None`: the store
    /// has had enough.
    async fn answering<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            self.hand_over();
            tokio::select! {
                done = &mut work => return Some(done),
                stored = self.answers.recv() => self.enter(&stored?),
                () = self.reporter.tick() => {}
            }
        }
    }

    async fn serve(&mut self, session: &mut Session, stop: &CancellationToken) -> Left {
        session.subscribe(&self.reception.filter, Qos::AtLeastOnce);
        self.publish_status(session, ONLINE);
        loop {
            self.hand_over();
            tokio::select! {
                event = session.next_event() => match event {
                    Ok(Event::Received(received, ack)) if self.latest_only.is_some() => {
                        ack.map(|ack| session.ack(ack));
                        let arrival = arrival(&self.reception, received);
                        if self.take_newest(arrival) {
                            return Left::Behind;
                        }
                    }
                    Ok(Event::Received(received, ack)) => {
                        self.take(ack, |reception| arrival(reception, received));
                    }
                    Ok(Event::Published(_, PublishOutcome::Denied)) => self.warn_of_denied_status(),
                    Ok(_) => {}
                    Err(error) => return Left::Lost(error),
                },
                stored = self.answers.recv() => match stored {
                    Some(stored) => self.acknowledge(session, &stored),
                    None => return Left::Done,
                },
                () = self.reporter.tick() => {
                    self.reporter.overrun(self.overrun + session.overrun());
                }
                () = stop.cancelled() => return Left::Done,
                () = reached(self.deadline) => return Left::Done,
            }
        }
    }

    /// The broker keeps to its window only at QoS 1: what else comes must not fill the memory while the disk is full.
    fn take(&mut self, ack: Option<AckToken>, arrival: impl FnOnce(&Reception) -> Arrival) {
        if ack.is_none() && self.waiting.len() >= usize::from(RECEIVE_MAXIMUM) {
            self.overrun += 1;
            return;
        }
        let arrival = arrival(&self.reception);
        self.waiting.push_back(Job { arrival, ack });
    }

    /// Moves what waits to the store, as far as it has room.
    fn hand_over(&mut self) {
        self.skip_what_is_stale();
        while !self.waiting.is_empty() && !self.leaves_to_the_store_what_it_has() {
            let Ok(room) = self.jobs.try_reserve() else {
                break;
            };
            if let Some(job) = self.waiting.pop_front() {
                room.send(job);
                self.unanswered += 1;
            }
        }
        self.reporter.waiting = self.waiting.len() + self.unanswered;
    }

    fn acknowledge(&mut self, session: &mut Session, stored: &Stored) {
        self.enter(stored);
        match stored.ack {
            Some(ack) if session.ack(ack) => self.retention.tell(&stored.outcome),
            Some(_) => debug!("a message of an earlier connection is left to come again"),
            None => {}
        }
    }

    fn enter(&mut self, stored: &Stored) {
        self.unanswered = self.unanswered.saturating_sub(1);
        let foreign = matches!(stored.outcome, Outcome::Foreign { .. });
        if foreign
            && self.reception.protocol == Protocol::V311
            && self.reporter.counters.foreign == 0
        {
            warn!(
                "pictures come without metadata, and are named by their arrival: over MQTT 3.1.1 the publisher must use \
                 --format json"
            );
        }
        self.reporter.enter(stored);
        if stored.ack.is_none() {
            self.retention.tell(&stored.outcome);
        }
    }

    /// Waits for the store to finish what has come, and acknowledges it. What it takes no more comes again.
    async fn drain(&mut self, session: &mut Session) {
        let deadline = Instant::now() + self.reception.drain_timeout;
        loop {
            self.hand_over();
            if self.unanswered == 0 {
                return;
            }
            tokio::select! {
                stored = self.answers.recv() => match stored {
                    Some(stored) => self.acknowledge(session, &stored),
                    None => return,
                },
                () = sleep_until(deadline) => return,
            }
        }
    }

    fn warn_of_denied_status(&self) {
        let Some(consumer) = &self.reception.consumer else {
            return;
        };
        warn!(
            "the broker denies {}: with our access list, --consumer must be the --username",
            topic::consumer_status(consumer)
        );
    }

    fn publish_status(&self, session: &mut Session, status: &'static str) {
        let Some(consumer) = &self.reception.consumer else {
            return;
        };
        let message = Message::retained_text(topic::consumer_status(consumer), status);
        session.publish(message, NO_TOKEN);
    }
}

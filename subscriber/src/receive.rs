//! From the broker to the store and back: messages in, acknowledgements out, in order.
//!
//! The connection's task never waits for the disk; what the store has no room for waits here, and the broker sends no
//! more than its window without an acknowledgement. What needs none (QoS 0) has the same room, and is lost beyond it.
//! Only this stage acknowledges, and only what the store has answered.
//!
//! What cameras say of their frames is entered into the store ledger; what the ledger may claim goes back to them as
//! receipts.

mod arrival;
mod incoming;
mod newest;

mod ledgers;

mod receipts;
mod telling;

mod ending;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use link::{Connector, Event, LinkError, Protocol, Qos, Session};
use protocol::topic::{ConsumerName, ONLINE, TopicPrefix};
use runtime::deadline::reached;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use self::ledgers::Ledgers;
use crate::latest_only::LatestOnly;
use crate::ledger::StoreLedger;
use crate::report::Reporter;
use crate::retention::RetentionFeed;
use crate::store::{Outcome, SharedLedger};
use crate::storing::{AtOnce, Job, Stored, SyncingEnds};

pub(crate) use self::receipts::Receipts;

/// Most messages that the broker may send ahead of our acknowledgements.
pub(crate) const RECEIVE_MAXIMUM: u16 = 64;

/// How long a goodbye may take on a connection that has fallen behind.
const GOODBYE: Duration = Duration::from_millis(200);

/// What is received, and as whom.
pub(crate) struct Reception {
    /// All of them are asked for at every connection, in this order.
    pub(crate) filters: Vec<(String, Qos)>,
    pub(crate) prefix: TopicPrefix,
    pub(crate) consumer: Option<ConsumerName>,
    pub(crate) max_frame_bytes: u64,
    pub(crate) protocol: Protocol,
    /// Where only the latest frames are wanted: how late they may come.
    pub(crate) max_lag: Option<Duration>,
    pub(crate) duration: Option<Duration>,
    pub(crate) drain_timeout: Duration,
}

/// The stage's ends towards the store.
pub(crate) struct StoreEnds {
    /// For what takes no time, where it may be stored on the spot.
    pub(crate) at_once: Option<AtOnce>,
    /// To the store's thread, until the store has had enough.
    pub(crate) jobs: Option<mpsc::Sender<Job>>,
    /// From it.
    pub(crate) answers: mpsc::UnboundedReceiver<Stored>,
    /// What is on disk.
    pub(crate) ledger: Arc<SharedLedger>,
    /// To the thread that syncs.
    pub(crate) syncing: SyncingEnds,
    /// To whoever deletes: what is stored and acknowledged.
    pub(crate) retention: RetentionFeed,
}

/// The stage.
pub(crate) struct Receive {
    reception: Reception,
    store: StoreEnds,
    reporter: Reporter,
    receipts: Option<Receipts>,
    ledgers: Ledgers,
    /// Present where only the latest frames are wanted.
    latest_only: Option<LatestOnly>,
    /// Whether a retained frame was spoken of.
    retained_was_said: bool,
    /// Received and not yet handed to the store.
    waiting: VecDeque<Job>,
    /// Handed to the store and not yet answered.
    unanswered: usize,
    /// QoS 0 messages that were lost: all those of earlier connections, and those that found no room here.
    overrun: u64,
    deadline: Option<Instant>,
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
        store: StoreEnds,
        receipts: Option<Receipts>,
        reporter: Reporter,
    ) -> Self {
        let latest_only = reception
            .max_lag
            .map(|max_lag| LatestOnly::new(max_lag, std::time::Instant::now()));
        Self {
            latest_only,
            reception,
            store,
            reporter,
            receipts,
            ledgers: Ledgers::default(),
            retained_was_said: false,
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
            self.reporter.is_connected = true;
            self.enter_session(session.session_present(), connector.reconnects() > 0);
            self.deadline = self.deadline.or_else(|| {
                self.reception
                    .duration
                    .map(|duration| Instant::now() + duration)
            });
            let left = self.serve(&mut session, stop).await;
            self.reporter.disconnected();
            match left {
                Left::Done => {
                    self.take_leave(session).await;
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

    /// A session that the broker does not know is a new one: what was sent before may never arrive in it.
    fn enter_session(&mut self, is_present: bool, had_one: bool) {
        if let Some(latest_only) = &mut self.latest_only {
            // Its sessions end with their connections, and nobody is told of them.
            latest_only.connected(std::time::Instant::now());
            return;
        }
        let Some(consumer) = &self.reception.consumer else {
            return;
        };
        if is_present {
            // The broker sends again what waits here unacknowledged; from a session that it has forgotten it does not.
            self.waiting.clear();
        }
        let ledger = &self.store.ledger;
        if is_present && ledger.read(|ledger| ledger.session().is_some()) {
            return;
        }
        ledger.change(StoreLedger::begin_session);
        // Nobody waits for the answer: the disk may be full.
        drop(self.store.syncing.sync_now());
        if had_one && !is_present {
            let consequence = match self.receipts {
                Some(_) => "with --confirm, its cameras send again what came meanwhile",
                None => "what came meanwhile is missing",
            };
            warn!("the broker has forgotten what it kept for {consumer}: {consequence}");
        }
    }

    /// What waits here must not grow with each connection while the disk is full.
    fn keep_what_comes_no_more(&mut self) {
        self.waiting.truncate(RECEIVE_MAXIMUM.into());
    }

    /// Does `work` while the store's answers go on being counted: there is nobody to acknowledge to. `None`: the store
    /// has had enough.
    async fn answering<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            if let Some(stored) = self.hand_over() {
                self.enter(&stored);
                continue;
            }
            tokio::select! {
                done = &mut work => return Some(done),
                stored = self.store.answers.recv() => self.enter(&stored?),
                () = self.reporter.tick() => {}
            }
        }
    }

    async fn serve(&mut self, session: &mut Session, stop: &CancellationToken) -> Left {
        for (filter, qos) in &self.reception.filters {
            session.subscribe(filter, *qos);
        }
        self.publish_status(session, ONLINE);
        if let Some(receipts) = &mut self.receipts {
            receipts.connected();
        }
        loop {
            if let Some(stored) = self.hand_over() {
                self.acknowledge(session, &stored);
                // The acknowledgement leaves before the next frame is stored.
                yield_now().await;
                continue;
            }
            self.publish_receipts(session);
            tokio::select! {
                event = session.next_event() => match event {
                    Ok(Event::Received(received, ack)) => {
                        if self.receive(session, received, ack) {
                            return Left::Behind;
                        }
                    }
                    Ok(Event::Published(token, outcome)) => self.enter_answer(token, outcome),
                    Ok(Event::Subscribed) => {}
                    Err(error) => return Left::Lost(error),
                },
                () = self.store.syncing.advanced() => {
                    if let Some(receipts) = &mut self.receipts {
                        receipts.advance(&self.store.ledger);
                    }
                }
                stored = self.store.answers.recv() => match stored {
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

    /// Moves what waits to the store, as far as it has room. What was stored on the spot is given back: the caller answers
    /// for it and comes again.
    fn hand_over(&mut self) -> Option<Stored> {
        self.skip_what_is_stale();
        let stored = self.store_at_once();
        while stored.is_none()
            && !self.waiting.is_empty()
            && !self.leaves_to_the_store_what_it_has()
        {
            let Some(Ok(room)) = self.store.jobs.as_ref().map(mpsc::Sender::try_reserve) else {
                break;
            };
            if let Some(job) = self.waiting.pop_front() {
                room.send(job);
                self.unanswered += 1;
            }
        }
        self.reporter.waiting = self.waiting.len() + self.unanswered;
        stored
    }

    /// Stores the first that waits, unless the store's thread is busy or had better do it.
    fn store_at_once(&mut self) -> Option<Stored> {
        let at_once = self.store.at_once.as_mut()?;
        if self.unanswered > 0 || self.store.jobs.is_none() {
            return None;
        }
        let stored = at_once.store(self.waiting.front()?)?;
        self.waiting.pop_front();
        self.unanswered += 1;
        if at_once.has_enough() {
            // Its thread ends for that, and so its answers.
            self.store.jobs = None;
        }
        Some(stored)
    }

    fn acknowledge(&mut self, session: &mut Session, stored: &Stored) {
        self.enter(stored);
        match stored.ack {
            Some(ack) if session.ack(ack) => self.store.retention.tell(&stored.outcome),
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
            self.store.retention.tell(&stored.outcome);
        }
    }
}

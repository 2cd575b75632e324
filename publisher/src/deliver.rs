//! From the queue to the broker: connections come and go, frames stay until the broker has them.

mod answers;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use link::{Connector, LinkError, Message, Qos, Session};
use protocol::event::{self, Format};
use protocol::frame::Frame;
use protocol::topic::{CameraName, TopicPrefix};
use runtime::deadline::reached;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::announce::Announcer;
use crate::audience::Audience;
use crate::counters::{Counters, DropReason};
use crate::in_flight::InFlight;
use crate::packet_limit::{PacketLimit, TRIAL, Verdict};
use crate::queue::Queue;
use crate::report::{DeliveryTimes, HoldUp, StatsMaker};

/// How often `latest` may change, and how often a pause is looked at again.
const LATEST_INTERVAL: Duration = Duration::from_secs(1);
const STATS_INTERVAL: Duration = Duration::from_secs(5);

/// A connection that ends within this time of its beginning ended for what was sent on it.
const SHORT_LIFE: Duration = Duration::from_secs(5);

/// How frames are delivered.
#[derive(Debug, Clone)]
pub(crate) struct DeliveryOptions {
    pub(crate) camera: CameraName,
    pub(crate) prefix: TopicPrefix,
    pub(crate) format: Format,
    pub(crate) qos: Qos,
    pub(crate) window: usize,
    /// A frame that nobody hears is dropped, not kept: the newest one matters.
    pub(crate) newest_wins: bool,
    pub(crate) publish_latest: bool,
}

/// Moves frames. Its books and its queue are shared with capture.
pub(crate) struct Delivery {
    pub(crate) options: DeliveryOptions,
    pub(crate) queue: Arc<Queue>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) hold_up: Arc<HoldUp>,
    pub(crate) times: Arc<DeliveryTimes>,
    pub(crate) stats: StatsMaker,
    in_flight: InFlight,
    audience: Audience,
    packet_limit: PacketLimit,
    /// Until then this connection is silent.
    trial_over: Option<Instant>,
    announcer: Announcer,
    last_sent: Option<Frame>,
}

/// Why a connection was left.
enum Left {
    /// Everything is delivered, or the time to do so is over.
    Done,
    /// It broke, or must not be used on.
    Failed(LinkError),
}

impl Delivery {
    pub(crate) fn new(
        options: DeliveryOptions,
        queue: Arc<Queue>,
        counters: Arc<Counters>,
        hold_up: Arc<HoldUp>,
        times: Arc<DeliveryTimes>,
        stats: StatsMaker,
    ) -> Self {
        let in_flight = InFlight::new(options.window);
        let announcer = Announcer::new(
            options.camera.clone(),
            options.prefix.clone(),
            options.publish_latest,
        );
        Self {
            options,
            queue,
            counters,
            hold_up,
            times,
            stats,
            in_flight,
            audience: Audience::Present,
            packet_limit: PacketLimit::default(),
            trial_over: None,
            announcer,
            last_sent: None,
        }
    }

    /// Delivers until the queue is closed and everything in it is acknowledged, or `give_up` is cancelled.
    ///
    /// # Errors
    /// What will not heal by itself.
    pub(crate) async fn run(
        &mut self,
        mut connector: Connector,
        give_up: CancellationToken,
    ) -> Result<(), LinkError> {
        let mut lost = None;
        loop {
            self.hold_up.set(DropReason::BrokerUnreachable);
            let mut session = tokio::select! {
                session = connector.connect(lost.take()) => session?,
                () = give_up.cancelled() => return Ok(()),
                () = self.nothing_left() => return Ok(()),
            };
            self.counters
                .reconnects
                .store(connector.reconnects(), Relaxed);
            self.hold_up.set(DropReason::QueueFull);
            self.begin(&mut session);
            let began = Instant::now();
            match self.serve(&mut session, &give_up).await {
                Left::Done => {
                    self.announcer
                        .latest(&mut session, self.last_sent.clone(), &self.packet_limit);
                    self.announcer.status(&mut session, false);
                    session.close().await;
                    return Ok(());
                }
                Left::Failed(error) => {
                    lost = Some(self.leave(error, began.elapsed()));
                }
            }
        }
    }

    /// Closes the books after [`Self::run`]: what was never sent is dropped. Gives how many were sent and never
    /// acknowledged.
    pub(crate) async fn settle(&mut self) -> usize {
        let unconfirmed = self.in_flight.unconfirmed();
        let mut left = self.in_flight.len() - unconfirmed;
        self.queue.close();
        while self.queue.pop().await.is_some() {
            left += 1;
        }
        self.counters.drop_frames(DropReason::NotDelivered, left);
        unconfirmed
    }

    /// Resolves once the source has ended without leaving anything to deliver.
    async fn nothing_left(&self) {
        if self.in_flight.is_empty() {
            self.queue.drained().await;
        } else {
            std::future::pending::<()>().await;
        }
    }

    /// Makes ready for the next connection. A frame may be why this one, of so short a `life`, ended: then that is said,
    /// for hang-ups without a reason are taken for another program under our name.
    fn leave(&mut self, error: LinkError, life: Duration) -> LinkError {
        let may_be_a_frame = error.may_heal() && life < SHORT_LIFE;
        let was_silent = self.trial_over.is_some();
        if may_be_a_frame && was_silent {
            self.in_flight.forgive();
        } else if may_be_a_frame {
            self.in_flight.blame_oldest_sent();
        }
        self.in_flight.connection_lost();
        self.audience = Audience::Present;
        match self.judge_next() {
            Some((Verdict::TooLarge, bytes)) if may_be_a_frame => {
                LinkError::Lost(format!("{error}, on a packet of {bytes} bytes"))
            }
            _ => error,
        }
    }

    /// The verdict on the frame that is to be sent next, and the size of its packet.
    fn judge_next(&mut self) -> Option<(Verdict, usize)> {
        let (frame, hang_ups) = self.in_flight.next_unsent()?;
        let bytes = self.message(frame).packet_bytes();
        Some((
            self.packet_limit.judge(bytes, hang_ups, Instant::now()),
            bytes,
        ))
    }

    /// A frame on trial is condemned once a silent connection has lasted.
    fn end_trial(&mut self) {
        self.trial_over = None;
        if let Some((Verdict::OnTrial, bytes)) = self.judge_next() {
            self.packet_limit.condemn(bytes, Instant::now());
        }
    }

    fn begin(&mut self, session: &mut Session) {
        self.packet_limit.told(session.max_packet_bytes());
        // Two beside the frames: `online`, and `offline` at the end.
        let broker_window = session
            .receive_maximum()
            .map_or(usize::MAX, |maximum| usize::from(maximum).saturating_sub(2));
        self.in_flight
            .set_window(self.options.window.min(broker_window.max(1)));
        self.announcer.status(session, true);
        let is_trial = matches!(self.judge_next(), Some((Verdict::OnTrial, _)));
        self.trial_over = is_trial.then(|| Instant::now() + TRIAL);
    }

    async fn serve(&mut self, session: &mut Session, give_up: &CancellationToken) -> Left {
        let mut latest_ticks = interval(LATEST_INTERVAL);
        let mut stats_ticks = interval(STATS_INTERVAL);
        latest_ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        stats_ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut source_ended = false;
        loop {
            self.send_what_may_go(session);
            if source_ended && self.in_flight.is_empty() {
                return Left::Done;
            }
            tokio::select! {
                event = session.next_event() => {
                    let settled = event.and_then(|event| self.take_event(&event));
                    if let Err(error) = settled {
                        return Left::Failed(error);
                    }
                }
                frame = self.queue.pop(), if !source_ended && self.may_admit() => match frame {
                    Some(frame) => self.in_flight.admit(frame),
                    None => source_ended = true,
                },
                () = reached(self.trial_over.map(Into::into)) => self.end_trial(),
                _ = latest_ticks.tick(), if self.trial_over.is_none() => {
                    let newest = self.queue.newest().or_else(|| self.last_sent.clone());
                    self.announcer.latest(session, newest, &self.packet_limit);
                }
                _ = stats_ticks.tick() => {
                    let stats = self.stats.make(&self.counters, &self.queue);
                    self.announcer.stats(session, &stats);
                }
                () = give_up.cancelled() => return Left::Done,
            }
        }
    }

    /// Where the newest frame wins, none is taken before it may be sent: it would only grow old.
    fn may_admit(&self) -> bool {
        self.in_flight.has_room()
            && (!self.options.newest_wins
                || self
                    .audience
                    .may_send(Instant::now(), self.in_flight.unacknowledged()))
    }

    fn send_what_may_go(&mut self, session: &mut Session) {
        while self.trial_over.is_none()
            && self
                .audience
                .may_send(Instant::now(), self.in_flight.unacknowledged())
        {
            let Some((frame, hang_ups)) = self.in_flight.next_unsent() else {
                return;
            };
            let mut frame = frame.clone();
            frame.dropped = self.counters.dropped();
            let message = self.message(&frame);
            let verdict = self
                .packet_limit
                .judge(message.packet_bytes(), hang_ups, Instant::now());
            if verdict == Verdict::TooLarge {
                self.give_up_too_large(&message);
                continue;
            }
            let token = self.in_flight.mark_sent();
            if !session.publish(message, token) {
                self.in_flight.keep_for_later(token);
                return;
            }
            self.last_sent = Some(frame);
        }
    }

    fn message(&self, frame: &Frame) -> Message {
        let encoded = event::encode(frame, self.options.format);
        Message {
            topic: self.options.prefix.frames(&self.options.camera),
            payload: encoded.payload,
            qos: self.options.qos,
            retain: false,
            content_type: Some(encoded.content_type),
            user_properties: encoded.user_properties,
        }
    }

    fn give_up_too_large(&mut self, message: &Message) {
        if self.counters.dropped_for(DropReason::TooLarge) == 0 {
            let limit = self.packet_limit.words();
            warn!(
                "a frame needs a packet of {} bytes, more than the broker's limit{limit}: dropped and counted, as are \
                 all like it; raise max_packet_size in the broker's configuration, or lower the camera's quality",
                message.packet_bytes(),
            );
        }
        self.in_flight.give_up_unsent();
        self.counters.drop_frames(DropReason::TooLarge, 1);
    }
}

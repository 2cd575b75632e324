//! From the outbox to the broker: connections come and go, frames stay until they are delivered.

mod answers;
mod confirming;
mod controlling;
mod sending;
mod upkeep;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use link::{Connector, LinkError, Qos, Session};
use protocol::event::Format;
use protocol::frame::{Frame, StreamId};
use protocol::home_assistant::Device;
use protocol::topic::{CameraName, TopicPrefix};
use runtime::deadline::reached;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::announce::Announcer;
use crate::audience::Audience;
use crate::control::ControlDesk;
use crate::counters::{Counters, DropReason};
use crate::home_assistant::HomeAssistant;
use crate::in_flight::InFlight;
use crate::outbox::Outbox;
use crate::packet_limit::{PacketLimit, TRIAL, Verdict};
use crate::report::{DeliveryTimes, HoldUp, Remainder, StatsMaker};
use controlling::next_outcome;
use upkeep::{LedgerDesk, UPKEEP_INTERVAL};

/// How often `latest` may change, and how often a pause is looked at again.
const LATEST_INTERVAL: Duration = Duration::from_secs(1);
const STATS_INTERVAL: Duration = Duration::from_secs(5);

/// A connection that ends within this time of its beginning ended for what was sent on it.
const SHORT_LIFE: Duration = Duration::from_secs(5);

/// How frames are delivered.
#[derive(Debug, Clone)]
pub(crate) struct DeliveryOptions {
    pub(crate) camera: CameraName,
    /// This run's stream.
    pub(crate) stream: StreamId,
    pub(crate) prefix: TopicPrefix,
    pub(crate) format: Format,
    pub(crate) qos: Qos,
    pub(crate) window: usize,
    /// A frame that nobody hears is dropped, not kept: the newest one matters.
    pub(crate) newest_wins: bool,
    pub(crate) publish_latest: bool,
    /// Home Assistant's discovery prefix, where the camera is to be known to it.
    pub(crate) home_assistant: Option<TopicPrefix>,
}

/// Moves frames. Its books and its outbox are shared with capture.
pub(crate) struct Delivery {
    pub(crate) options: DeliveryOptions,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) hold_up: Arc<HoldUp>,
    pub(crate) times: Arc<DeliveryTimes>,
    pub(crate) stats: StatsMaker,
    /// Takes requests, where that is allowed.
    control: Option<ControlDesk>,
    /// Where the camera is to be known to it.
    home_assistant: Option<HomeAssistant>,
    in_flight: InFlight,
    audience: Audience,
    packet_limit: PacketLimit,
    /// Until then this connection is silent.
    trial_over: Option<Instant>,
    announcer: Announcer,
    ledger: LedgerDesk,
    /// The newest frame of this run that was sent.
    last_sent: Option<Frame>,
    /// Until then what earlier runs left is held back: receipts may show that it has arrived.
    backlog_waits_until: Option<Instant>,
    said_too_large: bool,
    said_refused: bool,
    said_ledger_denied: bool,
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
        outbox: Arc<Outbox>,
        counters: Arc<Counters>,
        hold_up: Arc<HoldUp>,
        times: Arc<DeliveryTimes>,
        stats: StatsMaker,
        control: Option<ControlDesk>,
    ) -> Self {
        let in_flight = InFlight::new(options.window);
        let announcer = Announcer::new(
            options.camera.clone(),
            options.prefix.clone(),
            options.publish_latest,
        );
        let home_assistant = options.home_assistant.as_ref().map(|discovery| {
            let device = Device {
                camera: &options.camera,
                prefix: &options.prefix,
                version: env!("CARGO_PKG_VERSION"),
                has_latest: options.publish_latest,
                has_spool: outbox.depot().is_some(),
            };
            HomeAssistant::new(discovery, &device)
        });
        Self {
            options,
            outbox,
            counters,
            hold_up,
            times,
            stats,
            control,
            home_assistant,
            in_flight,
            audience: Audience::Present,
            packet_limit: PacketLimit::default(),
            trial_over: None,
            announcer,
            ledger: LedgerDesk::default(),
            last_sent: None,
            backlog_waits_until: None,
            said_too_large: false,
            said_refused: false,
            said_ledger_denied: false,
        }
    }

    /// Delivers until the outbox is closed and everything in it is delivered, or `give_up` is cancelled.
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
            self.counters.is_connected.store(true, Relaxed);
            self.begin(&mut session);
            let began = Instant::now();
            let left = self.serve(&mut session, &give_up).await;
            self.counters.is_connected.store(false, Relaxed);
            match left {
                Left::Done => {
                    self.announcer
                        .latest(&mut session, self.last_sent.clone(), &self.packet_limit);
                    self.publish_last_answers(&mut session);
                    self.publish_last_ledger(&mut session);
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

    /// Closes the books after [`Self::run`]: what was never sent and is in memory alone is dropped. Gives what is left.
    pub(crate) async fn settle(&mut self) -> Remainder {
        self.outbox.close();
        if let Some(depot) = self.outbox.depot() {
            depot.leave();
            let (spooled, earlier_spooled) = depot.left();
            return Remainder {
                unconfirmed: 0,
                spooled,
                earlier_spooled,
            };
        }
        for parcel in self.in_flight.take_never_sent() {
            self.outbox
                .give_up(&parcel.frame.id, DropReason::NotDelivered);
        }
        while let Some(parcel) = self.outbox.pop(true).await {
            self.outbox
                .give_up(&parcel.frame.id, DropReason::NotDelivered);
        }
        Remainder {
            unconfirmed: self.in_flight.unconfirmed(),
            ..Remainder::default()
        }
    }

    /// Resolves once the source has ended without leaving anything to deliver.
    async fn nothing_left(&self) {
        if self.in_flight.is_empty() {
            self.outbox.drained().await;
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
        if let Some(depot) = self.outbox.depot() {
            depot.connection_lost();
            // Receipts may have come for what was on its way: it flies no longer.
            for parcel in self.in_flight.take_unwanted(|one| depot.is_wanted(one)) {
                depot.reached_nobody(&parcel);
            }
        }
        self.audience = Audience::Present;
        match self.judge_next() {
            Some((Verdict::TooLarge, bytes)) if may_be_a_frame => {
                LinkError::Lost(format!("{error}, on a packet of {bytes} bytes"))
            }
            _ => error,
        }
    }

    fn begin(&mut self, session: &mut Session) {
        self.packet_limit.told(session.max_packet_bytes());
        // Three beside the frames: `online`, the ledger, and `offline` at the end; an answer to a request; and what Home
        // Assistant is told.
        let beside =
            3 + usize::from(self.control.is_some()) + usize::from(self.home_assistant.is_some());
        let broker_window = session.receive_maximum().map_or(usize::MAX, |maximum| {
            usize::from(maximum).saturating_sub(beside)
        });
        self.in_flight
            .set_window(self.options.window.min(broker_window.max(1)));
        self.subscribe_to_confirmers(session);
        if let Some(desk) = &mut self.control {
            desk.connected(session);
        }
        if let Some(home_assistant) = &mut self.home_assistant {
            home_assistant.connected(session);
        }
        self.announcer.status(session, true);
        self.ledger.connected();
        self.publish_ledger(session);
        let is_trial = matches!(self.judge_next(), Some((Verdict::OnTrial, _)));
        self.trial_over = is_trial.then(|| Instant::now() + TRIAL);
    }

    async fn serve(&mut self, session: &mut Session, give_up: &CancellationToken) -> Left {
        let mut latest_ticks = interval(LATEST_INTERVAL);
        let mut stats_ticks = interval(STATS_INTERVAL);
        let mut upkeep_ticks = interval(UPKEEP_INTERVAL);
        upkeep_ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        latest_ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        stats_ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut source_ended = false;
        loop {
            self.send_what_may_go(session);
            self.publish_answers(session);
            if source_ended && self.in_flight.is_empty() {
                return Left::Done;
            }
            tokio::select! {
                event = session.next_event() => {
                    let settled = event.and_then(|event| self.take_event(session, event));
                    if let Err(error) = settled {
                        return Left::Failed(error);
                    }
                }
                parcel = self.outbox.pop(self.may_take_backlog()), if !source_ended && self.may_admit() => match parcel {
                    Some(parcel) => self.in_flight.admit(parcel),
                    None => source_ended = true,
                },
                (envelope, outcome) = next_outcome(&mut self.control) => self.settle_request(envelope, outcome),
                () = reached(self.trial_over.map(Into::into)) => self.end_trial(),
                _ = latest_ticks.tick(), if self.trial_over.is_none() => {
                    let newest = self.outbox.newest().or_else(|| self.last_sent.clone());
                    self.announcer.latest(session, newest, &self.packet_limit);
                }
                _ = upkeep_ticks.tick() => self.upkeep(session),
                _ = stats_ticks.tick() => {
                    let stats = self.stats.make(&self.counters, &self.outbox);
                    self.announcer.stats(session, &stats);
                }
                () = give_up.cancelled() => return Left::Done,
            }
        }
    }
}

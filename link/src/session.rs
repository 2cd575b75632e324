//! One connection to the broker: one epoch.
//!
//! A task of its own polls rumqttc and never waits for the caller, so pings go on while acknowledgements are withheld.
//! Its channel holds everything that the broker may leave unacknowledged; beyond that only QoS 0 messages can come,
//! and those are dropped and counted.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rumqttc::{NetworkOptions, TlsConfiguration, Transport, v5 as rumqttc_v5};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::LinkError;
use crate::options::{LinkOptions, Protocol};
use crate::packet_ids::PacketIds;
use crate::wire::{
    AckToken, Connected, Event, Message, PublishOutcome, PublishToken, Qos, WireEvent,
};
use crate::{v5, v311};

/// From the first packet to CONNACK.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest wait for rumqttc: a flush may hang on a dead network, or take its time on a very slow one.
pub(crate) const POLL_TIMEOUT: Duration = if cfg!(test) {
    Duration::from_secs(2)
} else {
    Duration::from_mins(1)
};

/// Longest silence of rumqttc on a connection that is well: it pings once in every `keep_alive`.
pub(crate) fn poll_timeout(keep_alive: Duration) -> Duration {
    POLL_TIMEOUT.max(keep_alive * 2)
}

/// What the system may hold of what we send. A ping waits behind it: if the system chose (megabytes), a slow network
/// would keep the answer away beyond the keep-alive, and the connection would be given up again and again.
const SEND_BUFFER_BYTES: u32 = 128 * 1024;

/// How long a clean goodbye may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Every connection of this process has its own number.
static NEXT_EPOCH: AtomicU64 = AtomicU64::new(1);

/// One connection. Dropping it cuts the connection without a goodbye; [`Session::close`] says one.
pub struct Session {
    client: Client,
    events: mpsc::Receiver<Result<WireEvent, LinkError>>,
    _poll_task: AbortOnDrop,
    overrun: Arc<AtomicU64>,
    packet_ids: PacketIds,
    /// Settled publishes that came while something else was waited for.
    ready: VecDeque<Event>,
    epoch: u64,
    connected: Connected,
}

enum Client {
    V5(rumqttc_v5::AsyncClient),
    V311(rumqttc::AsyncClient),
}

impl Session {
    /// Connects once; does not retry.
    pub(crate) async fn connect(options: &LinkOptions) -> Result<Self, LinkError> {
        let receive_maximum = usize::from(options.receive_maximum);
        let (sender, mut events) =
            mpsc::channel(receive_maximum * 2 + usize::from(options.window) * 2 + 64);
        let overrun = Arc::new(AtomicU64::new(0));
        let reporter = Reporter {
            sender,
            reserve: receive_maximum,
            overrun: overrun.clone(),
        };
        let (client, poll_task) = match options.protocol {
            Protocol::V5 => {
                let (client, mut event_loop) = v5::connect(options);
                let task = tokio::spawn(async move {
                    while reporter.report(v5::poll(&mut event_loop).await).await {}
                });
                (Client::V5(client), task)
            }
            Protocol::V311 => {
                let (client, mut event_loop) = v311::connect(options);
                let task = tokio::spawn(async move {
                    while reporter.report(v311::poll(&mut event_loop).await).await {}
                });
                (Client::V311(client), task)
            }
        };
        let poll_task = AbortOnDrop(poll_task);
        let connected = match timeout(CONNECT_TIMEOUT, events.recv()).await {
            Ok(Some(Ok(WireEvent::Connected(connected)))) => connected,
            Ok(Some(Err(LinkError::HungUp))) => {
                return Err(LinkError::unanswered(&options.broker));
            }
            Ok(Some(Err(error))) => return Err(error),
            Ok(Some(Ok(_)) | None) => {
                return Err(LinkError::Lost("the broker broke the protocol".into()));
            }
            Err(_) => return Err(LinkError::Lost("the broker does not answer".into())),
        };
        Ok(Self {
            client,
            events,
            _poll_task: poll_task,
            overrun,
            packet_ids: PacketIds::default(),
            ready: VecDeque::new(),
            epoch: NEXT_EPOCH.fetch_add(1, Ordering::Relaxed),
            connected,
        })
    }

    /// Whether the broker still had our session: its subscriptions and what queued for us.
    #[must_use]
    pub fn session_present(&self) -> bool {
        self.connected.session_present
    }

    /// The largest packet that the broker takes, in bytes, if it told.
    #[must_use]
    pub fn max_packet_bytes(&self) -> Option<u32> {
        self.connected.max_packet_bytes
    }

    /// Whether the broker takes a packet as large as `message`, as far as it told.
    #[must_use]
    pub fn fits(&self, message: &Message) -> bool {
        let limit = self.connected.max_packet_bytes.unwrap_or(u32::MAX);
        message.packet_bytes() <= usize::try_from(limit).unwrap_or(usize::MAX)
    }

    /// The most unacknowledged publishes that the broker takes, if it told.
    #[must_use]
    pub fn receive_maximum(&self) -> Option<u16> {
        self.connected.receive_maximum
    }

    pub(crate) fn limits(&self) -> Connected {
        self.connected
    }

    /// QoS 0 messages that came faster than they were taken, and were dropped.
    #[must_use]
    pub fn overrun(&self) -> u64 {
        self.overrun.load(Ordering::Relaxed)
    }

    /// Hands `message` over. `false` if too much is waiting already: the caller keeps no more than its window.
    pub fn publish(&mut self, message: Message, token: PublishToken) -> bool {
        let qos = message.qos;
        let accepted = match &self.client {
            Client::V5(client) => v5::publish(client, message),
            Client::V311(client) => v311::publish(client, message),
        };
        if accepted {
            self.packet_ids.submitted(token, qos);
        }
        accepted
    }

    /// Asks for everything that matches `filter`. The answer is [`Event::Subscribed`], or the session's end if denied.
    pub fn subscribe(&mut self, filter: &str, qos: Qos) -> bool {
        match &self.client {
            Client::V5(client) => v5::subscribe(client, filter.to_owned(), qos),
            Client::V311(client) => v311::subscribe(client, filter.to_owned(), qos),
        }
    }

    /// [`subscribe`](Self::subscribe), and a message that is published retained from now on is told to be so, too
    /// (MQTT 5 only; `false` on 3.1.1, which has no such thing).
    pub fn subscribe_as_published(&mut self, filter: &str, qos: Qos) -> bool {
        match &self.client {
            Client::V5(client) => v5::subscribe_as_published(client, filter.to_owned(), qos),
            Client::V311(_) => false,
        }
    }

    /// Acknowledges a message of this connection. One of an earlier connection is left alone (`false`): the broker
    /// sends it again, and its packet id now means something else.
    pub fn ack(&mut self, token: AckToken) -> bool {
        token.epoch == self.epoch
            && match &self.client {
                Client::V5(client) => v5::ack(client, token.packet_id),
                Client::V311(client) => v311::ack(client, token.packet_id),
            }
    }

    /// The next event. Cancel-safe. After an error the session is over.
    pub async fn next_event(&mut self) -> Result<Event, LinkError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            let event = self.events.recv().await.unwrap_or_else(|| Err(closed()))?;
            self.translate(event);
        }
    }

    /// Says goodbye, so that the broker does not publish the last will, and waits until the goodbye has left.
    pub async fn close(mut self) {
        let asked = match &self.client {
            Client::V5(client) => client.try_disconnect().is_ok(),
            Client::V311(client) => client.try_disconnect().is_ok(),
        };
        if !asked {
            return;
        }
        let deadline = Instant::now() + CLOSE_TIMEOUT;
        while let Ok(Some(Ok(_))) = timeout_at(deadline, self.events.recv()).await {}
    }

    fn translate(&mut self, event: WireEvent) {
        let event = match event {
            WireEvent::Received(received) => {
                let epoch = self.epoch;
                let ack = received
                    .packet_id
                    .map(|packet_id| AckToken { epoch, packet_id });
                Some(Event::Received(received, ack))
            }
            WireEvent::Sent(packet_id) => self
                .packet_ids
                .sent(packet_id)
                .map(|token| Event::Published(token, PublishOutcome::Accepted)),
            WireEvent::Acked(packet_id, outcome) => self
                .packet_ids
                .acked(packet_id)
                .map(|token| Event::Published(token, outcome)),
            WireEvent::Subscribed => Some(Event::Subscribed),
            WireEvent::Connected(_) => None,
        };
        self.ready.extend(event);
    }
}

fn closed() -> LinkError {
    LinkError::Lost("the connection is closed".into())
}

/// What every connection asks of its socket.
pub(crate) fn network_options() -> NetworkOptions {
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    network.set_tcp_send_buffer_size(SEND_BUFFER_BYTES);
    network
}

/// rumqttc's transport for these options.
pub(crate) fn transport(options: &LinkOptions) -> Transport {
    match (&options.tls, options.broker.is_websocket()) {
        (Some(tls), false) => Transport::tls_with_config(TlsConfiguration::Rustls(tls.clone())),
        (Some(tls), true) => Transport::wss_with_config(TlsConfiguration::Rustls(tls.clone())),
        (None, false) => Transport::tcp(),
        (None, true) => Transport::ws(),
    }
}

/// The poll task's side of the channel.
struct Reporter {
    sender: mpsc::Sender<Result<WireEvent, LinkError>>,
    /// Room that QoS 0 messages leave to everything else.
    reserve: usize,
    overrun: Arc<AtomicU64>,
}

impl Reporter {
    /// Passes on what poll gave. `false` when there is nothing more to do. After each event it is the caller's turn: what
    /// came last is still in the processor's cache.
    async fn report(&self, event: Result<WireEvent, LinkError>) -> bool {
        let goes_on = self.pass_on(event).await;
        yield_now().await;
        goes_on
    }

    async fn pass_on(&self, event: Result<WireEvent, LinkError>) -> bool {
        let over = event.is_err();
        let droppable =
            matches!(&event, Ok(WireEvent::Received(received)) if received.packet_id.is_none());
        if droppable && self.sender.capacity() <= self.reserve {
            self.overrun.fetch_add(1, Ordering::Relaxed);
            return true;
        }
        self.sender.send(event).await.is_ok() && !over
    }
}

/// A poll task ends with its connection, also with one that is given up before CONNACK.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests;

//! What a connection is made from.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::url::BrokerUrl;

/// The largest packet that MQTT can express, in bytes (MQTT 5 section 1.5.5).
pub const MQTT_MAX_PACKET_BYTES: u32 = 268_435_455;

/// The MQTT version to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Protocol {
    /// MQTT 5: user properties, reason codes, limits that are told in advance.
    #[default]
    #[value(name = "5")]
    V5,
    /// MQTT 3.1.1, for older brokers; frames travel as JSON.
    #[value(name = "3.1.1")]
    V311,
}

/// What the broker remembers of us between connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionKind {
    /// Nothing: what arrives while we are away is not for us.
    Clean,
    /// Subscription and queue, for as long as `expiry` (MQTT 5; the broker's own limit on 3.1.1).
    Persistent {
        /// How long the broker keeps the session after a disconnect.
        expiry: Duration,
    },
}

/// What the broker publishes for us, retained, when we vanish.
#[derive(Debug, Clone)]
pub struct Will {
    /// Where.
    pub topic: String,
    /// What.
    pub payload: Bytes,
}

/// Everything that a connection needs. One value serves every reconnect.
#[derive(Clone)]
pub struct LinkOptions {
    /// Where the broker is.
    pub broker: BrokerUrl,
    /// Present exactly if the URL asks for TLS.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// User name and password.
    pub credentials: Option<(String, String)>,
    /// MQTT version.
    pub protocol: Protocol,
    /// Unique at the broker: a second client with the same one ends the first.
    pub client_id: String,
    /// An idle connection is probed this often; at least 5 s.
    pub keep_alive: Duration,
    /// Clean or persistent.
    pub session: SessionKind,
    /// Last will.
    pub will: Option<Will>,
    /// Most publishes that the caller leaves unacknowledged.
    pub window: u16,
    /// Most incoming messages that the broker may leave unacknowledged.
    pub receive_maximum: u16,
    /// Largest incoming packet, in bytes.
    pub max_packet_bytes: u32,
}

/// Beyond the caller's window: status messages go out beside the frames.
const WINDOW_SLACK: u16 = 4;

impl LinkOptions {
    /// Most unacknowledged publishes that rumqttc is to let out.
    pub(crate) fn inflight_limit(&self) -> u16 {
        self.window + WINDOW_SLACK
    }

    /// Room for acknowledgements, subscriptions and status messages beside the window. Some brokers do not keep to our Receive
    /// Maximum, and an acknowledgement that found no room would never be sent: there is one for every packet id. Room that is
    /// not used takes no memory.
    pub(crate) fn request_capacity(&self) -> usize {
        usize::from(self.window) + usize::from(u16::MAX) + 64
    }
}

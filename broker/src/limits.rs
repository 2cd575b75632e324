//! What the broker may take: of memory for each client, of connections, of time.

use std::time::Duration;

use mqtt5::broker::storage::QueueLimits;
use mqtt5::broker::{BrokerConfig, ResourceLimits};

/// The largest packet, in bytes, as in broker-config/mosquitto.conf.
const MAX_PACKET_BYTES: usize = 32 * 1024 * 1024;
/// What waits for a client that is away or slow. Beyond it the oldest goes.
const QUEUE: QueueLimits = QueueLimits {
    max_messages: 20_000,
    max_bytes: 256 * 1024 * 1024,
};
/// Messages on their way to one client without its acknowledgement: more adds delay and no throughput.
const IN_FLIGHT: u16 = 20;
/// Messages between the one who publishes and the program itself, or anybody at QoS 0. mqtt5 has room for 10,000, which
/// would be a gigabyte of frames; beyond ours the publisher waits, for up to two seconds, and then they queue.
const LANE: usize = 32;
/// How long the broker keeps a session whose client is away.
const LONGEST_SESSION: Duration = Duration::from_hours(24);
/// A camera retains a ledger, a status, a picture, and a receipt for each of its consumers.
const RETAINED: usize = 4096;

/// Home Assistant has some 60 to find devices by, and three for each camera.
const SUBSCRIPTIONS: usize = 1000;

/// Connections to the door for others: a flood of them must not use up the program's file handles.
pub(crate) const CONNECTIONS: usize = 100;
/// The largest first packet, of whoever comes: a name, a password, and a last will.
pub(crate) const CONNECT_BYTES: usize = 64 * 1024;
/// How long somebody may take to agree on encryption, and then to send the first packet.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(10);

pub(crate) fn queue() -> QueueLimits {
    QUEUE
}

/// Everything that mqtt5 asks; it listens nowhere itself.
pub(crate) fn config() -> BrokerConfig {
    let mut config = BrokerConfig::default()
        .with_bind_addresses(Vec::new())
        .with_max_clients(CONNECTIONS)
        .with_session_expiry(LONGEST_SESSION)
        .with_max_packet_size(MAX_PACKET_BYTES)
        .with_max_outbound_inflight(IN_FLIGHT)
        .with_client_channel_capacity(LANE)
        .with_max_subscriptions_per_client(SUBSCRIPTIONS)
        .with_server_receive_maximum(64);
    config.topic_alias_maximum = 10;
    config
}

/// None a second: what is slow is the network, and who sends too much fills only queues that are bounded.
pub(crate) fn resources() -> ResourceLimits {
    ResourceLimits {
        max_message_rate_per_client: 0,
        max_bandwidth_per_client: 0,
        ..ResourceLimits::default()
    }
}

pub(crate) fn retained() -> usize {
    RETAINED
}

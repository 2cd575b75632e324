//! What the broker may take: of memory for each client, of connections, of time.

use std::time::Duration;

use mqtt5::broker::storage::QueueLimits;
use mqtt5::broker::{BrokerConfig, ResourceLimits};

use crate::framing::Sizes;
use crate::retained::Share;

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
/// Sessions that outlive their connections. Each may have a whole queue.
pub(crate) const SESSIONS: usize = 32;
/// Of these, a user's.
pub(crate) const SESSIONS_OF_A_USER: usize = 4;

/// Home Assistant has some 60 to find devices by, and three for each camera.
const SUBSCRIPTIONS: usize = 1000;

/// Connections that were let in by the door for others: they must not use up the program's file handles.
pub(crate) const CONNECTIONS: usize = 100;
/// Of these, a user's.
pub(crate) const CONNECTIONS_OF_A_USER: usize = 16;
/// Connections of which nobody knows yet who they are.
pub(crate) const STRANGERS: usize = 100;
/// How long a stranger may take to agree on encryption and say who it is. mqtt5 gives as long again for the answer.
pub(crate) const INTRODUCTION: Duration = Duration::from_secs(10);
/// The largest CONNECT, in bytes: a name, a password and a status as the will. It is all that a stranger can make the broker keep.
pub(crate) const INTRODUCTION_BYTES: usize = 16 * 1024;
/// A packet above this takes some of its user's room for what is half read.
pub(crate) const LARGE_BYTES: usize = 64 * 1024;

/// What somebody who was let in may send.
pub(crate) const SIZES: Sizes = Sizes {
    publish: MAX_PACKET_BYTES,
    other: 64 * 1024,
    topic: 1024,
    properties: 8 * 1024,
};

/// Room for half-read packets of a user, or of everybody where there are no users: the largest packet, or eight of them.
pub(crate) fn half_read_kib(is_user: bool) -> usize {
    let packets = if is_user { 1 } else { 8 };
    packets * MAX_PACKET_BYTES / 1024
}

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
        .with_server_receive_maximum(64)
        // At QoS 2 mqtt5 keeps what comes until the client releases it: 64 of the largest frames a connection.
        .with_maximum_qos(1);
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

/// What a user may have retained: a camera a ledger, a status, and a picture of the largest size; a consumer a receipt for each
/// camera. Without users, what all may have.
pub(crate) fn retained(is_user: bool) -> Share {
    if is_user {
        Share {
            messages: 512,
            bytes: MAX_PACKET_BYTES + 4 * 1024 * 1024,
        }
    } else {
        Share {
            messages: 4096,
            bytes: 8 * MAX_PACKET_BYTES,
        }
    }
}

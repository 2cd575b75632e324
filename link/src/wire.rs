//! What goes over a connection, in words that fit both MQTT versions.

use bytes::Bytes;

/// Delivery guarantee of a publish or subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Qos {
    /// Fire and forget.
    AtMostOnce,
    /// Acknowledged.
    AtLeastOnce,
}

/// An outgoing message.
#[derive(Debug, Clone)]
pub struct Message {
    /// Where to.
    pub topic: String,
    /// The body; shared, not copied, until it enters the socket's buffer.
    pub payload: Bytes,
    /// Delivery guarantee.
    pub qos: Qos,
    /// Whether the broker keeps it for late joiners.
    pub retain: bool,
    /// MQTT 5 content type.
    pub content_type: Option<&'static str>,
    /// MQTT 5 user properties.
    pub user_properties: Vec<(String, String)>,
    /// What makes it a request, or the answer to one (MQTT 5). Few messages have it: it is boxed to keep frames light.
    pub exchange: Option<Box<Exchange>>,
}

/// How a request and its answer find each other (MQTT 5 section 4.10).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exchange {
    /// Of a request: where its answer is to go.
    pub response_topic: Option<String>,
    /// Of both: the asker's own name for the request.
    pub correlation_data: Option<Bytes>,
}

impl Exchange {
    /// `None` if it says nothing.
    pub(crate) fn of(
        response_topic: Option<String>,
        correlation_data: Option<Bytes>,
    ) -> Option<Box<Self>> {
        (response_topic.is_some() || correlation_data.is_some()).then(|| {
            Box::new(Self {
                response_topic,
                correlation_data,
            })
        })
    }
}

impl Message {
    /// A short text that the broker acknowledges and keeps for late joiners, such as a status.
    #[must_use]
    pub fn retained_text(topic: String, text: &'static str) -> Self {
        Self {
            topic,
            payload: Bytes::from_static(text.as_bytes()),
            qos: Qos::AtLeastOnce,
            retain: true,
            content_type: None,
            user_properties: Vec::new(),
            exchange: None,
        }
    }

    /// Upper bound of the MQTT packet's size, in bytes (MQTT 5 sections 2.1 and 3.3).
    #[must_use]
    pub fn packet_bytes(&self) -> usize {
        const FIXED_HEADER: usize = 5;
        const PACKET_ID: usize = 2;
        const PROPERTIES_LENGTH: usize = 4;
        let text = |text: &str| 2 + text.len();
        let user_properties: usize = self
            .user_properties
            .iter()
            .map(|(name, value)| 1 + text(name) + text(value))
            .sum();
        let content_type = self
            .content_type
            .map_or(0, |content_type| 1 + text(content_type));
        let exchange = self.exchange.as_ref().map_or(0, |exchange| {
            let response_topic = exchange.response_topic.as_ref();
            let correlation_data = exchange.correlation_data.as_ref();
            response_topic.map_or(0, |topic| 1 + text(topic))
                + correlation_data.map_or(0, |data| 1 + 2 + data.len())
        });
        FIXED_HEADER
            + text(&self.topic)
            + PACKET_ID
            + PROPERTIES_LENGTH
            + content_type
            + user_properties
            + exchange
            + self.payload.len()
    }
}

/// The caller's own name for a publish, given back when it is settled.
pub type PublishToken = u64;

/// The token of a message whose fate nobody asks for.
pub const NO_TOKEN: PublishToken = 0;

/// How the broker answered a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishOutcome {
    /// Taken (QoS 1), or written to the socket (QoS 0).
    Accepted,
    /// MQTT 5 reason 0x10: nobody subscribes to the topic.
    NoSubscribers,
    /// MQTT 5 reason 0x87: the ACL forbids the topic.
    Denied,
    /// Any other refusal.
    Refused,
}

/// The right to acknowledge one message, on the connection that delivered it and on no other: packet ids repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AckToken {
    pub(crate) epoch: u64,
    pub(crate) packet_id: u16,
}

/// An incoming message.
#[derive(Debug, Clone)]
pub struct Received {
    /// Where it was published.
    pub topic: String,
    /// The body.
    pub payload: Bytes,
    /// Whether it is a retained copy from before we subscribed.
    pub retain: bool,
    /// MQTT 5 content type.
    pub content_type: Option<String>,
    /// MQTT 5 user properties.
    pub user_properties: Vec<(String, String)>,
    /// What makes it a request, or the answer to one (MQTT 5).
    pub exchange: Option<Box<Exchange>>,
    /// Present at QoS 1.
    pub(crate) packet_id: Option<u16>,
}

/// What happens on a connection.
#[derive(Debug)]
pub enum Event {
    /// A message came; at QoS 1 with the right to acknowledge it, to be used once the message is safe.
    Received(Received, Option<AckToken>),
    /// A publish is settled.
    Published(PublishToken, PublishOutcome),
    /// The broker granted a subscription.
    Subscribed,
}

/// What the poll task of either MQTT version reports, in the order of the wire.
#[derive(Debug)]
pub(crate) enum WireEvent {
    Connected(Connected),
    /// A publish left; 0 is the packet id of every QoS 0 publish.
    Sent(u16),
    Acked(u16, PublishOutcome),
    Subscribed,
    Received(Received),
}

/// What the broker said in its CONNACK.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Connected {
    pub(crate) session_present: bool,
    /// Largest packet that it takes, in bytes; MQTT 3.1.1 does not tell.
    pub(crate) max_packet_bytes: Option<u32>,
    /// Most unacknowledged publishes that it takes.
    pub(crate) receive_maximum: Option<u16>,
    /// Whether it takes publishes that are acknowledged (QoS 1), and retained ones. MQTT 3.1.1 does not tell.
    pub(crate) takes_qos_1: bool,
    pub(crate) takes_retained: bool,
    /// For how many seconds it keeps the session, if it keeps it for less, or more, than was asked.
    pub(crate) session_expiry: Option<u32>,
}

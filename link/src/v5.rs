//! MQTT 5 through rumqttc: options in, [`WireEvent`]s out.

use bytes::Bytes;
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnectProperties, ConnectReturnCode, DisconnectReasonCode, Filter, LastWill, Packet,
    PubAckReason, Publish, PublishProperties, SubscribeReasonCode,
};
use rumqttc::v5::mqttbytes::{self, QoS};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, StateError};
use tokio::time::timeout;

use crate::error::LinkError;
use crate::options::{LinkOptions, SessionKind};
use crate::session::{CONNECT_TIMEOUT, network_options, poll_timeout, transport};
use crate::wire::{Connected, Exchange, Message, PublishOutcome, Qos, Received, WireEvent};

/// MQTT 5 section 2.4. Mosquitto refuses so what is above its `message_size_limit`, which it does not announce.
const PACKET_TOO_LARGE: u8 = 0x95;

pub(crate) fn connect(options: &LinkOptions) -> (AsyncClient, EventLoop) {
    AsyncClient::new(mqtt_options(options), options.request_capacity())
}

fn mqtt_options(options: &LinkOptions) -> MqttOptions {
    let mut mqtt = MqttOptions::new(
        &options.client_id,
        options.broker.address(),
        options.broker.port(),
    );
    mqtt.set_transport(transport(options))
        .set_keep_alive(options.keep_alive)
        .set_connection_timeout(CONNECT_TIMEOUT.as_secs())
        .set_manual_acks(true)
        .set_outgoing_inflight_upper_limit(options.inflight_limit());
    mqtt.set_network_options(network_options());
    // No topic aliases: rumqttc hands over aliased publishes with an empty topic.
    let mut properties = ConnectProperties::new();
    properties.receive_maximum = Some(options.receive_maximum);
    properties.max_packet_size = Some(options.max_packet_bytes);
    match options.session {
        SessionKind::Clean => mqtt.set_clean_start(true),
        SessionKind::Persistent { expiry } => {
            properties.session_expiry_interval =
                Some(u32::try_from(expiry.as_secs()).unwrap_or(u32::MAX));
            mqtt.set_clean_start(false)
        }
    };
    mqtt.set_connect_properties(properties);
    if let Some((username, password)) = &options.credentials {
        mqtt.set_credentials(username, password);
    }
    if let Some(will) = &options.will {
        mqtt.set_last_will(LastWill::new(
            &will.topic,
            will.payload.clone(),
            QoS::AtLeastOnce,
            true,
            None,
        ));
    }
    mqtt
}

pub(crate) fn publish(client: &AsyncClient, message: Message) -> bool {
    let exchange = message
        .exchange
        .map_or_else(Exchange::default, |exchange| *exchange);
    let properties = PublishProperties {
        content_type: message.content_type.map(str::to_owned),
        user_properties: message.user_properties,
        response_topic: exchange.response_topic,
        correlation_data: exchange.correlation_data,
        ..PublishProperties::default()
    };
    client
        .try_publish_with_properties(
            message.topic,
            qos(message.qos),
            message.retain,
            message.payload,
            properties,
        )
        .is_ok()
}

pub(crate) fn subscribe(client: &AsyncClient, filter: String, at: Qos) -> bool {
    client
        .try_subscribe_many([Filter::new(filter, qos(at))])
        .is_ok()
}

/// What is published retained while we listen is then told from the rest (MQTT 5 section 3.8.3.1, "retain as published").
pub(crate) fn subscribe_as_published(client: &AsyncClient, filter: String, at: Qos) -> bool {
    let mut filter = Filter::new(filter, qos(at));
    filter.preserve_retain = true;
    client.try_subscribe_many([filter]).is_ok()
}

pub(crate) fn ack(client: &AsyncClient, packet_id: u16) -> bool {
    let mut publish = Publish::new("", QoS::AtLeastOnce, Bytes::new(), None);
    publish.pkid = packet_id;
    client.try_ack(&publish).is_ok()
}

/// The next thing worth telling, however long that takes. Not cancel-safe, as rumqttc's own poll is not.
pub(crate) async fn poll(event_loop: &mut EventLoop) -> Result<WireEvent, LinkError> {
    let patience = poll_timeout(event_loop.options.keep_alive());
    loop {
        // Pings keep an idle connection's polls short.
        let polled = timeout(patience, event_loop.poll()).await;
        let event = polled
            .map_err(|_| LinkError::stuck())?
            .map_err(link_error)?;
        if let Some(event) = wire_event(event)? {
            return Ok(event);
        }
    }
}

fn wire_event(event: Event) -> Result<Option<WireEvent>, LinkError> {
    Ok(Some(match event {
        Event::Incoming(Packet::ConnAck(ack)) => WireEvent::Connected(connected(&ack)),
        Event::Incoming(Packet::Publish(publish)) => WireEvent::Received(received(publish)),
        Event::Incoming(Packet::PubAck(ack)) => WireEvent::Acked(ack.pkid, outcome(ack.reason)),
        Event::Incoming(Packet::SubAck(ack)) => {
            if ack
                .return_codes
                .iter()
                .any(|code| !matches!(code, SubscribeReasonCode::Success(_)))
            {
                return Err(LinkError::denied_subscription());
            }
            WireEvent::Subscribed
        }
        Event::Outgoing(Outgoing::Publish(packet_id)) => WireEvent::Sent(packet_id),
        _ => return Ok(None),
    }))
}

fn connected(ack: &ConnAck) -> Connected {
    let properties = ack.properties.as_ref();
    Connected {
        session_present: ack.session_present,
        max_packet_bytes: properties.and_then(|properties| properties.max_packet_size),
        receive_maximum: properties.and_then(|properties| properties.receive_max),
        takes_qos_1: properties.and_then(|properties| properties.max_qos) != Some(0),
        takes_retained: properties.and_then(|properties| properties.retain_available) != Some(0),
        session_expiry: properties.and_then(|properties| properties.session_expiry_interval),
    }
}

fn received(publish: Publish) -> Received {
    let properties = publish.properties.unwrap_or_default();
    Received {
        topic: String::from_utf8_lossy(&publish.topic).into_owned(),
        payload: publish.payload,
        retain: publish.retain,
        content_type: properties.content_type,
        user_properties: properties.user_properties,
        exchange: Exchange::of(properties.response_topic, properties.correlation_data),
        packet_id: (publish.qos != QoS::AtMostOnce).then_some(publish.pkid),
    }
}

fn outcome(reason: PubAckReason) -> PublishOutcome {
    match reason {
        PubAckReason::Success => PublishOutcome::Accepted,
        PubAckReason::NoMatchingSubscribers => PublishOutcome::NoSubscribers,
        PubAckReason::NotAuthorized => PublishOutcome::Denied,
        _ => PublishOutcome::Refused,
    }
}

fn qos(qos: Qos) -> QoS {
    match qos {
        Qos::AtMostOnce => QoS::AtMostOnce,
        Qos::AtLeastOnce => QoS::AtLeastOnce,
    }
}

fn link_error(error: ConnectionError) -> LinkError {
    use ConnectReturnCode as Code;
    match error {
        ConnectionError::ConnectionRefused(code)
        | ConnectionError::MqttState(StateError::ConnFail { reason: code }) => match code {
            Code::BadUserNamePassword | Code::NotAuthorized | Code::BadAuthenticationMethod => {
                LinkError::bad_credentials()
            }
            Code::BadClientId | Code::ClientIdentifierNotValid => LinkError::bad_client_id(),
            Code::RefusedProtocolVersion | Code::UnsupportedProtocolVersion => {
                LinkError::wrong_protocol()
            }
            Code::Banned => LinkError::Fatal("the broker has banned this client".into()),
            other => LinkError::Lost(format!("the broker refuses the connection ({other:?})")),
        },
        ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) => {
            match reason_code {
                DisconnectReasonCode::SessionTakenOver => LinkError::TakenOver,
                other => LinkError::Lost(format!("the broker ended the connection ({other:?})")),
            }
        }
        ConnectionError::MqttState(StateError::AwaitPingResp) => {
            LinkError::Lost("the broker does not answer".into())
        }
        ConnectionError::MqttState(StateError::ConnectionAborted) => LinkError::HungUp,
        // rumqttc knows few reasons of a PUBACK, and takes others for those of a CONNACK.
        ConnectionError::MqttState(StateError::Deserialization(
            mqttbytes::Error::InvalidConnectReturnCode(PACKET_TOO_LARGE),
        )) => LinkError::Lost("the broker refuses a packet as too large".into()),
        ConnectionError::MqttState(StateError::Deserialization(
            mqttbytes::Error::InvalidConnectReturnCode(code),
        )) => LinkError::Lost(format!("the broker answers with reason code {code}")),
        // rumqttc does not name this as its cause: a TLS alert that comes after the handshake hides in it.
        ConnectionError::MqttState(StateError::Deserialization(cause)) => {
            LinkError::from_transport(&cause)
        }
        ConnectionError::Timeout(_) => LinkError::Lost("the broker does not answer".into()),
        other => LinkError::from_transport(&other),
    }
}

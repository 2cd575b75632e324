//! MQTT 3.1.1 through rumqttc: options in, [`WireEvent`]s out.

use bytes::Bytes;
use rumqttc::{
    AsyncClient, ConnAck, ConnectReturnCode, ConnectionError, Event, EventLoop, LastWill,
    MqttOptions, Outgoing, Packet, Publish, QoS, StateError, SubscribeFilter, SubscribeReasonCode,
};
use tokio::time::timeout;

use crate::error::LinkError;
use crate::options::{LinkOptions, MQTT_MAX_PACKET_BYTES, SessionKind};
use crate::session::{POLL_TIMEOUT, network_options, poll_timeout, transport};
use crate::wire::{Connected, Message, PublishOutcome, Qos, Received, WireEvent};

pub(crate) fn connect(options: &LinkOptions) -> (AsyncClient, EventLoop) {
    let (client, mut event_loop) =
        AsyncClient::new(mqtt_options(options), options.request_capacity());
    let mut network = network_options();
    // Here this bounds every flush too: a large frame on a slow link takes its time.
    network.set_connection_timeout(POLL_TIMEOUT.as_secs());
    event_loop.set_network_options(network);
    (client, event_loop)
}

fn mqtt_options(options: &LinkOptions) -> MqttOptions {
    let mut mqtt = MqttOptions::new(
        &options.client_id,
        options.broker.address(),
        options.broker.port(),
    );
    mqtt.set_transport(transport(options))
        .set_keep_alive(options.keep_alive)
        .set_manual_acks(true)
        .set_inflight(options.inflight_limit())
        .set_max_packet_size(size(options.max_packet_bytes), size(MQTT_MAX_PACKET_BYTES))
        .set_clean_session(options.session == SessionKind::Clean);
    if let Some((username, password)) = &options.credentials {
        mqtt.set_credentials(username, password);
    }
    if let Some(will) = &options.will {
        mqtt.set_last_will(LastWill::new(
            &will.topic,
            will.payload.clone(),
            QoS::AtLeastOnce,
            true,
        ));
    }
    mqtt
}

fn size(bytes: u32) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

pub(crate) fn publish(client: &AsyncClient, message: Message) -> bool {
    let mut publish = Publish::from_bytes(message.topic, qos(message.qos), message.payload);
    publish.retain = message.retain;
    client
        .try_publish(publish.topic, publish.qos, publish.retain, publish.payload)
        .is_ok()
}

pub(crate) fn subscribe(client: &AsyncClient, filter: String, at: Qos) -> bool {
    client
        .try_subscribe_many([SubscribeFilter::new(filter, qos(at))])
        .is_ok()
}

pub(crate) fn ack(client: &AsyncClient, packet_id: u16) -> bool {
    let mut publish = Publish::from_bytes("", QoS::AtLeastOnce, Bytes::new());
    publish.pkid = packet_id;
    client.try_ack(&publish).is_ok()
}

/// The next thing worth telling, however long that takes. Not cancel-safe, as rumqttc's own poll is not.
pub(crate) async fn poll(event_loop: &mut EventLoop) -> Result<WireEvent, LinkError> {
    let patience = poll_timeout(event_loop.mqtt_options.keep_alive());
    loop {
        // Pings keep an idle connection's polls short.
        let polled = timeout(patience, event_loop.poll()).await;
        let event = polled
            .map_err(|_| LinkError::stuck())?
            .map_err(|error| link_error(&error))?;
        if let Some(event) = wire_event(event)? {
            return Ok(event);
        }
    }
}

fn wire_event(event: Event) -> Result<Option<WireEvent>, LinkError> {
    Ok(Some(match event {
        Event::Incoming(Packet::ConnAck(ack)) => WireEvent::Connected(connected(&ack)),
        Event::Incoming(Packet::Publish(publish)) => WireEvent::Received(received(publish)),
        Event::Incoming(Packet::PubAck(ack)) => {
            WireEvent::Acked(ack.pkid, PublishOutcome::Accepted)
        }
        Event::Incoming(Packet::SubAck(ack)) => {
            if ack.return_codes.contains(&SubscribeReasonCode::Failure) {
                return Err(LinkError::denied_subscription());
            }
            WireEvent::Subscribed
        }
        Event::Outgoing(Outgoing::Publish(packet_id)) => WireEvent::Sent(packet_id),
        _ => return Ok(None),
    }))
}

/// MQTT 3.1.1 tells no limits.
fn connected(ack: &ConnAck) -> Connected {
    Connected {
        session_present: ack.session_present,
        max_packet_bytes: None,
        receive_maximum: None,
        takes_qos_1: true,
        takes_retained: true,
        session_expiry: None,
    }
}

fn received(publish: Publish) -> Received {
    Received {
        packet_id: (publish.qos != QoS::AtMostOnce).then_some(publish.pkid),
        topic: publish.topic,
        payload: publish.payload,
        retain: publish.retain,
        content_type: None,
        user_properties: Vec::new(),
        exchange: None,
    }
}

fn qos(qos: Qos) -> QoS {
    match qos {
        Qos::AtMostOnce => QoS::AtMostOnce,
        Qos::AtLeastOnce => QoS::AtLeastOnce,
    }
}

fn link_error(error: &ConnectionError) -> LinkError {
    use ConnectReturnCode as Code;
    match error {
        ConnectionError::ConnectionRefused(code) => match code {
            Code::BadUserNamePassword | Code::NotAuthorized => LinkError::bad_credentials(),
            Code::BadClientId => LinkError::bad_client_id(),
            Code::RefusedProtocolVersion => {
                LinkError::Fatal("the broker does not speak MQTT 3.1.1".into())
            }
            other => LinkError::Lost(format!("the broker refuses the connection ({other:?})")),
        },
        ConnectionError::MqttState(StateError::AwaitPingResp)
        | ConnectionError::NetworkTimeout
        | ConnectionError::FlushTimeout => LinkError::Lost("the broker does not answer".into()),
        ConnectionError::MqttState(StateError::ConnectionAborted) => LinkError::HungUp,
        // rumqttc does not name this as its cause: a TLS alert that comes after the handshake hides in it.
        ConnectionError::MqttState(StateError::Deserialization(cause)) => {
            LinkError::from_transport(cause)
        }
        other => LinkError::from_transport(other),
    }
}

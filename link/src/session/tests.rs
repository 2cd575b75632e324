use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::*;
use crate::options::SessionKind;

/// A broker that accepts one connection, and answers pings if it is alive.
fn broker(alive: bool) -> String {
    const CONNACK: [u8; 4] = [0x20, 2, 0, 0];
    const PING: u8 = 0xc0;
    const PONG: [u8; 2] = [0xd0, 0];
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    let serve = move |mut stream: TcpStream| {
        let mut packet = [0; 1024];
        while let Ok(length @ 1..) = stream.read(&mut packet) {
            match packet[..length] {
                [PING, ..] if alive => stream.write_all(&PONG).unwrap(),
                [PING, ..] => {}
                _ => stream.write_all(&CONNACK).unwrap(),
            }
        }
    };
    thread::spawn(move || serve(listener.accept().unwrap().0));
    url
}

async fn connect(url: &str) -> Session {
    connect_keeping_alive(url, Duration::from_secs(1)).await
}

async fn connect_keeping_alive(url: &str, keep_alive: Duration) -> Session {
    let options = LinkOptions {
        broker: url.parse().unwrap(),
        tls: None,
        credentials: None,
        protocol: Protocol::V311,
        client_id: "test".into(),
        keep_alive,
        session: SessionKind::Clean,
        will: None,
        window: 4,
        receive_maximum: 4,
        max_packet_bytes: 1024,
    };
    Session::connect(&options).await.unwrap()
}

#[tokio::test]
async fn an_idle_connection_stays() {
    let mut session = connect(&broker(true)).await;
    let event = timeout(POLL_TIMEOUT * 2, session.next_event()).await;
    assert!(event.is_err(), "an idle connection gave {event:?}");
}

#[tokio::test]
async fn an_idle_connection_stays_when_it_is_seldom_probed() {
    let mut session = connect_keeping_alive(&broker(true), POLL_TIMEOUT * 3).await;
    let event = timeout(POLL_TIMEOUT * 2, session.next_event()).await;
    assert!(event.is_err(), "an idle connection gave {event:?}");
}

#[tokio::test]
async fn a_broker_that_answers_no_ping_is_given_up() {
    let mut session = connect(&broker(false)).await;
    let event = timeout(POLL_TIMEOUT * 4, session.next_event())
        .await
        .expect("still connected");
    assert!(matches!(event, Err(LinkError::Lost(_))), "{event:?}");
}

#[tokio::test]
async fn an_acknowledgement_is_worth_nothing_on_another_connection() {
    let mut first = connect(&broker(true)).await;
    let mut second = connect(&broker(true)).await;
    let of = |session: &Session| AckToken {
        epoch: session.epoch,
        packet_id: 1,
    };
    let (earlier, present) = (of(&first), of(&second));
    assert!(!second.ack(earlier));
    assert!(!first.ack(present));
    assert!(second.ack(present));
}

#[tokio::test]
async fn acknowledgements_find_room_however_many_a_broker_wants_at_once() {
    let mut session = connect(&broker(true)).await;
    for packet_id in 1..=u16::MAX {
        let epoch = session.epoch;
        assert!(session.ack(AckToken { epoch, packet_id }), "{packet_id}");
    }
}

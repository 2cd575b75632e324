use link::{LinkOptions, SessionKind};
use runtime::progress::Progress;

use super::*;

fn reception() -> Reception {
    Reception {
        filter: "cameras/+/frames".to_owned(),
        prefix: "cameras".parse().unwrap(),
        consumer: None,
        max_frame_bytes: 1024,
        protocol: Protocol::V5,
        duration: None,
        drain_timeout: Duration::ZERO,
    }
}

fn picture(_: &Reception) -> Arrival {
    Arrival {
        camera: "door".parse().unwrap(),
        received_at: Timestamp::UNIX_EPOCH,
        content: undecodable(Bytes::new(), String::new()),
    }
}

#[tokio::test]
async fn messages_without_acknowledgement_do_not_fill_the_memory_while_the_disk_is_full() {
    let (jobs, _jobs_that_nobody_does) = mpsc::channel(1);
    let (_done, answers) = mpsc::unbounded_channel();
    let mut receive = Receive::new(reception(), jobs, answers, Reporter::new(Progress::new()));
    for _ in 0..1000 {
        receive.take(None, picture);
        receive.hand_over();
    }
    assert_eq!(receive.waiting.len(), usize::from(RECEIVE_MAXIMUM));
    assert_eq!(receive.overrun, 1000 - 1 - u64::from(RECEIVE_MAXIMUM));
}

/// A broker that nobody reaches.
fn away() -> Connector {
    Connector::new(LinkOptions {
        broker: "mqtt://127.0.0.1:1".parse().unwrap(),
        tls: None,
        credentials: None,
        protocol: Protocol::V5,
        client_id: "test".to_owned(),
        keep_alive: Duration::from_secs(5),
        session: SessionKind::Clean,
        will: None,
        window: 1,
        receive_maximum: 1,
        max_packet_bytes: 1024,
    })
}

#[tokio::test]
async fn a_store_that_has_had_enough_ends_it_while_the_broker_is_away() {
    let (jobs, _) = mpsc::channel(1);
    let (_, answers) = mpsc::unbounded_channel();
    let mut receive = Receive::new(reception(), jobs, answers, Reporter::new(Progress::new()));
    let never = CancellationToken::new();
    let ended = tokio::time::timeout(Duration::from_secs(10), receive.run(away(), &never)).await;
    ended.expect("still waiting for the broker").unwrap();
}

#[test]
fn a_reason_does_not_quote_a_whole_payload() {
    let payload = format!("\"{}\"", "\u{e9}".repeat(100_000));
    let json = Some(event::CONTENT_TYPE_STRUCTURED);
    let camera = "door".parse().unwrap();
    let error = event::decode(&camera, json, &[], payload.into()).unwrap_err();
    let Content::Undecodable { reason, .. } = undecodable(Bytes::new(), error.to_string()) else {
        panic!("it is undecodable");
    };
    assert!(reason.starts_with("not a CloudEvent in JSON: "), "{reason}");
    assert_eq!(reason.chars().count(), MAX_REASON_CHARS + 3);
}

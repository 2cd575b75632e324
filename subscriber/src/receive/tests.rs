use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use link::{LinkOptions, SessionKind};
use runtime::progress::Progress;

use super::*;
use crate::layout::Layout;
use crate::store::{Arrival, Content, FrameStore};
use crate::storing::Syncing;

fn reception() -> Reception {
    Reception {
        filters: vec![("cameras/+/frames".to_owned(), Qos::AtLeastOnce)],
        prefix: "cameras".parse().unwrap(),
        consumer: None,
        max_frame_bytes: 1024,
        protocol: Protocol::V5,
        max_lag: None,
        duration: None,
        drain_timeout: Duration::ZERO,
    }
}

/// The stage before a store that nothing is written into.
fn stage(
    reception: Reception,
    jobs: mpsc::Sender<Job>,
    answers: mpsc::UnboundedReceiver<Stored>,
) -> Receive {
    let folder = tempfile::tempdir().unwrap();
    let store = FrameStore::open(folder.path(), Layout::default()).unwrap();
    let ledger = Arc::clone(store.ledger());
    let (_, syncing) = Syncing::start(Arc::clone(&ledger), false).unwrap();
    let reporter = Reporter::new(Progress::new(), Arc::clone(&ledger));
    let ends = StoreEnds {
        at_once: None,
        jobs: Some(jobs),
        answers,
        ledger,
        syncing,
        retention: RetentionFeed::default(),
    };
    Receive::new(reception, ends, None, reporter)
}

fn picture(_: &Reception) -> Arrival {
    Arrival {
        camera: "door".parse().unwrap(),
        received_at: Timestamp::UNIX_EPOCH,
        content: Content::Undecodable {
            payload: Bytes::new(),
            reason: String::new(),
            id: None,
        },
    }
}

#[tokio::test]
async fn messages_without_acknowledgement_do_not_fill_the_memory_while_the_disk_is_full() {
    let (jobs, _jobs_that_nobody_does) = mpsc::channel(1);
    let (_done, answers) = mpsc::unbounded_channel();
    let mut receive = stage(reception(), jobs, answers);
    for _ in 0..1000 {
        receive.take(None, picture);
        receive.hand_over();
    }
    assert_eq!(receive.waiting.len(), usize::from(RECEIVE_MAXIMUM));
    assert_eq!(receive.overrun, 1000 - 1 - u64::from(RECEIVE_MAXIMUM));
}

fn connector(port: u16) -> Connector {
    Connector::new(LinkOptions {
        broker: format!("mqtt://127.0.0.1:{port}").parse().unwrap(),
        tls: None,
        credentials: None,
        protocol: Protocol::V311,
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
    let mut receive = stage(reception(), jobs, answers);
    let never = CancellationToken::new();
    // Nobody listens there.
    let run = receive.run(connector(1), &never);
    let ended = tokio::time::timeout(Duration::from_secs(10), run).await;
    ended.expect("still waiting for the broker").unwrap();
}

/// A broker that accepts one connection, and then says stop. Gives its port.
fn broker_that_says(stop: CancellationToken) -> u16 {
    const CONNACK: [u8; 4] = [0x20, 2, 0, 0];
    const DISCONNECT: [u8; 2] = [0xe0, 0];
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut stream, mut packet) = (listener.accept().unwrap().0, [0; 1024]);
        assert_ne!(stream.read(&mut packet).unwrap(), 0);
        stream.write_all(&CONNACK).unwrap();
        assert_ne!(stream.read(&mut packet).unwrap(), 0);
        stop.cancel();
        while let Ok(len @ 1..) = stream.read(&mut packet)
            && !packet[..len].ends_with(&DISCONNECT)
        {}
    });
    port
}

#[tokio::test]
async fn what_has_come_is_stored_before_the_end() {
    let (jobs, mut jobs_to_do) = mpsc::channel::<Job>(1);
    let (done, answers) = mpsc::unbounded_channel();
    let mut reception = reception();
    reception.drain_timeout = Duration::from_secs(30);
    let mut receive = stage(reception, jobs, answers);
    for _ in 0..RECEIVE_MAXIMUM {
        receive.take(None, picture);
    }
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let store = thread::spawn(move || {
        while !stopped.is_cancelled() {
            thread::yield_now();
        }
        while let Some(job) = jobs_to_do.blocking_recv() {
            let stored = Stored {
                ack: job.ack,
                outcome: Outcome::Duplicate,
                frame: None,
                stranger: None,
                taken_at: Timestamp::UNIX_EPOCH,
                bytes: 0,
                latency: Duration::ZERO,
                transit: SignedDuration::ZERO,
            };
            done.send(stored).unwrap();
        }
    });
    let broker = broker_that_says(stop.clone());
    receive.run(connector(broker), &stop).await.unwrap();
    let reporter = receive.finish().0.close();
    store.join().unwrap();
    assert_eq!(reporter.counters.received, u64::from(RECEIVE_MAXIMUM));
}

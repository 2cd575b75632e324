//! Whoever has not logged in: what that may cost, and whom it may hold up.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::{Pc, listens};
use crate::harness::eventually::{A_RUN, SOON};
use crate::harness::footage::{FRAMES, footage};

/// Below the number of connections that the broker takes, so that a camera has room.
const STRANGERS: usize = 80;
/// Half of the time after which whoever says nothing is sent away.
const BEFORE_IT_IS_LATE: Duration = Duration::from_secs(5);

#[test]
fn a_first_packet_as_large_as_a_frame_is_not_read() {
    let pc = Pc::new();
    pc.add("camera", "door");
    let storing = pc.guarded_subscriber().start();
    listens(&storing);
    // A CONNECT of 32 MiB, a PUBLISH, and what is not MQTT at all.
    for head in [
        &b"\x10\x80\x80\x80\x10"[..],
        b"\x30\x05abcde",
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        let mut stranger = pc.stranger(head);
        stranger.set_read_timeout(Some(BEFORE_IT_IS_LATE)).unwrap();
        // With bytes unread it is closed as an error.
        let end = stranger.read(&mut [0]);
        let is_closed = match &end {
            Ok(read) => *read == 0,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        };
        assert!(is_closed, "{head:?}: {end:?}");
    }
    storing.interrupt();
    storing.wait(SOON).succeeded();
}

#[test]
fn half_a_first_packet_of_many_holds_up_no_camera() {
    let pc = Pc::new();
    pc.add("camera", "door");
    let storing = pc
        .guarded_subscriber()
        .flags(&format!("--frames {FRAMES}"))
        .start();
    listens(&storing);
    let mut half = b"\x10\x80\x7d".to_vec();
    half.resize(10_000, 0);
    let strangers: Vec<TcpStream> = (0..STRANGERS).map(|_| pc.stranger(&half)).collect();
    pc.as_user(pc.footage(), "door").run(A_RUN).succeeded();
    storing.wait(A_RUN).succeeded().subscriber_balances();
    pc.out.holds("door", &footage().frames);
    drop(strangers);
}

impl Pc {
    /// A connection on which these bytes were sent.
    fn stranger(&self, bytes: &[u8]) -> TcpStream {
        let mut stranger = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stranger.set_read_timeout(Some(SOON)).unwrap();
        stranger.write_all(bytes).unwrap();
        stranger
    }
}

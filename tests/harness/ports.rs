//! Ports of this machine for the servers of a test.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// The first of the ports to try, below those that the system hands out for outgoing connections: a broker that is
/// restarted must find its port free again.
const FIRST_PORT: u16 = 12_000;
const PORTS: u16 = 18_000;

/// A port that nobody listens on, and that this process has not given out before.
pub(crate) fn free_port() -> u16 {
    static GIVEN_OUT: AtomicU16 = AtomicU16::new(0);
    // Runs of this suite beside each other begin far apart.
    let start = u16::try_from(std::process::id() * 101 % u32::from(PORTS)).expect("PORTS is a u16");
    loop {
        let nth = GIVEN_OUT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST_PORT + (start + nth % PORTS) % PORTS;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

//! Ports of this machine for the servers of a test.

use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::sync::Mutex;

/// The first of the ports to try, below those that the system hands out for outgoing connections: a broker that is
/// restarted must find its port free again.
const FIRST_PORT: u16 = 12_000;
const BLOCKS: u16 = 180;
const PORTS_A_BLOCK: u16 = 100;

/// A port that nobody listens on, and that no test of this or another suite is given while this process lives.
pub(crate) fn free_port() -> u16 {
    static MINE: Mutex<Option<Block>> = Mutex::new(None);
    let mut mine = MINE.lock().expect("another test panicked here");
    loop {
        let block = mine.get_or_insert_with(Block::claim);
        match block.ports.next() {
            Some(port) if is_free(port) => return port,
            Some(_) => {}
            None => *mine = None,
        }
    }
}

/// Ports that are one process's own.
struct Block {
    ports: Range<u16>,
}

impl Block {
    /// The next block that is nobody's. Its first port is listened on to the end of the process, and that is the claim: the
    /// system gives it back, however the process ends.
    fn claim() -> Self {
        // Suites beside each other begin far apart.
        let start = std::process::id() % u32::from(BLOCKS);
        let start = u16::try_from(start).expect("BLOCKS is a u16");
        for nth in 0..BLOCKS {
            let first = FIRST_PORT + (start + nth) % BLOCKS * PORTS_A_BLOCK;
            if let Ok(claim) = TcpListener::bind((Ipv4Addr::LOCALHOST, first)) {
                std::mem::forget(claim);
                return Self {
                    ports: first + 1..first + PORTS_A_BLOCK,
                };
            }
        }
        panic!("every block of ports from {FIRST_PORT} on is taken: which programs listen there?");
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

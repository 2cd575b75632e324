//! One connection through the proxy: two sockets that end together.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

use crate::storm::weather::Flow;

/// How soon a thread that waits for a socket notices that the connection has ended.
pub(super) const TICK: Duration = Duration::from_millis(50);

/// Both sockets are closed when the last thread lets go of it.
pub(super) struct Connection {
    client: TcpStream,
    server: TcpStream,
    is_over: AtomicBool,
    has_lost_bytes: AtomicBool,
}

impl Connection {
    pub(super) fn new(client: TcpStream, server: TcpStream) -> io::Result<Self> {
        for socket in [&client, &server] {
            socket.set_nodelay(true)?;
            socket.set_read_timeout(Some(TICK))?;
            socket.set_write_timeout(Some(TICK))?;
        }
        Ok(Self {
            client,
            server,
            is_over: AtomicBool::new(false),
            has_lost_bytes: AtomicBool::new(false),
        })
    }

    /// Ends it with a reset: both ends learn at once that something is wrong, and what was under way is gone.
    pub(super) fn reset(&self) {
        for socket in [&self.client, &self.server] {
            // A socket that is gone already needs no reset.
            let _ = set_socket_linger(socket, Some(Duration::ZERO));
        }
        self.end();
    }

    /// Ends it as it would end by itself.
    pub(super) fn end(&self) {
        self.is_over.store(true, Relaxed);
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Relaxed)
    }

    /// Notes that bytes were swallowed: what comes after them would make no sense.
    pub(super) fn lose_bytes(&self) {
        self.has_lost_bytes.store(true, Relaxed);
    }

    pub(super) fn has_lost_bytes(&self) -> bool {
        self.has_lost_bytes.load(Relaxed)
    }

    /// Reads what comes in `direction`. Waits for it; 0 at the end.
    pub(super) fn read(&self, direction: Flow, chunk: &mut [u8]) -> usize {
        let mut from = self.ends(direction).0;
        self.patiently(|| from.read(chunk))
    }

    /// Writes all of `bytes` in `direction`, unless the connection ends meanwhile.
    pub(super) fn write(&self, direction: Flow, mut bytes: &[u8]) {
        let mut to = self.ends(direction).1;
        while !bytes.is_empty() {
            let written = self.patiently(|| to.write(bytes));
            if written == 0 {
                return self.end();
            }
            bytes = &bytes[written..];
        }
    }

    fn patiently(&self, mut attempt: impl FnMut() -> io::Result<usize>) -> usize {
        while !self.is_over() {
            match attempt() {
                Ok(length) => return length,
                Err(error) if is_passing(&error) => {}
                Err(_) => return 0,
            }
        }
        0
    }

    /// Where bytes of this direction come from, and where they go.
    fn ends(&self, direction: Flow) -> (&TcpStream, &TcpStream) {
        match direction {
            Flow::FromBroker => (&self.server, &self.client),
            _ => (&self.client, &self.server),
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

//! A service manager's ear: the socket on which systemd hears a service of `Type=notify`.

use std::cell::RefCell;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use tempfile::TempDir;

use super::eventually::eventually_true;
use super::launch::Launch;

/// How often the services of these tests are to give a sign of life, at least.
pub(crate) const PATIENCE: Duration = Duration::from_millis(400);

/// Hears one service.
pub(crate) struct Manager {
    socket: UnixDatagram,
    folder: TempDir,
    heard: RefCell<Vec<String>>,
}

impl Manager {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().expect("making the socket's folder");
        let socket = UnixDatagram::bind(folder.path().join("notify")).expect("binding the socket");
        socket
            .set_nonblocking(true)
            .expect("making the socket non-blocking");
        Self {
            socket,
            folder,
            heard: RefCell::default(),
        }
    }

    /// Has `service` speak to this manager, which asks for signs of life.
    pub(crate) fn over(&self, service: Launch) -> Launch {
        service
            .env("NOTIFY_SOCKET", self.folder.path().join("notify"))
            .env("WATCHDOG_USEC", PATIENCE.as_micros().to_string())
    }

    /// All that was said so far, in its order.
    pub(crate) fn heard(&self) -> Vec<String> {
        let mut heard = self.heard.borrow_mut();
        let mut datagram = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut datagram) {
            let said = String::from_utf8_lossy(&datagram[..length]);
            heard.extend(said.lines().map(str::to_owned));
        }
        heard.clone()
    }

    /// Waits until it has been said `count` times that `what` (`READY=1`, or only `STATUS=`).
    #[track_caller]
    pub(crate) fn hears(&self, count: usize, what: &str) {
        eventually_true(&format!("{count} times {what}"), || {
            self.count(what) >= count
        });
    }

    /// How often it was said that `what`.
    pub(crate) fn count(&self, what: &str) -> usize {
        self.heard()
            .iter()
            .filter(|said| said.starts_with(what))
            .count()
    }
}

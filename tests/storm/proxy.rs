//! The network between a program and the broker: a TCP proxy on loopback whose [`Weather`] the storm makes.
//!
//! A thread answers the door, and each connection has one for each direction. They look at the weather between two
//! chunks, and all end soon after the proxy is dropped.

mod connection;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use super::weather::{Flow, Weather};
use crate::harness::ports::free_port;
use connection::{Connection, TICK};

/// How soon somebody who knocks is let in.
const DOOR_TICK: Duration = Duration::from_millis(5);
/// A broker that was stopped in its tracks is connected to all the same, by its kernel.
const CONNECT_PATIENCE: Duration = Duration::from_secs(1);

/// A network with one server behind it.
pub(crate) struct Proxy {
    port: u16,
    network: Arc<Network>,
}

struct Network {
    server: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    weather: Weather,
    /// Whether there is anybody to connect to.
    server_is_up: bool,
    /// Whether the proxy has been dropped.
    is_over: bool,
    connections: Vec<Weak<Connection>>,
}

/// What becomes of bytes.
enum Passage {
    Pass,
    /// They pass, and then nothing for so long.
    PassSlowly(Duration),
    Swallow,
    /// The connection has ended meanwhile.
    Over,
}

impl Proxy {
    /// Fair weather before the server at `server_port`, which is up.
    pub(crate) fn start(server_port: u16) -> Self {
        let port = free_port();
        let network = Arc::new(Network {
            server: (Ipv4Addr::LOCALHOST, server_port).into(),
            state: Mutex::new(State {
                weather: Weather::Fair,
                server_is_up: true,
                is_over: false,
                connections: Vec::new(),
            }),
            changed: Condvar::new(),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port is free");
        let behind_door = Arc::clone(&network);
        thread::spawn(move || behind_door.answer_door(listener, port));
        Self { port, network }
    }

    /// Where to connect to.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The weather changes.
    pub(crate) fn turn(&self, weather: Weather) {
        let mut state = self.network.state();
        state.weather = weather;
        state.for_each_connection(|connection| {
            if weather == Weather::Refused || connection.has_lost_bytes() {
                connection.reset();
            }
        });
        self.network.changed.notify_all();
    }

    /// Resets every connection, at both ends.
    pub(crate) fn cut(&self) {
        self.network.state().for_each_connection(Connection::reset);
        self.network.changed.notify_all();
    }

    /// Whether there is a server: without one, whoever connects is refused as if no proxy stood before it.
    pub(crate) fn server_is_up(&self, is_up: bool) {
        self.network.state().server_is_up = is_up;
        self.network.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.network.state().is_over = true;
        self.cut();
    }
}

impl State {
    fn for_each_connection(&mut self, act: impl Fn(&Connection)) {
        self.connections.retain(|connection| {
            let Some(connection) = connection.upgrade() else {
                return false;
            };
            act(&connection);
            true
        });
    }

    fn door_is_open(&self) -> bool {
        self.server_is_up && self.weather != Weather::Refused && !self.is_over
    }
}

impl Network {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change, but not for long.
    fn wait<'a>(&self, state: MutexGuard<'a, State>, at_most: Duration) -> MutexGuard<'a, State> {
        let waited = self.changed.wait_timeout(state, at_most);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Lets in whoever knocks. While the door is closed nobody listens, so that whoever connects is refused.
    fn answer_door(self: Arc<Self>, listener: TcpListener, port: u16) {
        let mut listener = Some(listener);
        let mut state = self.state();
        while !state.is_over {
            let tick = match (&listener, state.door_is_open()) {
                (_, false) => {
                    listener = None;
                    TICK
                }
                (None, true) => {
                    // Somebody else may have the port for a moment.
                    listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok();
                    DOOR_TICK
                }
                (Some(listener), true) => {
                    let knocked = listener
                        .set_nonblocking(true)
                        .and_then(|()| listener.accept());
                    if let Ok((client, _)) = knocked {
                        let network = Arc::clone(&self);
                        thread::spawn(move || network.connect(client));
                        continue;
                    }
                    DOOR_TICK
                }
            };
            state = self.wait(state, tick);
        }
    }

    fn connect(self: Arc<Self>, client: TcpStream) {
        let connected = TcpStream::connect_timeout(&self.server, CONNECT_PATIENCE)
            .and_then(|server| self.register(client, server));
        // A client whose server cannot be reached is hung up on.
        let Ok(connection) = connected else { return };
        let network = Arc::clone(&self);
        let other = Arc::clone(&connection);
        thread::spawn(move || network.pump(&other, Flow::FromBroker));
        self.pump(&connection, Flow::ToBroker);
    }

    fn register(&self, client: TcpStream, server: TcpStream) -> io::Result<Arc<Connection>> {
        let connection = Arc::new(Connection::new(client, server)?);
        let mut state = self.state();
        state.connections.push(Arc::downgrade(&connection));
        // Whoever knocked just before the door was closed.
        if !state.door_is_open() {
            connection.reset();
        }
        Ok(connection)
    }

    fn pump(&self, connection: &Connection, direction: Flow) {
        let mut chunk = vec![0; 16 * 1024];
        loop {
            let room = self.chunk_len(chunk.len());
            let length = connection.read(direction, &mut chunk[..room]);
            match self.passage(connection, direction, length) {
                Passage::Over => break,
                Passage::Swallow => connection.lose_bytes(),
                Passage::Pass => connection.write(direction, &chunk[..length]),
                Passage::PassSlowly(pause) => {
                    connection.write(direction, &chunk[..length]);
                    thread::sleep(pause);
                }
            }
        }
        connection.end();
    }

    /// On a slow network, less at once and more often.
    fn chunk_len(&self, most: usize) -> usize {
        match self.state().weather {
            Weather::Slow { bytes_a_second } => most.min(bytes_a_second as usize / 20),
            _ => most,
        }
    }

    /// What becomes of the next `length` bytes; 0 is the end of the stream, which nobody learns of either while nothing
    /// passes. Waits while they are held.
    fn passage(&self, connection: &Connection, direction: Flow, length: usize) -> Passage {
        let mut state = self.state();
        loop {
            if connection.is_over() {
                return Passage::Over;
            }
            match state.weather {
                Weather::Held(flow) if flow.includes(direction) => {}
                Weather::Swallowed(flow) if flow.includes(direction) => {
                    if length > 0 {
                        return Passage::Swallow;
                    }
                }
                _ if length == 0 => return Passage::Over,
                Weather::Slow { bytes_a_second } => {
                    let seconds = length as f64 / f64::from(bytes_a_second);
                    return Passage::PassSlowly(Duration::from_secs_f64(seconds));
                }
                _ => return Passage::Pass,
            }
            state = self.wait(state, TICK);
        }
    }
}

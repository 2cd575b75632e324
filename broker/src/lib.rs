//! An MQTT broker inside a program, for when there is none at hand: the one place of Framebridge that knows the crate mqtt5.
//!
//! Reading order: [`Settings`] are checked and become a [`Broker`], a thread with two `doors`. By its own door, on loopback,
//! the program itself goes in, with a password that nobody else knows; the door for everybody else opens once the program
//! has subscribed, so that nothing is acknowledged before somebody is there to hear it. A `guard` at each door asks who
//! comes, [`users`] are in a file, and `access` says what each may do; `ushers` see to it that nobody holds up others. `limits` bounds what all of it may take.
//!
//! The rest of the program sees a URL. This crate knows nothing of frames, and of topics only whose they are.

mod access;
mod doors;
mod greeting;
mod guard;
mod limits;
mod refusals;
mod tls;
pub mod users;
mod ushers;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use protocol::topic::{ConsumerName, TopicPrefix};
use tokio_util::sync::CancellationToken;

use doors::{Door, House};
use guard::{Guests, OwnProgram};
use users::{UserFile, UsersError};

/// What a broker is to be like.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where everybody else comes in.
    pub listen: SocketAddr,
    /// Who may. Without it everybody may do everything, which is for this machine alone.
    pub users: Option<PathBuf>,
    /// Certificate and key (PEM), for a door that encrypts.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// First levels of every camera's topics.
    pub prefix: TopicPrefix,
    /// The program's own name as a consumer, if it has one.
    pub own_name: Option<ConsumerName>,
}

/// Why there is no broker.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// Everybody in the network would see the cameras.
    #[error(
        "the broker would be open to everybody who reaches {0}: give --broker-users FILE (made by frame-subscriber broker add-camera), or listen on 127.0.0.1"
    )]
    OpenToAll(SocketAddr),
    /// Another program has the port.
    #[error(
        "another program listens on {0}, perhaps another broker: end it, or choose another port"
    )]
    InUse(SocketAddr),
    /// The address is not to be had.
    #[error("the broker cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// Certificate or key are not usable.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// The users' file is not what it should be.
    #[error(transparent)]
    Users(#[from] UsersError),
    /// The system gives no thread, no timer or no random numbers.
    #[error("the broker cannot start: {0}")]
    System(#[from] io::Error),
}

impl BrokerError {
    /// Whether the options contradict each other, rather than that something is not to be had.
    #[must_use]
    pub fn is_contradiction(&self) -> bool {
        matches!(self, Self::OpenToAll(_))
    }
}

/// A running broker. It ends when this is dropped, and with it everything that it held.
pub struct Broker {
    port: u16,
    own: OwnProgram,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Broker {
    /// Starts it. From now on both doors can be connected to; who comes by the one for others waits until the program
    /// itself has subscribed.
    pub fn start(settings: &Settings) -> Result<Self, BrokerError> {
        if settings.users.is_none() && !settings.listen.ip().is_loopback() {
            return Err(BrokerError::OpenToAll(settings.listen));
        }
        let users = settings.users.clone().map(UserFile::open).transpose()?;
        let tls = match &settings.certificate {
            Some((certificate, key)) => Some(tls::acceptor(certificate, key)?),
            None => None,
        };
        let for_others = listen(settings.listen)?;
        let for_itself = listen((Ipv4Addr::LOCALHOST, 0).into())?;
        let port = for_itself.local_addr()?.port();
        let own = OwnProgram::new()?;
        let stop = CancellationToken::new();

        let house = House::new(stop.clone());
        let guests = Guests::new(
            users,
            &settings.prefix,
            settings.own_name.clone(),
            house.storage(),
        );
        let doors = [
            Door::new(for_itself, None, Arc::new(own.clone())),
            Door::new(for_others, tls, Arc::new(guests)),
        ];
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new()
            .name("broker".to_owned())
            .spawn(move || {
                let [own, others] = doors;
                runtime.block_on(house.serve(own, others));
                // A password that is still being checked holds up nobody.
                runtime.shutdown_background();
            })?;
        Ok(Self {
            port,
            own,
            stop,
            thread: Some(thread),
        })
    }

    /// The port of the program's own door, on 127.0.0.1.
    #[must_use]
    pub fn own_port(&self) -> u16 {
        self.port
    }

    /// User name and password for that door.
    #[must_use]
    pub fn own_credentials(&self) -> (String, String) {
        self.own.credentials()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // It has said what went wrong, if anything did.
            let _ = thread.join();
        }
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, BrokerError> {
    let listener = TcpListener::bind(address).map_err(|error| {
        if error.kind() == io::ErrorKind::AddrInUse {
            BrokerError::InUse(address)
        } else {
            BrokerError::Listen { address, error }
        }
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

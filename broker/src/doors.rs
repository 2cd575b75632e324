//! Two doors and the house behind them. The doors are ours rather than mqtt5's: there, whoever connects and does not
//! agree on encryption keeps everybody else waiting for ever.

use std::io;
use std::net::TcpListener as BoundListener;
use std::sync::Arc;
use std::time::Duration;

use mqtt5::broker::auth::AuthProvider;
use mqtt5::broker::client_handler::ClientHandler;
use mqtt5::broker::router::MessageRouter;
use mqtt5::broker::sys_topics::BrokerStats;
use mqtt5::broker::transport::BrokerTransport;
use mqtt5::broker::{
    BrokerConfig, DynamicStorage, MemoryBackend, ResourceMonitor, StorageBackend as _,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, broadcast};
use tokio::time::{interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};

use crate::gate::{self, Gate};
use crate::limits;
use crate::refusals::Refusals;
use crate::retained::Retained;
use crate::sessions::Sessions;
use crate::ushers::{GuestUsher, OwnUsher};
use crate::visitors::{Visiting, Visitors};

/// Between two looks for sessions that have expired.
const SWEEP: Duration = Duration::from_mins(1);
/// What makes accepting fail, no file handles above all, is not over at once.
const AFTER_FAILURE: Duration = Duration::from_millis(100);
/// How long clients have to be told that it is over.
const FAREWELL: Duration = Duration::from_secs(1);
/// Everybody at both doors.
const EVERYBODY: usize = 2 * (limits::CONNECTIONS + limits::STRANGERS);

/// A bound socket, and who may come in by it.
pub(crate) struct Door {
    listener: BoundListener,
    tls: Option<TlsAcceptor>,
    guard: Arc<dyn AuthProvider>,
    visitors: Arc<Visitors>,
}

impl Door {
    pub(crate) fn new(
        listener: BoundListener,
        tls: Option<TlsAcceptor>,
        guard: Arc<dyn AuthProvider>,
        visitors: Arc<Visitors>,
    ) -> Self {
        Self {
            listener,
            tls,
            guard,
            visitors,
        }
    }
}

/// What all connections share: sessions, queues and retained messages, in memory.
#[derive(Clone)]
pub(crate) struct House {
    own_config: Arc<BrokerConfig>,
    guests_config: Arc<BrokerConfig>,
    router: Arc<MessageRouter>,
    storage: Arc<DynamicStorage>,
    stats: Arc<BrokerStats>,
    resources: Arc<ResourceMonitor>,
    over: broadcast::Sender<()>,
    refusals: Arc<Refusals>,
    retained: Arc<Retained>,
    room: Arc<Semaphore>,
    /// The program itself has subscribed.
    somebody_listens: CancellationToken,
    stop: CancellationToken,
}

impl House {
    pub(crate) fn new(stop: CancellationToken, prefix: String) -> Self {
        let somebody_listens = CancellationToken::new();
        let queue = limits::queue();
        let storage = Arc::new(DynamicStorage::Memory(MemoryBackend::with_queue_limits(
            queue,
        )));
        let router =
            MessageRouter::with_storage(Arc::clone(&storage)).with_fallback_queue_limits(queue);
        let router = Arc::new(router);
        let own_usher = OwnUsher {
            somebody_listens: somebody_listens.clone(),
        };
        let retained = Arc::new(Retained::new(prefix));
        let guest_usher = GuestUsher {
            router: Arc::clone(&router),
            retained: Arc::clone(&retained),
        };
        Self {
            own_config: Arc::new(limits::config().with_event_handler(Arc::new(own_usher))),
            guests_config: Arc::new(limits::config().with_event_handler(Arc::new(guest_usher))),
            router,
            storage,
            stats: Arc::new(BrokerStats::new()),
            resources: Arc::new(ResourceMonitor::new(limits::resources())),
            over: broadcast::channel(1).0,
            refusals: Arc::default(),
            retained,
            room: Arc::new(Semaphore::new(EVERYBODY)),
            somebody_listens,
            stop,
        }
    }

    pub(crate) fn sessions(&self) -> Sessions {
        Sessions {
            storage: Arc::clone(&self.storage),
            router: Arc::clone(&self.router),
        }
    }

    pub(crate) fn retained(&self) -> Arc<Retained> {
        Arc::clone(&self.retained)
    }

    /// Lets in who comes, until told to stop.
    pub(crate) async fn serve(self, own: Door, others: Door) {
        let doors = async {
            tokio::join!(self.let_in(own, &self.own_config), async {
                self.somebody_listens.cancelled().await;
                self.let_in(others, &self.guests_config).await;
            })
        };
        tokio::select! {
            _ = doors => {}
            () = self.sweep() => {}
            () = self.stop.cancelled() => {}
        }
        // Nobody may be there to be told.
        let _ = self.over.send(());
        let everybody = u32::try_from(EVERYBODY).unwrap_or(u32::MAX);
        let _ = timeout(FAREWELL, self.room.acquire_many(everybody)).await;
    }

    async fn let_in(&self, door: Door, config: &Arc<BrokerConfig>) {
        let listener = match TcpListener::from_std(door.listener) {
            Ok(listener) => listener,
            Err(failed) => return error!("the broker cannot listen: {failed}"),
        };
        loop {
            let (stream, from) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(failed) => {
                    debug!("the broker could not accept a connection: {failed}");
                    sleep(AFTER_FAILURE).await;
                    continue;
                }
            };
            // Those who are turned out for the next take a moment to go.
            let Ok(place) = Arc::clone(&self.room).try_acquire_owned() else {
                debug!("{from} was not let in: too many are on their way out");
                continue;
            };
            let visiting = Arc::new(door.visitors.enter(from));
            let (house, config) = (self.clone(), Arc::clone(config));
            let (tls, guard) = (door.tls.clone(), Arc::clone(&door.guard));
            tokio::spawn(async move {
                let stay = house.receive(stream, config, tls, guard, &visiting);
                let gone = tokio::select! {
                    gone = stay => gone,
                    () = visiting.turned_out() => Err(io::Error::other("others wait as well")),
                    () = house.stop.cancelled(), if visiting.guest().is_none() => Ok(()),
                };
                if let Err(why) = gone {
                    debug!("{from} has gone: {why}");
                }
                drop(place);
            });
        }
    }

    async fn receive(
        &self,
        stream: TcpStream,
        config: Arc<BrokerConfig>,
        tls: Option<TlsAcceptor>,
        guard: Arc<dyn AuthProvider>,
        visiting: &Arc<Visiting>,
    ) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let introduced = async {
            match tls {
                None => self.introduced(stream, visiting).await,
                Some(acceptor) => {
                    let encrypted = acceptor.accept(stream).await?;
                    self.introduced(encrypted, visiting).await
                }
            }
        };
        let transport = timeout(limits::INTRODUCTION, introduced).await??;
        let handler = ClientHandler::new(
            transport,
            visiting.from(),
            config,
            Arc::clone(&self.router),
            guard,
            Some(Arc::clone(&self.storage)),
            Arc::clone(&self.stats),
            Arc::clone(&self.resources),
            self.over.subscribe(),
        );
        handler.run().await.map_err(io::Error::other)
    }

    /// What mqtt5 gets to see of a client that has said who it is.
    async fn introduced(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Send + Sync + Unpin + 'static,
        visiting: &Arc<Visiting>,
    ) -> io::Result<BrokerTransport> {
        let introduction = gate::introduction(&mut stream).await?;
        let gate = Gate::new(
            stream,
            introduction,
            Arc::clone(visiting),
            Arc::clone(&self.retained),
            Arc::clone(&self.refusals),
        );
        Ok(BrokerTransport::WebSocket(Box::new(gate)))
    }

    /// Lets go of sessions that have expired, and of what was kept for them.
    async fn sweep(&self) {
        let mut ticks = interval(SWEEP);
        loop {
            ticks.tick().await;
            if let Err(failed) = self.storage.cleanup_expired().await {
                debug!("expired messages stay: {failed}");
            }
            self.router.sweep_sessions().await;
        }
    }
}

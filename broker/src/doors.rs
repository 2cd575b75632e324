//! Two doors and the house behind them. The doors are ours rather than mqtt5's: there, whoever connects and does not
//! agree on encryption keeps everybody else waiting for ever.

use std::io;
use std::net::{SocketAddr, TcpListener as BoundListener};
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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, broadcast};
use tokio::time::{interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};

use crate::greeting::greet;
use crate::limits;
use crate::ushers::{GuestUsher, OwnUsher};

/// Between two looks for sessions that have expired.
const SWEEP: Duration = Duration::from_mins(1);
/// What makes accepting fail, no file handles above all, is not over at once.
const AFTER_FAILURE: Duration = Duration::from_millis(100);
/// How long clients have to be told that it is over.
const FAREWELL: Duration = Duration::from_secs(1);

/// A bound socket, and who may come in by it.
pub(crate) struct Door {
    listener: BoundListener,
    tls: Option<TlsAcceptor>,
    guard: Arc<dyn AuthProvider>,
}

impl Door {
    pub(crate) fn new(
        listener: BoundListener,
        tls: Option<TlsAcceptor>,
        guard: Arc<dyn AuthProvider>,
    ) -> Self {
        Self {
            listener,
            tls,
            guard,
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
    room: Arc<Semaphore>,
    /// The program itself has subscribed.
    somebody_listens: CancellationToken,
    stop: CancellationToken,
}

impl House {
    pub(crate) fn new(stop: CancellationToken) -> Self {
        let somebody_listens = CancellationToken::new();
        let queue = limits::queue();
        let storage = Arc::new(DynamicStorage::Memory(MemoryBackend::with_queue_limits(
            queue,
        )));
        let router = MessageRouter::with_storage(Arc::clone(&storage))
            .with_fallback_queue_limits(queue)
            .with_retained_limits(limits::retained(), 0);
        let router = Arc::new(router);
        let own_usher = OwnUsher {
            somebody_listens: somebody_listens.clone(),
        };
        let guest_usher = GuestUsher {
            router: Arc::clone(&router),
        };
        Self {
            own_config: Arc::new(limits::config().with_event_handler(Arc::new(own_usher))),
            guests_config: Arc::new(limits::config().with_event_handler(Arc::new(guest_usher))),
            router,
            storage,
            stats: Arc::new(BrokerStats::new()),
            resources: Arc::new(ResourceMonitor::new(limits::resources())),
            over: broadcast::channel(1).0,
            room: Arc::new(Semaphore::new(limits::CONNECTIONS)),
            somebody_listens,
            stop,
        }
    }

    /// Sessions by client id.
    pub(crate) fn storage(&self) -> Arc<DynamicStorage> {
        Arc::clone(&self.storage)
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
        let everybody = u32::try_from(limits::CONNECTIONS).unwrap_or(u32::MAX);
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
            let Ok(place) = Arc::clone(&self.room).try_acquire_owned() else {
                debug!("{from} was not let in: {} are", limits::CONNECTIONS);
                continue;
            };
            let (house, config) = (self.clone(), Arc::clone(config));
            let (tls, guard) = (door.tls.clone(), Arc::clone(&door.guard));
            tokio::spawn(async move {
                if let Err(why) = house.receive(stream, from, config, tls, guard).await {
                    debug!("{from} has gone: {why}");
                }
                drop(place);
            });
        }
    }

    async fn receive(
        self,
        stream: TcpStream,
        from: SocketAddr,
        config: Arc<BrokerConfig>,
        tls: Option<TlsAcceptor>,
        guard: Arc<dyn AuthProvider>,
    ) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let transport = match tls {
            None => BrokerTransport::WebSocket(Box::new(greet(stream, from).await?)),
            Some(acceptor) => {
                let encrypted = timeout(limits::HANDSHAKE, acceptor.accept(stream)).await??;
                BrokerTransport::WebSocket(Box::new(greet(encrypted, from).await?))
            }
        };
        let handler = ClientHandler::new(
            transport,
            from,
            config,
            self.router,
            guard,
            Some(self.storage),
            self.stats,
            self.resources,
            self.over.subscribe(),
        );
        handler.run().await.map_err(io::Error::other)
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

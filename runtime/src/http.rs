//! Serving a page or figures to a few people and programs over HTTP/1.1.
//!
//! Whoever connects costs a bounded amount of memory, and for a bounded time: there is a limit to connections, a request must come
//! soon, and a reader that takes nothing for a while is let go of. Connections that only stand there make room for who comes.

mod crowd;
mod patient;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use self::crowd::Crowd;
use self::patient::{LastAnswer, Patient};

/// Connections at one time; who comes later has the place of one that only stands there, or waits.
const CONNECTIONS: usize = 128;

/// How long a request's head may take, and how long a connection may be idle between two.
const REQUEST_PATIENCE: Duration = Duration::from_secs(20);

/// How long a reader may take nothing of what it asked for.
const READER_PATIENCE: Duration = Duration::from_secs(30);

/// What a connection buffers of a request: more than any browser's head.
const REQUEST_BYTES: usize = 32 * 1024;

/// How long answers may take that are under way at the end.
const GOODBYE: Duration = Duration::from_secs(1);

/// How often it is looked whether somebody can make room.
const LOOK: Duration = Duration::from_millis(100);

/// Pause after the system refused a connection: it has run out of something.
const RECOVERY: Duration = Duration::from_millis(200);

/// Takes `address`, so that whoever connects from now on is served once [`serve`] runs. The address that it gives has a port, also if
/// that was left to the system.
///
/// # Errors
/// The address is taken, or is not this machine's.
pub fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Serves `router` to whoever connects to `listener`, until `stop`.
///
/// # Errors
/// The listener is not usable in this runtime.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    let mut crowd = Crowd::default();
    loop {
        while connections.try_join_next().is_some() {}
        let next = async {
            let accepted = listener.accept().await?;
            Ok::<_, io::Error>((accepted.0, place_in(&room, &mut crowd).await))
        };
        let next = tokio::select! {
            next = next => next,
            () = stop.cancelled() => break,
        };
        match next {
            Ok((stream, place)) => {
                let answered = LastAnswer::default();
                let patient = Patient::new(stream, place, READER_PATIENCE, answered.clone());
                let conversation = converse(TokioIo::new(patient), router.clone(), stop.clone());
                crowd.enter(connections.spawn(conversation), answered);
            }
            Err(error) => {
                warn!("cannot take an HTTP connection: {error}");
                tokio::time::sleep(RECOVERY).await;
            }
        }
    }
    let all = async { while connections.join_next().await.is_some() {} };
    // Who is still reading then reads no further.
    let _ = tokio::time::timeout(GOODBYE, all).await;
    Ok(())
}

/// A place for one more; if there is none, that of whoever has stood there longest without an answer to take.
async fn place_in(room: &Arc<Semaphore>, crowd: &mut Crowd) -> Option<OwnedSemaphorePermit> {
    loop {
        if let Ok(place) = Arc::clone(room).try_acquire_owned() {
            return Some(place);
        }
        crowd.send_one_away();
        if let Ok(place) = timeout(LOOK, Arc::clone(room).acquire_owned()).await {
            return place.ok();
        }
    }
}

/// One connection: request after request, until the other side has enough or `stop`.
async fn converse(io: TokioIo<Patient>, router: Router, stop: CancellationToken) {
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(REQUEST_PATIENCE)
            .max_buf_size(REQUEST_BYTES)
            .serve_connection(io, TowerToHyperService::new(router))
            .with_upgrades()
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!("an HTTP connection ended early: {error}");
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn a_request_is_answered_and_the_end_is_an_end() {
        let (listener, address) = listen(([127, 0, 0, 1], 0).into()).unwrap();
        let stop = CancellationToken::new();
        let router = Router::new().route("/", get(|| async { "here" }));
        let served = tokio::spawn(serve(listener, router, stop.clone()));
        let mut client = TcpStream::connect(address).await.unwrap();
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: me\r\n\r\n")
            .await
            .unwrap();
        let mut head = [0; 15];
        client.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 200 OK");
        stop.cancel();
        served.await.unwrap().unwrap();
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
        assert!(rest.ends_with(b"here"));
    }

    #[tokio::test]
    async fn connections_that_only_stand_there_make_room_for_who_asks() {
        let (listener, address) = listen(([127, 0, 0, 1], 0).into()).unwrap();
        let router = Router::new().route("/", get(|| async { "here" }));
        tokio::spawn(serve(listener, router, CancellationToken::new()));
        let mut idle = Vec::new();
        for _ in 0..3 * CONNECTIONS {
            let mut stream = TcpStream::connect(address).await.unwrap();
            // A request that never ends is none.
            stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
            idle.push(stream);
        }
        let began = tokio::time::Instant::now();
        let mut client = TcpStream::connect(address).await.unwrap();
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: me\r\n\r\n")
            .await
            .unwrap();
        let mut head = [0; 15];
        let read = timeout(REQUEST_PATIENCE, client.read_exact(&mut head)).await;
        read.expect("nobody made room").unwrap();
        assert_eq!(&head, b"HTTP/1.1 200 OK");
        assert!(began.elapsed() < REQUEST_PATIENCE / 2);
    }
}

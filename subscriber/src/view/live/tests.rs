use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::*;

/// What a page says when it is asked whether it is there: masked, as all that it says, by nothing.
const PONG: [u8; 6] = [0x8a, 0x80, 0, 0, 0, 0];

/// A page of a folder in which nothing happens.
async fn quiet_page() -> TcpStream {
    let (_tell, parts) = watch::channel(Arc::default());
    let live = Live {
        received: None,
        parts,
        stop: CancellationToken::new(),
    };
    let router = Router::new().route("/live", get(super::live).with_state(live));
    let (listener, address) = runtime::http::listen(([127, 0, 0, 1], 0).into()).unwrap();
    tokio::spawn(runtime::http::serve(
        listener,
        router,
        CancellationToken::new(),
    ));
    let mut page = TcpStream::connect(address).await.unwrap();
    let hello = b"GET /live HTTP/1.1\r\nHost: me\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                  Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    page.write_all(hello).await.unwrap();
    page
}

/// Reads until the server has closed.
async fn closed(page: &mut TcpStream) {
    let mut bytes = [0; 1024];
    while page.read(&mut bytes).await.is_ok_and(|len| len > 0) {}
}

#[tokio::test(start_paused = true)]
async fn a_page_that_has_gone_without_a_word_gives_its_place_back() {
    let mut page = quiet_page().await;
    let began = Instant::now();
    timeout(Duration::from_mins(5), closed(&mut page))
        .await
        .expect("it is let go of");
    assert!(began.elapsed() >= MISSED * ASKED_EVERY);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_answers_stays_though_nothing_happens() {
    let (mut said, mut answers) = quiet_page().await.into_split();
    let answering = async {
        let mut bytes = [0; 1024];
        while said.read(&mut bytes).await.is_ok_and(|len| len > 0) {
            if bytes.starts_with(&[0x89, 0]) {
                answers.write_all(&PONG).await.unwrap();
            }
        }
    };
    let stays = timeout(Duration::from_hours(1), answering).await;
    assert!(stays.is_err(), "it was let go of");
}

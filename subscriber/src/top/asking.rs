//! Questions to a running subscriber, over HTTP.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use axum::body::{Body, to_bytes};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::figures::{self, Figures};

/// On this machine, or at the end of a slow line.
const PATIENCE: Duration = Duration::from_secs(3);
/// More than 256 cameras need.
const MOST_BYTES: usize = 1 << 20;

/// The figures of the subscriber that shows them at `address`.
///
/// # Errors
/// Nobody answers there, or somebody else.
pub(super) async fn ask(address: &str) -> anyhow::Result<Figures> {
    let Ok(answer) = timeout(PATIENCE, get(address)).await else {
        bail!(
            "nothing answers at {address} within {} s",
            PATIENCE.as_secs()
        );
    };
    let json = answer?;
    serde_json::from_slice(&json).with_context(|| {
        format!("what answers at {address} is no frame-subscriber of this version: is it a publisher's --metrics?")
    })
}

/// Asks once a second, as a task of its own: nobody at the keyboard waits for an answer. It ends with the receiver.
pub(super) fn ask_regularly(address: String) -> mpsc::Receiver<anyhow::Result<Figures>> {
    let (answers, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut ticks = interval(figures::INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.reset();
        loop {
            ticks.tick().await;
            if answers.send(ask(&address).await).await.is_err() {
                return;
            }
        }
    });
    receiver
}

async fn get(address: &str) -> anyhow::Result<Vec<u8>> {
    let stream = TcpStream::connect(address).await.with_context(|| {
        format!(
            "nothing answers at {address}: is frame-subscriber running with --metrics {address}?"
        )
    })?;
    let (mut requests, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get("/figures.json").header(HOST, address);
    let answer = requests.send_request(request.body(Body::empty())?).await;
    let answer = answer.with_context(|| format!("what answers at {address} is no web server"))?;
    let status = answer.status();
    ensure!(
        status == StatusCode::OK,
        "what answers at {address} has no figures: {status}"
    );
    let body = to_bytes(Body::new(answer.into_body()), MOST_BYTES).await;
    connection.abort();
    Ok(body.context("the answer broke off")?.to_vec())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use runtime::metrics::MetricsArgs;
    use tokio::sync::watch;

    use super::*;
    use crate::metrics::Metrics;

    #[tokio::test]
    async fn the_figures_that_a_subscriber_shows_are_read_again() {
        let mut figures = Figures::at_start(Timestamp::UNIX_EPOCH);
        figures.stored = 7;
        let metrics = MetricsArgs {
            metrics: Some(([127, 0, 0, 1], 0).into()),
        };
        let showcase = metrics.listen().unwrap().unwrap();
        let address = showcase.address().to_string();
        let (_sender, receiver) = watch::channel(std::sync::Arc::new(figures.clone()));
        showcase.show(Metrics::new(receiver));
        assert_eq!(ask(&address).await.unwrap(), figures);
    }

    #[tokio::test]
    async fn that_nobody_answers_is_said() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let why = ask(&address).await.unwrap_err().to_string();
        assert!(why.contains("nothing answers at"), "{why}");
        assert!(why.contains("--metrics"), "{why}");
    }
}

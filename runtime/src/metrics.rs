//! `--metrics`: a program's figures over HTTP, for Prometheus, for scripts, and for whoever asks whether it is well.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use clap::Args;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::arguments::listen_address;
use crate::exposition::{self, Exposition, Kind};
use crate::http;
use crate::program::UsageError;

/// The option.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct MetricsArgs {
    /// Show figures at this address: /metrics for Prometheus, /figures.json, and /healthz; 127.0.0.1:9464 or 9464 for this machine
    /// alone, 0.0.0.0:9464 for everyone who can reach it
    #[arg(long, env = "FRAMEBRIDGE_METRICS", value_name = "ADDR", value_parser = listen_address)]
    pub metrics: Option<SocketAddr>,
}

/// What a program shows of itself.
pub trait Shown: Send + Sync + 'static {
    /// The program.
    fn program(&self) -> &'static str;
    /// When it began.
    fn started_at(&self) -> SystemTime;
    /// Its figures for Prometheus.
    fn expose(&self, to: &mut Exposition);
    /// The same as JSON, for scripts.
    fn json(&self) -> Vec<u8>;
    /// Whether it is well; if not, why.
    fn health(&self) -> Result<(), String>;
}

/// An address where figures will be shown.
pub struct Showcase {
    listener: TcpListener,
    address: SocketAddr,
}

impl MetricsArgs {
    /// Takes the address, if one is given.
    ///
    /// # Errors
    /// It is not to be had.
    pub fn listen(&self) -> Result<Option<Showcase>, UsageError> {
        let Some(address) = self.metrics else {
            return Ok(None);
        };
        match http::listen(address) {
            Ok((listener, address)) => Ok(Some(Showcase { listener, address })),
            Err(error) => Err(UsageError(format!(
                "cannot listen at --metrics {address}: {error}; name another port or address"
            ))),
        }
    }
}

impl Showcase {
    /// Where figures will be shown.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Shows `shown` until the program ends. To be called in a runtime.
    pub fn show(self, shown: impl Shown) {
        let address = self.address;
        let who = if address.ip().is_loopback() {
            ""
        } else {
            ", to everyone who can reach that address"
        };
        info!("figures are shown at http://{address}/metrics{who}");
        let server = http::serve(self.listener, router(shown), CancellationToken::new());
        tokio::spawn(async move {
            if let Err(error) = server.await {
                error!("figures are shown no more: {error}");
            }
        });
    }
}

fn router(shown: impl Shown) -> Router {
    Router::new()
        .route("/", get(|| async { "/metrics\n/figures.json\n/healthz\n" }))
        .route("/metrics", get(metrics))
        .route("/figures.json", get(json))
        .route("/healthz", get(health))
        .with_state(Arc::new(shown) as Arc<dyn Shown>)
}

async fn metrics(State(shown): State<Arc<dyn Shown>>) -> Response {
    let mut text = Exposition::new();
    let info = "Which program this is; always 1";
    let labels = [
        ("program", shown.program()),
        ("version", env!("CARGO_PKG_VERSION")),
    ];
    text.family("framebridge_build_info", Kind::Gauge, info)
        .sample(&labels, 1);
    let began = shown.started_at().duration_since(SystemTime::UNIX_EPOCH);
    text.single(
        "process_start_time_seconds",
        Kind::Gauge,
        "When the program began, in Unix time",
        began.unwrap_or_default().as_secs_f64(),
    );
    shown.expose(&mut text);
    ([(CONTENT_TYPE, exposition::CONTENT_TYPE)], text.into_text()).into_response()
}

async fn json(State(shown): State<Arc<dyn Shown>>) -> Response {
    ([(CONTENT_TYPE, "application/json")], shown.json()).into_response()
}

async fn health(State(shown): State<Arc<dyn Shown>>) -> Response {
    match shown.health() {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()).into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

//! A page that shows the cameras live, and what is on disk.
//!
//! It has threads of its own: "view" answers browsers, and a few beside it read what they ask for; "view-index" reads the indexes.
//! Nothing here is waited for by whoever receives and stores. First comes [`Listening`], so that wrong options are said before
//! anything happens; then [`View::start`].

mod assets;
mod download;
mod guard;
mod live;
mod pages;
mod recording;
mod token;

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use anyhow::Context as _;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Router, middleware};
use runtime::program::UsageError;
use runtime::progress::Progress;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::guard::Guard;
use self::live::Live;
use self::recording::{Parts, Recording};
use self::token::Token;
use crate::config::{TokenArgs, ViewArgs, ViewDirArgs};

pub(crate) use self::live::Received;
pub(crate) use self::live::feed::{Feed, feed};

/// Threads that read files for browsers.
const READERS: usize = 4;

/// A form with a token is no longer.
const LONGEST_FORM: usize = 4096;

/// Serves a folder's page until somebody says stop: `frame-subscriber view DIR`.
pub(crate) async fn view_folder(args: ViewDirArgs) -> anyhow::Result<()> {
    runtime::logging::start(&args.log, &Progress::new())?;
    let listening = Listening::open(args.listen, &args.token)?;
    let stop = runtime::shutdown::on_signal();
    let view = View::start(listening, &args.dir, None)?;
    runtime::service::ready();
    stop.cancelled().await;
    view.finish();
    Ok(())
}

/// An address that is taken, and who may come.
#[derive(Debug)]
pub(crate) struct Listening {
    listener: TcpListener,
    address: SocketAddr,
    token: Option<Token>,
}

impl Listening {
    /// The one that `--view` asks for, if it does.
    pub(crate) fn wanted_by(args: &ViewArgs) -> anyhow::Result<Option<Self>> {
        args.view
            .map(|address| Self::open(address, &args.token))
            .transpose()
    }

    /// Takes `address`.
    ///
    /// # Errors
    /// Others reach it and there is no token, the token is none, or the address is not to be had.
    fn open(address: SocketAddr, args: &TokenArgs) -> anyhow::Result<Self> {
        let token = Token::read(args.view_token_file.as_deref())?;
        if token.is_none() && !address.ip().is_loopback() {
            return Err(UsageError(format!(
                "a page at {address} can be reached from elsewhere and needs a token: put one into a file for --view-token-file, \
                 or use 127.0.0.1"
            ))
            .into());
        }
        let (listener, address) = runtime::http::listen(address).map_err(|error| {
            UsageError(format!(
                "cannot serve the page at {address}: {error}; name another port or address"
            ))
        })?;
        Ok(Self {
            listener,
            address,
            token,
        })
    }

    /// The page's URL, for the log.
    fn url(&self) -> String {
        let port = self.address.port();
        if self.address.ip().is_unspecified() {
            format!("http://THIS-MACHINE:{port}/")
        } else {
            format!("http://{}/", self.address)
        }
    }
}

/// The page while it is served.
#[derive(Debug)]
pub(crate) struct View {
    stop: CancellationToken,
    threads: Vec<JoinHandle<()>>,
}

impl View {
    /// Serves the page of what is in `dir` and, where frames are received, of what comes.
    pub(crate) fn start(
        listening: Listening,
        dir: &Path,
        received: Option<Received>,
    ) -> anyhow::Result<Self> {
        let recording = Recording::new(dir)
            .with_context(|| format!("cannot show what is in {}", dir.display()))?;
        let recording = Arc::new(recording);
        let (tell_parts, parts) = watch::channel(Arc::new(Parts::default()));
        let stop = CancellationToken::new();
        let live = Live {
            received,
            parts,
            stop: stop.clone(),
        };
        let how = if listening.token.is_some() {
            " (it asks for the token)"
        } else {
            ""
        };
        info!("the page is at {}{how}", listening.url());
        let guard = Guard::new(listening.token, listening.address.port());
        let router = router(Arc::clone(&recording), live, guard);

        let (stop_reading, stop_serving) = (stop.clone(), stop.clone());
        let reading = thread::Builder::new()
            .name("view-index".into())
            .spawn(move || recording::keep_reading(&recording, &tell_parts, &stop_reading))
            .context("failed to start reading the indexes")?;
        let serving = thread::Builder::new()
            .name("view".into())
            .spawn(move || serve(listening.listener, router, stop_serving))
            .context("failed to start the page")?;
        Ok(Self {
            stop,
            threads: vec![reading, serving],
        })
    }

    /// Ends it. What somebody is just reading ends, too.
    pub(crate) fn finish(self) {
        self.stop.cancel();
        for thread in self.threads {
            thread.thread().unpark();
            if thread.join().is_err() {
                warn!("a thread of the page died");
            }
        }
    }
}

fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(READERS)
        .thread_name("view-files")
        .build();
    match runtime {
        Ok(runtime) => {
            if let Err(error) = runtime.block_on(runtime::http::serve(listener, router, stop)) {
                warn!("the page cannot be served: {error}");
            }
            // A disk that hangs must not hold up the end.
            runtime.shutdown_background();
        }
        Err(error) => warn!("the page cannot be served: {error}"),
    }
}

/// Everything that can be asked for. All of it only reads.
fn router(recording: Arc<Recording>, live: Live, guard: Guard) -> Router {
    let mut router = Router::new();
    for asset in assets::ASSETS {
        router = router.route(asset.path, get(move || async move { asset }));
    }
    let of_recording = Router::new()
        .route("/timeline/{camera}", get(pages::timeline))
        .route("/frames/{camera}", get(pages::frames))
        .route("/picture/{place}", get(pages::picture))
        .route("/download/{camera}/zip", get(download::zip))
        .route("/download/{camera}/mjpeg", get(download::mjpeg))
        .with_state(recording);
    router
        .merge(of_recording)
        .route("/live", get(live::live).with_state(live))
        .route("/enter", post(guard::enter).with_state(guard.clone()))
        .layer(DefaultBodyLimit::max(LONGEST_FORM))
        .layer(middleware::from_fn_with_state(guard, guard::check))
}

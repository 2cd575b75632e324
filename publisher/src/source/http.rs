//! A camera that sends pictures one after another over HTTP (`multipart/x-mixed-replace`).
//!
//! Part headers and boundaries are not read: whatever lies between two pictures is skipped, so it matters little how
//! well a camera keeps to the standards. Cameras are reached directly, never through a proxy.

mod refusal;

use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Client, Response};
use tokio::time::sleep;
use url::Url;

use self::refusal::{Refusal, root_cause};
use super::byte_stream::PictureStream;
use super::mask::Masked;
use super::outage::Outage;
use super::{Captured, SourceOptions};

/// How long things may take.
#[derive(Debug, Clone, Copy)]
struct Patience {
    connect: Duration,
    /// For the answer, and between two pieces of the stream.
    read: Duration,
    shortest_wait: Duration,
    longest_wait: Duration,
}

const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(10),
    read: Duration::from_secs(10),
    shortest_wait: Duration::from_millis(500),
    longest_wait: Duration::from_secs(15),
};

/// Reads pictures from an HTTP camera, connecting again whenever it is lost.
#[derive(Debug)]
pub struct HttpSource {
    client: Client,
    /// With its login, which the client turns into basic authentication.
    url: Url,
    body: Option<Response>,
    pictures: PictureStream,
    outage: Outage,
    /// Before the next connection.
    wait: Duration,
    /// It has given a picture: whatever goes wrong from now on may heal.
    worked: bool,
}

impl HttpSource {
    pub(super) fn open(url: &Url, options: &SourceOptions) -> anyhow::Result<Self> {
        Self::with_patience(url, options, PATIENCE)
    }

    fn with_patience(
        url: &Url,
        options: &SourceOptions,
        patience: Patience,
    ) -> anyhow::Result<Self> {
        // reqwest asks for the process's default; another part of the program may have set it before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .no_proxy()
            .connect_timeout(patience.connect)
            .read_timeout(patience.read)
            .build()
            .context("cannot set up HTTP")?;
        let shown = Masked(url.as_str()).to_string();
        Ok(Self {
            client,
            url: url.clone(),
            body: None,
            pictures: PictureStream::new(options.max_frame_bytes),
            outage: Outage::new(
                shown,
                patience.shortest_wait,
                patience.longest_wait,
                options.absence.clone(),
            ),
            wait: Duration::ZERO,
            worked: false,
        })
    }

    pub(super) async fn next(&mut self) -> anyhow::Result<Captured> {
        loop {
            if let Some(captured) = self.pictures.next() {
                if self.body.is_some() && matches!(captured, Captured::Picture(_)) {
                    self.worked = true;
                    self.outage.picture();
                }
                return Ok(captured);
            }
            match self.body.take() {
                None => self.connect().await?,
                Some(body) => self.fill(body).await,
            }
        }
    }

    /// Hangs up, until the next [`next`](Self::next).
    pub(super) fn release(&mut self) {
        self.body = None;
        self.pictures.restart();
        self.wait = Duration::ZERO;
    }

    async fn connect(&mut self) -> anyhow::Result<()> {
        sleep(self.wait).await;
        match self.request().await {
            Ok(response) => self.body = Some(response),
            Err(Refusal::Final(reason)) if !self.worked => {
                anyhow::bail!("{}: {reason}", Masked(self.url.as_str()))
            }
            Err(Refusal::Final(reason) | Refusal::Passing(reason)) => {
                self.wait = self.outage.failed(reason);
            }
        }
        Ok(())
    }

    async fn request(&self) -> Result<Response, Refusal> {
        let request = self.client.get(self.url.clone());
        let response = request.send().await.map_err(|err| Refusal::of(&err))?;
        refusal::check(&response)?;
        Ok(response)
    }

    /// Waits for more bytes, or the loss of the connection.
    async fn fill(&mut self, mut body: Response) {
        let reason = match body.chunk().await {
            Ok(Some(chunk)) => {
                self.pictures.push(&chunk);
                self.body = Some(body);
                return;
            }
            Ok(None) => "the camera ended the stream".into(),
            Err(error) => root_cause(&error),
        };
        self.pictures.end();
        self.wait = self.outage.failed(reason);
    }
}

#[cfg(test)]
mod tests;

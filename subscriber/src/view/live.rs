//! What happens now: one WebSocket for each open page, which carries pictures, figures and what is on disk.
//!
//! A page is sent only what it asks for, and asks for a camera's next picture once it has shown the last one. So one picture is on its way to
//! a browser, however slow it is, and it is the newest. Nobody waits for a page.
//!
//! ```text
//! page:    {"want":["door","yard"]}        each: its next picture, once there is one that was not sent yet
//! server:  {"picture":{"camera":"door","time":...,"sequence":...}}, and the JPEG as the binary message that follows
//!          {"figures":{...}}                 once a second, where frames are received
//!          {"recording":{"cameras":[...],"is_complete":true}}   when it has changed
//! ```

pub(super) mod feed;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use bytes::Bytes;
use protocol::topic::CameraName;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use self::feed::{Picture, Pictures};
use super::recording::Parts;
use crate::figures::Figures;

/// What a page says is short.
const LONGEST_WORD: usize = 64 * 1024;

/// Cameras that a page may ask for at once.
const MOST_WANTED: usize = 256;

/// A page is asked so often whether it is still there, and gone once it has said nothing for [`MISSED`] questions: a phone that
/// leaves the network says no good-bye.
const ASKED_EVERY: Duration = Duration::from_secs(30);
const MISSED: u32 = 3;

/// Where pages hear what happens.
#[derive(Debug, Clone)]
pub(super) struct Live {
    /// Absent where a folder is all there is.
    pub(super) received: Option<Received>,
    pub(super) parts: watch::Receiver<Arc<Parts>>,
    pub(super) stop: CancellationToken,
}

/// What a run of the subscriber tells.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) pictures: Pictures,
    pub(crate) figures: watch::Receiver<Arc<Figures>>,
}

#[derive(Debug, Deserialize)]
struct Asked {
    want: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Told<'a> {
    Picture(&'a Heading<'a>),
    Figures(&'a Figures),
    Recording(&'a Parts),
}

/// What precedes a picture.
#[derive(Debug, Serialize)]
struct Heading<'a> {
    camera: &'a str,
    time: i64,
    sequence: Option<u64>,
}

pub(super) async fn live(State(live): State<Live>, upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .max_message_size(LONGEST_WORD)
        .max_frame_size(LONGEST_WORD)
        // What is sent is sent at once.
        .write_buffer_size(0)
        .on_upgrade(|socket| async {
            // A page that has gone is no error.
            let _ = Page::new(socket, live).attend().await;
        })
}

/// An open page.
struct Page {
    socket: WebSocket,
    live: Live,
    /// The cameras of which it wants a picture.
    wanted: HashSet<CameraName>,
    /// What was sent last of each.
    sent: HashMap<CameraName, u64>,
}

impl Page {
    fn new(socket: WebSocket, live: Live) -> Self {
        Self {
            socket,
            live,
            wanted: HashSet::new(),
            sent: HashMap::new(),
        }
    }

    /// Until it is closed.
    async fn attend(mut self) -> Result<(), axum::Error> {
        // Figures first: they say to the page that frames are received.
        if let Some(received) = &mut self.live.received {
            let figures = Arc::clone(&received.figures.borrow_and_update());
            self.tell(&Told::Figures(&figures)).await?;
        }
        let parts = Arc::clone(&self.live.parts.borrow_and_update());
        self.tell(&Told::Recording(&parts)).await?;
        let mut ask = interval(ASKED_EVERY);
        ask.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut unanswered = 0;
        loop {
            while let Some(picture) = self.next_picture() {
                self.show(&picture).await?;
            }
            let (figures, pictures) = match &mut self.live.received {
                Some(received) => (Some(&mut received.figures), Some(&mut received.pictures)),
                None => (None, None),
            };
            tokio::select! {
                said = self.socket.recv() => {
                    unanswered = 0;
                    match said {
                        Some(Ok(Message::Text(text))) => {
                            if !self.hear(&text) {
                                return Ok(());
                            }
                        }
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(()),
                        Some(Ok(_)) => {}
                    }
                }
                _ = ask.tick() => {
                    if unanswered == MISSED {
                        return Ok(());
                    }
                    unanswered += 1;
                    self.socket.send(Message::Ping(Bytes::new())).await?;
                }
                () = Pictures::changed(pictures, !self.wanted.is_empty()) => {}
                figures = changed(figures) => self.tell(&Told::Figures(&figures)).await?,
                parts = changed(Some(&mut self.live.parts)) => self.tell(&Told::Recording(&parts)).await?,
                () = self.live.stop.cancelled() => return Ok(()),
            }
        }
    }

    /// Takes what the page says. Whether it made sense.
    fn hear(&mut self, text: &str) -> bool {
        let Ok(Asked { want }) = serde_json::from_str(text) else {
            return false;
        };
        for camera in want.into_iter().filter_map(|camera| camera.parse().ok()) {
            if self.wanted.len() < MOST_WANTED {
                self.wanted.insert(camera);
            }
        }
        true
    }

    /// A picture that it wants and has not got.
    fn next_picture(&mut self) -> Option<Arc<Picture>> {
        let pictures = &self.live.received.as_ref()?.pictures;
        let found = self.wanted.iter().find_map(|camera| {
            let newest = pictures.newest(camera)?;
            (self.sent.get(camera) != Some(&newest.nth)).then_some(newest)
        })?;
        self.wanted.remove(&found.shot.camera);
        if self.sent.len() >= MOST_WANTED {
            self.sent.clear();
        }
        self.sent.insert(found.shot.camera.clone(), found.nth);
        Some(found)
    }

    async fn show(&mut self, picture: &Picture) -> Result<(), axum::Error> {
        let shot = &picture.shot;
        let heading = Heading {
            camera: shot.camera.as_str(),
            time: shot.at.as_microsecond(),
            sequence: shot.place.map(|(_, sequence)| sequence),
        };
        self.tell(&Told::Picture(&heading)).await?;
        self.socket.send(Message::Binary(shot.jpeg.clone())).await
    }

    async fn tell(&mut self, told: &Told<'_>) -> Result<(), axum::Error> {
        let text = serde_json::to_string(told).map_err(axum::Error::new)?;
        self.socket.send(Message::text(text)).await
    }
}

/// The next value of something that is watched; never, if nothing is, or it has ended.
async fn changed<T>(watched: Option<&mut watch::Receiver<Arc<T>>>) -> Arc<T> {
    if let Some(watched) = watched
        && watched.changed().await.is_ok()
    {
        return Arc::clone(&watched.borrow_and_update());
    }
    std::future::pending().await
}

//! What the page asks about the recording: which cameras, a stretch of time, frames, and a frame's picture.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use protocol::topic::CameraName;
use serde::{Deserialize, Serialize};
use tracing::debug;

use super::recording::{Direction, Found, Place, Recording, Timeline};
use crate::index::{Entry, Kind};

/// Frames that are told at once.
const MAX_FRAMES: usize = 256;

/// Nothing, and why: one line.
pub(super) type Refusal = (StatusCode, String);

/// Which stretch of time, in microseconds since 1970.
#[derive(Debug, Deserialize)]
pub(super) struct Stretch {
    pub(super) from: i64,
    pub(super) to: i64,
    slots: Option<usize>,
}

/// Which frames: those around a time, or beside a place.
#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    /// The one nearest to this time.
    at: Option<i64>,
    /// From this one on, without it.
    after: Option<String>,
    before: Option<String>,
    most: Option<usize>,
}

#[derive(Debug, Deserialize)]
pub(super) struct How {
    download: Option<String>,
}

/// A frame, as the page knows it.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    place: String,
    time: i64,
    /// Absent for bare pictures.
    sequence: Option<u64>,
    stream: Option<String>,
    width: Option<u16>,
    height: Option<u16>,
    bytes: u64,
}

pub(super) async fn timeline(
    State(recording): State<Arc<Recording>>,
    Path(camera): Path<String>,
    Query(stretch): Query<Stretch>,
) -> Result<Json<Timeline>, Refusal> {
    let camera = camera_name(&camera)?;
    let Stretch { from, to, slots } = stretch;
    let slots = slots.unwrap_or(1);
    reading(move || Ok(Json(recording.timeline(&camera, from, to, slots)))).await
}

pub(super) async fn frames(
    State(recording): State<Arc<Recording>>,
    Path(camera): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Vec<Shown>>, Refusal> {
    let camera = camera_name(&camera)?;
    let most = wanted.most.unwrap_or(1).clamp(1, MAX_FRAMES);
    let found = reading(move || match wanted {
        Wanted { at: Some(time), .. } => {
            let nearest = recording.nearest(&camera, time)?;
            Ok(nearest.into_iter().collect())
        }
        Wanted {
            after: Some(place), ..
        } => {
            let Ok(place) = place.parse() else {
                return Ok(Vec::new());
            };
            let found = recording.frames(&camera, place, Direction::Forward, most + 1)?;
            Ok(found
                .into_iter()
                .filter(|found| found.place != place)
                .take(most)
                .collect())
        }
        Wanted {
            before: Some(place),
            ..
        } => match place.parse() {
            Ok(place) => recording.frames(&camera, place, Direction::Backward, most),
            Err(()) => Ok(Vec::new()),
        },
        _ => Ok(Vec::new()),
    });
    Ok(Json(found.await?.into_iter().map(Shown::from).collect()))
}

pub(super) async fn picture(
    State(recording): State<Arc<Recording>>,
    Path(place): Path<String>,
    Query(how): Query<How>,
) -> Result<Response, Refusal> {
    let place: Place = place.parse().map_err(|()| gone())?;
    let file = reading(move || recording.file(place)).await?;
    let (entry, jpeg) = file.ok_or_else(gone)?;
    let disposition = match how.download {
        Some(_) => "attachment",
        None => "inline",
    };
    let disposition = format!(
        "{disposition}; filename=\"{}_{}\"",
        entry.camera,
        file_name(&entry)
    );
    let headers = [
        (header::CONTENT_TYPE, "image/jpeg".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
        // A frame's file is what it is for ever. It is kept by this browser alone.
        (header::CACHE_CONTROL, "private, max-age=3600".to_owned()),
    ];
    Ok((headers, jpeg).into_response())
}

/// Does what waits for a disk where nobody waits for it.
pub(super) async fn reading<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(unreadable(&error)),
        Err(_) => Err((
            StatusCode::INTERNAL_SERVER_ERROR,
            "this went wrong\n".into(),
        )),
    }
}

/// What is said of a disk that cannot be read. A path of this machine is not everybody's business.
pub(super) fn unreadable(error: &std::io::Error) -> Refusal {
    debug!("the page could not be answered: {error}");
    let why = format!("the recording could not be read: {error}\n");
    (StatusCode::INTERNAL_SERVER_ERROR, why)
}

pub(super) fn camera_name(text: &str) -> Result<CameraName, Refusal> {
    text.parse()
        .map_err(|_| (StatusCode::NOT_FOUND, "there is no such camera\n".into()))
}

/// A frame's name outside of its folder: in the order of time, and no other's.
pub(super) fn file_name(entry: &Entry) -> String {
    let name = |time: Timestamp| time.strftime("%Y%m%dT%H%M%S.%6fZ").to_string();
    match entry.kind {
        Kind::Frame {
            stream,
            sequence,
            captured_at,
            ..
        } => {
            format!("{}_{}_{sequence:09}.jpg", name(captured_at), stream.short())
        }
        _ => format!("{}_{:08x}.jpg", name(entry.received_at), entry.crc32c),
    }
}

fn gone() -> Refusal {
    let why = "this frame is not there, or not any more\n";
    (StatusCode::NOT_FOUND, why.into())
}

impl From<Found> for Shown {
    fn from(found: Found) -> Self {
        let Found { place, entry } = found;
        let identity = entry.identity();
        Self {
            place: place.to_string(),
            time: place.time,
            sequence: identity.map(|(_, sequence)| sequence),
            stream: identity.map(|(stream, _)| stream.to_string()),
            width: entry.size.map(|(width, _)| width),
            height: entry.size.map(|(_, height)| height),
            bytes: entry.file_bytes(),
        }
    }
}

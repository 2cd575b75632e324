//! A stretch of time to take away: its frames in a zip, or one after the other as MJPEG.
//!
//! Frames are read while they are sent: however long the stretch, a few pictures are in memory, and in a zip its list of contents.

mod sending;

use std::io;
use std::sync::Arc;

use async_zip::base::write::ZipFileWriter;
use async_zip::{Compression, ZipDateTimeBuilder, ZipEntryBuilder};
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use protocol::topic::CameraName;
use tokio::io::{AsyncWriteExt as _, DuplexStream};
use tokio_util::compat::TokioAsyncWriteCompatExt as _;
use tokio_util::io::ReaderStream;
use tracing::warn;

use self::sending::Sending;
use super::pages::{Refusal, Stretch, camera_name, file_name, unreadable};
use super::recording::{Direction, Found, Place, Recording, is_no_picture};
use crate::index::Entry;

/// What waits to be sent.
const AHEAD_BYTES: usize = 256 * 1024;

/// Frames whose index is read at once.
const PAGE: usize = 128;

/// A zip has a list of contents that is in memory until its end: an hour of 30 frames a second is enough.
const MOST_IN_A_ZIP: u64 = 110_000;

/// Frames of a camera between two times.
struct Way {
    recording: Arc<Recording>,
    camera: CameraName,
    to: i64,
    place: Place,
    /// Found, and not yet read; the nearest last.
    ahead: Vec<Found>,
    is_at_the_end: bool,
    /// Frames of which there is no file, or not any more.
    left_out: u64,
}

pub(super) async fn zip(
    State(recording): State<Arc<Recording>>,
    Path(camera): Path<String>,
    Query(stretch): Query<Stretch>,
) -> Result<Response, Refusal> {
    let way = Way::new(recording, camera_name(&camera)?, &stretch)?;
    let frames = way
        .recording
        .timeline(&way.camera, stretch.from, stretch.to, 1)
        .frames;
    if frames > MOST_IN_A_ZIP {
        let why = format!(
            "these are up to {frames} frames, and a zip takes {MOST_IN_A_ZIP}: choose a shorter time, or MJPEG\n"
        );
        return Err((StatusCode::PAYLOAD_TOO_LARGE, why));
    }
    way.answer("zip", "application/zip", send_zip).await
}

pub(super) async fn mjpeg(
    State(recording): State<Arc<Recording>>,
    Path(camera): Path<String>,
    Query(stretch): Query<Stretch>,
) -> Result<Response, Refusal> {
    let way = Way::new(recording, camera_name(&camera)?, &stretch)?;
    way.answer("mjpeg", "video/x-motion-jpeg", send_mjpeg).await
}

async fn send_zip(mut way: Way, to: DuplexStream) -> io::Result<()> {
    let mut zip = ZipFileWriter::new(to.compat_write());
    while let Some((entry, jpeg)) = way.next().await? {
        let taken_at = way.place.time;
        // Pictures do not become smaller.
        let name = ZipEntryBuilder::new(file_name(&entry).into(), Compression::Stored)
            .last_modification_date(zip_time(taken_at))
            .unix_permissions(0o644);
        zip.write_entry_whole(name, &jpeg)
            .await
            .map_err(io::Error::other)?;
    }
    if way.left_out > 0 {
        let name = ZipEntryBuilder::new("left-out.txt".into(), Compression::Stored);
        let words = format!(
            "{} frames of this time are not here: their files were deleted, or are no files but links, for example.\n",
            way.left_out
        );
        zip.write_entry_whole(name.unix_permissions(0o644), words.as_bytes())
            .await
            .map_err(io::Error::other)?;
    }
    zip.close().await.map_err(io::Error::other)?;
    Ok(())
}

async fn send_mjpeg(mut way: Way, mut to: DuplexStream) -> io::Result<()> {
    while let Some((_, jpeg)) = way.next().await? {
        to.write_all(&jpeg).await?;
    }
    to.shutdown().await
}

impl Way {
    fn new(
        recording: Arc<Recording>,
        camera: CameraName,
        stretch: &Stretch,
    ) -> Result<Self, Refusal> {
        if stretch.to < stretch.from {
            let why = "this time ends before it begins\n";
            return Err((StatusCode::BAD_REQUEST, why.into()));
        }
        Ok(Self {
            recording,
            camera,
            to: stretch.to,
            place: Place::before_all_of(stretch.from),
            ahead: Vec::new(),
            is_at_the_end: false,
            left_out: 0,
        })
    }

    /// An answer that `send` writes while it is read. When the reader goes, so does the work.
    async fn answer<Sent>(
        mut self,
        extension: &str,
        kind: &'static str,
        send: impl FnOnce(Self, DuplexStream) -> Sent,
    ) -> Result<Response, Refusal>
    where
        Sent: Future<Output = io::Result<()>> + Send + 'static,
    {
        if !self
            .look_ahead()
            .await
            .map_err(|error| unreadable(&error))?
        {
            let why = "there are no frames of this camera in this time\n";
            return Err((StatusCode::NOT_FOUND, why.into()));
        }
        let begin = Timestamp::from_microsecond(self.place.time).unwrap_or_default();
        let name = format!(
            "{}_{}.{extension}",
            self.camera,
            begin.strftime("%Y%m%dT%H%M%SZ")
        );
        let sending = Sending::begin(AHEAD_BYTES, |to| send(self, to));
        let headers = [
            (header::CONTENT_TYPE, kind.to_owned()),
            (
                header::CONTENT_DISPOSITION,
                format!("attachment; filename=\"{name}\""),
            ),
        ];
        let body = Body::from_stream(ReaderStream::with_capacity(sending, AHEAD_BYTES));
        Ok((headers, body).into_response())
    }

    /// The next frame with its picture. One of which there is no file is left out, which is logged: retention may have deleted it
    /// meanwhile. A disk that cannot be read is an error.
    async fn next(&mut self) -> io::Result<Option<(Entry, Vec<u8>)>> {
        loop {
            if self.ahead.is_empty() && !self.look_ahead().await? {
                if self.left_out > 0 {
                    let Self {
                        left_out, camera, ..
                    } = self;
                    warn!(
                        "{left_out} frames of {camera} were left out of a download: their files are not there"
                    );
                }
                return Ok(None);
            }
            let Some(found) = self.ahead.pop() else {
                continue;
            };
            self.place = found.place;
            let recording = Arc::clone(&self.recording);
            match blocking(move || recording.file(found.place)).await {
                Ok(Some(file)) => return Ok(Some(file)),
                Ok(None) => self.left_out += 1,
                Err(error) if is_no_picture(&error) => self.left_out += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Finds the next frames. Whether there are any.
    async fn look_ahead(&mut self) -> io::Result<bool> {
        if self.is_at_the_end {
            return Ok(false);
        }
        let (recording, camera, place) =
            (Arc::clone(&self.recording), self.camera.clone(), self.place);
        let found =
            blocking(move || recording.frames(&camera, place, Direction::Forward, PAGE)).await?;
        self.is_at_the_end =
            found.len() < PAGE || found.last().is_some_and(|found| found.place.time > self.to);
        let wanted = |found: &Found| found.place != place && found.place.time <= self.to;
        self.ahead = found.into_iter().filter(wanted).rev().collect();
        Ok(!self.ahead.is_empty())
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}

/// A zip knows times to two seconds, of no zone: UTC here, as in all our names.
fn zip_time(micros: i64) -> async_zip::ZipDateTime {
    let time = Timestamp::from_microsecond(micros).unwrap_or_default();
    let time = time.to_zoned(TimeZone::UTC);
    let part = |part: i8| u32::try_from(part).unwrap_or_default();
    ZipDateTimeBuilder::new()
        .year(i32::from(time.year()).max(1980))
        .month(part(time.month()))
        .day(part(time.day()))
        .hour(part(time.hour()))
        .minute(part(time.minute()))
        .second(part(time.second()))
        .build()
}

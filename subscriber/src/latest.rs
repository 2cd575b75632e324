//! The newest picture, for programs that want what the camera sees now: a file that is replaced ([`LatestFile`]), and a
//! stream on standard output ([`MjpegOut`]).
//!
//! Both only ever move forward: a frame sent again after an outage is stored, but not shown. Neither may hold up
//! storing. They know nothing of the store.

mod stdout;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use protocol::frame::{Frame, StreamId};
use protocol::topic::CameraName;

use crate::layout::legal_name;
use crate::store::replace::replace_within;

pub use stdout::{MjpegOut, MjpegTotals};

/// A picture that may be the newest of its camera. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shot {
    /// The camera that took it.
    pub camera: CameraName,
    /// When it was taken or, for a foreign picture, received.
    pub at: Timestamp,
    /// Its stream and number, if it has an identity.
    pub place: Option<(StreamId, u64)>,
    /// The picture.
    pub jpeg: Bytes,
}

impl Shot {
    /// A bare picture: all that is known is when it came.
    #[must_use]
    pub fn foreign(camera: CameraName, received_at: Timestamp, jpeg: Bytes) -> Self {
        Self {
            camera,
            at: received_at,
            place: None,
            jpeg,
        }
    }
}

impl From<&Frame> for Shot {
    fn from(frame: &Frame) -> Self {
        Self {
            camera: frame.id.camera.clone(),
            at: frame.captured_at,
            place: Some((frame.id.stream, frame.id.sequence)),
            jpeg: frame.jpeg.clone(),
        }
    }
}

/// On Windows somebody who reads the file may hold it for a moment; who holds it for longer is not waited for.
const PATIENCE: Duration = Duration::from_millis(50);

/// A stream that showed nothing for so long may be followed by one with an earlier clock.
const SILENCE: Duration = Duration::from_secs(10);

/// How far each camera has come.
#[derive(Debug, Default)]
pub(crate) struct Forward {
    newest: HashMap<CameraName, Newest>,
}

/// The picture of a camera that was shown last.
#[derive(Debug)]
struct Newest {
    at: Timestamp,
    place: Option<(StreamId, u64)>,
    shown: Instant,
}

impl Forward {
    /// Within a stream its numbers tell what is newer, for a camera's clock may be set back; between streams the time,
    /// unless the known one has fallen silent: a camera without a battery starts with an earlier clock.
    pub(crate) fn is_newer(&self, shot: &Shot, now: Instant) -> bool {
        let Some(newest) = self.newest.get(&shot.camera) else {
            return true;
        };
        match (newest.place, shot.place) {
            (Some((known, last)), Some((stream, sequence))) if known == stream => sequence > last,
            _ => shot.at > newest.at || now > newest.shown + SILENCE,
        }
    }

    pub(crate) fn advance(&mut self, shot: &Shot, now: Instant) {
        let newest = Newest {
            at: shot.at,
            place: shot.place,
            shown: now,
        };
        self.newest.insert(shot.camera.clone(), newest);
    }
}

/// A file that always holds the newest picture, whole. With `{camera}` in its path there is one for each camera.
#[derive(Debug)]
pub struct LatestFile {
    template: PathBuf,
    forward: Forward,
    /// How long the next attempt may take: somebody who held the file holds it still, as a rule.
    patience: Duration,
}

impl LatestFile {
    /// Will write to `template`, in which `{camera}` stands for the camera's name.
    #[must_use]
    pub fn new(template: PathBuf) -> Self {
        Self {
            template,
            forward: Forward::default(),
            patience: PATIENCE,
        }
    }

    /// Whether each camera has a file of its own. Without, two cameras would take turns in one.
    #[must_use]
    pub fn names_camera(&self) -> bool {
        self.template.to_string_lossy().contains("{camera}")
    }

    /// Shows `shot` if it is newer than what its camera showed before, and says whether it is.
    ///
    /// # Errors
    /// The file could not be replaced: it is as it was, and the next picture may succeed.
    pub fn offer(&mut self, shot: &Shot) -> io::Result<bool> {
        if !self.forward.is_newer(shot, Instant::now()) {
            return Ok(false);
        }
        let path = self.path(&shot.camera);
        let file = path
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidFilename, path.display().to_string())
            })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let patience = std::mem::take(&mut self.patience);
        match replace_within(patience, folder, file, &shot.jpeg) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(folder)?;
                replace_within(patience, folder, file, &shot.jpeg)?;
            }
            done => done?,
        }
        self.patience = PATIENCE;
        self.forward.advance(shot, Instant::now());
        Ok(true)
    }

    fn path(&self, camera: &CameraName) -> PathBuf {
        self.template
            .components()
            .map(|component| {
                let name = component.as_os_str();
                match name.to_str() {
                    Some(text) if text.contains("{camera}") => {
                        legal_name(&text.replace("{camera}", camera.as_str())).into()
                    }
                    _ => name.to_owned(),
                }
            })
            .collect()
    }
}

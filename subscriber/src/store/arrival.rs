//! What arrives, and what becomes of it.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use jiff::Timestamp;
use protocol::event::Decoded;
use protocol::frame::FrameId;
use protocol::topic::CameraName;

/// A message on a frames topic, as it came.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The camera whose topic it came on, if that names one.
    pub camera: CameraName,
    /// When it came.
    pub received_at: Timestamp,
    /// What it says.
    pub content: Content,
}

/// What a message says, as far as it could be read.
#[derive(Debug, Clone)]
pub enum Content {
    /// A frame, or a bare picture.
    Decoded(Decoded),
    /// Neither.
    Undecodable {
        /// The whole payload.
        payload: Bytes,
        /// Why it could not be read.
        reason: String,
        /// Which frame it is nevertheless, beyond doubt: it need not come again.
        id: Option<FrameId>,
    },
    /// It came on a topic whose level is no camera's name; [`Arrival::camera`] is only where it is kept.
    Nameless {
        /// The whole payload.
        payload: Bytes,
        /// Which topic that was.
        reason: String,
    },
}

/// What became of an arrival. Paths begin with the output folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A frame, now on disk.
    Stored {
        /// Its file.
        path: PathBuf,
    },
    /// A frame that was stored before.
    Duplicate,
    /// No usable frame: set aside.
    Quarantined {
        /// Where it is kept.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A valid picture under an identity or a name that another one has: set aside.
    Conflict {
        /// Where it is kept.
        path: PathBuf,
    },
    /// A bare picture of another publisher, now on disk.
    Foreign {
        /// Its file.
        path: PathBuf,
    },
    /// Left out in favour of newer ones, where only the latest are wanted. The store itself leaves out nothing.
    Skipped,
}

impl Outcome {
    /// The file that it is now in, unless it was stored before.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Duplicate | Self::Skipped => None,
            Self::Stored { path }
            | Self::Quarantined { path, .. }
            | Self::Conflict { path }
            | Self::Foreign { path } => Some(path),
        }
    }
}

//! Where pictures come from.
//!
//! A source gives pictures as the camera made them, each with the moment of its grab. It heals what can heal (a dead
//! child, an unplugged camera, a dropped HTTP connection) by itself, saying so once, and fails only for what cannot.
//! It knows nothing of numbering, queues or MQTT.

#[cfg(target_os = "linux")]
mod v4l2;

use std::path::PathBuf;
use std::str::FromStr;

use bytes::Bytes;
use jiff::Timestamp;
use protocol::jpeg::JpegError;
use protocol::topic::CameraName;

/// A picture as the source gave it: neither checked nor repaired yet.
#[derive(Debug, Clone)]
pub struct RawPicture {
    /// What the camera emitted.
    pub jpeg: Bytes,
    /// The moment of the grab, as close as the source can tell.
    pub captured_at: Timestamp,
}

/// What a source has next.
#[derive(Debug, Clone)]
pub enum Captured {
    /// A picture.
    Picture(RawPicture),
    /// A picture that came but cannot be used; it is counted and skipped.
    Broken(JpegError),
    /// The source is finite and has ended.
    End,
}

/// What every source is told.
#[derive(Debug, Clone)]
pub struct SourceOptions {
    /// Drawn into the test picture.
    pub camera: CameraName,
    /// Asked of V4L2; drawn by `test`.
    pub resolution: Resolution,
    /// Frames a second: asked of V4L2, kept by `test`, file, folder and stdin. `None`: the source's own default.
    pub fps: Option<f64>,
    /// Begin again when a file or folder ends.
    pub repeat: bool,
    /// Larger pictures are broken.
    pub max_frame_bytes: usize,
}

/// Picture size in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolution {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

impl FromStr for Resolution {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is not a size such as 1280x720, each side from 16 to 16384");
        let (width, height) = text.split_once(['x', 'X']).ok_or_else(wrong)?;
        let side = |side: &str| side.parse().ok().filter(|side| (16..=16384).contains(side));
        Ok(Self {
            width: side(width).ok_or_else(wrong)?,
            height: side(height).ok_or_else(wrong)?,
        })
    }
}

/// Which source to open: the value of `--source`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceSpec {
    /// A V4L2 capture device.
    V4l2(PathBuf),
    /// A program whose standard output is an MJPEG stream: its words, no shell.
    Exec(Vec<String>),
    /// An MJPEG stream on standard input.
    Stdin,
    /// An MJPEG file, or a folder of JPEG files in the order of their names.
    Path(PathBuf),
    /// A `multipart/x-mixed-replace` camera.
    Http(url::Url),
    /// A moving test picture.
    Test,
}

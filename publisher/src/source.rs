//! Where pictures come from.
//!
//! A source gives pictures as the camera made them, each with the moment of its grab. It heals what can heal (a dead
//! child, an unplugged camera, a dropped HTTP connection) by itself, saying so once, and fails only for what cannot.
//! It knows nothing of numbering, queues or MQTT.

mod control;
mod spec;

mod exec;
mod file;
mod folder;
mod http;
mod stdin;
mod test;
#[cfg(target_os = "linux")]
mod v4l2;

mod steering;

mod byte_stream;
mod mask;
mod outage;
mod pace;

#[cfg(test)]
pub(crate) mod fixture;

use std::path::Path;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use protocol::jpeg::{JpegError, Unprepared};
use protocol::topic::CameraName;

pub use control::{ControlError, ControlSetting, set_controls};
#[cfg(target_os = "linux")]
pub(crate) use v4l2::{DeviceKind, OwnCamera, Trial, VideoDevice, listed, survey, try_camera};
#[cfg(all(test, target_os = "linux"))]
pub(crate) use v4l2::{OfferedFormat, OfferedSize};

pub use outage::Absence;
pub use spec::{Resolution, SourceClass, SourceSpec};

/// The frame rate of what has none of its own.
const DEFAULT_FPS: f64 = 30.0;

/// A picture as the source gave it: neither checked nor repaired yet.
#[derive(Debug, Clone)]
pub struct RawPicture {
    /// What the camera emitted.
    pub jpeg: Unprepared,
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
    /// Set on a V4L2 camera each time that it is opened, in this order.
    pub controls: Vec<ControlSetting>,
    /// Where a source that comes back by itself says that it is away.
    pub absence: Absence,
}

/// An opened source: the start of every picture's way.
///
/// Used on one thread with its own current-thread runtime. Dropping it ends it: a child program and all it started are
/// gone when `drop` returns.
#[derive(Debug)]
pub enum FrameSource {
    /// A V4L2 camera.
    #[cfg(target_os = "linux")]
    V4l2(Box<v4l2::V4l2Source>),
    /// A program's standard output.
    Exec(exec::ExecSource),
    /// Standard input.
    Stdin(stdin::StdinSource),
    /// An MJPEG file.
    File(file::FileSource),
    /// A folder of JPEG files.
    Folder(folder::FolderSource),
    /// An HTTP camera.
    Http(http::HttpSource),
    /// The moving test picture.
    Test(test::TestSource),
}

impl FrameSource {
    /// Opens what `spec` names, as far as that needs no waiting; children and connections begin with the first
    /// [`next`](Self::next). Fails for what will not heal, in one line that says what to do.
    pub fn open(spec: &SourceSpec, options: &SourceOptions) -> anyhow::Result<Self> {
        Ok(match spec {
            #[cfg(target_os = "linux")]
            SourceSpec::V4l2(path) => {
                Self::V4l2(Box::new(v4l2::V4l2Source::new(path.clone(), options)))
            }
            #[cfg(not(target_os = "linux"))]
            SourceSpec::V4l2(path) => bail!("{}: V4L2 cameras exist only on Linux", path.display()),
            SourceSpec::Exec(words) => Self::Exec(exec::ExecSource::new(words, options)),
            SourceSpec::Stdin => Self::Stdin(stdin::StdinSource::open(options)?),
            SourceSpec::Path(path) => return open_path(path, options),
            SourceSpec::Http(url) => Self::Http(http::HttpSource::open(url, options)?),
            SourceSpec::Test => Self::Test(test::TestSource::new(options)),
        })
    }

    /// Waits for what comes next. What can heal has healed inside; an error says that this source cannot go on.
    ///
    /// May be abandoned, but only to drop the source then: a picture may be lost.
    pub async fn next(&mut self) -> anyhow::Result<Captured> {
        match self {
            #[cfg(target_os = "linux")]
            Self::V4l2(source) => source.next().await,
            Self::Exec(source) => source.next().await,
            Self::Stdin(source) => source.next().await,
            Self::File(source) => source.next().await,
            Self::Folder(source) => source.next().await,
            Self::Http(source) => source.next().await,
            Self::Test(source) => source.next().await,
        }
    }
}

fn open_path(path: &Path, options: &SourceOptions) -> anyhow::Result<FrameSource> {
    let kind = std::fs::metadata(path)
        .with_context(|| format!("cannot read the source {}", path.display()))?;
    if kind.is_dir() {
        Ok(FrameSource::Folder(folder::FolderSource::open(
            path, options,
        )?))
    } else if kind.is_file() {
        Ok(FrameSource::File(file::FileSource::open(path, options)?))
    } else {
        bail!(
            "{0} is neither a file nor a folder: a pipe is read with `--source - < {0}`",
            path.display()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_by_what_is_there() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("picture.jpg");
        std::fs::write(&file, fixture::picture(1)).unwrap();
        let open = |path: &Path| {
            let spec = SourceSpec::Path(path.into());
            FrameSource::open(&spec, &fixture::options())
        };
        assert!(matches!(open(&file), Ok(FrameSource::File(_))));
        assert!(matches!(open(folder.path()), Ok(FrameSource::Folder(_))));
        let missing = folder.path().join("missing.mjpeg");
        let error = format!("{:#}", open(&missing).unwrap_err());
        assert!(error.contains("missing.mjpeg"), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_neither_file_nor_folder_is_refused() {
        let error = open_path(Path::new("/dev/null"), &fixture::options()).unwrap_err();
        assert!(error.to_string().contains("neither a file nor a folder"));
    }
}

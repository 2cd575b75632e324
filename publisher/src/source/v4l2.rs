//! A camera that Linux's V4L2 drives: a USB webcam, mostly.
//!
//! Whatever happens to the camera after it has once worked (unplugged, taken by another program, stalled) is waited
//! for: the device is dropped, so that its name is free when it comes back, and opened again with growing pauses.
//! Before that, what waiting does not cure ends the source. Pictures are given as they are: nothing here looks
//! inside a JPEG.

mod camera;
mod controls;
mod negotiate;
mod survey;
mod trial;

mod clock;
mod control;
mod gaps;
mod guard;
mod mode;
mod nodes;
mod raspberry;
mod trouble;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::bail;

use self::camera::{Camera, Filled};
pub(super) use self::controls::set_controls;
use self::gaps::Gaps;
use self::mode::Asked;
pub(crate) use self::mode::listed;
pub(crate) use self::raspberry::OwnCamera;
pub(crate) use self::survey::{DeviceKind, VideoDevice, survey};
#[cfg(test)]
pub(crate) use self::survey::{OfferedFormat, OfferedSize};
pub(crate) use self::trial::{Trial, try_camera};
use self::trouble::Trouble;
use super::outage::Outage;
use super::{Captured, ControlSetting, RawPicture, SourceOptions};

/// The thread is given back this often while no picture comes.
const SLICE: Duration = Duration::from_millis(100);

/// Between two tries to have a camera that is away.
const SHORTEST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// No picture for so long, and the camera is taken to hang; slow cameras get the time of three pictures.
const SHORTEST_STALL: Duration = Duration::from_secs(5);

/// How long a new device may refuse us until udev has given it to its group.
const UDEV_GRACE: Duration = Duration::from_secs(3);
const UDEV_PAUSE: Duration = Duration::from_millis(250);

/// A V4L2 capture device, present or awaited.
pub struct V4l2Source {
    path: PathBuf,
    asked: Asked,
    max_frame_bytes: usize,
    controls: Vec<ControlSetting>,
    streaming: Option<Streaming>,
    outage: Outage,
    denied_since: Option<Instant>,
    gaps: Gaps,
    has_worked: bool,
    /// What was last said about the agreed mode.
    said_mode: String,
}

struct Streaming {
    camera: Camera,
    last_picture: Instant,
    stall: Duration,
}

impl V4l2Source {
    /// Only takes note: the device itself is opened by the first [`next`](Self::next).
    pub(super) fn new(path: PathBuf, options: &SourceOptions) -> Self {
        let outage = Outage::new(
            path.display().to_string(),
            SHORTEST_WAIT,
            LONGEST_WAIT,
            options.absence.clone(),
        );
        Self {
            path,
            asked: Asked {
                resolution: options.resolution,
                fps: options.fps,
            },
            max_frame_bytes: options.max_frame_bytes,
            controls: options.controls.clone(),
            streaming: None,
            outage,
            denied_since: None,
            gaps: Gaps::default(),
            has_worked: false,
            said_mode: String::new(),
        }
    }

    /// The next picture, however long the camera is away; an error says that it cannot be used at all.
    ///
    /// Blocks its thread for at most [`SLICE`] at a time, apart from the driver's own time to stop a stream. May be
    /// abandoned and called again.
    pub(super) async fn next(&mut self) -> anyhow::Result<Captured> {
        loop {
            tokio::task::yield_now().await;
            let Some(streaming) = &mut self.streaming else {
                self.connect().await?;
                continue;
            };
            match streaming.poll(self.max_frame_bytes) {
                Ok(Some(filled)) => return Ok(self.captured(filled)),
                Ok(None) => {}
                Err(reason) => self.lost(&reason).await,
            }
        }
    }

    /// Lets go of the device, until the next [`next`](Self::next).
    pub(super) fn release(&mut self) {
        self.streaming = None;
    }

    /// Asks for another mode when the device is opened next, which is now.
    pub(super) fn change_mode(&mut self, options: &SourceOptions) {
        self.asked = Asked {
            resolution: options.resolution,
            fps: options.fps,
        };
        self.release();
    }

    /// One try to open the camera; if it fails, the pause before the next.
    async fn connect(&mut self) -> anyhow::Result<()> {
        let (path, asked, controls) = (self.path.clone(), self.asked, self.controls.clone());
        // Agreeing on a mode takes USB transfers, each up to seconds with a camera that hangs.
        let opened = tokio::task::spawn_blocking(move || open(&path, &asked, &controls)).await;
        let trouble = match opened {
            Ok(Ok(camera)) => {
                self.denied_since = None;
                self.opened(camera);
                return Ok(());
            }
            Ok(Err(trouble)) => trouble,
            Err(died) => Trouble::Heals(format!("opening failed: {died}")),
        };
        match trouble {
            Trouble::Hopeless(line) if !self.has_worked => bail!("{}: {line}", self.shown()),
            Trouble::Denied(line) if !self.has_worked => {
                let since = *self.denied_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= UDEV_GRACE {
                    bail!("{}: {line}", self.shown());
                }
                tokio::time::sleep(UDEV_PAUSE).await;
            }
            other => {
                self.denied_since = None;
                self.lost(&other.to_string()).await;
            }
        }
        Ok(())
    }

    /// Path and, while it is there, product name.
    fn shown(&self) -> String {
        let path = self.path.display();
        match nodes::name_of(&self.path) {
            Some(name) => format!("{path} ({name})"),
            None => path.to_string(),
        }
    }

    fn opened(&mut self, camera: Camera) {
        let mode = camera.agreed.to_string();
        let said = camera.difference.as_ref().unwrap_or(&mode);
        if *said != self.said_mode {
            let shown = self.shown();
            if camera.difference.is_some() {
                tracing::warn!("{shown}: {said}");
            } else {
                tracing::info!("{shown}: {said}");
            }
            said.clone_into(&mut self.said_mode);
        }
        let three_pictures = camera
            .agreed
            .fps
            .and_then(|fps| Duration::try_from_secs_f64(3.0 / fps).ok());
        self.gaps.restart();
        self.streaming = Some(Streaming {
            camera,
            last_picture: Instant::now(),
            stall: SHORTEST_STALL.max(three_pictures.unwrap_or_default()),
        });
    }

    /// Lets go of the device, says why if that is news, and pauses.
    async fn lost(&mut self, reason: &str) {
        // First of all: while it is held, a camera that is plugged in again gets another name.
        self.streaming = None;
        let wait = self.outage.failed(reason);
        tokio::time::sleep(wait).await;
    }

    fn captured(&mut self, filled: Filled) -> Captured {
        let now = Instant::now();
        self.has_worked = true;
        self.outage.picture();
        self.note_gaps(&filled, now);
        match filled.jpeg {
            Ok(jpeg) => Captured::Picture(RawPicture {
                jpeg: jpeg.into(),
                captured_at: filled.taken_at.captured_at(filled.stamp_ns),
            }),
            Err(error) => Captured::Broken(error),
        }
    }

    fn note_gaps(&mut self, filled: &Filled, now: Instant) {
        let stamp_ns = filled.stamp_ns.unwrap_or(filled.taken_at.monotonic_ns);
        let missed = self.gaps.picture(filled.sequence, stamp_ns);
        tracing::debug!(
            sequence = filled.sequence,
            dropped_before = missed.by_sequence,
            late_by = missed.by_time,
            "picture from the driver"
        );
        if let Some(missed) = self.gaps.due(now) {
            tracing::warn!(
                "{}: pictures missing: {} dropped by the driver, {} lost on the bus or exposed for longer",
                self.path.display(),
                missed.by_sequence,
                missed.by_time
            );
        }
    }
}

/// Opens the camera and sets its controls. Only now, for one that nobody holds open may sleep and forget them.
fn open(path: &Path, asked: &Asked, controls: &[ControlSetting]) -> Result<Camera, Trouble> {
    let camera = Camera::open(path, asked)?;
    set_controls(path, controls)?;
    Ok(camera)
}

impl Streaming {
    /// A picture if one is ready within a slice; an error, in words, if the device is to be dropped.
    fn poll(&mut self, max_frame_bytes: usize) -> Result<Option<Filled>, String> {
        let failed = |error| Trouble::talking("capturing", &error).to_string();
        if self.camera.is_ready_within(SLICE).map_err(failed)? {
            let filled = self.camera.take(max_frame_bytes).map_err(failed)?;
            self.last_picture = Instant::now();
            return Ok(Some(filled));
        }
        if self.last_picture.elapsed() >= self.stall {
            return Err(format!("no picture for {} s", self.stall.as_secs()));
        }
        Ok(None)
    }
}

impl fmt::Debug for V4l2Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("V4l2Source")
            .field("path", &self.path)
            .field("asked", &self.asked)
            .field("is_streaming", &self.streaming.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Resolution;

    fn source(path: &Path) -> V4l2Source {
        let options = SourceOptions {
            camera: "test".parse().expect("a legal name"),
            resolution: Resolution {
                width: 1280,
                height: 720,
            },
            fps: Some(30.0),
            repeat: false,
            max_frame_bytes: 1 << 20,
            controls: Vec::new(),
            absence: crate::source::Absence::default(),
        };
        V4l2Source::new(path.to_owned(), &options)
    }

    #[tokio::test]
    async fn a_missing_device_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("video0");
        let mut source = source(&path);
        let waiting = tokio::time::timeout(Duration::from_millis(100), source.next()).await;
        assert!(waiting.is_err(), "{waiting:?} from nothing");
        std::fs::write(&path, "no camera").expect("a file");
        let error = source.next().await.expect_err("no camera");
        assert!(error.to_string().contains("no capture device"), "{error}");
    }

    #[tokio::test]
    async fn what_is_no_camera_ends_the_source_in_one_clear_line() {
        let folder = tempfile::tempdir().expect("a folder");
        for (path, reason) in [
            (Path::new("/dev/null"), "no capture device"),
            (folder.path(), "is no device"),
        ] {
            let error = source(path).next().await.expect_err("no camera");
            let line = error.to_string();
            assert!(line.starts_with(&path.display().to_string()), "{line}");
            assert!(line.contains(reason) && !line.contains('\n'), "{line}");
        }
    }
}

//! The options of the camera, and what they do not go with.

use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;
use clap::builder::BoolishValueParser;
use protocol::topic::CameraName;
use runtime::arguments::{frame_bytes, some_time};
use runtime::program::UsageError;
use tracing::warn;

use super::RunArgs;
use crate::source::{ControlSetting, Resolution, SourceClass, SourceSpec};

/// Debian's own host name on every Pi: two of them would share one camera name.
const EVERY_PIS_NAME: &str = "raspberrypi";

const SOURCES: &str = "\
Where pictures come from

  /dev/video0       a V4L2 camera, or its stable name /dev/v4l/by-id/... (or v4l2:DEVICE); `devices` lists them
  exec:COMMAND      a program that writes MJPEG to its standard output
  -                 MJPEG on standard input
  FILE or FOLDER    a .mjpeg file, or a folder of .jpg files in the order of their names
  http://...        a multipart/x-mixed-replace camera
  test              a moving test picture
";

#[derive(Debug, Args)]
#[command(next_help_heading = "Camera")]
pub(crate) struct SourceArgs {
    /// The camera's name in topics and file names: A-Z a-z 0-9 _ -  [default: the host name]
    #[arg(long, env = "FRAMEBRIDGE_CAMERA", value_name = "NAME")]
    pub(crate) camera: Option<CameraName>,

    /// Where pictures come from
    #[arg(long, env = "FRAMEBRIDGE_SOURCE", value_name = "SOURCE", default_value = "/dev/video0", long_help = SOURCES, hide_env_values = true)]
    pub(crate) source: SourceSpec,

    /// Picture size, for V4L2 and the test picture
    #[arg(
        long,
        env = "FRAMEBRIDGE_RESOLUTION",
        value_name = "WxH",
        default_value = "1280x720"
    )]
    pub(crate) resolution: Resolution,

    /// Frames a second: asked of a V4L2 camera, kept by test, files, folders and, if given, standard input; 0: as fast as
    /// they come  [default: 30]
    #[arg(long, env = "FRAMEBRIDGE_FPS", value_name = "N", value_parser = frames_per_second)]
    pub(crate) fps: Option<f64>,

    /// Set a control of a V4L2 camera by the name that `devices` shows, each time that it is opened: a number, true, false or the
    /// name of a menu's item; may be given more than once
    #[arg(
        long,
        env = "FRAMEBRIDGE_CONTROL",
        value_name = "NAME=VALUE",
        value_delimiter = ','
    )]
    pub(crate) control: Vec<ControlSetting>,

    /// Begin again when the file or folder ends
    #[arg(long = "loop", env = "FRAMEBRIDGE_LOOP", value_parser = BoolishValueParser::new())]
    pub(crate) repeat: bool,

    /// End after this many frames
    #[arg(long, env = "FRAMEBRIDGE_FRAMES", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) frames: Option<u64>,

    /// End after this long, counted from the first picture: 10s, 5m, 2h
    #[arg(long, env = "FRAMEBRIDGE_DURATION", value_name = "TIME", value_parser = some_time)]
    pub(crate) duration: Option<Duration>,

    /// Larger pictures are broken: counted and skipped
    #[arg(
        long,
        env = "FRAMEBRIDGE_MAX_FRAME_BYTES",
        value_name = "SIZE",
        default_value = "32MiB", value_parser = frame_bytes
    )]
    pub(crate) max_frame_bytes: ByteSize,
}

impl RunArgs {
    /// The camera's name, made from the host name if none was given.
    pub(crate) fn camera(&self) -> CameraName {
        if let Some(camera) = &self.source.camera {
            return camera.clone();
        }
        let camera = CameraName::sanitized(&gethostname::gethostname().to_string_lossy());
        if camera.as_str() == EVERY_PIS_NAME {
            warn!(
                "the camera is called {camera}, as every Pi is: give it a name of its own with --camera"
            );
        }
        camera
    }

    /// Whether the source is a file or a pipe.
    pub(crate) fn source_can_wait(&self) -> bool {
        self.source.source.class() == SourceClass::Finite
    }

    /// Options that contradict each other.
    pub(super) fn check_source(&self) -> Result<(), UsageError> {
        if let Some(control) = self.source.control.first()
            && !matches!(self.source.source, SourceSpec::V4l2(_))
        {
            return Err(UsageError(format!(
                "--control {control}: only a V4L2 camera such as /dev/video0 has controls, and --source is {}",
                self.source.source
            )));
        }
        Ok(())
    }
}

fn frames_per_second(text: &str) -> Result<f64, String> {
    let fps: f64 = text
        .parse()
        .map_err(|_| format!("{text:?} is not a number"))?;
    if (0.0..=1000.0).contains(&fps) {
        Ok(fps)
    } else {
        Err("must be from 0 to 1000".into())
    }
}

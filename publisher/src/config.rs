//! The publisher's options.

mod spool;
mod topics;

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use link::{BrokerArgs, Protocol, Qos};
use protocol::event::Format;
use protocol::topic::{CameraName, TopicPrefix};
use runtime::arguments::{a_time, frame_bytes, some_time};
use runtime::logging::LogArgs;
use runtime::metrics::MetricsArgs;
use runtime::program::{EXIT_CODES_HELP, UsageError};
use tracing::info;

use crate::queue::OnFull;
use crate::source::{ControlSetting, Resolution, SourceClass, SourceSpec};
use spool::SpoolArgs;
use topics::TopicArgs;

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

const EXAMPLES: &str = "\
Examples:
  # a USB camera, to the broker on another machine
  frame-publisher --broker mqtt://192.168.1.10 --camera front-door --source /dev/video0

  # the Pi's own camera
  frame-publisher --camera nest --source \"exec:rpicam-vid -t 0 --codec mjpeg -q 80 --width 1280 --height 720 -o -\"

  # no camera at hand: ten seconds of a moving test picture
  frame-publisher --source test --duration 10s

  # a recording, as fast as it will go
  frame-publisher --source recording.mjpeg --fps 0

  # no frame lost, whatever is killed: each stays on disk until the consumer \"archive\" has it on its own disk
  frame-publisher --camera nest --source /dev/video0 --spool-dir /var/spool/framebridge --confirm archive

  # which cameras are there, and what they can do; then a picture that is brighter, at 50 Hz light
  frame-publisher devices
  frame-publisher --source /dev/video0 --control brightness=10 --control power_line_frequency=1

  # is all well, before it is left alone?
  frame-publisher doctor --broker mqtt://192.168.1.10 --camera front-door --source /dev/video0

  # over TLS, as a user of its own
  frame-publisher --broker mqtts://pc.lan --ca-file ca.crt --camera nest --username nest --password-file nest.password

  # figures for Prometheus at http://127.0.0.1:9464/metrics, and a health check at /healthz
  frame-publisher --camera nest --source /dev/video0 --metrics 9464

Every option can come from its environment variable; a flag wins over the variable.
";

const DEVICES_EXAMPLES: &str = "\
Examples:
  # for people
  frame-publisher devices

  # for scripts: all that can be a --source
  frame-publisher devices --json | jq -r '.devices[] | select(.kind == \"camera\") | .path'

A stable name, or the path itself, is what --source takes; a control's name is what --control takes.
";

const DOCTOR_EXAMPLES: &str = "\
Examples:
  # a camera that is to be set up
  frame-publisher doctor --broker mqtt://192.168.1.10 --camera front-door --source /dev/video0

  # for scripts: what is wrong
  frame-publisher doctor --json | jq -r '.checks[] | select(.verdict != \"ok\") | .says'
";

/// Captures MJPEG frames and publishes each to an MQTT topic, with its metadata.
///
/// Frames are published to <PREFIX>/<CAMERA>/frames, each as a CloudEvent: the JPEG as payload and the metadata as MQTT 5
/// user properties, or all in one JSON object. The newest picture is retained under .../latest, and the camera's state under
/// .../status (online, offline).
#[derive(Debug, Parser)]
#[command(name = "frame-publisher", version, args_conflicts_with_subcommands = true,
          after_long_help = format!("{EXAMPLES}\n{EXIT_CODES_HELP}"))]
pub struct Cli {
    /// Without a subcommand, frames are captured and published.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Options of publishing.
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Capture and publish frames (the default)
    Run(Box<RunArgs>),
    /// List the V4L2 cameras of this machine: stable names, formats, sizes, rates and controls
    ///
    /// Where there is none it says so, and ends with exit code 0 all the same: it has listed what there is. A script counts those in
    /// "devices" of --json whose "kind" is "camera".
    #[command(after_long_help = format!("{DEVICES_EXAMPLES}\n{EXIT_CODES_HELP}"))]
    Devices(DevicesArgs),
    /// Check camera, broker, rights, clock and disk with the options of a run, disturbing nobody; exits 1 if anything is wrong
    ///
    /// Put `doctor` before the options that you run with. Each check is one line: ok, warning or error, and what to do. A picture
    /// is taken and published nowhere; the broker is asked under a client id of its own. Where a topic cannot be tried without
    /// reaching others (frames are never published), the line says so. While the camera runs here as the same --username, the
    /// broker is not logged in to, for a broker that takes user names for client ids would end the running program.
    #[command(after_long_help = format!("{DOCTOR_EXAMPLES}\n{EXIT_CODES_HELP}"))]
    Doctor(Box<DoctorArgs>),
    /// Take away what a camera that is gone has left at the broker: its newest picture, its status, its device in Home Assistant
    ///
    /// Stop the camera first: with our access list this is done as the camera's own user, and would end its connection. Its ledger
    /// stays, for consumers count by it what they lack.
    #[command(after_long_help = EXIT_CODES_HELP)]
    Forget(Box<ForgetArgs>),
}

/// Options of `devices`.
#[derive(Debug, Args)]
pub(crate) struct DevicesArgs {
    /// Print the list as JSON
    #[arg(long, env = "FRAMEBRIDGE_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
}

/// Options of `doctor`: those of a run, so that a run's command line can be checked as it is.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Print the report as JSON
    #[arg(long, env = "FRAMEBRIDGE_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Options of `forget`.
#[derive(Debug, Args)]
pub(crate) struct ForgetArgs {
    /// The camera
    #[arg(long, env = "FRAMEBRIDGE_CAMERA", value_name = "NAME")]
    pub(crate) camera: CameraName,

    #[command(flatten)]
    pub(crate) topics: TopicArgs,
    #[command(flatten)]
    pub(crate) broker: BrokerArgs,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// Options of publishing.
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    #[command(flatten)]
    pub(crate) delivery: DeliveryArgs,
    #[command(flatten)]
    pub(crate) spool: SpoolArgs,
    #[command(flatten)]
    pub(crate) broker: BrokerArgs,
    #[command(flatten)]
    pub(crate) log: LogArgs,
    #[command(flatten)]
    pub(crate) metrics: MetricsArgs,

    /// Write the closing figures to this file, as JSON
    #[arg(
        long,
        env = "FRAMEBRIDGE_SUMMARY_JSON",
        value_name = "FILE",
        help_heading = "Output"
    )]
    pub(crate) summary_json: Option<PathBuf>,
}

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

#[derive(Debug, Args)]
#[command(next_help_heading = "Delivery")]
pub(crate) struct DeliveryArgs {
    #[command(flatten)]
    pub(crate) topics: TopicArgs,

    /// How frames are laid out  [default: binary, or json on MQTT 3.1.1]
    #[arg(long, env = "FRAMEBRIDGE_FORMAT", value_enum)]
    pub(crate) format: Option<FormatArg>,

    /// MQTT delivery guarantee: 1 is acknowledged by the broker, 0 is not
    #[arg(long, env = "FRAMEBRIDGE_QOS", value_name = "0|1", default_value = "1", value_parser = clap::value_parser!(u8).range(0..=1))]
    pub(crate) qos: u8,

    /// Every frame while there is room, or the newest one always
    #[arg(
        long,
        env = "FRAMEBRIDGE_DELIVERY",
        value_enum,
        default_value = "every"
    )]
    pub(crate) delivery: DeliveryMode,

    /// Unacknowledged frames on their way  [default: 16, live 2]
    #[arg(long, env = "FRAMEBRIDGE_WINDOW", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) window: Option<u16>,

    /// What goes when the queue is full  [default: block for files, folders and standard input, else drop-oldest]
    #[arg(long, env = "FRAMEBRIDGE_ON_FULL", value_enum)]
    pub(crate) on_full: Option<OnFull>,

    /// Memory for frames that wait for the network. A file at `--fps 0` is read 8 frames ahead while the network takes them
    #[arg(
        long,
        env = "FRAMEBRIDGE_QUEUE_MAX_BYTES",
        value_name = "SIZE",
        default_value = "64MiB"
    )]
    pub(crate) queue_max_bytes: ByteSize,

    /// Do not retain the newest picture under .../latest
    #[arg(long, env = "FRAMEBRIDGE_NO_LATEST", value_parser = BoolishValueParser::new())]
    pub(crate) no_latest: bool,

    /// Take requests on .../control: pause, resume, snapshot, status, another rate or size, a camera's controls (frame-subscriber
    /// control). Whoever may publish there steers this camera: give the broker an access list
    #[arg(long, env = "FRAMEBRIDGE_ALLOW_CONTROL", value_parser = BoolishValueParser::new())]
    pub(crate) allow_control: bool,

    /// Make this camera known to Home Assistant (2024.11 or newer), with its newest picture and its figures; `forget` takes it away
    /// again
    #[arg(long, env = "FRAMEBRIDGE_HOME_ASSISTANT", value_parser = BoolishValueParser::new())]
    pub(crate) home_assistant: bool,

    /// How long waiting frames may take to be delivered at the end  [default: 10s after a signal, else 60s]
    #[arg(long, env = "FRAMEBRIDGE_DRAIN_TIMEOUT", value_name = "TIME", value_parser = a_time)]
    pub(crate) drain_timeout: Option<Duration>,
}

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    /// The JPEG is the payload, metadata are MQTT 5 user properties
    Binary,
    /// One JSON object with the JPEG in base64
    Json,
}

/// `--delivery`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeliveryMode {
    /// Nothing is given up while the queue has room
    Every,
    /// A frame that is overtaken by a newer one is dropped
    Live,
}

impl RunArgs {
    /// The wire mode; MQTT 3.1.1 has no user properties.
    pub(crate) fn format(&self) -> Result<Format, UsageError> {
        match (self.delivery.format, self.broker.protocol) {
            (Some(FormatArg::Binary), Protocol::V311) => Err(UsageError(
                "--format binary needs MQTT 5 user properties: use --format json with --protocol 3.1.1".into(),
            )),
            (Some(FormatArg::Binary) | None, Protocol::V5) => Ok(Format::Binary),
            (Some(FormatArg::Json), _) | (None, Protocol::V311) => Ok(Format::Json),
        }
    }

    /// Whether requests are taken; MQTT 3.1.1 has no response topics.
    pub(crate) fn allows_control(&self) -> Result<bool, UsageError> {
        if self.delivery.allow_control && self.broker.protocol == Protocol::V311 {
            return Err(UsageError(
                "--allow-control needs MQTT 5 response topics: leave it or --protocol 3.1.1 out"
                    .into(),
            ));
        }
        Ok(self.delivery.allow_control)
    }

    /// Where Home Assistant looks for cameras, if this one is to be known to it.
    pub(crate) fn home_assistant(&self) -> Option<TopicPrefix> {
        let delivery = &self.delivery;
        if delivery.home_assistant && delivery.no_latest {
            info!(
                "Home Assistant gets no picture of this camera: it would be the one that --no-latest leaves out"
            );
        }
        delivery
            .home_assistant
            .then(|| delivery.topics.home_assistant_prefix.clone())
    }

    /// What happens when the queue is full: what was asked, or what suits the source.
    pub(crate) fn on_full(&self) -> Result<OnFull, UsageError> {
        let can_wait = self.source_can_wait();
        let live = self.delivery.delivery == DeliveryMode::Live;
        match self.delivery.on_full {
            Some(OnFull::Block) if !can_wait => Err(UsageError(
                "--on-full block: a live camera does not wait; use drop-oldest or drop-newest"
                    .into(),
            )),
            Some(on_full) if live && on_full != OnFull::DropOldest => Err(UsageError(
                "--delivery live always drops the oldest frame: leave --on-full out".into(),
            )),
            Some(on_full) => Ok(on_full),
            None if can_wait && !live => Ok(OnFull::Block),
            None => Ok(OnFull::DropOldest),
        }
    }

    /// Options that contradict each other, wherever no other question finds out.
    pub(crate) fn check(&self) -> Result<(), UsageError> {
        if let Some(control) = self.source.control.first()
            && !matches!(self.source.source, SourceSpec::V4l2(_))
        {
            return Err(UsageError(format!(
                "--control {control}: only a V4L2 camera such as /dev/video0 has controls, and --source is {}",
                self.source.source
            )));
        }
        self.check_spool()
    }

    /// Whether the source is a file or a pipe.
    pub(crate) fn source_can_wait(&self) -> bool {
        self.source.source.class() == SourceClass::Finite
    }

    /// Whether the network alone sets the pace: the source waits for it, and keeps no rate of its own.
    pub(crate) fn is_flat_out(&self) -> bool {
        self.source.fps == Some(0.0) && self.on_full().is_ok_and(|on_full| on_full == OnFull::Block)
    }

    /// Most unacknowledged frames.
    pub(crate) fn window(&self) -> u16 {
        self.delivery
            .window
            .unwrap_or(match self.delivery.delivery {
                DeliveryMode::Every => 16,
                DeliveryMode::Live => 2,
            })
    }

    pub(crate) fn qos(&self) -> Qos {
        if self.delivery.qos == 0 {
            Qos::AtMostOnce
        } else {
            Qos::AtLeastOnce
        }
    }

    /// The camera's name, made from the host name if none was given.
    pub(crate) fn camera(&self) -> CameraName {
        if let Some(camera) = &self.source.camera {
            return camera.clone();
        }
        let camera = CameraName::sanitized(&gethostname::gethostname().to_string_lossy());
        if camera.as_str() == EVERY_PIS_NAME {
            tracing::warn!(
                "the camera is called {camera}, as every Pi is: give it a name of its own with --camera"
            );
        }
        camera
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

#[cfg(test)]
mod tests;

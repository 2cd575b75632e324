//! The publisher's options.

mod delivery;
mod source;
mod spool;
mod topics;

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand};
use link::BrokerArgs;
use protocol::topic::CameraName;
use runtime::logging::LogArgs;
use runtime::metrics::MetricsArgs;
use runtime::program::{EXIT_CODES_HELP, UsageError};

use delivery::DeliveryArgs;
pub(crate) use delivery::DeliveryMode;
use source::SourceArgs;
use spool::SpoolArgs;
use topics::TopicArgs;

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
    /// Also if its last word is that it is online: when camera and broker lost their power at once, nobody said that it went
    #[arg(long, env = "FRAMEBRIDGE_FORCE", value_parser = BoolishValueParser::new())]
    pub(crate) force: bool,

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

impl RunArgs {
    /// Options that contradict each other, wherever no other question finds out.
    pub(crate) fn check(&self) -> Result<(), UsageError> {
        self.check_source()?;
        self.check_spool()
    }
}

#[cfg(test)]
mod tests;

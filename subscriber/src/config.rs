//! The subscriber's options.

mod control;
#[cfg(feature = "embedded-broker")]
mod embedded;
mod files;
mod frames;
mod keeping;
mod latest_only;
mod top;
mod verify;
mod view;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand};
use link::BrokerArgs;
use runtime::logging::LogArgs;
use runtime::metrics::MetricsArgs;
use runtime::program::{EXIT_CODES_HELP, UsageError};

use crate::store::SyncMode;
pub(crate) use control::ControlArgs;
#[cfg(feature = "embedded-broker")]
pub use embedded::{AccountArgs, BrokerCommand, EmbeddedArgs, NewUserArgs, UsersArgs};
use files::FileArgs;
pub(crate) use frames::FrameArgs;
pub(crate) use top::TopArgs;
pub use verify::VerifyArgs;
pub(crate) use view::{TokenArgs, ViewArgs, ViewDirArgs};

const EXAMPLES: &str = "\
Examples:
  # every frame of one camera, as files, losing none while this program is away for less than a day
  frame-subscriber --broker mqtt://192.168.1.10 --camera front-door --out D:\\frames --consumer office-pc

  # the same, and the camera keeps each frame until it is on this disk (frame-publisher --spool-dir DIR --confirm office-pc)
  frame-subscriber --broker mqtt://192.168.1.10 --camera front-door --consumer office-pc --receipts

  # all cameras, and the newest picture of each where another program polls it
  frame-subscriber --out frames --latest latest-{camera}.jpg

  # names as the first script made them: image000001.jpg, image000002.jpg, ...
  frame-subscriber --camera front-door --layout images

  # what the camera sees now, whatever is missed on the way
  frame-subscriber --camera front-door --latest-only --latest newest.jpg

  # watch
  frame-subscriber --camera front-door --stdout | ffplay -f mjpeg -

  # a week of pictures, and no more than 50 GB of each camera
  frame-subscriber --out frames --consumer office-pc --keep-for 7d --keep-bytes 50GB

  # does all work: broker, rights, cameras, clocks, disk?
  frame-subscriber doctor --broker mqtt://192.168.1.10 --camera front-door --out frames

  # a picture now, and then let other programs have the camera (frame-publisher --allow-control)
  frame-subscriber control front-door snapshot --out now.jpg
  frame-subscriber control front-door pause

  # no broker at hand: one inside this program, for the cameras of the network, each a user with a password
  frame-subscriber broker add-camera front-door --broker-users users.txt
  frame-subscriber --broker embedded:0.0.0.0:1883 --broker-users users.txt --out frames --consumer office-pc --receipts

  # figures for Prometheus at http://127.0.0.1:9464/metrics, and a health check at /healthz
  frame-subscriber --out frames --consumer office-pc --metrics 9464

  # the figures of the one that runs here with --metrics 9464, in a terminal; q quits
  frame-subscriber top

  # all cameras live, and what is on disk, at http://127.0.0.1:8080; or a folder alone
  frame-subscriber --out frames --consumer office-pc --view 8080
  frame-subscriber view frames

  # is everything there?
  frame-subscriber verify frames

  # mend its indexes after a crash, or after files were moved about
  frame-subscriber verify --repair frames

Every option can come from its environment variable; a flag wins over the variable.
";

const DOCTOR_EXAMPLES: &str = "\
Examples:
  # before it is left alone
  frame-subscriber doctor --broker mqtt://192.168.1.10 --camera front-door --out D:\\frames --consumer office-pc

  # for scripts: what is wrong
  frame-subscriber doctor --json | jq -r '.checks[] | select(.verdict != \"ok\") | .says'
";

/// Receives camera frames over MQTT and writes each to disk.
///
/// Each frame becomes one JPEG file, written under a temporary name and renamed, and one line in its folder's index.jsonl. A
/// frame is acknowledged to the broker only once its file is there; one that comes twice is stored once.
#[derive(Debug, Parser)]
#[command(name = "frame-subscriber", version, args_conflicts_with_subcommands = true,
          after_long_help = format!("{EXAMPLES}\n{EXIT_CODES_HELP}"))]
pub struct Cli {
    /// Without a subcommand, frames are received.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Options of receiving.
    #[command(flatten)]
    pub run: RunArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Receive frames (the default)
    Run(Box<RunArgs>),
    /// Re-read a folder against its index: complete, decodable, right checksum, no gaps; exits 1 if it is not whole
    #[command(after_long_help = EXIT_CODES_HELP)]
    Verify(VerifyArgs),
    /// Serve a page that shows what is in a folder, frame by frame, without a broker
    #[command(after_long_help = EXIT_CODES_HELP)]
    View(ViewDirArgs),
    /// Check broker, rights, cameras, clock and disk with the options of a run, disturbing nobody; exits 1 if anything is wrong
    ///
    /// Put `doctor` before the options that you run with. Each check is one line: ok, warning or error, and what to do. Frames are
    /// listened to for three seconds, under a client id of its own, and neither stored nor acknowledged. While this consumer runs
    /// here as the same --username, the broker is not logged in to, for a broker that takes user names for client ids would end the
    /// running program.
    #[command(after_long_help = format!("{DOCTOR_EXAMPLES}\n{EXIT_CODES_HELP}"))]
    Doctor(Box<DoctorArgs>),
    /// Ask a camera to pause, resume, show a picture or how it fares, or to change its rate, size or controls
    #[command(after_long_help = EXIT_CODES_HELP)]
    Control(Box<ControlArgs>),
    /// The users of a broker inside this program
    #[cfg(feature = "embedded-broker")]
    #[command(subcommand)]
    Broker(BrokerCommand),
    /// Show the figures of a running subscriber in this terminal, refreshed each second: for SSH
    ///
    /// It asks the address that the running program was given with --metrics.
    #[command(after_long_help = EXIT_CODES_HELP)]
    Top(TopArgs),
    /// Run as a Windows service: install, start, stop, status, uninstall
    #[cfg(windows)]
    #[command(subcommand)]
    Service(crate::service::ServiceCommand),
}

/// Options of `doctor`: those of receiving, so that a run's command line can be checked as it is.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Print the report as JSON
    #[arg(long, env = "FRAMEBRIDGE_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Options of receiving.
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub(crate) frames: FrameArgs,
    #[command(flatten)]
    pub(crate) files: FileArgs,
    #[command(flatten)]
    pub(crate) broker: BrokerArgs,
    #[cfg(feature = "embedded-broker")]
    #[command(flatten)]
    pub(crate) embedded: EmbeddedArgs,
    #[command(flatten)]
    pub(crate) log: LogArgs,
    #[command(flatten)]
    pub(crate) metrics: MetricsArgs,
    #[command(flatten)]
    pub(crate) view: ViewArgs,

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
    /// What each option allows by itself, and all together do not.
    pub(crate) fn check(&self) -> Result<(), UsageError> {
        let frames = &self.frames;
        let is_latest_only = frames.latest_only.max_lag().is_some();
        let refusals = [
            (
                frames.receipts && frames.group.is_some(),
                "--receipts cannot be used with --group: each member has only its share of the frames",
            ),
            (
                frames.receipts && is_latest_only,
                "--receipts cannot be used with --latest-only: what is skipped would be sent again and again",
            ),
            (
                frames.receipts && frames.consumer.is_none(),
                "--receipts needs --consumer: receipts bear its name",
            ),
            (
                is_latest_only && frames.group.is_some(),
                "--latest-only cannot be used with --group: what is skipped here may be what no other member has",
            ),
        ];
        match refusals.into_iter().find(|(is_asked_for, _)| *is_asked_for) {
            Some((_, why)) => Err(UsageError(why.to_owned())),
            None => Ok(()),
        }
    }

    /// Whether anybody wants to see figures: without that they are not counted.
    pub(crate) fn wants_figures(&self) -> bool {
        self.metrics.metrics.is_some() || self.view.view.is_some()
    }

    /// `--sync`: receipts claim nothing that a power cut could take.
    pub(crate) fn sync(&self) -> SyncMode {
        match self.files.sync {
            SyncMode::None if self.frames.receipts => SyncMode::Interval,
            sync => sync,
        }
    }
}

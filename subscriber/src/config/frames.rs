//! Options that say which frames are received, for whom and how long.

use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;
use clap::builder::BoolishValueParser;
use protocol::topic::{CameraName, ConsumerName, NameError, TopicPrefix};
use runtime::arguments::{a_time, frame_bytes, some_time};

use super::latest_only::LatestOnlyArgs;

#[derive(Debug, Args)]
#[command(next_help_heading = "Frames")]
pub(crate) struct FrameArgs {
    /// The camera to receive, or + for all
    #[arg(
        long,
        env = "FRAMEBRIDGE_CAMERA",
        value_name = "NAME",
        default_value = "+"
    )]
    pub(crate) camera: CameraSelection,

    /// First level, or levels, of every camera topic
    #[arg(
        long,
        env = "FRAMEBRIDGE_TOPIC_PREFIX",
        value_name = "PREFIX",
        default_value = "cameras"
    )]
    pub(crate) topic_prefix: TopicPrefix,

    /// This consumer's own name: the broker keeps frames for it while it is away
    #[arg(long, env = "FRAMEBRIDGE_CONSUMER", value_name = "NAME")]
    pub(crate) consumer: Option<ConsumerName>,

    /// Share the frames with the other subscribers of this group: each frame goes to one of them
    #[arg(long, env = "FRAMEBRIDGE_GROUP", value_name = "NAME")]
    pub(crate) group: Option<ConsumerName>,

    /// Tell the cameras what is on disk, for publishers with --confirm; needs --consumer, and implies --sync interval
    #[arg(long, env = "FRAMEBRIDGE_RECEIPTS", value_parser = BoolishValueParser::new())]
    pub(crate) receipts: bool,

    /// How long the broker keeps frames for --consumer while it is away
    #[arg(long, env = "FRAMEBRIDGE_SESSION_EXPIRY", value_name = "TIME", default_value = "1d", value_parser = a_time)]
    pub(crate) session_expiry: Duration,

    #[command(flatten)]
    pub(crate) latest_only: LatestOnlyArgs,

    /// End after so many frames are stored
    #[arg(long, env = "FRAMEBRIDGE_FRAMES", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) frames: Option<u64>,

    /// End after this long, counted from the first connection: 10s, 5m, 2h
    #[arg(long, env = "FRAMEBRIDGE_DURATION", value_name = "TIME", value_parser = some_time)]
    pub(crate) duration: Option<Duration>,

    /// Larger frames are set aside, as broken ones are
    #[arg(
        long,
        env = "FRAMEBRIDGE_MAX_FRAME_BYTES",
        value_name = "SIZE",
        default_value = "32MiB", value_parser = frame_bytes
    )]
    pub(crate) max_frame_bytes: ByteSize,

    /// How long received frames may take to be stored at the end
    #[arg(long, env = "FRAMEBRIDGE_DRAIN_TIMEOUT", value_name = "TIME", default_value = "10s", value_parser = a_time)]
    pub(crate) drain_timeout: Duration,
}

/// `--camera`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CameraSelection {
    All,
    One(CameraName),
}

impl CameraSelection {
    pub(crate) fn one(&self) -> Option<&CameraName> {
        match self {
            Self::All => None,
            Self::One(camera) => Some(camera),
        }
    }
}

impl FromStr for CameraSelection {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text == "+" {
            Ok(Self::All)
        } else {
            text.parse().map(Self::One)
        }
    }
}

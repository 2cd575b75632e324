//! The options of delivery, and what follows from several of them.

use std::time::Duration;

use bytesize::ByteSize;
use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use link::{Protocol, Qos};
use protocol::event::Format;
use protocol::topic::TopicPrefix;
use runtime::arguments::a_time;
use runtime::program::UsageError;
use tracing::info;

use super::RunArgs;
use super::topics::TopicArgs;
use crate::queue::OnFull;

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
}

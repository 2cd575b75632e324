//! The options of the spool, and what they do not go with.

use std::path::PathBuf;

use bytesize::ByteSize;
use clap::Args;
use protocol::topic::ConsumerName;
use runtime::program::UsageError;

use super::{DeliveryMode, RunArgs};
use crate::queue::OnFull;
use crate::spool::SpoolSync;

#[derive(Debug, Args)]
#[command(next_help_heading = "Spool: no frame lost")]
pub(crate) struct SpoolArgs {
    /// Keep each frame in this folder until it is delivered, over restarts and power cuts; it may be on a tmpfs
    #[arg(long, env = "FRAMEBRIDGE_SPOOL_DIR", value_name = "DIR")]
    pub(crate) spool_dir: Option<PathBuf>,

    /// Most that the camera's frames may take in the spool
    #[arg(
        long,
        env = "FRAMEBRIDGE_SPOOL_MAX_BYTES",
        value_name = "SIZE",
        default_value = "10GiB"
    )]
    pub(crate) spool_max_bytes: ByteSize,

    /// What goes when the spool, or its disk, is full  [default: block for files, folders and standard input, else drop-oldest]
    #[arg(long, env = "FRAMEBRIDGE_SPOOL_FULL", value_enum)]
    pub(crate) spool_full: Option<OnFull>,

    /// What a power cut may cost; a killed program costs nothing in any case
    #[arg(
        long,
        env = "FRAMEBRIDGE_SPOOL_SYNC",
        value_enum,
        default_value = "interval"
    )]
    pub(crate) spool_sync: SpoolSync,

    /// A frame leaves the spool only when this consumer, which must send receipts, has it on disk; may be given more than
    /// once. Without it: once the broker has it
    #[arg(
        long,
        env = "FRAMEBRIDGE_CONFIRM",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub(crate) confirm: Vec<ConsumerName>,
}

impl RunArgs {
    /// What happens when the spool is full: what was asked, or what suits the source.
    pub(crate) fn spool_full(&self) -> Result<OnFull, UsageError> {
        match self.spool.spool_full {
            Some(OnFull::Block) if !self.source_can_wait() => Err(UsageError(
                "--spool-full block: a live camera does not wait; use drop-oldest or drop-newest"
                    .into(),
            )),
            Some(on_full) => Ok(on_full),
            None if self.source_can_wait() => Ok(OnFull::Block),
            None => Ok(OnFull::DropOldest),
        }
    }

    /// Options that contradict each other.
    pub(super) fn check_spool(&self) -> Result<(), UsageError> {
        let live = self.delivery.delivery == DeliveryMode::Live;
        let wrong = |words: &str| Err(UsageError(words.to_owned()));
        match &self.spool.spool_dir {
            None if !self.spool.confirm.is_empty() => wrong(
                "--confirm needs --spool-dir: what waits for a confirmation must lie somewhere",
            ),
            None if self.spool.spool_full.is_some() => wrong("--spool-full needs --spool-dir"),
            Some(_) if has_repeats(&self.spool.confirm) => {
                wrong("--confirm names a consumer twice: each must confirm once")
            }
            Some(_) if live => wrong(
                "--spool-dir keeps every frame and --delivery live only the newest: choose one",
            ),
            Some(_) if self.delivery.qos == 0 => {
                wrong("--spool-dir needs --qos 1: at QoS 0 nobody says what has arrived")
            }
            Some(_) if self.delivery.on_full.is_some() => {
                wrong("--on-full is for a queue in memory: with --spool-dir use --spool-full")
            }
            _ => Ok(()),
        }
    }
}

fn has_repeats(names: &[ConsumerName]) -> bool {
    let mut sorted = names.to_vec();
    sorted.sort();
    sorted.windows(2).any(|pair| pair[0] == pair[1])
}

//! The options that say how much is kept.

use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;
use runtime::arguments::some_time;

use crate::retention::Limits;

#[derive(Debug, Args)]
#[command(next_help_heading = "Files")]
pub(crate) struct KeepArgs {
    /// Delete what arrived longer ago, of each camera: 12h, 7d; frames, foreign pictures and what was set aside
    #[arg(long, env = "FRAMEBRIDGE_KEEP_FOR", value_name = "TIME", value_parser = some_time)]
    keep_for: Option<Duration>,

    /// Keep so much of each camera, and delete the oldest beyond it: 500MB, 50GB
    #[arg(long, env = "FRAMEBRIDGE_KEEP_BYTES", value_name = "SIZE", value_parser = some_size)]
    keep_bytes: Option<ByteSize>,
}

impl KeepArgs {
    /// What they come to; `None` if all is kept.
    pub(crate) fn limits(&self) -> Option<Limits> {
        let limits = Limits {
            keep_for: self.keep_for,
            keep_bytes: self.keep_bytes.map(|size| size.as_u64()),
        };
        (limits.keep_for.is_some() || limits.keep_bytes.is_some()).then_some(limits)
    }
}

fn some_size(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse()?;
    if size.as_u64() == 0 {
        Err("must be more than nothing".into())
    } else {
        Ok(size)
    }
}

//! The options of keeping up with the camera.

use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;
use runtime::arguments::some_time;

#[derive(Debug, Args)]
#[command(next_help_heading = "Frames")]
pub(crate) struct LatestOnlyArgs {
    /// Skip frames rather than fall behind: what is stored was taken just now, and what was skipped is counted. The broker
    /// keeps nothing for this program while it is away
    #[arg(long, env = "FRAMEBRIDGE_LATEST_ONLY", value_parser = BoolishValueParser::new())]
    latest_only: bool,

    /// With --latest-only: how late frames may come, beyond the time that the quickest took
    #[arg(long, env = "FRAMEBRIDGE_MAX_LAG", value_name = "TIME", default_value = "1s",
          value_parser = some_time, requires = "latest_only")]
    max_lag: Duration,
}

impl LatestOnlyArgs {
    /// How late frames may come; `None` if all are wanted.
    pub(crate) fn max_lag(&self) -> Option<Duration> {
        self.latest_only.then_some(self.max_lag)
    }
}

//! Log lines on standard error; standard output carries data only.

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

use crate::progress::Progress;

/// Libraries that log what they also return as errors would say everything twice.
const DEFAULT_FILTER: &str = "info,rumqttc=off,mqtt5=off,rustls_platform_verifier=off";

/// How a program logs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub struct LogArgs {
    /// Log lines for people or for machines; how much is logged is set by the variable `RUST_LOG` (info)
    #[arg(
        long,
        env = "FRAMEBRIDGE_LOG_FORMAT",
        value_enum,
        default_value = "text"
    )]
    pub log_format: LogFormat,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging, above the live line of `progress`. To be called once.
pub fn start(args: &LogArgs, progress: &Progress) {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(progress.clone())
        .with_target(false);
    match args.log_format {
        LogFormat::Text => builder.with_ansi(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}

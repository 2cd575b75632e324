//! Log lines on standard error, or in files; standard output carries data only.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{fmt, fs};

use clap::{Args, ValueEnum};
use tracing::info;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::program::UsageError;
use crate::progress::Progress;

/// How many days of log files are kept.
const DAYS: usize = 14;

/// Libraries that log what they also return as errors would say everything twice.
const DEFAULT_FILTER: &str = "info,rumqttc=off,mqtt5=off,rustls_platform_verifier=off";

/// A program that does one thing and says what came of it has no more to tell than what is in its way.
const QUIET_FILTER: &str = "warn,rumqttc=off,rustls_platform_verifier=off";

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

    /// Log into files in this folder, a new one each day (UTC), 14 of them, instead of standard error: for a service
    #[arg(long, env = "FRAMEBRIDGE_LOG_DIR", value_name = "DIR")]
    pub log_dir: Option<PathBuf>,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Whether log lines go to files.
static IN_FILES: OnceLock<()> = OnceLock::new();

/// Starts logging, above the live line of `progress` if not into files. To be called once.
///
/// # Errors
/// The folder for log files cannot be made or written.
pub fn start(args: &LogArgs, progress: &Progress) -> Result<(), UsageError> {
    start_with(DEFAULT_FILTER, args, progress)
}

/// [`start`] for a program that does one thing: warnings and errors alone, unless `RUST_LOG` says otherwise.
///
/// # Errors
/// As for [`start`].
pub fn start_quietly(args: &LogArgs) -> Result<(), UsageError> {
    start_with(QUIET_FILTER, args, &Progress::new())
}

fn start_with(default_filter: &str, args: &LogArgs, progress: &Progress) -> Result<(), UsageError> {
    match &args.log_dir {
        Some(folder) => {
            write_to(files(folder)?, default_filter, args);
            let _ = IN_FILES.set(());
        }
        None => write_to(progress.clone(), default_filter, args),
    }
    Ok(())
}

/// Has the log say what is printed, where there is one apart from it.
pub(crate) fn repeat(line: &str) {
    if IN_FILES.get().is_some() {
        info!("{line}");
    }
}

fn files(folder: &Path) -> Result<RollingFileAppender, UsageError> {
    let failed = |error: &dyn fmt::Display| {
        UsageError(format!("cannot log in {}: {error}", folder.display()))
    };
    fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(program_name())
        .filename_suffix("log")
        .max_log_files(DAYS)
        .build(folder)
        .map_err(|error| failed(&error))
}

fn program_name() -> String {
    let program = std::env::current_exe().unwrap_or_default();
    let name = program.file_stem().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn write_to<W>(writer: W, default_filter: &str, args: &LogArgs)
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default_filter));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_target(false);
    match args.log_format {
        LogFormat::Text => builder.with_ansi(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}

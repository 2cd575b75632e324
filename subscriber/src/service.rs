//! `frame-subscriber service ...`: this program as a Windows service.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use runtime::windows_service::{self, Doing, Listed};

use crate::config::RunArgs;
use crate::embedded;
use crate::service_paths::Lasting;

const SERVICE: Listed = Listed {
    name: "frame-subscriber",
    display_name: "Framebridge subscriber",
    description: "Receives camera frames over MQTT and writes each to disk.",
};

/// The folder of frames, if nothing else is said.
const FRAMES: &str = "frames";
/// The folder of log files, if nothing else is said.
const LOGS: &str = "logs";

/// What to do with the service.
#[derive(Debug, Subcommand)]
pub enum ServiceCommand {
    /// Install it, to be started with Windows, with the options of receiving
    ///
    /// It runs as the account "Local Service", which must be allowed to read the files and write into the folders that are
    /// named here: the commands for that are printed. Relative paths are below the current folder. Without --out and --log-dir,
    /// frames go to C:\ProgramData\Framebridge\frames, and log files to C:\ProgramData\Framebridge\logs.
    Install(Box<RunArgs>),
    /// Start it
    Start,
    /// Stop it: what was received is stored first
    Stop,
    /// Say what it does; exits 1 if it does not run
    Status,
    /// Stop it and take it out of Windows' list of services; files stay
    Uninstall,
    /// For Windows itself
    #[command(hide = true)]
    Run(Box<ServiceArgs>),
}

/// What Windows starts the service with.
#[derive(Debug, Args)]
pub struct ServiceArgs {
    /// The folder of what has no other place.
    #[arg(long = "home")]
    home: PathBuf,
    #[command(flatten)]
    run: RunArgs,
}

/// Does it. What runs as the service is `run`.
pub(crate) fn main(
    command: ServiceCommand,
    run: impl FnOnce(RunArgs) -> anyhow::Result<()> + Send + 'static,
) -> anyhow::Result<()> {
    match command {
        ServiceCommand::Install(args) => {
            args.check()?;
            install(&args)
        }
        ServiceCommand::Start => SERVICE.start(),
        ServiceCommand::Stop => SERVICE.stop(),
        ServiceCommand::Status => status(),
        ServiceCommand::Uninstall => SERVICE.uninstall(),
        ServiceCommand::Run(args) => windows_service::run(SERVICE.name, move || {
            let ServiceArgs {
                home,
                run: mut args,
            } = *args;
            std::fs::create_dir_all(&home)
                .and_then(|()| env::set_current_dir(&home))
                .with_context(|| format!("using the folder {}", home.display()))?;
            args.log.log_dir.get_or_insert_with(|| LOGS.into());
            run(args)
        }),
    }
}

fn install(args: &RunArgs) -> anyhow::Result<()> {
    embedded::check(args)?;
    let home = windows_service::home();
    // `frame-subscriber service install`, and then the options.
    let lasting = Lasting::new(env::args_os().skip(3)).context("finding the current folder")?;
    // What is missing is said now: the service could say it only to its log, again and again.
    for file in lasting.read() {
        File::open(file).with_context(|| format!("the service cannot read {}", file.display()))?;
    }
    let mut arguments: Vec<OsString> = ["service", "run", "--home"].map(Into::into).into();
    arguments.push(home.clone().into());
    arguments.extend(lasting.words.iter().cloned());
    SERVICE.install(arguments)?;
    // Rights can be given only to a folder that is there.
    for folder in lasting.written() {
        fs::create_dir_all(folder).with_context(|| {
            let folder = folder.display();
            format!("the service is installed, but the folder {folder} cannot be made")
        })?;
    }
    let place = |option, name| {
        lasting
            .path(option)
            .map_or_else(|| home.join(name), Into::into)
    };
    say(&format!(
        "Installed. Frames go to {}, the log to {}.",
        place("--out", FRAMES).display(),
        place("--log-dir", LOGS).display()
    ))?;
    let grants = lasting.grants();
    if !grants.is_empty() {
        say("It runs as Local Service. Unless that may read and write there already:")?;
        for grant in grants {
            say(&format!("  {grant}"))?;
        }
    }
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("FRAMEBRIDGE_") {
            say(&format!(
                "Note: {name} is set here, and not for the service: give it as an option."
            ))?;
        }
    }
    say("Now: frame-subscriber service start")
}

fn status() -> anyhow::Result<()> {
    let doing = match SERVICE.doing()? {
        Doing::Running => return say("running"),
        Doing::NotInstalled => "not installed",
        Doing::Stopped => "stopped",
        Doing::Starting => "starting",
        Doing::Stopping => "stopping",
    };
    bail!("the service {} is {doing}", SERVICE.name)
}

fn say(line: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{line}").context("failed to print")
}

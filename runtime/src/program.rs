//! How every program starts and ends.

use std::future::Future;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};

use crate::allocator;
use crate::summary::say;

/// What the exit code of every program means: for `--help`.
pub const EXIT_CODES_HELP: &str = "\
Exit codes:
  0  done: the source ended, a limit was reached, or it was told to stop
  1  failed: one line on standard error says why
  2  wrong options: one line on standard error says which";

/// Something that the user asked for and cannot have: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// `error`, with exit code 2 if it is `wrong_options` that caused it.
pub fn usage_if(
    wrong_options: bool,
    error: impl std::error::Error + Send + Sync + 'static,
) -> anyhow::Error {
    if wrong_options {
        UsageError(error.to_string()).into()
    } else {
        error.into()
    }
}

/// Reads the command line. Help and version are printed and end the program; what is wrong is said in one line, with
/// exit code 2.
#[must_use]
pub fn parse<Cli: clap::Parser>() -> Cli {
    Cli::try_parse().unwrap_or_else(|error| {
        if !error.use_stderr() {
            error.exit();
        }
        say(&one_line(&without_secrets(&error)));
        std::process::exit(2)
    })
}

/// What clap says. A refused URL may hold a password, and what is said here may end in a service's log.
fn without_secrets(error: &clap::Error) -> String {
    let message = error.to_string();
    match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) if value.contains("://") => {
            let scheme = value.split(':').next().unwrap_or_default();
            message.replace(value, &format!("{scheme}:..."))
        }
        _ => message,
    }
}

/// What clap says over several paragraphs, without the usage that `--help` shows better.
fn one_line(message: &str) -> String {
    let said: Vec<&str> = message
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty())
        .collect();
    format!("{}; see --help", said.join(" "))
}

/// Runs a program to its end on a current-thread runtime: half the CPU of a multi-threaded one at camera rates.
///
/// It is a task among its tasks: to wake the one future that is none takes a system call, and comes after all of them.
pub fn run(program: impl Future<Output = anyhow::Result<()>> + Send + 'static) -> ExitCode {
    exit_code(complete(program))
}

/// [`run`], for those who do with the outcome as they like.
pub fn complete(
    program: impl Future<Output = anyhow::Result<()>> + Send + 'static,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(async {
                tokio::spawn(allocator::give_back_regularly());
                tokio::spawn(program).await
            });
            // A blocked read of standard input must not hold up the end.
            runtime.shutdown_background();
            outcome.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Says what went wrong, once, and turns it into an exit code.
#[must_use]
pub fn exit_code(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::from(if error.is::<UsageError>() { 2 } else { 1 })
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command};

    use super::*;

    #[test]
    fn a_refused_url_is_not_shown() {
        for (value, shown) in [
            ("mqtt://me:hunter2@pi", "mqtt:..."),
            ("exec:ffmpeg -i 'rtsp://me:hunter2@cam", "exec:..."),
        ] {
            let refuse = |text: &str| Err::<String, _>(format!("{text} is not usable"));
            let command = Command::new("x").arg(Arg::new("url").value_parser(refuse));
            let error = command.try_get_matches_from(["x", value]).unwrap_err();
            let message = without_secrets(&error);
            assert!(!message.contains("hunter2"), "{message}");
            assert!(message.contains(shown), "{message}");
        }
    }

    #[test]
    fn wrong_options_are_said_in_one_line() {
        let clap_says = "error: unexpected argument '--x' found\n\n  tip: a similar argument exists: '--y'\n\nUsage: a\n\nFor more information, try '--help'.\n";
        assert_eq!(
            one_line(clap_says),
            "error: unexpected argument '--x' found tip: a similar argument exists: '--y'; see --help"
        );
    }
}

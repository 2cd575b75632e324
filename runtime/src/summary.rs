//! What a program says at its end.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

use crate::program::UsageError;

/// Prints closing lines on standard error, unadorned: they are for people, whatever the log format.
pub fn print(lines: &[String]) {
    for line in lines {
        say(line);
    }
}

/// Writes `line` to standard error, and into the log if that goes elsewhere. That nobody reads it any more is no reason to stop.
pub(crate) fn say(line: &str) {
    crate::logging::repeat(line);
    let _ = writeln!(io::stderr(), "{line}");
}

/// Makes sure, at the start, that the closing figures can be written to `path` at the end.
pub fn check_writable(path: &Path) -> Result<(), UsageError> {
    let opened = fs::File::options().create(true).append(true).open(path);
    opened.map(|_| ()).map_err(|error| {
        UsageError(format!(
            "cannot write the summary to {}: {error}",
            path.display()
        ))
    })
}

/// Writes the closing figures to `path` as one JSON object.
pub fn write_json(path: &Path, summary: &impl Serialize) -> anyhow::Result<()> {
    let mut json = serde_json::to_vec_pretty(summary).context("failed to serialize the summary")?;
    json.push(b'\n');
    fs::write(path, json)
        .with_context(|| format!("failed to write the summary to {}", path.display()))
}

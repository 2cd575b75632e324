//! Asking a program for its figures, as Prometheus does.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use tempfile::NamedTempFile;

use super::eventually::{SOON, eventually};
use super::footage::prepared;
use super::launch::Launch;
use super::program::Program;

/// Prometheus's own checker.
pub(crate) fn promtool(command: &str) -> Launch {
    let program = prepared("FRAMEBRIDGE_TEST_PROMTOOL", "promtool");
    Launch::new("promtool", program).flags(command)
}

/// What was answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Where `program` shows its figures (`--metrics`).
#[track_caller]
pub(crate) fn address(program: &Program) -> String {
    eventually(SOON, "figures to be shown somewhere", || {
        let log = program.stderr();
        let (_, url) = log.split_once("figures are shown at http://")?;
        Some(url.split_once("/metrics")?.0.to_owned())
    })
}

/// Asks for `path` at [`address`].
#[track_caller]
pub(crate) fn ask(program: &Program, path: &str) -> Answer {
    let address = address(program);
    let mut connection = TcpStream::connect(&address).expect("connecting to the figures");
    connection.set_read_timeout(Some(SOON)).expect("a timeout");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).expect("asking");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).expect("a status");
    Answer {
        status: status.parse().expect("a number"),
        body: body.to_owned(),
    }
}

/// Figures for Prometheus.
#[derive(Debug)]
pub(crate) struct Scrape {
    pub(crate) text: String,
    /// By name and labels, as they stand in the text.
    samples: BTreeMap<String, f64>,
}

/// What Prometheus would get from `program` now.
#[track_caller]
pub(crate) fn scrape(program: &Program) -> Scrape {
    let Answer { status, body } = ask(program, "/metrics");
    assert_eq!(status, 200, "{body}");
    let samples = body
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name.to_owned(), value.parse().expect("a number"))
        })
        .collect();
    Scrape {
        text: body,
        samples,
    }
}

impl Scrape {
    /// The figure of this name and these labels, as they stand in the text.
    #[track_caller]
    pub(crate) fn figure(&self, name: &str) -> f64 {
        let figure = self.samples.get(name);
        *figure.unwrap_or_else(|| panic!("no {name} in\n{}", self.text))
    }

    /// [`Scrape::figure`], which is a whole number.
    #[track_caller]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is looked at before"
    )]
    pub(crate) fn count(&self, name: &str) -> u64 {
        let figure = self.figure(name);
        assert!(figure >= 0.0 && figure.fract() == 0.0, "{name} is {figure}");
        figure as u64
    }

    /// Whether there is such a figure.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.samples.contains_key(name)
    }

    /// The names and kinds of all families that are ours.
    pub(crate) fn families(&self) -> Vec<(String, String)> {
        let types = self
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "));
        let families = types.filter_map(|line| line.split_once(' '));
        families
            .filter(|(name, _)| name.starts_with("framebridge_"))
            .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
            .collect()
    }

    /// Asserts that Prometheus's own tool has nothing to say against the text.
    #[track_caller]
    pub(crate) fn passes_promtool(&self) {
        let file = NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), &self.text).expect("writing the text");
        let outcome = promtool("check metrics").stdin_from(file.path()).run(SOON);
        let said = outcome.stderr() + &String::from_utf8_lossy(&outcome.stdout());
        assert_eq!(said, "", "in\n{}", self.text);
        outcome.succeeded();
    }
}

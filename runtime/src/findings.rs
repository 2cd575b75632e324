//! What a check-up finds: one line a check, for people or as JSON for scripts.

use std::io::{self, Write as _};

use anyhow::{Context as _, bail};
use serde::Serialize;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and a person should look at it.
    Warning,
    /// It does not work.
    Error,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at: `camera`, `broker`, ...
    pub check: &'static str,
    /// How it came out.
    pub verdict: Verdict,
    /// In plain words, with what to do.
    pub says: String,
}

/// All findings, in the order in which they were made.
#[derive(Debug, Default, Serialize)]
pub struct Findings {
    checks: Vec<Finding>,
    #[serde(skip)]
    is_json: bool,
}

impl Findings {
    /// None yet. Text is printed as it is found, JSON at the end.
    #[must_use]
    pub fn new(is_json: bool) -> Self {
        Self {
            checks: Vec::new(),
            is_json,
        }
    }

    /// Enters what is as it should be.
    pub fn ok(&mut self, check: &'static str, says: impl Into<String>) {
        self.enter(check, Verdict::Ok, says);
    }

    /// Enters what a person should look at.
    pub fn warning(&mut self, check: &'static str, says: impl Into<String>) {
        self.enter(check, Verdict::Warning, says);
    }

    /// Enters what does not work.
    pub fn error(&mut self, check: &'static str, says: impl Into<String>) {
        self.enter(check, Verdict::Error, says);
    }

    /// Enters a finding.
    pub fn enter(&mut self, check: &'static str, verdict: Verdict, says: impl Into<String>) {
        let finding = Finding {
            check,
            verdict,
            says: says.into(),
        };
        if !self.is_json {
            // That nobody reads any more is found out at the end.
            let _ = writeln!(io::stdout(), "{}", line(&finding));
        }
        self.checks.push(finding);
    }

    /// Everything so far.
    #[must_use]
    pub fn all(&self) -> &[Finding] {
        &self.checks
    }

    /// Prints what is not printed yet. An error if any check came out as one.
    pub fn close(self) -> anyhow::Result<()> {
        if self.is_json {
            let json = serde_json::to_string_pretty(&self).context("failed to write the report")?;
            writeln!(io::stdout(), "{json}").context("failed to print the report")?;
        }
        let failed = self.checks.iter().filter(|f| f.verdict == Verdict::Error);
        match (failed.count(), self.checks.len()) {
            (0, _) => Ok(()),
            (1, all) => bail!("1 of {all} checks found something wrong"),
            (failed, all) => bail!("{failed} of {all} checks found something wrong"),
        }
    }
}

fn line(finding: &Finding) -> String {
    let verdict = match finding.verdict {
        Verdict::Ok => "ok",
        Verdict::Warning => "warning",
        Verdict::Error => "error",
    };
    let says = finding.says.replace('\n', " ");
    format!("{verdict:<8} {}: {says}", finding.check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_that_begins_with_its_verdict() {
        let finding = |verdict| Finding {
            check: "disk",
            verdict,
            says: "two\nlines".to_owned(),
        };
        assert_eq!(line(&finding(Verdict::Ok)), "ok       disk: two lines");
        assert_eq!(line(&finding(Verdict::Error)), "error    disk: two lines");
    }

    #[test]
    fn only_an_error_fails_the_whole() {
        let mut findings = Findings::new(false);
        findings.ok("camera", "there");
        findings.warning("clock", "not kept");
        assert_eq!(findings.all().len(), 2);
        findings.close().unwrap();
        let mut findings = Findings::new(false);
        findings.error("disk", "read-only");
        findings.ok("camera", "there");
        let error = findings.close().unwrap_err().to_string();
        assert_eq!(error, "1 of 2 checks found something wrong");
    }
}

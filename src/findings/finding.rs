use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Code;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Info,
    /// Something will go wrong, or cannot be seen.
    Warning,
    /// Something is wrong, or will be within days.
    Critical,
}

/// Something that is true of the mesh and should be known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Its stable code.
    pub code: Code,
    /// How much it matters here.
    pub severity: Severity,
    /// What it is about: an object, a workload, a certificate. One cause has one subject.
    pub subject: String,
    /// What is wrong, in one sentence without its final stop.
    pub summary: String,
    /// What was seen that shows it; a line each.
    pub evidence: Vec<String>,
    /// What to do next; a line each, commands in back quotes.
    pub next: Vec<String>,
    /// Findings that are consequences of this one, and go away with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consequences: Vec<Finding>,
}

/// All findings of one check, root causes first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The moment that the rules were asked about.
    pub at: Timestamp,
    /// Root causes, the gravest first; each holds its consequences.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The gravest severity, where anything was found.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(Finding::worst).max()
    }
}

impl Finding {
    /// A finding without evidence yet.
    pub(super) fn new(code: Code, severity: Severity, subject: impl Into<String>, summary: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            subject: subject.into(),
            summary: summary.into(),
            evidence: Vec::new(),
            next: Vec::new(),
            consequences: Vec::new(),
        }
    }

    /// Adds a line of evidence.
    pub(super) fn seen(mut self, evidence: impl Into<String>) -> Self {
        self.evidence.push(evidence.into());
        self
    }

    /// Adds several lines of evidence.
    pub(super) fn seen_all(mut self, evidence: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    /// Adds several lines of what to do next.
    pub(super) fn next_all(mut self, steps: impl IntoIterator<Item = String>) -> Self {
        self.next.extend(steps);
        self
    }

    /// Adds a line of what to do next.
    pub(super) fn next(mut self, step: impl Into<String>) -> Self {
        self.next.push(step.into());
        self
    }

    /// The gravest of itself and its consequences.
    pub fn worst(&self) -> Severity {
        self.consequences.iter().map(Self::worst).chain([self.severity]).max().unwrap_or(self.severity)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        })
    }
}

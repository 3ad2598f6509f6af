//! What can be known of a plan before anything is changed: rights, chains, each write and restart as a dry run, what new
//! pods would get, and whether the workloads can roll.
//!
//! [`Wanted`] lists it, purely, from an outlook; [`verify()`] asks for it over the port. A refusal is something that would
//! stop the run with the change half made; what could not be verified, or may heal by itself, stops nothing.

mod rights;
mod rule;
#[cfg(test)]
mod tests;
mod verify;
mod wanted;

use std::fmt;

use crate::mesh::Right;

pub use rule::{Rule, rules};
pub use verify::verify;
pub use wanted::Wanted;

/// Everything that was verified of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What was verified, in the order in which it is shown.
    pub rows: Vec<Row>,
    /// Rights without which the run would stop.
    pub lacking: Vec<Right>,
}

/// One thing that was verified, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it is about.
    pub about: About,
    /// What was asked.
    pub what: String,
    /// The answer.
    pub verdict: Verdict,
}

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// What the user may do.
    Rights,
    /// Certificates and who accepts whom.
    Chains,
    /// Objects that are written.
    Writes,
    /// Workloads that are restarted.
    Restarts,
    /// What the injector gives to new pods.
    NewPods,
    /// Whether workloads can replace their pods.
    Rollouts,
    /// Private keys in files.
    Keys,
    /// The folder for the backup.
    Backup,
    /// What an operator has to see to.
    Holds,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is as it should be.
    Verified,
    /// It is as it should be, and this is worth knowing.
    Remark(String),
    /// It could not be found out, or is not sure: why.
    NotVerified(String),
    /// It would stop the run.
    Refused {
        /// Why.
        why: String,
        /// What to do.
        instead: String,
    },
}

impl Report {
    /// Whether something would stop the run.
    pub fn stops(&self) -> bool {
        self.refused().next().is_some()
    }

    /// What would stop the run.
    pub fn refused(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| matches!(row.verdict, Verdict::Refused { .. }))
    }
}

impl Row {
    /// A row.
    pub fn new(about: About, what: impl Into<String>, verdict: Verdict) -> Self {
        Self { about, what: what.into(), verdict }
    }
}

impl Verdict {
    /// A refusal.
    pub fn refused(why: impl Into<String>, instead: impl Into<String>) -> Self {
        Self::Refused { why: why.into(), instead: instead.into() }
    }

    /// The answer in a word or two.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Verified | Self::Remark(_) => "verified",
            Self::NotVerified(_) => "not verified",
            Self::Refused { .. } => "refused",
        }
    }

    /// What is said beside it.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Verified => None,
            Self::Remark(text) | Self::NotVerified(text) | Self::Refused { why: text, .. } => Some(text),
        }
    }
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Rights => "rights",
            Self::Chains => "chains",
            Self::Writes => "writes",
            Self::Restarts => "restarts",
            Self::NewPods => "new pods",
            Self::Rollouts => "rollouts",
            Self::Keys => "keys",
            Self::Backup => "backup",
            Self::Holds => "holds",
        })
    }
}

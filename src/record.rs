//! The record of a run for a change ticket: what was decided, done and observed, when and by whom. Pure: events go in,
//! JSON and Markdown come out. It holds certificates by name and fingerprint, and never a private key.

mod fold;
mod markdown;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    pki::Certificate,
    plan::{Goal, Outlook, Standing, Step, Target, target},
    preflight::Report,
};

pub use words::command_line;

/// The version of the format of `record.json`. Keys may be added to a version, not taken away.
pub const SCHEMA_VERSION: u32 = 1;

/// The record of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Which certificate was to be new.
    pub operation: Operation,
    /// `user@host`.
    pub who: String,
    /// The command line, without secrets.
    pub command: String,
    /// This program and its version.
    pub program: String,
    /// Which mesh.
    pub mesh: Place,
    /// The folder with the backup.
    pub backup: Option<String>,
    /// When the run began, by the clock of whoever ran it, as all times here.
    pub began_at: Timestamp,
    /// When it ended; `None` where it was killed, or is still under way.
    pub ended_at: Option<Timestamp>,
    /// How far the mesh was on its way already when the run began.
    pub went_on_from: Option<String>,
    /// What was verified before anything was changed.
    pub verified: Vec<Verified>,
    /// The certificates that the plan names.
    pub certificates: Vec<Named>,
    /// The plan as it was first decided.
    pub plan: Vec<Planned>,
    /// The steps that were begun, in order.
    pub steps: Vec<Taken>,
    /// What happened between steps.
    pub between: Vec<Happened>,
    /// How it ended.
    pub end: End,
}

/// Which certificate was to be new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// The trust anchor, and an issuer under it.
    TrustAnchorRotation,
    /// The issuer, under the present anchor.
    IssuerRotation,
    /// Both, back to those of a backup.
    Restore,
    /// What it takes for identity to sign again.
    Recovery,
    /// The certificates of the webhooks' servers.
    WebhookRenewal,
}

/// Which mesh.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The kubeconfig's context.
    pub context: Option<String>,
    /// The API server's address.
    pub server: Option<String>,
    /// Its version.
    pub kubernetes: Option<String>,
    /// The control plane's namespace.
    pub namespace: String,
}

/// Something that was verified beforehand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// What it is about, such as `rights`.
    pub about: String,
    /// What was asked.
    pub what: String,
    /// `verified`, `not verified` or `refused`.
    pub verdict: String,
    /// What was said beside it.
    pub why: Option<String>,
}

/// A certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Named {
    /// `trust anchor`, `issuer` or `webhook`.
    pub role: String,
    /// Its common name.
    pub name: String,
    /// SHA-256 of its DER.
    pub sha256: String,
    /// When it begins.
    pub not_before: Timestamp,
    /// When it ends.
    pub not_after: Timestamp,
}

/// A step as it was planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// `extend`, `swap`, `refresh`, `trim`, or `copy` for what follows in each.
    pub stage: String,
    /// What it does.
    pub what: String,
}

/// A step as it was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Taken {
    /// As in [`Planned`].
    pub stage: String,
    /// As in [`Planned`].
    pub what: String,
    /// When it was begun.
    pub begun_at: Timestamp,
    /// When it was seen to have had its effect; `None` where it did not come to that.
    pub proven_at: Option<Timestamp>,
    /// What was done and observed in it.
    pub happened: Vec<Happened>,
}

/// Something that was done or observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Happened {
    /// When.
    pub at: Timestamp,
    /// What kind of thing.
    pub kind: Kind,
    /// What.
    pub what: String,
}

/// A kind of thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// An object was written.
    Written,
    /// A workload's pods began to be replaced.
    Restarting,
    /// All of them were new and ready.
    Restarted,
    /// Something was waited for.
    Waiting,
    /// Somebody else changed an object that was about to be written.
    Conflict,
    /// Identity missed a new issuer, or a webhook's server its new certificate.
    MissedUpdate,
    /// The API server was seen to call a webhook's server.
    Called,
    /// An issuer was taken back.
    PutBack,
    /// An operator was waited for.
    Held,
    /// The plan was made anew.
    Replanned,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct End {
    /// In a word.
    pub result: Outcome,
    /// In a sentence.
    pub what: String,
    /// What shows it.
    pub evidence: Vec<String>,
    /// What to do next.
    pub next: Vec<String>,
}

/// How it ended, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It has not: it was killed, or is under way.
    Unfinished,
    /// The goal was reached.
    Done,
    /// It stopped before its goal, with the mesh whole.
    Stopped,
}

/// What is known of a run before it begins.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// Which certificate shall be new.
    pub goal: Goal,
    /// `user@host`.
    pub who: String,
    /// The command line, from [`command_line`].
    pub command: String,
    /// Which mesh.
    pub mesh: Place,
    /// The folder with the backup.
    pub backup: Option<String>,
    /// From [`position`].
    pub went_on_from: Option<String>,
}

impl Record {
    /// The record of a run that begins now.
    pub fn begin(at: Timestamp, beginning: Beginning, report: &Report) -> Self {
        let Beginning { goal, who, command, mesh, backup, went_on_from } = beginning;
        let operation = match goal {
            Goal::Anchor => Operation::TrustAnchorRotation,
            Goal::Issuer => Operation::IssuerRotation,
            Goal::Back => Operation::Restore,
            Goal::Recover => Operation::Recovery,
            Goal::Webhooks => Operation::WebhookRenewal,
        };
        let verified = report.rows.iter().map(|row| Verified {
            about: row.about.to_string(),
            what: words::safe(&row.what),
            verdict: row.verdict.word().to_owned(),
            why: row.verdict.text().map(words::safe),
        });
        let mesh = Place { server: mesh.server.as_deref().map(words::without_user), ..mesh };
        Self {
            schema_version: SCHEMA_VERSION,
            operation,
            who,
            command,
            program: concat!("linkerd-certs ", env!("CARGO_PKG_VERSION")).to_owned(),
            mesh,
            backup,
            began_at: at,
            ended_at: None,
            went_on_from,
            verified: verified.collect(),
            certificates: Vec::new(),
            plan: Vec::new(),
            steps: Vec::new(),
            between: Vec::new(),
            end: End::unfinished(),
        }
    }

    /// The run has ended.
    pub fn end(&mut self, at: Timestamp, end: End) {
        self.ended_at = Some(at);
        let safe = |lines: Vec<String>| lines.iter().map(|line| words::safe(line)).collect();
        self.end = End { what: words::safe(&end.what), evidence: safe(end.evidence), next: safe(end.next), ..end };
    }

    /// As JSON.
    ///
    /// # Errors
    /// Never: everything in it has a form in JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// As Markdown.
    pub fn to_markdown(&self) -> String {
        markdown::render(self)
    }
}

impl End {
    fn unfinished() -> Self {
        Self {
            result: Outcome::Unfinished,
            what: "the run is under way, or was killed: nothing is known of its end".to_owned(),
            evidence: Vec::new(),
            next: vec!["run the same command again: it goes on where the mesh is".to_owned()],
        }
    }
}

/// How far a mesh is on its way already, where it is: what an earlier run, or somebody by hand, has done of it.
pub fn position(standing: &Standing, goal: Goal, outlook: &Outlook) -> Option<String> {
    let next = outlook.steps.first().map(|step| format!("; the next step was: {}", words::step(step)));
    let next = next.unwrap_or_default();
    match (goal, target(standing, &BTreeSet::new())?) {
        (Goal::Anchor, Target::Towards(anchor)) => {
            Some(format!("the mesh was on its way to trust anchor {} already{next}", named(anchor)))
        }
        (Goal::Issuer, _) if !outlook.steps.iter().any(|step| matches!(step, Step::Issuer { .. })) => {
            Some(format!("the new issuer was in its Secret already{next}"))
        }
        _ => None,
    }
}

fn named(certificate: &Certificate) -> String {
    format!("`{}` ({})", certificate.name(), certificate.fingerprint().short())
}

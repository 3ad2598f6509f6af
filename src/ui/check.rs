//! What `check` found, in every form. Pure: text in, text out; the terminal's width and colour are passed in.

mod certificates;
mod document;
mod findings;
mod heading;
mod short;
#[cfg(test)]
mod tests;

use crate::{
    findings::Report,
    inventory::{CertificateRow, SourceRow},
    pki::Thresholds,
    snapshot::Snapshot,
};

use super::Look;

pub use document::{Document, SCHEMA_VERSION};

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    /// A row for each certificate, and a few lines of evidence for what follows from a cause.
    Rows,
    /// Also all that is known of each certificate, and all that is found of each consequence.
    All,
}

/// The answer that is to be shown.
#[derive(Debug)]
pub struct Answer<'a> {
    /// What was read.
    pub snapshot: &'a Snapshot,
    /// What the rules say of it.
    pub report: &'a Report,
    /// When "near its end" begins.
    pub thresholds: Thresholds,
    /// Its certificates, what ends first before the others.
    pub certificates: Vec<CertificateRow>,
    /// Its sources.
    pub sources: Vec<SourceRow>,
    /// The only namespace whose proxies were looked at, where one was asked for.
    pub namespace: Option<&'a str>,
    /// The status that the program is about to end with.
    pub exit_code: u8,
}

impl Answer<'_> {
    /// For people: the verdict, what it is about, the certificates, the findings, what to do next.
    pub fn table(&self, look: Look) -> String {
        self.render(look, Detail::Rows)
    }

    /// The same with everything that is known of each certificate and of each consequence.
    pub fn wide(&self, look: Look) -> String {
        self.render(look, Detail::All)
    }

    /// For `grep`: the verdict, then a line for each finding.
    pub fn short(&self) -> String {
        short::render(self)
    }

    /// For programs.
    pub fn document(&self) -> Document<'_> {
        document::of(self)
    }

    fn render(&self, look: Look, detail: Detail) -> String {
        let sections = [
            heading::render(self, look),
            certificates::render(self, look, detail),
            findings::render(self, look, detail),
            findings::next_steps(self, look),
        ];
        sections.into_iter().filter(|section| !section.is_empty()).collect::<Vec<_>>().join("\n")
    }
}

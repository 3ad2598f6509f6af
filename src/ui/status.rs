//! The PKI as a tree and where a rotation stands, in every form. Pure: the terminal's width and colour are passed in.

mod branches;
mod document;
mod heading;
mod nodes;
mod short;
#[cfg(test)]
mod tests;
mod words;

use crate::{
    inventory::Tree,
    pki::Thresholds,
    plan::{Count, Linked, Progress},
    snapshot::Snapshot,
};

use super::Look;

pub use document::{Document, SCHEMA_VERSION};

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    /// Many workloads that are alike are counted.
    Folded,
    /// Every workload, and all that is known of each certificate.
    All,
}

/// What is to be shown.
#[derive(Debug)]
pub struct Answer<'a> {
    /// What was read.
    pub snapshot: &'a Snapshot,
    /// The certificates and who holds them.
    pub tree: Tree,
    /// Where a rotation stands.
    pub progress: Progress,
    /// How many proxies have done what the stage is about.
    pub proxies: Count,
    /// How many proxies are known to refuse what the issuer in the Secret signs.
    pub refusing: u64,
    /// Objects that something else would write back, each with who does.
    pub owned: Vec<String>,
    /// Verifiers outside of the cluster.
    pub outside: Vec<String>,
    /// Linked clusters that were looked at.
    pub linked: Vec<Linked>,
    /// What could not be read, with why.
    pub hidden: Vec<String>,
    /// When "near its end" begins.
    pub thresholds: Thresholds,
    /// The only namespace whose proxies are in the tree, where one was asked for.
    pub namespace: Option<&'a str>,
}

impl Answer<'_> {
    /// For people: the stage, what comes next, the tree.
    pub fn tree(&self, look: Look) -> String {
        self.render(look, Detail::Folded)
    }

    /// The same with every workload, and all that is known of each certificate.
    pub fn wide(&self, look: Look) -> String {
        self.render(look, Detail::All)
    }

    /// For `grep`: a line for the stage, each anchor, each issuer and each workload. Holds no moment that passes by
    /// itself, so that two of them differ only where the mesh does.
    pub fn short(&self) -> String {
        short::render(self)
    }

    /// For programs.
    pub fn document(&self) -> Document<'_> {
        document::of(self)
    }

    fn render(&self, look: Look, detail: Detail) -> String {
        format!("{}\n{}", heading::render(self, look), branches::draw(&nodes::of(self, detail), look))
    }
}

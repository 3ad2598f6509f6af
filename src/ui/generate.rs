//! What `generate` made, in every form, and how to install Linkerd with it. Nothing here knows a key.

mod document;
mod install;
mod table;
mod values;

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::Look;
use crate::{
    error::Error,
    findings::moment,
    pki::{Certificate, TrustDomain},
};

pub use document::{Document, SCHEMA_VERSION};

/// What was made, and where it is.
#[derive(Debug)]
pub struct Made<'a> {
    /// The trust anchor.
    pub anchor: &'a Certificate,
    /// Where its key is.
    pub anchor_key: &'a AnchorKey,
    /// The file with its certificate.
    pub anchor_file: &'a Path,
    /// The identity issuer.
    pub issuer: &'a Certificate,
    /// The file with its certificate.
    pub issuer_file: &'a Path,
    /// The file with its key.
    pub issuer_key_file: &'a Path,
    /// The mesh that they are for.
    pub trust_domain: &'a TrustDomain,
    /// Whether the issuer ends earlier than was asked for, since its anchor does.
    pub cut: bool,
    /// When.
    pub at: Timestamp,
}

/// Where the trust anchor's key is.
#[derive(Debug)]
pub enum AnchorKey {
    /// In this file, just written.
    Written(PathBuf),
    /// Nowhere.
    Discarded,
    /// Where it was before.
    Brought {
        /// Its file.
        file: PathBuf,
        /// Whether others than its owner may read that file.
        readable_by_others: bool,
    },
}

impl Made<'_> {
    /// For people.
    pub fn table(&self, look: Look) -> String {
        table::render(self, look)
    }

    /// For programs.
    pub fn document(&self) -> Document<'_> {
        document::of(self)
    }

    /// A values file for the chart linkerd-control-plane; the issuer's key is not in it.
    ///
    /// # Errors
    /// When it cannot be written as YAML.
    pub fn values(&self) -> Result<String, Error> {
        values::of(self)
    }

    /// What the operator should know of it, in sentences.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.cut {
            let end = moment(self.issuer.lifetime().not_after);
            notes
                .push(format!("The issuer ends with its trust anchor, at {end}, which is earlier than was asked for."));
        }
        match self.anchor_key {
            AnchorKey::Written(file) => notes.push(format!(
                "{} signs the next issuer. Keep it offline: whoever has it can pass for any workload of the mesh. It is \
                 not needed in the cluster.",
                file.display()
            )),
            AnchorKey::Discarded => notes.push(format!(
                "The trust anchor's key is gone. Before the issuer ends, at {}, the mesh needs a new anchor and a new \
                 issuer.",
                moment(self.issuer.lifetime().not_after)
            )),
            AnchorKey::Brought { file, readable_by_others: true } => notes.push(format!(
                "{file} can be read by others than its owner; `chmod 600 {quoted}` mends that.",
                file = file.display(),
                quoted = install::quoted(file),
            )),
            AnchorKey::Brought { .. } => {}
        }
        notes
    }
}

//! What there is: every certificate with all the places that hold it, and every source with what its absence hides.
//! Facts for tables and documents, no judgement. Pure.

mod collect;
mod sources;
mod tree;

use std::fmt;

use serde::{Serialize, Serializer};

use crate::{
    pki::Certificate,
    snapshot::{Owner, Snapshot},
};

pub use sources::{SourceRow, State, sources};
pub use tree::{AnchorNode, Holder, IssuerNode, LeafGroup, Tree};

/// A distinct certificate, or a group of leafs under one issuer.
#[derive(Clone, Debug, PartialEq)]
pub struct CertificateRow {
    /// What it is for.
    pub role: Role,
    /// The certificate; of several leafs the one that ends first.
    pub certificate: Certificate,
    /// How many certificates the row stands for: more than one only for leafs.
    pub count: usize,
    /// The objects that hold it, the one that counts first. For leafs the workload and the pod of the first to end.
    pub places: Vec<Place>,
    /// Who writes the first of those places.
    pub owners: Vec<Owner>,
    /// How many pods are known to have it loaded (an anchor) or to present it (an issuer, a leaf).
    pub pods: u64,
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A trust anchor of the mesh.
    Anchor,
    /// An identity issuer.
    Issuer,
    /// A webhook's or an aggregated API's serving certificate.
    Webhook,
    /// Another authority: above a webhook's certificate, or between anchor and issuer.
    Authority,
    /// A proxy's own.
    Leaf,
}

/// An object that holds a certificate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Kind, such as `Secret`.
    pub kind: String,
    /// Namespace; empty for cluster-scoped kinds.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// Every certificate of `snapshot`, what ends first before what ends later.
pub fn inventory(snapshot: &Snapshot) -> Vec<CertificateRow> {
    let mut rows = collect::certificates(snapshot);
    rows.sort_by_key(|row| (row.certificate.lifetime().not_after, row.role, row.certificate.fingerprint()));
    rows
}

impl Place {
    /// A place by its parts.
    pub fn new(kind: impl Into<String>, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind: kind.into(), namespace: namespace.into(), name: name.into() }
    }

    /// The name alone in the namespace `home`, `namespace/name` elsewhere.
    pub fn short(&self, home: &str) -> String {
        if self.namespace.is_empty() || self.namespace == home {
            self.name.clone()
        } else {
            format!("{}/{}", self.namespace, self.name)
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, namespace, name } = self;
        if namespace.is_empty() { write!(f, "{kind} {name}") } else { write!(f, "{kind} {namespace}/{name}") }
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anchor => "anchor",
            Self::Issuer => "issuer",
            Self::Webhook => "webhook",
            Self::Authority => "CA",
            Self::Leaf => "leaf",
        })
    }
}

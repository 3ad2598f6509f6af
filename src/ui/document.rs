//! What the documents of several verbs have in common.

use serde::Serialize;

use crate::{
    pki::lifetime::Stage,
    snapshot::{Mesh, Snapshot},
};

/// How many proxies there are and how many were asked.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Proxies<'a> {
    /// `null` where pods could not be read.
    pods: Option<u64>,
    workloads: Option<usize>,
    asked: usize,
    answered: usize,
    /// The only namespaces whose pods could be listed, where not all could be.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    listed_in: &'a [String],
    /// Set where the answer is only about the control plane and this namespace.
    only_namespace: Option<&'a str>,
}

impl<'a> Proxies<'a> {
    pub(super) fn of(snapshot: &'a Snapshot, only_namespace: Option<&'a str>) -> Self {
        let mesh = snapshot.mesh.found();
        Self {
            pods: mesh.map(Mesh::pods),
            workloads: mesh.map(|mesh| mesh.workloads.len()),
            asked: snapshot.probes.len(),
            answered: snapshot.probes.iter().filter(|probe| probe.answer.is_ok()).count(),
            listed_in: mesh.map_or(&[], |mesh| &mesh.only),
            only_namespace,
        }
    }
}

/// Where a certificate stands in its life.
pub(super) fn life(stage: Stage) -> &'static str {
    match stage {
        Stage::Fine => "fine",
        Stage::NearEnd => "near-end",
        Stage::VeryNearEnd => "very-near-end",
        Stage::NotYetValid => "not-yet-valid",
        Stage::Expired => "expired",
    }
}

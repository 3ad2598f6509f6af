//! Family O: who else writes these objects.

use crate::snapshot::Owner;

use super::{Code, Finding, Severity, view::View};

/// LC-O01: something besides an operator's hands writes the trust bundle or the issuer.
pub(super) fn managed_elsewhere(view: &View<'_>) -> Vec<Finding> {
    let roots = view.snapshot.trust_roots.found().map(|roots| &roots.meta);
    let issuer = view.secret.map(|secret| &secret.meta);
    let mut lines: Vec<String> = Vec::new();
    for meta in roots.into_iter().chain(issuer) {
        lines.extend(
            meta.owners.iter().filter_map(|owner| reverts(owner).map(|how| format!("{}: {how}", meta.reference()))),
        );
    }
    if lines.is_empty() {
        return Vec::new();
    }
    let finding = Finding::new(
        Code::ManagedElsewhere,
        Severity::Info,
        "who writes the certificates",
        "the certificates are managed elsewhere: a change by hand does not last",
    )
    .seen_all(lines)
    .next("change certificates there, not in the cluster");
    vec![finding]
}

fn reverts(owner: &Owner) -> Option<String> {
    match owner {
        // An upgrade by the CLI starts from the overrides Secret in the same namespace: that is checked by itself.
        Owner::LinkerdCli => None,
        Owner::Helm { release, namespace } => {
            Some(format!("Helm release {namespace}/{release} writes it at the next `helm upgrade`"))
        }
        Owner::ArgoCd { application } => Some(format!("Argo CD application {application} writes it at the next sync")),
        Owner::Flux { name } => Some(format!("Flux {name} writes it at the next reconciliation")),
        Owner::CertManager { certificate } => Some(format!("cert-manager writes it from Certificate {certificate}")),
        Owner::TrustManager { bundle } => Some(format!("trust-manager writes it from Bundle {bundle}")),
    }
}

/// LC-O02: this check is about one of several control planes.
pub(super) fn several_control_planes(view: &View<'_>) -> Vec<Finding> {
    let others = &view.snapshot.other_control_planes;
    if others.is_empty() {
        return Vec::new();
    }
    let finding = Finding::new(
        Code::SeveralControlPlanes,
        Severity::Info,
        format!("namespace {}", view.snapshot.namespace),
        "this cluster has more than one Linkerd control plane",
    )
    .seen(format!("checked: {}; also there: {}", view.snapshot.namespace, others.join(", ")))
    .next(format!("check the others with `-L {}`", others.first().map_or("", String::as_str)));
    vec![finding]
}

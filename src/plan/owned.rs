use crate::snapshot::{Meta, Owner, Snapshot};

/// The objects that something else would write back, each with who does. Linkerd's own CLI is no such thing: what it
/// starts from is written as well.
fn others(snapshot: &Snapshot) -> impl Iterator<Item = (&Meta, &Owner)> {
    let metas = [
        snapshot.trust_roots.found().map(|roots| &roots.meta),
        snapshot.issuer.found().map(|secret| &secret.meta),
        snapshot.config.found().map(|values| &values.meta),
    ];
    let owners = metas.into_iter().flatten().flat_map(|meta| meta.owners.iter().map(move |owner| (meta, owner)));
    owners.filter(|(_, owner)| **owner != Owner::LinkerdCli)
}

/// The objects that something else would write back, a line each.
pub fn owned(snapshot: &Snapshot) -> Vec<String> {
    others(snapshot).map(|(meta, owner)| format!("{} is written by {}", meta.reference(), name(owner))).collect()
}

/// Whether all of them come from values that an operator brings in line: then the change can be handed over.
pub fn takes_values(snapshot: &Snapshot) -> bool {
    others(snapshot).all(|(_, owner)| !matches!(owner, Owner::CertManager { .. } | Owner::TrustManager { .. }))
}

fn name(owner: &Owner) -> String {
    match owner {
        Owner::LinkerdCli => "the linkerd CLI".to_owned(),
        Owner::Helm { release, namespace } => format!("Helm release {namespace}/{release}"),
        Owner::ArgoCd { application } => format!("Argo CD application {application}"),
        Owner::Flux { name } => format!("Flux {name}"),
        Owner::CertManager { certificate } => format!("cert-manager Certificate {certificate}"),
        Owner::TrustManager { bundle } => format!("trust-manager Bundle {bundle}"),
    }
}

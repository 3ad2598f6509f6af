use crate::snapshot::{Meta, Owner, Snapshot};

/// The objects that something else would write back, each with who does. Linkerd's own CLI is no such thing: what it
/// starts from is written as well.
pub fn owned(snapshot: &Snapshot) -> Vec<String> {
    let metas = [
        snapshot.trust_roots.found().map(|roots| &roots.meta),
        snapshot.issuer.found().map(|secret| &secret.meta),
        snapshot.config.found().map(|values| &values.meta),
    ];
    let owners = |meta: &Meta| {
        let others = meta.owners.iter().filter(|owner| **owner != Owner::LinkerdCli);
        others.map(|owner| format!("{} is written by {}", meta.reference(), name(owner))).collect::<Vec<_>>()
    };
    metas.into_iter().flatten().flat_map(owners).collect()
}

/// Whether all of them come from values that an operator brings in line: then the change can be handed over.
pub fn takes_values(snapshot: &Snapshot) -> bool {
    let metas = [
        snapshot.trust_roots.found().map(|roots| &roots.meta),
        snapshot.issuer.found().map(|secret| &secret.meta),
        snapshot.config.found().map(|values| &values.meta),
    ];
    let rendered = |owner: &Owner| !matches!(owner, Owner::CertManager { .. } | Owner::TrustManager { .. });
    metas.into_iter().flatten().flat_map(|meta| &meta.owners).all(rendered)
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

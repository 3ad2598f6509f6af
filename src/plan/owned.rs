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

/// The Certificates, namespace and name, that cert-manager has to renew for the issuer to be new: those above it that have
/// ended, from the top, and its own at the end. None where cert-manager does not write it.
pub fn certificates_to_renew(snapshot: &Snapshot) -> Vec<(String, String)> {
    let cert_manager = &snapshot.cert_manager;
    let mut next = cert_manager.that_fills(&snapshot.namespace, "linkerd-identity-issuer");
    let mut certificates = Vec::new();
    while let Some(certificate) = next {
        let place = (certificate.meta.namespace.clone(), certificate.meta.name.clone());
        let has_ended = certificate.not_after.is_some_and(|end| end < snapshot.taken_at);
        let is_own = certificates.is_empty();
        // One that signs itself, directly or not, ends the way.
        if certificates.contains(&place) {
            break;
        }
        if is_own || has_ended {
            certificates.push(place);
        }
        let signer = cert_manager.issuers.items().iter().find(|issuer| issuer.signs(certificate));
        let above = signer.and_then(|signer| signer.ca_secret.as_ref());
        let all = cert_manager.certificates.items().iter();
        next = above.and_then(|secret| all.clone().find(|one| one.secret_name == *secret && one.is_ca));
        if next.is_some_and(|next| next.meta == certificate.meta) {
            break;
        }
    }
    certificates.reverse();
    certificates
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

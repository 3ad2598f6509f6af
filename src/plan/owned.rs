use crate::snapshot::{CertManagerCertificate, Meta, Owner, Snapshot};

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
    let above = |certificate: &CertManagerCertificate| {
        let signer = cert_manager.issuers.items().iter().find(|issuer| issuer.signs(certificate))?;
        let secret = signer.ca_secret.as_ref()?;
        cert_manager.certificates.items().iter().find(|one| one.secret_name == *secret && one.is_ca)
    };
    // Each is climbed once: one may sign itself, directly or not.
    let mut chain: Vec<&CertManagerCertificate> = Vec::new();
    let mut next = cert_manager.that_fills(&snapshot.namespace, "linkerd-identity-issuer");
    while let Some(certificate) = next.filter(|one| !chain.contains(one)) {
        chain.push(certificate);
        next = above(certificate);
    }
    let has_ended = |one: &CertManagerCertificate| one.not_after.is_some_and(|end| end < snapshot.taken_at);
    let to_renew = chain.into_iter().enumerate().filter(|(height, one)| *height == 0 || has_ended(one));
    to_renew.map(|(_, one)| (one.meta.namespace.clone(), one.meta.name.clone())).rev().collect()
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

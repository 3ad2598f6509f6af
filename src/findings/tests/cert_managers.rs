//! cert-manager and trust-manager, in their documented set-up and beside it.

use super::{Case, anchor, case, good_issuer, in_sources, issuer_in_values};
use crate::{
    findings::Code,
    pki::Bundle,
    snapshot::{CaSecret, CertManagerCertificate, CertManagerIssuer, Condition, Source, TrustBundle},
    testing::{TestMesh, at, days, meta},
};

fn ready(status: &str, message: &str) -> Vec<Condition> {
    vec![Condition {
        kind: "Ready".to_owned(),
        status: status.to_owned(),
        reason: "Because".to_owned(),
        message: message.to_owned(),
    }]
}

/// The documented set-up: cert-manager renews anchor and issuer, trust-manager feeds the ConfigMap.
fn managed(mesh: &mut TestMesh) {
    let mut issuer = CertManagerCertificate {
        meta: meta("Certificate", "linkerd", "linkerd-identity-issuer"),
        secret_name: "linkerd-identity-issuer".to_owned(),
        is_ca: true,
        duration_seconds: Some(48 * 3600),
        renew_before_seconds: Some(25 * 3600),
        rotation_policy: Some("Always".to_owned()),
        conditions: ready("True", ""),
        renewal_time: Some(at(10)),
        ..CertManagerCertificate::default()
    };
    issuer.issuer_ref = "ClusterIssuer/linkerd-identity-issuer".to_owned();
    let bundle = TrustBundle {
        meta: meta("Bundle", "", "linkerd-identity-trust-roots"),
        secret_sources: vec!["linkerd-trust-anchor".to_owned(), "linkerd-previous-anchor".to_owned()],
        conditions: vec![Condition { kind: "Synced".to_owned(), status: "True".to_owned(), ..Condition::default() }],
        ..TrustBundle::default()
    };
    let manager = &mut mesh.snapshot.cert_manager;
    manager.certificates = Source::Found(vec![issuer]);
    manager.bundles = Source::Found(vec![bundle]);
    manager.issuers = Source::Found(vec![CertManagerIssuer {
        meta: meta("ClusterIssuer", "", "linkerd-identity-issuer"),
        conditions: ready("True", ""),
        ..CertManagerIssuer::default()
    }]);
}

fn first_certificate(mesh: &mut TestMesh) -> &mut CertManagerCertificate {
    match &mut mesh.snapshot.cert_manager.certificates {
        Source::Found(certificates) => &mut certificates[0],
        _ => unreachable!("managed"),
    }
}

/// Adds the anchor's Certificate with this policy.
fn managed_anchor(mesh: &mut TestMesh, policy: Option<&str>, renewal: Option<i64>) {
    managed(mesh);
    let secret = CaSecret {
        namespace: "cert-manager".to_owned(),
        name: "linkerd-trust-anchor".to_owned(),
        chain: Source::Found(Bundle::of([mesh.anchor.certificate.clone()])),
        ca: None,
    };
    mesh.snapshot.cert_manager.secrets.push(secret);
    let anchor = CertManagerCertificate {
        meta: meta("Certificate", "cert-manager", "linkerd-trust-anchor"),
        secret_name: "linkerd-trust-anchor".to_owned(),
        is_ca: true,
        duration_seconds: Some(8760 * 3600),
        renew_before_seconds: Some(7320 * 3600),
        rotation_policy: policy.map(ToOwned::to_owned),
        conditions: ready("True", ""),
        renewal_time: renewal.map(at),
        ..CertManagerCertificate::default()
    };
    if let Source::Found(certificates) = &mut mesh.snapshot.cert_manager.certificates {
        certificates.push(anchor);
    }
}

pub(super) fn cert_managers() -> Vec<Case> {
    vec![
        case("cert-manager on time", &[], managed),
        case("Certificate not ready", &[Code::CertificateNotReady], |mesh| {
            managed(mesh);
            first_certificate(mesh).conditions = ready("False", "signing failed");
        }),
        case("renewal overdue", &[Code::RenewalOverdue], |mesh| {
            managed(mesh);
            first_certificate(mesh).renewal_time = Some(at(-1));
        }),
        case("anchor renewed by itself", &[Code::AnchorScheduleTrap], |mesh| {
            managed_anchor(mesh, Some("Always"), Some(days(60)));
        }),
        case("anchor's policy unset", &[Code::RotationPolicyTrap], |mesh| managed_anchor(mesh, None, None)),
        case("renewBefore too long", &[Code::RenewBeforeTooLong], |mesh| {
            managed(mesh);
            first_certificate(mesh).renew_before_seconds = Some(48 * 3600);
        }),
        case(
            "anchor in use dropped from the Bundle",
            &[Code::PreviousAnchorMissing, Code::PreviousAnchorMissing],
            |mesh| {
                managed(mesh);
                in_sources(mesh, &Bundle::of([anchor().certificate]));
            },
        ),
        case("issuer renewed under a new anchor", &[Code::RenewedUnderUnloadedAnchor], |mesh| {
            managed(mesh);
            let new = anchor();
            let issuer = good_issuer(&new);
            let both = Bundle::of([new.certificate, mesh.anchor.certificate.clone()]);
            in_sources(mesh, &both);
            mesh.set_issuer(&issuer);
            issuer_in_values(mesh, &issuer);
        }),
        case("Bundle not synced", &[Code::BundleNotSynced], |mesh| {
            managed(mesh);
            if let Source::Found(bundles) = &mut mesh.snapshot.cert_manager.bundles {
                bundles[0].conditions[0].status = "False".to_owned();
            }
        }),
        case("ClusterIssuer not ready", &[Code::IssuerNotReady], |mesh| {
            managed(mesh);
            if let Source::Found(issuers) = &mut mesh.snapshot.cert_manager.issuers {
                issuers[0].conditions = ready("False", "secret not found");
            }
        }),
    ]
}

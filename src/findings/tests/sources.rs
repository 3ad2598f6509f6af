//! Sources that disagree, and sources that cannot be seen.

use super::{Case, anchor, case, everywhere};
use crate::{
    findings::Code,
    pki::Bundle,
    snapshot::{CaSecret, HelmRelease, HiddenPart, IssuerScheme, Source, Values},
    testing::TestMesh,
};

pub(super) fn sources() -> Vec<Case> {
    let edited = |mesh: &mut TestMesh| {
        let new = anchor();
        everywhere(mesh, &[&new]);
    };
    let values_before = |mesh: &TestMesh| Some(Bundle::of([mesh.anchor.certificate.clone()]));
    vec![
        case("linkerd-config left behind", &[Code::ConfigDisagrees], |mesh| {
            edited(mesh);
            let before = values_before(mesh);
            if let Source::Found(values) = &mut mesh.snapshot.config {
                values.anchors = before;
            }
        }),
        case("overrides left behind", &[Code::OverridesDisagree], |mesh| {
            edited(mesh);
            let before = values_before(mesh);
            if let Source::Found(values) = &mut mesh.snapshot.overrides {
                values.anchors = before;
            }
        }),
        case("Helm values left behind", &[Code::HelmDisagrees], |mesh| {
            let values = Values { issuer: Some(Bundle::of([anchor().certificate])), ..Values::default() };
            mesh.snapshot.helm =
                Source::Found(HelmRelease { name: "linkerd".to_owned(), values, ..Default::default() });
        }),
        case("ca.crt is a stranger", &[Code::IssuerCaDisagrees], |mesh| {
            mesh.secret().scheme = IssuerScheme::Kubernetes;
            mesh.secret().ca = Some(Bundle::of([anchor().certificate]));
        }),
        case("clock an hour behind", &[Code::ClockSkew], |mesh| {
            mesh.snapshot.cluster.clock_ahead_seconds = Some(3600);
        }),
        case("secrets forbidden", &[Code::SourceHidden], |mesh| {
            mesh.snapshot.issuer = Source::Forbidden("get secrets".to_owned());
        }),
    ]
}

#[test]
fn what_keeps_a_helm_release_right_loses_no_other_value() {
    let command = |anchors: Option<Bundle>, issuer: Option<Bundle>| {
        let mut mesh = TestMesh::healthy();
        let chart = "linkerd-control-plane-2026.8.1-edge".to_owned();
        let (name, namespace) = ("mesh".to_owned(), "linkerd".to_owned());
        let values = Values { anchors, issuer, ..Values::default() };
        let release = HelmRelease { name, namespace, chart, values, ..HelmRelease::default() };
        mesh.snapshot.helm = Source::Found(release);
        let findings = mesh.check().findings;
        findings.first().map(|finding| finding.next.last().unwrap().clone())
    };
    let stranger = || Some(Bundle::of([anchor().certificate]));
    let start = "`helm upgrade mesh REPOSITORY/linkerd-control-plane --version 2026.8.1-edge -n linkerd --reuse-values";
    let anchors = "--set-file identityTrustAnchorsPEM=ca.crt";
    let issuer = "--set-file identity.issuer.tls.crtPEM=issuer.crt --set-file identity.issuer.tls.keyPEM=issuer.key";
    assert_eq!(command(stranger(), None), Some(format!("{start} {anchors}`")));
    assert_eq!(command(None, stranger()), Some(format!("{start} {issuer}`")));
    assert_eq!(command(stranger(), stranger()), Some(format!("{start} {anchors} {issuer}`")));
    assert_eq!(command(None, None), None);
}

#[test]
fn every_source_that_is_hidden_is_told_with_why_and_what_it_hides() {
    let mut mesh = TestMesh::healthy();
    let forbidden = "get secrets in namespace cert-manager";
    mesh.snapshot.cert_manager.requests = Source::Failed("no answer within 5 s".to_owned());
    mesh.snapshot.cert_manager.secrets.push(CaSecret {
        namespace: "cert-manager".to_owned(),
        name: "linkerd-trust-anchor".to_owned(),
        chain: Source::Forbidden(forbidden.to_owned()),
        ca: None,
    });
    mesh.snapshot.hidden_parts.push(HiddenPart {
        resource: "apiservices.apiregistration.k8s.io".to_owned(),
        why: Source::Forbidden("list apiservices.apiregistration.k8s.io in all namespaces".to_owned()),
    });
    let finding = mesh.check().findings.remove(0);
    assert_eq!((finding.code, finding.summary.as_str()), (Code::SourceHidden, "3 sources could not be read"));
    assert_eq!(
        finding.evidence,
        [
            "cert-manager CertificateRequests: failed: no answer within 5 s; hides whether a renewal is stuck",
            "apiservices.apiregistration.k8s.io: forbidden: list apiservices.apiregistration.k8s.io in all namespaces; hides whether the API server can call Linkerd's webhooks",
            "Secret cert-manager/linkerd-trust-anchor: forbidden: get secrets in namespace cert-manager; hides which certificate is renewed there, an anchor or another",
        ]
    );
}

#[test]
fn a_secret_behind_several_webhooks_is_one_source() {
    let mut mesh = TestMesh::healthy();
    mesh.webhook().secret = Source::Forbidden("get secrets in namespace linkerd".to_owned());
    if let Source::Found(webhooks) = &mut mesh.snapshot.webhooks {
        webhooks.push(webhooks[0].clone());
    }
    assert_eq!(mesh.check().findings[0].evidence.len(), 1);
}

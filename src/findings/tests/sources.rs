//! Sources that disagree, and sources that cannot be seen.

use super::{Case, anchor, case, everywhere};
use crate::{
    findings::Code,
    pki::Bundle,
    snapshot::{HelmRelease, IssuerScheme, Source, Values},
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

//! Anchors that are missing, broken, near their end or over.

use super::{Case, case, everywhere, good_issuer, of};
use crate::{
    findings::Code,
    pki::{Bundle, Certificate},
    snapshot::Source,
    testing::{ISSUER, ROOT, Recipe, TestMesh, WEB, days},
};

pub(super) fn anchors() -> Vec<Case> {
    let pem = |certificate: &Certificate| certificate.to_pem();
    vec![
        case("trust roots gone", &[Code::NoAnchors], |mesh| mesh.snapshot.trust_roots = Source::Missing),
        case("trust roots empty", &[Code::NoAnchors], |mesh| {
            mesh.roots().bundle = Some(Bundle::parse("\n"));
            mesh.snapshot.config = Source::Missing;
            mesh.snapshot.overrides = Source::Missing;
        }),
        case("half a certificate", &[Code::GarbageInBundle], |mesh| {
            let text = pem(&mesh.anchor.certificate) + "-----BEGIN CERTIFICATE-----\nMIIB";
            mesh.roots().bundle = Some(Bundle::parse(&text));
        }),
        case("a blank line at the end", &[Code::GarbageInBundle], |mesh| {
            let text = pem(&mesh.anchor.certificate) + "\n";
            mesh.roots().bundle = Some(Bundle::parse(&text));
        }),
        {
            let anchor = Recipe::authority(ROOT, -days(365), -days(1)).self_signed();
            let issuer = good_issuer(&anchor);
            of("anchor expired", &[Code::AnchorExpired], anchor, issuer)
        },
        {
            let anchor = Recipe::authority(ROOT, days(1), days(365)).self_signed();
            let issuer = good_issuer(&anchor);
            of("anchor from tomorrow", &[Code::AnchorNotYetValid], anchor, issuer)
        },
        {
            let anchor = Recipe::authority(ROOT, -days(3600), days(50)).self_signed();
            let issuer = Recipe::authority(ISSUER, -days(5), days(40)).signed_by(&anchor);
            of("anchor near its end", &[Code::AnchorNearEnd], anchor, issuer)
        },
        {
            let anchor =
                Recipe::authority(ROOT, -days(365), days(3650)).with(&rcgen::PKCS_ECDSA_P384_SHA384).self_signed();
            let issuer = good_issuer(&anchor);
            // rcgen signs with the authority's own algorithm, so the issuer's signature is P-384's too.
            of("anchor on P-384", &[Code::AnchorAlgorithm, Code::IssuerAlgorithm], anchor, issuer)
        },
        {
            let anchor = Recipe::authority(ROOT, -days(365), days(3650)).not_a_ca().self_signed();
            let issuer = good_issuer(&anchor);
            of("anchor is no CA", &[Code::AnchorNotCa], anchor, issuer)
        },
        case("anchor twice", &[Code::AnchorDuplicated], |mesh| {
            let text = pem(&mesh.anchor.certificate).repeat(2);
            mesh.roots().bundle = Some(Bundle::parse(&text));
        }),
        case("trust roots hold only garbage", &[Code::NoAnchors], |mesh| {
            mesh.roots().bundle = Some(Bundle::parse("-----BEGIN CERTIFICATE-----\nMIIB"));
            mesh.snapshot.config = Source::Missing;
            mesh.snapshot.overrides = Source::Missing;
        }),
        case("old anchor left behind", &[Code::AnchorExpiredUnused], |mesh| {
            let old = Recipe::authority("old", -days(365), -days(1)).self_signed();
            everywhere(mesh, &[&old]);
        }),
    ]
}

#[test]
fn nothing_is_said_to_use_an_expired_anchor_only_where_everybody_was_asked() {
    let said = |asked: &[(usize, u32)]| {
        let mut mesh = TestMesh::healthy();
        let old = Recipe::authority("old", -days(365), -days(1)).self_signed();
        everywhere(&mut mesh, &[&old]);
        for &(workload, pods) in asked {
            mesh.mesh().workloads[workload].groups[0].pods = pods;
        }
        let finding = mesh.check().findings.remove(0);
        (finding.evidence.join("\n"), finding.next.join("\n"))
    };
    let (evidence, next) = said(&[]);
    assert!(evidence.contains("none of the 5 of 7 proxies"), "{evidence}");
    assert!(next.starts_with("ask every proxy first: `check --probe all`"), "{next}");
    let (evidence, next) = said(&[(WEB, 1), (WEB + 1, 1)]);
    assert!(evidence.contains("none of the 5 of 5 proxies"), "{evidence}");
    assert!(next.starts_with("remove it"), "{next}");
}

//! Issuers in the Secret, and what identity makes of them.

use super::{Case, anchor, case, good_issuer, issuer_in_values, of, trouble};
use crate::{
    findings::{Code, Severity},
    pki::{Bundle, KeyState},
    snapshot::{IdentityEventKind, Source},
    testing::{IDENTITY, ISSUER, ROOT, Recipe, TestMesh, at, days, no_fingerprint},
};

pub(super) fn issuers() -> Vec<Case> {
    let with_issuer = |name, found: &[Code], recipe: Recipe| {
        let anchor = anchor();
        let issuer = recipe.signed_by(&anchor);
        of(name, found, anchor, issuer)
    };
    vec![
        case("issuer gone", &[Code::IssuerMissing], |mesh| mesh.snapshot.issuer = Source::Missing),
        case("issuer's key is another's", &[Code::IssuerKeyMismatch], |mesh| {
            mesh.secret().key = KeyState::Present(no_fingerprint());
        }),
        case("issuer's key is gone", &[Code::IssuerKeyMismatch], |mesh| mesh.secret().key = KeyState::Missing),
        with_issuer("issuer expired", &[Code::IssuerExpired], Recipe::authority(ISSUER, -days(365), -1)),
        with_issuer("issuer from tomorrow", &[Code::IssuerNotYetValid], Recipe::authority(ISSUER, 24, days(300))),
        with_issuer("issuer near its end", &[Code::IssuerNearEnd], Recipe::authority(ISSUER, -days(330), days(35))),
        with_issuer("48 h issuer with 24 h left", &[], Recipe::authority(ISSUER, -24, 24)),
        case("issuer of another anchor", &[Code::IssuerUntrusted], |mesh| {
            let stranger = good_issuer(&anchor());
            mesh.set_issuer(&stranger);
            issuer_in_values(mesh, &stranger);
        }),
        with_issuer("issuer is no CA", &[Code::IssuerNotCa], Recipe::authority(ISSUER, -days(1), days(300)).not_a_ca()),
        with_issuer("issuer named as the anchor", &[Code::IssuerSameSubject], Recipe::authority(ROOT, -1, days(300))),
        with_issuer(
            "issuer outlives its anchor",
            &[Code::IssuerOutlivesAnchor],
            Recipe::authority(ISSUER, -1, days(9999)),
        ),
        with_issuer(
            "issuer on P-384",
            &[Code::IssuerAlgorithm],
            Recipe::authority(ISSUER, -1, days(300)).with(&rcgen::PKCS_ECDSA_P384_SHA384),
        ),
        case("new issuer not picked up", &[Code::IssuerNotServed], |mesh| {
            let new = good_issuer(&mesh.anchor);
            mesh.set_issuer(&new);
            mesh.secret().changed_at = Some(at(-2));
            issuer_in_values(mesh, &new);
        }),
        case("new issuer, nobody has asked since", &[Code::IssuerNotServed], |mesh| {
            let new = good_issuer(&mesh.anchor);
            mesh.set_issuer(&new);
            mesh.secret().changed_at = None;
            issuer_in_values(mesh, &new);
        }),
        case("new issuer, loaded by its event", &[], |mesh| {
            let new = good_issuer(&mesh.anchor);
            mesh.set_issuer(&new);
            mesh.secret().changed_at = None;
            issuer_in_values(mesh, &new);
            mesh.event(IdentityEventKind::IssuerUpdated, 4, "Updated identity issuer");
        }),
        case("new issuer skipped", &[Code::IssuerUpdateSkipped], |mesh| {
            mesh.event(IdentityEventKind::IssuerUpdateSkipped, 5, "Skipping issuer update - and times");
        }),
        case("skipped, then updated", &[], |mesh| {
            mesh.event(IdentityEventKind::IssuerUpdateSkipped, 5, "Skipping issuer update");
            mesh.event(IdentityEventKind::IssuerUpdated, 4, "Updated identity issuer");
        }),
        case("requests refused", &[Code::CertifyRefused], |mesh| {
            mesh.event(IdentityEventKind::IssuerValidationFailed, 1, "x509: unknown authority - CSR Identity : x");
        }),
        case("requests refused long ago", &[], |mesh| {
            mesh.event(IdentityEventKind::IssuerValidationFailed, 600, "x509: unknown authority");
        }),
        under_an_intermediate("intermediate for one path too short", &[Code::IntermediateRefused], |middle| {
            middle.path_len(0)
        }),
        under_an_intermediate("intermediate expired", &[Code::IntermediateRefused], |middle| middle.until(-1)),
        under_an_intermediate("intermediate is no CA", &[Code::IntermediateRefused], Recipe::not_a_ca),
        under_an_intermediate("intermediate with path length 1", &[], |middle| middle.path_len(1)),
        case("identity's pod goes", &[], |mesh| {
            let group = &mut mesh.mesh().workloads[IDENTITY].groups[0];
            group.trouble.push(trouble("identity", "Terminating"));
        }),
        case("identity's pod comes back", &[], |mesh| {
            let group = &mut mesh.mesh().workloads[IDENTITY].groups[0];
            group.trouble.push(trouble("identity", "not ready"));
        }),
        case("issuer ends before it begins", &[Code::IssuerExpired], |mesh| {
            let backwards = Recipe::authority(ISSUER, days(10), -days(10)).signed_by(&mesh.anchor);
            mesh.set_issuer(&backwards);
            issuer_in_values(mesh, &backwards);
        }),
        case("the Secret was written at the end of time", &[], |mesh| {
            let new = good_issuer(&mesh.anchor);
            mesh.set_issuer(&new);
            mesh.secret().changed_at = Some(jiff::Timestamp::MAX);
            issuer_in_values(mesh, &new);
        }),
        case("identity crash-looping", &[Code::IdentityCrashLoop], |mesh| {
            let group = &mut mesh.mesh().workloads[IDENTITY].groups[0];
            group.trouble.push(trouble("identity", "CrashLoopBackOff"));
        }),
    ]
}

/// A mesh whose issuer stands under an intermediate, which its Secret holds, and whose proxies have no leaf of it yet.
fn under_an_intermediate(name: &'static str, found: &[Code], change: impl FnOnce(Recipe) -> Recipe) -> Case {
    case(name, found, |mesh| {
        let middle = change(Recipe::authority("middle", -days(30), days(300))).signed_by(&mesh.anchor);
        let issuer = Recipe::authority(ISSUER, -days(2), days(200)).signed_by(&middle);
        mesh.set_issuer(&issuer);
        mesh.secret().chain = Some(Bundle::of([issuer.certificate.clone(), middle.certificate]));
        issuer_in_values(mesh, &issuer);
        mesh.secret().changed_at = None;
        mesh.event(IdentityEventKind::IssuerUpdated, 4, "Updated identity issuer");
    })
}

#[test]
fn an_issuer_in_memory_that_is_about_to_end_is_critical() {
    let severity = |hours: i64| {
        let anchor = anchor();
        let serving = Recipe::authority(ISSUER, -days(300), hours).signed_by(&anchor);
        let mut mesh = TestMesh::of(anchor, serving);
        let new = good_issuer(&mesh.anchor);
        mesh.set_issuer(&new);
        mesh.secret().changed_at = Some(at(-2));
        issuer_in_values(&mut mesh, &new);
        let report = mesh.check();
        let finding = report.findings.iter().find(|finding| finding.code == Code::IssuerNotServed).unwrap();
        assert!(finding.evidence.iter().any(|line| line.contains("ends in")), "{finding:?}");
        finding.severity
    };
    assert_eq!(severity(days(300)), Severity::Warning);
    assert_eq!(severity(days(5)), Severity::Critical);
}

//! Issuers in the Secret, and what identity makes of them.

use super::{Case, anchor, case, everywhere, good_issuer, in_sources, issuer_in_values, of, trouble};
use crate::{
    findings::{Code, Severity},
    pki::{Bundle, KeyAlgorithm, KeyState},
    snapshot::{IdentityEventKind, Source},
    testing::{IDENTITY, ISSUER, ROOT, Recipe, TestMesh, WEB, at, days, no_fingerprint},
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
        case("a blank line after the issuer", &[Code::IssuerKeyMismatch], |mesh| {
            let text = mesh.issuer.certificate.to_pem() + "\n";
            mesh.secret().chain = Some(Bundle::parse(&text));
        }),
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

/// Secrets that hold the keys of both schemes, or of the wrong one.
pub(super) fn schemes() -> Vec<Case> {
    vec![
        case("cert-manager writes what identity does not read", &[Code::IssuerUnread], |mesh| {
            mesh.secret().unread = Some(Bundle::of([good_issuer(&anchor()).certificate]));
        }),
        case("the Secret has the other scheme's keys alone", &[Code::IssuerUnread], |mesh| {
            mesh.secret().unread = mesh.secret().chain.take();
            mesh.secret().key = KeyState::Missing;
        }),
        case("the same issuer under both schemes' keys", &[], |mesh| {
            mesh.secret().unread = mesh.secret().chain.clone();
        }),
        case("both schemes' keys, and nobody knows which count", &[], |mesh| {
            mesh.secret().unread = Some(Bundle::of([good_issuer(&anchor()).certificate]));
            mesh.snapshot.config = Source::Missing;
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

#[test]
fn the_root_that_the_cli_makes_for_both_is_worth_knowing_and_no_more() {
    let mut mesh = TestMesh::healthy();
    let root = Recipe::authority(ISSUER, -days(30), days(335)).self_signed();
    in_sources(&mut mesh, &Bundle::of([root.certificate.clone()]));
    mesh.set_issuer(&root);
    issuer_in_values(&mut mesh, &root);
    mesh.mesh().workloads.clear();
    mesh.snapshot.probes.clear();
    let report = mesh.check();
    let [found] = report.findings.as_slice() else { panic!("{:#?}", report.findings) };
    assert_eq!((found.code, found.severity), (Code::IssuerSameSubject, Severity::Info));
}

#[test]
fn an_anchor_of_the_same_name_matters_only_where_it_signed_the_issuer() {
    let severity = |subject: &str| {
        let anchor = anchor();
        let issuer = Recipe::authority(subject, -1, days(300)).signed_by(&anchor);
        let mut mesh = TestMesh::of(anchor, issuer);
        let old = Recipe::authority(ISSUER, -days(30), days(300)).self_signed();
        everywhere(&mut mesh, &[&old]);
        let mut findings = mesh.check().findings;
        findings.pop().map(|finding| (finding.code, finding.severity))
    };
    assert_eq!(severity(ISSUER), None, "an anchor being rotated away from may have the issuer's name");
    assert_eq!(severity(ROOT), Some((Code::IssuerSameSubject, Severity::Warning)));
}

#[test]
fn a_shared_subject_does_not_hide_why_identity_skips_its_issuer() {
    let anchor = anchor();
    let issuer = Recipe::authority(ROOT, -1, days(300)).signed_by(&anchor);
    let mut mesh = TestMesh::of(anchor, issuer);
    mesh.event(IdentityEventKind::IssuerUpdateSkipped, 5, "Skipping issuer update");
    assert_eq!(mesh.roots_found(), [Code::IssuerUpdateSkipped, Code::IssuerSameSubject]);
}

/// client-go drops the event that would say so.
#[test]
fn a_leaf_of_the_issuer_in_the_secret_refutes_what_identity_said_before() {
    for kind in [IdentityEventKind::IssuerUpdateSkipped, IdentityEventKind::IssuerValidationFailed] {
        let found = |hours_ago: i64, issuer_in_secret: bool| {
            let mut mesh = TestMesh::healthy();
            mesh.event(kind, 10, "x509: certificate has expired");
            let signer = if issuer_in_secret { mesh.issuer.certificate.clone() } else { anchor().certificate };
            let leaf = mesh.leaf(WEB, -hours_ago, 23);
            let bundle = Bundle::of([mesh.anchor.certificate.clone()]);
            mesh.probe(WEB, &bundle, vec![leaf, signer]);
            mesh.roots_found().iter().any(|code| [Code::IssuerUpdateSkipped, Code::CertifyRefused].contains(code))
        };
        assert!(found(1, true), "an older leaf says nothing");
        assert!(!found(0, true));
        assert!(found(0, false), "another issuer's leaf says nothing of this one");
    }
}

#[test]
fn an_issuer_that_only_the_cli_refuses_is_no_emergency() {
    let severity = |algorithm| {
        let anchor = anchor();
        let issuer = Recipe::authority(ISSUER, -1, days(300)).with(algorithm).signed_by(&anchor);
        let report = TestMesh::of(anchor, issuer).check();
        report.findings.into_iter().find(|found| found.code == Code::IssuerAlgorithm).map(|found| found.severity)
    };
    assert_eq!(severity(&rcgen::PKCS_ECDSA_P256_SHA256), None);
    assert_eq!(severity(&rcgen::PKCS_ECDSA_P384_SHA384), Some(Severity::Warning));
    assert_eq!(severity(&rcgen::PKCS_ED25519), Some(Severity::Critical));
    let useless = |key: &KeyAlgorithm, signature| super::super::issuer::useless(key, signature).is_some();
    assert!(useless(&KeyAlgorithm::Rsa(2048), "SHA256-RSA") && useless(&KeyAlgorithm::Ecdsa(256), "SHA1-RSA"));
    assert!(!useless(&KeyAlgorithm::Ecdsa(521), "SHA512-RSA"));
}

#[test]
fn a_replica_that_missed_the_secret_is_seen_behind_newer_leafs() {
    let found = |issued: i64, restarted: bool| {
        let mut mesh = TestMesh::healthy();
        let new = good_issuer(&mesh.anchor);
        let bundle = Bundle::of([mesh.anchor.certificate.clone()]);
        for workload in 0..mesh.mesh().workloads.len() {
            let name = mesh.mesh().workloads[workload].groups[0].identity.clone();
            let leaf = Recipe::leaf(&name, -1, 23).signed_by(&new).certificate;
            mesh.probe(workload, &bundle, vec![leaf, new.certificate.clone()]);
        }
        let chain = vec![mesh.leaf(WEB, issued, 20), mesh.issuer.certificate.clone()];
        mesh.probe(WEB, &bundle, chain);
        mesh.set_issuer(&new);
        issuer_in_values(&mut mesh, &new);
        mesh.secret().changed_at = Some(at(-5));
        if restarted {
            mesh.mesh().workloads[IDENTITY].groups[0].oldest = at(-2);
        }
        mesh.roots_found()
    };
    assert_eq!(found(-6, false), [], "from before the Secret was written");
    assert_eq!(found(-3, false), [Code::IssuerNotServed]);
    assert_eq!(found(-3, true), [], "identity has started again since");
}

//! Each rule on a mesh that is healthy but for one thing, and the states in which several speak at once.

mod anchors;
mod cert_managers;
mod issuers;
mod proxies;
mod sources;
mod webhooks;

use std::collections::BTreeSet;

use super::{Code, Finding, Settings, Severity};
use crate::{
    pki::{Bundle, Thresholds},
    snapshot::{FailurePolicy, IdentityEventKind, PodTrouble, Source, Unmeshed},
    testing::{Authority, IDENTITY, ISSUER, ROOT, Recipe, TestMesh, WEB, at, days, now},
};

/// One thing wrong, and all root causes that must be found, in their order.
struct Case {
    name: &'static str,
    mesh: TestMesh,
    found: Vec<Code>,
}

fn case(name: &'static str, found: &[Code], break_it: impl FnOnce(&mut TestMesh)) -> Case {
    let mut mesh = TestMesh::healthy();
    break_it(&mut mesh);
    Case { name, mesh, found: found.to_vec() }
}

fn of(name: &'static str, found: &[Code], anchor: Authority, issuer: Authority) -> Case {
    Case { name, mesh: TestMesh::of(anchor, issuer), found: found.to_vec() }
}

fn anchor() -> Authority {
    Recipe::authority(ROOT, -days(365), days(9 * 365)).self_signed()
}

fn good_issuer(anchor: &Authority) -> Authority {
    Recipe::authority(ISSUER, -days(30), days(335)).signed_by(anchor)
}

fn trouble(container: &str, reason: &str) -> PodTrouble {
    PodTrouble {
        pod: "pod-1".to_owned(),
        container: Some(container.to_owned()),
        reason: reason.to_owned(),
        restarts: 3,
    }
}

/// Adds anchors to every source and every proxy.
fn everywhere(mesh: &mut TestMesh, more: &[&Authority]) {
    let all = [&mesh.anchor.certificate].into_iter().chain(more.iter().map(|one| &one.certificate)).cloned();
    let bundle = Bundle::of(all);
    in_sources(mesh, &bundle);
    mesh.mesh().bundles[0] = bundle.clone();
    for probe in &mut mesh.snapshot.probes {
        if let Ok(admin) = &mut probe.answer {
            admin.bundle = Ok(bundle.clone());
        }
    }
}

fn in_sources(mesh: &mut TestMesh, bundle: &Bundle) {
    mesh.roots().bundle = Some(bundle.clone());
    for values in [&mut mesh.snapshot.config, &mut mesh.snapshot.overrides] {
        if let Source::Found(values) = values {
            values.anchors = Some(bundle.clone());
        }
    }
}

fn issuer_in_values(mesh: &mut TestMesh, issuer: &Authority) {
    for values in [&mut mesh.snapshot.config, &mut mesh.snapshot.overrides] {
        if let Source::Found(values) = values {
            values.issuer = Some(Bundle::of([issuer.certificate.clone()]));
        }
    }
}

fn server(name: &str, from: i64, to: i64) -> Bundle {
    Bundle::of([Recipe::leaf(name, from, to).self_signed().certificate])
}

fn all() -> Vec<Case> {
    let families = [
        anchors::anchors(),
        issuers::issuers(),
        sources::sources(),
        proxies::proxies(),
        webhooks::webhooks(),
        cert_managers::cert_managers(),
    ];
    families.into_iter().flatten().collect()
}

#[test]
fn a_healthy_mesh_has_no_findings() {
    assert_eq!(TestMesh::healthy().check().findings, []);
}

#[test]
fn each_state_names_its_cause_first_and_no_other_root() {
    let wrong: Vec<String> = all()
        .iter()
        .map(|case| (case, case.mesh.roots_found()))
        .filter(|(case, roots)| *roots != case.found)
        .map(|(case, roots)| format!("{}: {roots:?} instead of {:?}", case.name, case.found))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_month_from_now_leafs_are_no_matter_and_an_issuer_may_be() {
    let anchor = anchor();
    let issuer = Recipe::authority(ISSUER, -days(335), days(25)).signed_by(&anchor);
    let mesh = TestMesh::of(anchor, issuer);
    let then = Settings { now: at(days(30)), thresholds: Thresholds::default() };
    let found: Vec<Code> = super::check(&mesh.snapshot, &then).findings.iter().map(|finding| finding.code).collect();
    assert_eq!(found, [Code::IssuerExpired]);
}

#[test]
fn every_code_is_produced_by_some_state() {
    fn codes(findings: &[Finding]) -> BTreeSet<Code> {
        findings.iter().flat_map(|finding| [finding.code].into_iter().chain(codes(&finding.consequences))).collect()
    }
    let produced: BTreeSet<Code> = all().iter().flat_map(|case| codes(&case.mesh.check().findings)).collect();
    let missing: Vec<&Code> = Code::ALL.iter().filter(|code| !produced.contains(code)).collect();
    assert!(missing.is_empty(), "no state produces {missing:?}");
}

#[test]
fn every_finding_says_what_was_seen_and_what_to_do() {
    fn speak(case: &str, findings: &[Finding]) {
        for finding in findings {
            assert!(!finding.evidence.is_empty(), "{case}: {} has no evidence", finding.code);
            assert!(!finding.next.is_empty(), "{case}: {} says nothing to do", finding.code);
            assert!(!finding.summary.ends_with('.'), "{case}: {}", finding.summary);
            speak(case, &finding.consequences);
        }
    }
    for case in all() {
        speak(case.name, &case.mesh.check().findings);
    }
}

#[test]
fn an_expired_issuer_is_one_finding_with_its_consequences() {
    let anchor = anchor();
    let issuer = Recipe::authority(ISSUER, -days(365), -1).signed_by(&anchor);
    let mut mesh = TestMesh::of(anchor, issuer);
    mesh.event(IdentityEventKind::IssuerValidationFailed, 1, "x509: certificate has expired");
    mesh.mesh().workloads[IDENTITY].groups[0].trouble.push(trouble("identity", "CrashLoopBackOff"));
    mesh.mesh().workloads[WEB].groups[0].trouble.push(trouble("linkerd-proxy", "not ready"));
    let report = mesh.check();
    assert_eq!(mesh.roots_found(), [Code::IssuerExpired], "{:#?}", report.findings);
    let explained: BTreeSet<Code> = report.findings[0].consequences.iter().map(|finding| finding.code).collect();
    let expected = [Code::CertifyRefused, Code::IdentityCrashLoop, Code::ProxyWithoutLeaf, Code::RefusedPairs];
    assert!(expected.iter().all(|code| explained.contains(code)), "{explained:?}");
}

#[test]
fn a_failing_webhook_explains_pods_without_a_proxy() {
    let mut mesh = TestMesh::healthy();
    mesh.webhook().failure_policy = Some(FailurePolicy::Ignore);
    mesh.webhook().ca_bundle = Some(server("linkerd-proxy-injector.linkerd.svc", -1, days(300)));
    let (namespace, kind, name) = ("emojivoto".to_owned(), "Deployment".to_owned(), "bare".to_owned());
    mesh.mesh().unmeshed.push(Unmeshed { namespace, kind, name, pods: 2 });
    let report = mesh.check();
    assert_eq!(mesh.roots_found(), [Code::WebhookUntrusted]);
    assert_eq!(report.findings[0].consequences[0].code, Code::Unmeshed);
    assert_eq!(report.worst(), Some(Severity::Critical));
}

#[test]
fn proxies_under_an_expired_anchor_still_accept_each_other() {
    let anchor = Recipe::authority(ROOT, -days(365), -1).self_signed();
    let issuer = good_issuer(&anchor);
    let mesh = TestMesh::of(anchor, issuer);
    assert!(crate::trust::refused(&mesh.snapshot, now()).is_empty());
    assert_eq!(mesh.check().findings[0].code, Code::AnchorExpired);
}

//! cert-manager and trust-manager, in their documented set-up and beside it.

use super::{Case, anchor, case, good_issuer, in_sources, issuer_in_values, server};
use crate::{
    findings::{self, Code, Finding, Report, Settings, Severity},
    pki::{Bundle, Thresholds},
    snapshot::{
        CaSecret, CertManagerCertificate, CertManagerIssuer, Condition, IdentityEventKind, Source, TlsSecret,
        TrustBundle,
    },
    testing::{Authority, IDENTITY, ISSUER, ROOT, Recipe, TestMesh, at, days, meta},
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

/// cert-manager renewed the anchor, and under it the issuer; the Bundle holds both anchors. Returns both and the issuer.
fn renewed_under_a_new_anchor(mesh: &mut TestMesh) -> (Bundle, Authority) {
    managed(mesh);
    let new = anchor();
    let issuer = good_issuer(&new);
    let both = Bundle::of([new.certificate, mesh.anchor.certificate.clone()]);
    in_sources(mesh, &both);
    mesh.set_issuer(&issuer);
    issuer_in_values(mesh, &issuer);
    (both, issuer)
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
            renewed_under_a_new_anchor(mesh);
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

fn at_moment(mesh: &TestMesh, hours: i64) -> Report {
    findings::check(&mesh.snapshot, &Settings { now: at(hours), thresholds: Thresholds::default() })
}

fn codes(report: &Report) -> Vec<(Code, Severity)> {
    report.findings.iter().map(|finding| (finding.code, finding.severity)).collect()
}

fn every_code(findings: &[Finding]) -> Vec<Code> {
    findings.iter().flat_map(|one| [vec![one.code], every_code(&one.consequences)].concat()).collect()
}

fn certificates(mesh: &mut TestMesh) -> &mut Vec<CertManagerCertificate> {
    match &mut mesh.snapshot.cert_manager.certificates {
        Source::Found(certificates) => certificates,
        _ => unreachable!("managed"),
    }
}

/// Adds the Certificate of the injector's Secret.
fn managed_webhook(mesh: &mut TestMesh) -> &mut CertManagerCertificate {
    certificates(mesh).push(CertManagerCertificate {
        meta: meta("Certificate", "linkerd", "linkerd-proxy-injector"),
        secret_name: "linkerd-proxy-injector-k8s-tls".to_owned(),
        conditions: ready("True", ""),
        issuer_ref: "Issuer/webhook-issuer".to_owned(),
        ..CertManagerCertificate::default()
    });
    certificates(mesh).last_mut().unwrap()
}

/// A mesh with the usual short-lived issuer, an hour old, that cert-manager renews in 22 hours.
fn with_a_short_issuer() -> TestMesh {
    let anchor = anchor();
    let issuer = Recipe::authority(ISSUER, -1, 47).signed_by(&anchor);
    let mut mesh = TestMesh::of(anchor, issuer);
    managed(&mut mesh);
    first_certificate(&mut mesh).renewal_time = Some(at(22));
    mesh
}

#[test]
fn what_identity_skipped_before_its_restart_is_history() {
    let skipped_and_restarted = || {
        let mut mesh = TestMesh::healthy();
        let (both, issuer) = renewed_under_a_new_anchor(&mut mesh);
        mesh.event(IdentityEventKind::IssuerUpdateSkipped, 90, "x509: certificate signed by unknown authority");
        mesh.mesh().workloads[IDENTITY].groups[0].oldest = at(-1);
        (mesh, both, issuer)
    };
    let (mut asked, both, issuer) = skipped_and_restarted();
    let leaf = Recipe::leaf("linkerd-identity", -1, 23).signed_by(&issuer).certificate;
    asked.probe(IDENTITY, &both, vec![leaf, issuer.certificate.clone()]);
    let (mut unasked, ..) = skipped_and_restarted();
    unasked.snapshot.probes.clear();
    for mesh in [asked, unasked] {
        let found = every_code(&mesh.check().findings);
        assert!(!found.contains(&Code::RenewedUnderUnloadedAnchor), "{found:?}");
    }
}

#[test]
fn identity_s_word_stands_for_what_it_has_loaded_where_it_could_not_be_asked() {
    let mut mesh = TestMesh::healthy();
    renewed_under_a_new_anchor(&mut mesh);
    mesh.event(IdentityEventKind::IssuerUpdateSkipped, 90, "x509: certificate signed by unknown authority");
    mesh.roots().changed_at = Some(at(-2));
    mesh.mesh().workloads[IDENTITY].groups[0].oldest = at(-days(2));
    mesh.snapshot.probes.clear();
    assert_eq!(mesh.roots_found()[0], Code::RenewedUnderUnloadedAnchor);
}

#[test]
fn a_month_from_now_cert_manager_has_renewed_what_it_renews() {
    let mut mesh = with_a_short_issuer();
    assert_eq!(codes(&at_moment(&mesh, 0)), []);
    let report = at_moment(&mesh, days(30));
    assert_eq!(codes(&report), [(Code::IssuerNearEnd, Severity::Info)], "{report:#?}");
    first_certificate(&mut mesh).conditions = ready("False", "signing failed");
    let report = at_moment(&mesh, days(30));
    assert_eq!(report.findings[0].code, Code::IssuerExpired, "{report:#?}");
}

#[test]
fn a_month_from_now_a_webhook_s_certificate_is_renewed_as_well() {
    let mut mesh = TestMesh::healthy();
    managed(&mut mesh);
    first_certificate(&mut mesh).renewal_time = Some(at(days(200)));
    managed_webhook(&mut mesh).renewal_time = Some(at(days(5)));
    let short = server("linkerd-proxy-injector.linkerd.svc", -days(5), days(20));
    mesh.webhook().served = Some(Ok(short.certificates.clone()));
    mesh.webhook().ca_bundle = Some(short.clone());
    if let Source::Found(TlsSecret { chain, key, .. }) = &mut mesh.webhook().secret {
        *key = crate::pki::KeyState::Present(short.certificates[0].public_key());
        *chain = Some(short);
    }
    assert_eq!(codes(&at_moment(&mesh, 0)), []);
    assert_eq!(codes(&at_moment(&mesh, days(18))), [(Code::WebhookNearEnd, Severity::Info)]);
    assert_eq!(codes(&at_moment(&mesh, days(30))), [(Code::WebhookNearEnd, Severity::Info)]);
}

#[test]
fn a_renewal_is_overdue_as_of_the_reading() {
    let mut mesh = TestMesh::healthy();
    managed(&mut mesh);
    assert_eq!(codes(&at_moment(&mesh, 11)), []);
    first_certificate(&mut mesh).renewal_time = Some(at(-1));
    assert_eq!(codes(&at_moment(&mesh, 0)), [(Code::RenewalOverdue, Severity::Critical)]);
}

/// The anchor's schedule: of an anchor that is valid for these days, renewed in so many.
fn schedule(from: i64, to: i64, renewal: i64) -> Vec<(Code, Severity)> {
    let anchor = Recipe::authority(ROOT, days(from), days(to)).self_signed();
    let issuer = Recipe::authority(ISSUER, -1, 47).signed_by(&anchor);
    let mut mesh = TestMesh::of(anchor, issuer);
    managed_anchor(&mut mesh, Some("Always"), Some(days(renewal)));
    codes(&mesh.check())
}

#[test]
fn an_anchor_s_renewal_is_graded_by_how_early_and_how_near_it_is() {
    let grade = |severity| vec![(Code::AnchorScheduleTrap, severity)];
    assert_eq!(schedule(0, 3650, 3500), grade(Severity::Info), "the time is left to the operator");
    assert_eq!(schedule(-60, 305, 183), grade(Severity::Info), "cert-manager's two thirds of a year, far off");
    assert_eq!(schedule(0, 3650, 900), grade(Severity::Warning), "in the first half of its life");
    assert_eq!(schedule(-200, 165, 43), grade(Severity::Warning), "within 60 days");
    assert_eq!(schedule(-50, 315, 10), grade(Severity::Critical), "within 14 days");
}

#[test]
fn a_far_renewal_does_not_hide_a_policy_that_keeps_the_key() {
    let mut mesh = TestMesh::healthy();
    managed_anchor(&mut mesh, Some("Never"), Some(days(8 * 365)));
    let found = codes(&mesh.check());
    assert_eq!(found, [(Code::RotationPolicyTrap, Severity::Warning), (Code::AnchorScheduleTrap, Severity::Info)]);
    assert!(!Code::RotationPolicyTrap.title().contains("keeps"), "it may be unset, which keeps none from 1.18 on");
}

#[test]
fn the_schedule_says_which_renewal_drops_which_anchor() {
    let told = |previous: Source<Bundle>| {
        let mut mesh = TestMesh::healthy();
        managed_anchor(&mut mesh, Some("Always"), Some(days(30)));
        mesh.snapshot.cert_manager.secrets.push(CaSecret {
            namespace: "cert-manager".to_owned(),
            name: "linkerd-previous-anchor".to_owned(),
            chain: previous,
            ca: None,
        });
        let finding = mesh.check().findings.remove(0);
        assert_eq!(finding.code, Code::AnchorScheduleTrap);
        (mesh.anchor.certificate, finding.evidence.join("\n"), finding.next.join("\n"))
    };
    let healthy = TestMesh::healthy();
    let (present, evidence, next) = told(Source::Found(Bundle::of([healthy.anchor.certificate])));
    assert!(evidence.contains("no other source of Bundle linkerd-identity-trust-roots holds"), "{evidence}");
    assert!(evidence.contains(&present.fingerprint().short()), "{evidence}");
    assert!(next.contains("copy the present anchor into Secret linkerd-previous-anchor"), "{next}");
    let (_, evidence, _) = told(Source::Missing);
    assert!(evidence.contains("no other source"), "{evidence}");
    let (_, evidence, next) = told(Source::Forbidden("get secrets".to_owned()));
    assert!(!evidence.contains("drops") && !next.contains("copy"), "{evidence}");

    let mut mesh = TestMesh::healthy();
    managed_anchor(&mut mesh, Some("Always"), Some(days(30)));
    let mut copy = mesh.snapshot.cert_manager.secrets[0].clone();
    copy.name = "linkerd-previous-anchor".to_owned();
    mesh.snapshot.cert_manager.secrets.push(copy);
    let finding = mesh.check().findings.remove(0);
    let evidence = finding.evidence.join("\n");
    // Made 365 days ago and renewed in 30, so again 395 days after that.
    assert!(evidence.contains("Secret cert-manager/linkerd-previous-anchor holds the present anchor"), "{evidence}");
    assert!(evidence.contains(&format!("about {}, drops the next anchor", at(days(30 + 395)))), "{evidence}");
    assert!(!finding.next.join("\n").contains("copy"), "{finding:#?}");
}

#[test]
fn a_certificate_explains_only_what_it_fills() {
    let anchor = anchor();
    let issuer = Recipe::authority(ISSUER, -days(340), days(25)).signed_by(&anchor);
    let mut mesh = TestMesh::of(anchor, issuer);
    managed(&mut mesh);
    managed_webhook(&mut mesh).conditions = ready("False", "signing failed");
    assert_eq!(
        codes(&mesh.check()),
        [(Code::CertificateNotReady, Severity::Critical), (Code::IssuerNearEnd, Severity::Warning)]
    );
    first_certificate(&mut mesh).conditions = ready("False", "signing failed");
    let report = mesh.check();
    assert_eq!(report.findings.len(), 2, "{report:#?}");
    let explained = report.findings.iter().filter(|finding| !finding.consequences.is_empty());
    assert!(explained.clone().all(|finding| finding.subject == "Certificate linkerd/linkerd-identity-issuer"));
    assert_eq!(explained.count(), 1);
}

#[test]
fn an_expired_issuer_does_not_explain_a_webhook_s_overdue_renewal() {
    let anchor = anchor();
    let issuer = Recipe::authority(ISSUER, -days(365), -1).signed_by(&anchor);
    let mut mesh = TestMesh::of(anchor, issuer);
    managed(&mut mesh);
    first_certificate(&mut mesh).renewal_time = Some(at(-26));
    managed_webhook(&mut mesh).renewal_time = Some(at(-2));
    let report = mesh.check();
    let roots: Vec<_> = report.findings.iter().map(|finding| (finding.code, finding.subject.as_str())).collect();
    assert_eq!(roots[0].0, Code::IssuerExpired);
    assert_eq!(roots[1..], [(Code::RenewalOverdue, "Certificate linkerd/linkerd-proxy-injector")]);
    assert!(every_code(&report.findings[0].consequences).contains(&Code::RenewalOverdue));
}

#[test]
fn an_issuer_that_is_not_ready_explains_what_it_signs() {
    let mut mesh = TestMesh::healthy();
    managed(&mut mesh);
    if let Source::Found(issuers) = &mut mesh.snapshot.cert_manager.issuers {
        issuers[0].conditions = ready("False", "secret not found");
    }
    first_certificate(&mut mesh).conditions = ready("False", "waiting");
    managed_webhook(&mut mesh).conditions = ready("False", "signing failed");
    let report = mesh.check();
    let roots: Vec<_> = report.findings.iter().map(|finding| finding.subject.as_str()).collect();
    assert_eq!(roots, ["Certificate linkerd/linkerd-proxy-injector", "ClusterIssuer linkerd-identity-issuer"]);
    assert_eq!(report.findings[1].consequences[0].subject, "Certificate linkerd/linkerd-identity-issuer");
}

#[test]
fn a_renew_before_that_cert_manager_does_not_follow_is_a_warning() {
    let mut mesh = TestMesh::healthy();
    managed(&mut mesh);
    first_certificate(&mut mesh).renew_before_seconds = Some(48 * 3600);
    assert_eq!(codes(&mesh.check()), [(Code::RenewBeforeTooLong, Severity::Warning)]);
    first_certificate(&mut mesh).duration_seconds = None;
    assert_eq!(codes(&mesh.check()), [], "the default is 90 days");
}

//! Each rule on a mesh that is healthy but for one thing, and the states in which several speak at once.

use std::collections::BTreeSet;

use super::{Code, Finding, Settings, Severity};
use crate::{
    pki::{Bundle, Certificate, KeyState, Thresholds},
    snapshot::{
        CaSecret, CertManagerCertificate, CertManagerIssuer, Condition, ExternalWorkload, FailurePolicy, HelmRelease,
        IdentityEventKind, IssuerScheme, Link, Owner, PodTrouble, Source, TrustBundle, Unmeshed, Values, WebhookKind,
    },
    testing::{Authority, IDENTITY, ISSUER, ROOT, Recipe, TestMesh, WEB, at, days, meta, no_fingerprint, now},
};

/// One thing wrong, and the root causes that must be found, in their order.
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

fn ready(status: &str, message: &str) -> Vec<Condition> {
    vec![Condition {
        kind: "Ready".to_owned(),
        status: status.to_owned(),
        reason: "Because".to_owned(),
        message: message.to_owned(),
    }]
}

fn anchors() -> Vec<Case> {
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
        case("old anchor left behind", &[Code::AnchorExpiredUnused], |mesh| {
            let old = Recipe::authority("old", -days(365), -days(1)).self_signed();
            everywhere(mesh, &[&old]);
        }),
    ]
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

fn issuers() -> Vec<Case> {
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
        case("identity crash-looping", &[Code::IdentityCrashLoop], |mesh| {
            let group = &mut mesh.mesh().workloads[IDENTITY].groups[0];
            group.trouble.push(trouble("identity", "CrashLoopBackOff"));
        }),
    ]
}

fn sources() -> Vec<Case> {
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

fn proxies() -> Vec<Case> {
    vec![
        case("bundle extended, nobody restarted", &[Code::StaleBundle], |mesh| {
            let bundle = Bundle::of([mesh.anchor.certificate.clone(), anchor().certificate]);
            in_sources(mesh, &bundle);
        }),
        case("web was trimmed while db still presents an old leaf", &[Code::RefusedPairs], |mesh| {
            let new = anchor();
            everywhere(mesh, &[&new]);
            let issuer = good_issuer(&new);
            mesh.set_issuer(&issuer);
            issuer_in_values(mesh, &issuer);
            let identity = mesh.mesh().workloads[WEB].groups[0].identity.clone();
            let leaf = Recipe::leaf(&identity, -1, 23).signed_by(&issuer).certificate;
            mesh.probe(WEB, &Bundle::of([new.certificate]), vec![leaf, issuer.certificate]);
        }),
        case("leaf overdue", &[Code::LeafOverdue], |mesh| {
            let chain = vec![mesh.leaf(WEB, -20, 4), mesh.issuer.certificate.clone()];
            let bundle = Bundle::of([mesh.anchor.certificate.clone()]);
            mesh.probe(WEB, &bundle, chain);
        }),
        case("leaf expired", &[Code::LeafExpired], |mesh| {
            let chain = vec![mesh.leaf(WEB, -25, -1), mesh.issuer.certificate.clone()];
            let bundle = Bundle::of([mesh.anchor.certificate.clone()]);
            mesh.probe(WEB, &bundle, chain);
        }),
        case("pods came up without a proxy", &[Code::Unmeshed], |mesh| {
            let (namespace, kind, name) = ("emojivoto".to_owned(), "Deployment".to_owned(), "bare".to_owned());
            mesh.mesh().unmeshed.push(Unmeshed { namespace, kind, name, pods: 2 });
        }),
        case("a proxy does not answer", &[Code::ProxyUnseen], |mesh| {
            let last = mesh.snapshot.probes.last_mut().unwrap();
            last.answer = Err("no answer within 5 s".to_owned());
        }),
        case("a virtual machine", &[Code::ExternalWorkloads], |mesh| {
            let (namespace, name) = ("vm".to_owned(), "one".to_owned());
            mesh.snapshot.external_workloads =
                Source::Found(vec![ExternalWorkload { namespace, name, identity: None }]);
        }),
        case("a linked cluster", &[Code::LinkedClusters], |mesh| {
            let (namespace, name, target) = ("linkerd-multicluster".to_owned(), "east".to_owned(), "east".to_owned());
            mesh.snapshot.links = Source::Found(vec![Link { namespace, name, target }]);
        }),
        case("a proxy is not ready", &[Code::ProxyWithoutLeaf], |mesh| {
            mesh.mesh().workloads[WEB].groups[0].trouble.push(trouble("linkerd-proxy", "not ready"));
        }),
        case("managed by Argo CD", &[Code::ManagedElsewhere], |mesh| {
            mesh.roots().meta.owners = vec![Owner::ArgoCd { application: "linkerd".to_owned() }];
        }),
        case("two control planes", &[Code::SeveralControlPlanes], |mesh| {
            mesh.snapshot.other_control_planes = vec!["linkerd-two".to_owned()];
        }),
    ]
}

fn server(name: &str, from: i64, to: i64) -> Bundle {
    Bundle::of([Recipe::leaf(name, from, to).self_signed().certificate])
}

fn webhooks() -> Vec<Case> {
    const NAME: &str = "linkerd-proxy-injector.linkerd.svc";
    // A certificate in Secret, caBundle and on the wire.
    let serve = |mesh: &mut TestMesh, bundle: Bundle| {
        let webhook = mesh.webhook();
        webhook.ca_bundle = Some(bundle.clone());
        webhook.served = Some(Ok(bundle.certificates.clone()));
        if let Source::Found(secret) = &mut webhook.secret {
            secret.key = KeyState::Present(bundle.certificates[0].public_key());
            secret.chain = Some(bundle);
        }
    };
    vec![
        case("webhook expired", &[Code::WebhookExpired], |mesh| serve(mesh, server(NAME, -days(365), -1))),
        case("webhook near its end", &[Code::WebhookNearEnd], |mesh| serve(mesh, server(NAME, -days(340), days(25)))),
        case("caBundle of another", &[Code::WebhookUntrusted], |mesh| {
            mesh.webhook().ca_bundle = Some(server(NAME, -days(1), days(300)));
        }),
        case("webhook's key is another's", &[Code::WebhookKeyMismatch], |mesh| {
            if let Source::Found(secret) = &mut mesh.webhook().secret {
                secret.key = KeyState::Present(no_fingerprint());
            }
        }),
        case("webhook for another name", &[Code::WebhookWrongName], |mesh| {
            serve(mesh, server("other.linkerd.svc", -days(1), days(300)));
        }),
        case("old certificate still served", &[Code::WebhookNotServed], |mesh| {
            mesh.webhook().served = Some(Ok(server(NAME, -days(1), days(300)).certificates));
        }),
        case("webhook without a Secret", &[Code::WebhookSecretMissing], |mesh| mesh.webhook().secret = Source::Missing),
        case("tap is down", &[Code::ApiServiceUnavailable], |mesh| {
            let webhook = mesh.webhook();
            webhook.kind = WebhookKind::ApiService;
            webhook.failure_policy = None;
            webhook.available = Some(Err("failing or missing response".to_owned()));
        }),
    ]
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

fn cert_managers() -> Vec<Case> {
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
        case("anchor in use dropped from the Bundle", &[Code::PreviousAnchorMissing], |mesh| {
            managed(mesh);
            in_sources(mesh, &Bundle::of([anchor().certificate]));
        }),
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

fn all() -> Vec<Case> {
    [anchors(), issuers(), sources(), proxies(), webhooks(), cert_managers()].into_iter().flatten().collect()
}

#[test]
fn a_healthy_mesh_has_no_findings() {
    assert_eq!(TestMesh::healthy().check().findings, []);
}

#[test]
fn each_state_names_its_cause_first_and_no_other_root() {
    for case in all() {
        // A stranger's state may be shown by sources that disagree as well: those are no causes of trouble.
        let roots: Vec<Code> = case.mesh.roots_found();
        let first: Vec<Code> = roots.iter().copied().take(case.found.len().max(1)).collect();
        assert_eq!(first, case.found, "{}: {roots:?}", case.name);
    }
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

//! Webhooks and APIServices.

use super::{Case, anchor, case, server};
use crate::{
    findings::{Code, Finding, Severity},
    pki::{Bundle, Certificate, KeyState},
    snapshot::{FailurePolicy, Owner, Source, Unmeshed, Webhook, WebhookKind},
    testing::{ISSUER, Recipe, TestMesh, days, no_fingerprint},
};

const NAME: &str = "linkerd-proxy-injector.linkerd.svc";

/// A chain in Secret and on the wire, and what verifies it.
fn hold(webhook: &mut Webhook, chain: &[&Certificate], ca_bundle: &Certificate) {
    webhook.ca_bundle = Some(Bundle::of([ca_bundle.clone()]));
    let chain: Vec<Certificate> = chain.iter().copied().cloned().collect();
    webhook.served = Some(Ok(chain.clone()));
    if let Source::Found(secret) = &mut webhook.secret {
        secret.key = KeyState::Present(chain[0].public_key());
        secret.chain = Some(Bundle::of(chain));
    }
}

fn all_webhooks(mesh: &mut TestMesh) -> &mut Vec<Webhook> {
    match &mut mesh.snapshot.webhooks {
        Source::Found(webhooks) => webhooks,
        _ => unreachable!("a test mesh has webhooks"),
    }
}

/// Adds a webhook like the injector, of this Service.
fn another<'a>(mesh: &'a mut TestMesh, namespace: &str, service: &str) -> &'a mut Webhook {
    let mut webhook = mesh.webhook().clone();
    webhook.name = format!("{service}.linkerd.io");
    webhook.service_namespace = namespace.to_owned();
    webhook.service = service.to_owned();
    if let Source::Found(secret) = &mut webhook.secret {
        secret.meta.namespace = namespace.to_owned();
        secret.meta.name = format!("{service}-k8s-tls");
    }
    all_webhooks(mesh).push(webhook);
    let webhook = all_webhooks(mesh).last_mut().unwrap();
    self_signed(webhook, -days(30), days(335));
    webhook
}

fn self_signed(webhook: &mut Webhook, from: i64, to: i64) {
    let own = &server(&webhook.server_name(), from, to).certificates[0];
    hold(webhook, &[own], own);
}

pub(super) fn webhooks() -> Vec<Case> {
    // A certificate in Secret, caBundle and on the wire.
    let serve = |mesh: &mut TestMesh, bundle: Bundle| {
        hold(mesh.webhook(), &[&bundle.certificates[0]], &bundle.certificates[0]);
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
        case("no pod behind the injector", &[Code::WebhookUnanswered], |mesh| {
            mesh.webhook().served =
                Some(Err("no pod behind Service linkerd/linkerd-proxy-injector is ready".to_owned()));
        }),
        case("a webhook's server may not be asked", &[Code::ProxyUnseen], |mesh| {
            mesh.webhook().served = Some(Err("forbidden: forwarding ports".to_owned()));
        }),
        case("tap is down", &[Code::ApiServiceUnavailable], |mesh| {
            let webhook = mesh.webhook();
            webhook.kind = WebhookKind::ApiService;
            webhook.failure_policy = None;
            webhook.available = Some(Err("failing or missing response".to_owned()));
        }),
    ]
}

#[test]
fn a_webhook_that_does_not_answer_is_judged_by_what_is_certain() {
    let severity = |reason: &str| {
        let mut mesh = TestMesh::healthy();
        mesh.webhook().served = Some(Err(reason.to_owned()));
        let report = mesh.check();
        let finding = report.findings.first().unwrap();
        assert!(finding.evidence.iter().any(|line| line.contains("failurePolicy Ignore")), "{finding:?}");
        (finding.code, finding.severity)
    };
    assert_eq!(severity("no pod behind Service a/b is ready"), (Code::WebhookUnanswered, Severity::Critical));
    assert_eq!(severity("pod b-1: nothing listens on port 8443"), (Code::WebhookUnanswered, Severity::Warning));
}

#[test]
fn a_certificate_that_ends_before_it_begins_is_judged_and_not_stumbled_over() {
    let mut mesh = TestMesh::healthy();
    let backwards = server("linkerd-proxy-injector.linkerd.svc", days(10), -days(10));
    if let Source::Found(secret) = &mut mesh.webhook().secret {
        secret.chain = Some(backwards);
    }
    assert!(mesh.roots_found().contains(&Code::WebhookExpired));
}

#[test]
fn a_webhook_whose_pods_get_no_leaf_is_a_consequence() {
    let anchor = anchor();
    let issuer = Recipe::authority(ISSUER, -days(365), -1).signed_by(&anchor);
    let mut mesh = TestMesh::of(anchor, issuer);
    mesh.webhook().served = Some(Err("no pod behind Service linkerd/linkerd-proxy-injector is ready".to_owned()));
    assert_eq!(mesh.roots_found(), [Code::IssuerExpired]);
}

fn found(mesh: &TestMesh) -> Vec<(Code, Severity, String)> {
    let findings = mesh.check().findings;
    findings.into_iter().map(|finding| (finding.code, finding.severity, finding.subject)).collect()
}

fn only(mesh: &TestMesh) -> Finding {
    let mut findings = mesh.check().findings;
    assert_eq!(findings.len(), 1, "{findings:#?}");
    findings.remove(0)
}

#[test]
fn a_root_that_has_expired_verifies_nothing_for_the_api_server() {
    let mut mesh = TestMesh::healthy();
    let root = Recipe::authority("webhook-ca", -days(365), -1).self_signed();
    let leaf = Recipe::leaf(NAME, -days(30), days(335)).signed_by(&root).certificate;
    hold(mesh.webhook(), &[&leaf], &root.certificate);
    let finding = only(&mesh);
    assert_eq!(finding.code, Code::WebhookUntrusted);
    assert!(finding.evidence[0].contains("webhook-ca") && finding.evidence[0].contains("expired"), "{finding:#?}");

    let root = Recipe::authority("webhook-ca", -days(365), days(365)).self_signed();
    let leaf = Recipe::leaf(NAME, -days(30), days(335)).signed_by(&root).certificate;
    hold(mesh.webhook(), &[&leaf], &root.certificate);
    assert_eq!(found(&mesh), []);
}

#[test]
fn what_is_served_is_verified_with_all_that_came_with_it() {
    let mut mesh = TestMesh::healthy();
    let root = Recipe::authority("webhook-ca", -days(365), days(365)).self_signed();
    let between = Recipe::authority("webhook-issuer", -days(300), days(365)).signed_by(&root);
    let leaf = || Recipe::leaf(NAME, -days(30), days(335)).signed_by(&between).certificate;
    hold(mesh.webhook(), &[&leaf(), &between.certificate], &root.certificate);
    mesh.webhook().served = Some(Ok(vec![leaf(), between.certificate.clone()]));
    let finding = only(&mesh);
    assert_eq!((finding.code, finding.severity), (Code::WebhookNotServed, Severity::Warning));
    mesh.webhook().served = Some(Ok(vec![leaf()]));
    let finding = only(&mesh);
    assert_eq!((finding.code, finding.severity), (Code::WebhookNotServed, Severity::Critical));
}

#[test]
fn webhooks_that_expire_together_are_one_finding() {
    let mut mesh = TestMesh::healthy();
    another(&mut mesh, "linkerd", "linkerd-policy-validator");
    for (index, webhook) in all_webhooks(&mut mesh).iter_mut().enumerate() {
        self_signed(webhook, -days(365), -i64::try_from(index).unwrap() - 3);
    }
    let finding = only(&mesh);
    assert_eq!(finding.code, Code::WebhookExpired);
    assert_eq!(finding.summary, "the certificates of 3 webhooks have expired, the first of them 5 h ago");
    for (webhook, line) in all_webhooks(&mut mesh).iter().zip(&finding.evidence) {
        assert!(finding.subject.contains(&webhook.name), "{finding:#?}");
        assert!(line.starts_with(&format!("{}: `", webhook.service)) && line.contains("failurePolicy"), "{finding:#?}");
    }
    assert_eq!(finding.evidence.len(), 3);
    let renewal = finding.next.last().unwrap();
    assert!(renewal.contains("Secret linkerd/linkerd-policy-validator-k8s-tls"), "{renewal}");

    // One of them is cert-manager's business, and another is only near its end.
    let webhooks = all_webhooks(&mut mesh);
    if let Source::Found(secret) = &mut webhooks[0].secret {
        secret.meta.owners.push(Owner::CertManager { certificate: "injector".to_owned() });
    }
    self_signed(&mut webhooks[1], -days(340), days(25));
    let findings = mesh.check().findings;
    let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [Code::WebhookExpired, Code::WebhookExpired, Code::WebhookNearEnd], "{findings:#?}");
    let by_cert_manager = findings.iter().find(|finding| finding.subject == "linkerd-proxy-injector.linkerd.io");
    assert_eq!(by_cert_manager.unwrap().next.last().unwrap(), "`cmctl renew injector -n linkerd`");
}

#[test]
fn each_webhook_s_consequences_go_under_the_finding_that_names_it() {
    let mut mesh = TestMesh::healthy();
    for webhook in all_webhooks(&mut mesh) {
        self_signed(webhook, -days(365), -1);
    }
    let other = server(NAME, -days(1), days(300));
    all_webhooks(&mut mesh)[1].ca_bundle = Some(other);
    let finding = only(&mesh);
    assert_eq!(finding.code, Code::WebhookExpired);
    assert_eq!(finding.consequences.len(), 1);
    assert_eq!(finding.consequences[0].subject, "linkerd-sp-validator.linkerd.io");
}

#[test]
fn an_extension_s_injector_does_not_give_pods_their_proxies() {
    let mut mesh = TestMesh::healthy();
    let (namespace, kind, name) = ("emojivoto".to_owned(), "Deployment".to_owned(), "bare".to_owned());
    mesh.mesh().unmeshed.push(Unmeshed { namespace, kind, name, pods: 2 });
    for policy in [FailurePolicy::Ignore, FailurePolicy::Fail] {
        let tap = another(&mut mesh, "linkerd-viz", "tap-injector");
        tap.failure_policy = Some(policy);
        self_signed(tap, -days(365), -1);
        let findings = mesh.check().findings;
        let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, [Code::WebhookExpired, Code::Unmeshed], "{findings:#?}");
        let evidence = findings[0].evidence.join("\n");
        assert!(!evidence.contains("without a proxy") && !evidence.contains("no pod"), "{evidence}");
        all_webhooks(&mut mesh).pop();
    }
    self_signed(mesh.webhook(), -days(365), -1);
    assert_eq!(only(&mesh).consequences[0].code, Code::Unmeshed);
}

#[test]
fn an_expired_certificate_does_not_explain_an_api_that_is_down() {
    let mut mesh = TestMesh::healthy();
    let tap = another(&mut mesh, "linkerd-viz", "tap");
    tap.kind = WebhookKind::ApiService;
    tap.failure_policy = None;
    tap.available = Some(Err("MissingEndpoints: no addresses".to_owned()));
    self_signed(tap, -days(365), -1);
    let codes: Vec<_> = found(&mesh).into_iter().map(|(code, ..)| code).collect();
    assert_eq!(codes, [Code::WebhookExpired, Code::ApiServiceUnavailable]);
}

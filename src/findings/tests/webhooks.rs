//! Webhooks and APIServices.

use super::{Case, anchor, case, server};
use crate::{
    findings::{Code, Severity},
    pki::{Bundle, KeyState},
    snapshot::{Source, WebhookKind},
    testing::{ISSUER, Recipe, TestMesh, days, no_fingerprint},
};

pub(super) fn webhooks() -> Vec<Case> {
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

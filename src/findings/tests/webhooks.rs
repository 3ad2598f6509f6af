//! Webhooks and APIServices.

use super::{Case, case, server};
use crate::{
    findings::Code,
    pki::{Bundle, KeyState},
    snapshot::{Source, WebhookKind},
    testing::{TestMesh, days, no_fingerprint},
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
        case("tap is down", &[Code::ApiServiceUnavailable], |mesh| {
            let webhook = mesh.webhook();
            webhook.kind = WebhookKind::ApiService;
            webhook.failure_policy = None;
            webhook.available = Some(Err("failing or missing response".to_owned()));
        }),
    ]
}

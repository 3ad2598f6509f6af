//! Family W: the certificates that the API server verifies before it calls Linkerd.

use crate::{
    pki::{Bundle, Certificate, KeyState, lifetime::Stage, verify},
    snapshot::{FailurePolicy, Source, TlsSecret, Webhook, WebhookKind},
};

use super::{
    Code, Finding, Severity,
    text::{end, named, span},
    view::View,
};

fn each<'a>(view: &View<'a>, rule: impl Fn(&View<'a>, &'a Webhook) -> Option<Finding>) -> Vec<Finding> {
    view.snapshot.webhooks.items().iter().filter_map(|webhook| rule(view, webhook)).collect()
}

fn subject(webhook: &Webhook) -> String {
    webhook.name.clone()
}

fn secret(webhook: &Webhook) -> Option<&TlsSecret> {
    webhook.secret.found()
}

fn certificate(webhook: &Webhook) -> Option<&Certificate> {
    secret(webhook)?.chain.as_ref()?.first()
}

/// What a webhook that cannot be called means for the cluster.
fn consequence(webhook: &Webhook) -> &'static str {
    match (webhook.kind, webhook.failure_policy) {
        (WebhookKind::ApiService, _) => "its API is unavailable",
        (WebhookKind::Mutating, Some(FailurePolicy::Fail)) => "failurePolicy Fail: no pod can be created",
        (WebhookKind::Mutating, _) => "failurePolicy Ignore: new pods come up without a proxy",
        (WebhookKind::Validating, Some(FailurePolicy::Fail)) => {
            "failurePolicy Fail: no such Linkerd resource can be created or changed"
        }
        (WebhookKind::Validating, _) => "failurePolicy Ignore: invalid Linkerd resources are let in",
    }
}

fn renew(webhook: &Webhook) -> String {
    match secret(webhook) {
        Some(secret) if webhook.injects_ca_from.is_some() => {
            format!("cert-manager owns it: `cmctl renew` the Certificate of {}", secret.meta.reference())
        }
        Some(secret) => format!(
            "renew without a gap: caBundle old + new, then {}, wait until the pods serve it, then trim caBundle",
            secret.meta.reference()
        ),
        None => "renew it without a gap: caBundle old + new, then the Secret, then trim caBundle".to_owned(),
    }
}

/// LC-W01 and W02: where each webhook's certificate stands in its life.
pub(super) fn lifetime(view: &View<'_>) -> Vec<Finding> {
    each(view, |view, webhook| {
        let certificate = certificate(webhook)?;
        let (service, left) = (&webhook.service, span(certificate.lifetime().left(view.now)));
        let near = || format!("the certificate of webhook {service} ends in {left}");
        let (code, severity, summary) = match certificate.lifetime().stage(view.now, &view.thresholds) {
            Stage::Fine => return None,
            Stage::Expired => (
                Code::WebhookExpired,
                Severity::Critical,
                format!("the certificate of webhook {service} expired {left} ago"),
            ),
            Stage::NotYetValid => (
                Code::WebhookExpired,
                Severity::Critical,
                format!("the certificate of webhook {service} is not valid yet"),
            ),
            Stage::VeryNearEnd => (Code::WebhookNearEnd, Severity::Critical, near()),
            Stage::NearEnd => (Code::WebhookNearEnd, Severity::Warning, near()),
        };
        let finding = Finding::new(code, severity, subject(webhook), summary).seen(format!(
            "{} {}",
            named(certificate),
            end(certificate, view.now)
        ));
        let finding = if code == Code::WebhookExpired {
            finding.seen(consequence(webhook)).next("restart no workload before it is renewed")
        } else {
            finding.seen(format!("then {}", consequence(webhook)))
        };
        Some(finding.next(renew(webhook)))
    })
}

/// LC-W03: the API server cannot verify what the Secret holds.
pub(super) fn untrusted(view: &View<'_>) -> Vec<Finding> {
    each(view, |view, webhook| {
        let chain = secret(webhook)?.chain.as_ref()?;
        let leaf = chain.first()?;
        let why = match &webhook.ca_bundle {
            // An APIService may skip verification, and an empty caBundle means the system's roots.
            None if webhook.kind == WebhookKind::ApiService => return None,
            None => "caBundle is empty".to_owned(),
            Some(bundle) if verifies(chain, leaf, bundle, view.now) => return None,
            Some(bundle) => {
                format!("caBundle holds {}", bundle.certificates.iter().map(named).collect::<Vec<_>>().join(", "))
            }
        };
        let finding = Finding::new(
            Code::WebhookUntrusted,
            Severity::Critical,
            subject(webhook),
            format!("the API server's caBundle does not verify webhook {}", webhook.service),
        )
        .seen(why)
        .seen(format!("{} holds {}", secret(webhook)?.meta.reference(), named(leaf)))
        .seen(consequence(webhook))
        .next(format!("put the certificate that signed it into caBundle of {}", webhook.meta.reference()));
        Some(finding)
    })
}

/// A self-signed server certificate in the caBundle verifies itself (Go's crypto/x509), as the charts make them.
fn verifies(chain: &Bundle, leaf: &Certificate, bundle: &Bundle, now: jiff::Timestamp) -> bool {
    let at = leaf.lifetime().nearest(now);
    bundle.contains(leaf) || verify::as_proxy(&chain.certificates, bundle, at).is_ok()
}

/// LC-W04: the server cannot use its key.
pub(super) fn key_mismatch(view: &View<'_>) -> Vec<Finding> {
    each(view, |_, webhook| {
        let (secret, certificate) = (secret(webhook)?, certificate(webhook)?);
        let why = match &secret.key {
            KeyState::Missing => "there is no tls.key".to_owned(),
            KeyState::Unreadable(why) => format!("tls.key cannot be read: {why}"),
            key if !key.fits(certificate) => "tls.key belongs to another certificate".to_owned(),
            KeyState::Present(_) => return None,
        };
        let finding = Finding::new(
            Code::WebhookKeyMismatch,
            Severity::Critical,
            subject(webhook),
            "the webhook's key does not belong to its certificate",
        )
        .seen(format!("{}: {why}", secret.meta.reference()))
        .seen("its server goes on with what it has loaded and fails at its next restart")
        .next(renew(webhook));
        Some(finding)
    })
}

/// LC-W05: the API server calls it by a name that its certificate does not have.
pub(super) fn wrong_name(view: &View<'_>) -> Vec<Finding> {
    each(view, |_, webhook| {
        let certificate = certificate(webhook)?;
        let wanted = webhook.server_name();
        if certificate.dns_names().iter().any(|name| matches_name(name, &wanted)) {
            return None;
        }
        let has = match certificate.dns_names() {
            [] => "it has no DNS names".to_owned(),
            names => format!("it is for {}", names.join(", ")),
        };
        let finding = Finding::new(
            Code::WebhookWrongName,
            Severity::Critical,
            subject(webhook),
            "the webhook's certificate is for another name",
        )
        .seen(format!("the API server asks for {wanted}; {has}"))
        .seen(consequence(webhook))
        .next(renew(webhook));
        Some(finding)
    })
}

fn matches_name(pattern: &str, wanted: &str) -> bool {
    let tail = |name: &str| name.split_once('.').map(|(_, tail)| tail.to_ascii_lowercase());
    pattern.eq_ignore_ascii_case(wanted) || (pattern.starts_with("*.") && tail(pattern) == tail(wanted))
}

/// LC-W06: what its pods serve is not what the Secret holds.
pub(super) fn not_served(view: &View<'_>) -> Vec<Finding> {
    each(view, |view, webhook| {
        let (held, served) = (certificate(webhook)?, webhook.served.as_ref()?.as_ref().ok()?.first()?);
        if held == served {
            return None;
        }
        let trusted = webhook.ca_bundle.as_ref().is_some_and(|bundle| {
            verifies(&Bundle::of([served.clone()]), served, bundle, view.now) && served.lifetime().contains(view.now)
        });
        let (severity, effect) = if trusted {
            (Severity::Warning, "the API server still accepts what is served")
        } else {
            (Severity::Critical, consequence(webhook))
        };
        let finding = Finding::new(
            Code::WebhookNotServed,
            severity,
            subject(webhook),
            "the webhook serves another certificate than its Secret holds",
        )
        .seen(format!("served: {}, {}", named(served), end(served, view.now)))
        .seen(format!("in the Secret: {}", named(held)))
        .seen(effect)
        .next("its server reloads a new Secret within a minute; if it does not, restart its Deployment");
        Some(finding)
    })
}

/// LC-W07: there is nothing to serve.
pub(super) fn no_certificate(view: &View<'_>) -> Vec<Finding> {
    each(view, |_, webhook| {
        let why = match &webhook.secret {
            Source::Missing => {
                format!("no Secret was found for Service {}/{}", webhook.service_namespace, webhook.service)
            }
            Source::Found(secret) if certificate(webhook).is_none() => {
                format!("tls.crt in {} holds no certificate", secret.meta.reference())
            }
            _ => return None,
        };
        let finding = Finding::new(
            Code::WebhookSecretMissing,
            Severity::Critical,
            subject(webhook),
            "the webhook has no certificate",
        )
        .seen(why)
        .seen(consequence(webhook))
        .next(renew(webhook));
        Some(finding)
    })
}

/// LC-W08: the aggregator says that an API of Linkerd's is not available.
pub(super) fn api_service_unavailable(view: &View<'_>) -> Vec<Finding> {
    each(view, |_, webhook| {
        let message = webhook.available.as_ref()?.as_ref().err()?;
        let finding = Finding::new(
            Code::ApiServiceUnavailable,
            Severity::Critical,
            subject(webhook),
            "an APIService of Linkerd is not available",
        )
        .seen(message.clone())
        .next(format!("`kubectl describe apiservice {}`", webhook.meta.name));
        Some(finding)
    })
}

/// LC-W09: its Service leads to no server that answers.
pub(super) fn unanswered(view: &View<'_>) -> Vec<Finding> {
    each(view, |_, webhook| {
        let reason = webhook.served.as_ref()?.as_ref().err().filter(|reason| !was_not_asked(reason))?;
        // A pod is asked through port-forwarding, which may fail where the API server's own way to it does not.
        let on_the_way = reason.starts_with("pod ") || reason.starts_with("no answer");
        let (namespace, service) = (&webhook.service_namespace, &webhook.service);
        let finding = Finding::new(
            Code::WebhookUnanswered,
            if on_the_way { Severity::Warning } else { Severity::Critical },
            subject(webhook),
            format!("nothing answers behind Service {namespace}/{service} of a webhook"),
        )
        .seen(reason.clone())
        .seen(consequence(webhook))
        .next("restart no workload before its pods are ready")
        .next(format!("`kubectl get endpointslices -n {namespace} -l kubernetes.io/service-name={service}`"));
        Some(finding)
    })
}

/// Whether the reason for which nothing was presented is that nobody was asked.
pub(super) fn was_not_asked(reason: &str) -> bool {
    reason.starts_with("forbidden") || reason.contains(" cannot be read: ")
}

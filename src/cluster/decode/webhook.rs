use serde_json::Value;

use crate::snapshot::{FailurePolicy, Source, Webhook, WebhookKind, condition};

use super::Object;

const DEFAULT_PORT: u16 = 443;

/// The webhooks of a configuration that a Service in one of the namespaces answers, as `ours` says. Their Secrets are
/// not known yet.
pub fn webhooks(value: &Value, kind: WebhookKind, ours: &dyn Fn(&str) -> bool) -> Vec<Webhook> {
    let object = Object::new(value);
    let named = match kind {
        WebhookKind::Mutating => "MutatingWebhookConfiguration",
        _ => "ValidatingWebhookConfiguration",
    };
    object
        .items("/webhooks")
        .filter_map(|webhook| {
            let mut built = service(webhook, "/clientConfig/service", object, named, kind, ours)?;
            built.ca_bundle = webhook.pem("/clientConfig/caBundle");
            // admissionregistration.k8s.io/v1 fails closed where nothing is said.
            built.failure_policy = Some(match webhook.text("/failurePolicy") {
                Some("Ignore") => FailurePolicy::Ignore,
                _ => FailurePolicy::Fail,
            });
            Some(built)
        })
        .collect()
}

/// An APIService that a Service in one of the namespaces answers.
pub fn api_service(value: &Value, ours: &dyn Fn(&str) -> bool) -> Option<Webhook> {
    let object = Object::new(value);
    let mut built = service(object, "/spec/service", object, "APIService", WebhookKind::ApiService, ours)?;
    built.ca_bundle = object.pem("/spec/caBundle");
    let conditions = object.conditions();
    built.available = condition(&conditions, "Available").map(|available| match available.status.as_str() {
        "True" => Ok(()),
        _ => Err(format!("{}: {}", available.reason, available.message)),
    });
    Some(built)
}

fn service(
    holder: Object<'_>,
    pointer: &str,
    object: Object<'_>,
    named: &str,
    kind: WebhookKind,
    ours: &dyn Fn(&str) -> bool,
) -> Option<Webhook> {
    let service = Object::new(holder.at(pointer)?);
    let namespace = service.text("/namespace")?;
    if !ours(namespace) {
        return None;
    }
    let injected = ["cert-manager.io/inject-ca-from", "cert-manager.io/inject-ca-from-secret"];
    Some(Webhook {
        meta: object.meta(named),
        kind,
        name: holder.text("/name").unwrap_or_else(|| object.name()).to_owned(),
        service_namespace: namespace.to_owned(),
        service: service.string("/name"),
        port: service.number("/port").and_then(|port| u16::try_from(port).ok()).unwrap_or(DEFAULT_PORT),
        ca_bundle: None,
        failure_policy: None,
        available: None,
        injects_ca_from: injected.iter().find_map(|key| object.annotation(key)).map(str::to_owned),
        secret: Source::Missing,
        served: None,
        servers: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_those_of_linkerd_s_namespaces() {
        let configuration = json!({
            "metadata": {"name": "mixed", "annotations": {"cert-manager.io/inject-ca-from": "linkerd/injector"}},
            "webhooks": [
                {"name": "a", "clientConfig": {"service": {"namespace": "linkerd", "name": "injector"}, "caBundle": ""}},
                {"name": "b", "clientConfig": {"service": {"namespace": "other", "name": "injector"}}},
                {"name": "c", "clientConfig": {"url": "https://example.invalid"}},
            ],
        });
        let found = webhooks(&configuration, WebhookKind::Mutating, &|namespace| namespace == "linkerd");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].server_name(), "injector.linkerd.svc");
        assert_eq!((found[0].port, found[0].failure_policy), (443, Some(FailurePolicy::Fail)));
        assert_eq!(found[0].ca_bundle, None);
        assert_eq!(found[0].injects_ca_from.as_deref(), Some("linkerd/injector"));
    }

    #[test]
    fn an_api_service_says_whether_it_is_available() {
        let tap = |status: &str| {
            json!({
                "metadata": {"name": "v1alpha1.tap.linkerd.io"},
                "spec": {"service": {"namespace": "linkerd-viz", "name": "tap", "port": 8443}, "caBundle": "AAAA"},
                "status": {"conditions": [
                    {"type": "Available", "status": status, "reason": "FailedDiscoveryCheck", "message": "x509"},
                ]},
            })
        };
        let available = |status: &str| api_service(&tap(status), &|_| true).unwrap().available;
        assert_eq!(available("True"), Some(Ok(())));
        assert_eq!(available("False"), Some(Err("FailedDiscoveryCheck: x509".to_owned())));
        assert_eq!(api_service(&json!({"spec": {"service": null}}), &|_| true), None);
    }
}

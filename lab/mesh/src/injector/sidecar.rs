//! The `linkerd-proxy` container (linkerd2 charts/partials/templates/_proxy.tpl).

use serde_json::{Map, Value, json};

use super::environment::{Place, variables};
use super::values::Values;

pub(crate) fn image(values: &Values) -> String {
    let version = values.text_or("/proxy/image/version", &values.text("/linkerdVersion"));
    format!("{}:{version}", values.text("/proxy/image/name"))
}

pub(crate) fn pull_policy(values: &Values) -> String {
    values.text_or("/proxy/image/pullPolicy", &values.text("/imagePullPolicy"))
}

/// Requests and limits that are set.
pub(crate) fn resources(values: &Values) -> Value {
    let mut resources = Map::new();
    for (field, key) in [("requests", "request"), ("limits", "limit")] {
        let mut amounts = Map::new();
        for (resource, path) in [("cpu", "cpu"), ("memory", "memory"), ("ephemeral-storage", "ephemeral-storage")] {
            let amount = values.text(&format!("/proxy/resources/{path}/{key}"));
            if !amount.is_empty() {
                amounts.insert(resource.into(), amount.into());
            }
        }
        if !amounts.is_empty() {
            resources.insert(field.into(), amounts.into());
        }
    }
    resources.into()
}

/// The container; `account_mount` is where the pod's own containers have their token.
pub(crate) fn container(values: &Values, place: &Place<'_>, account_mount: Option<&Value>) -> Value {
    let admin = values.number("/proxy/ports/admin");
    let native = values.is_on("/proxy/nativeSidecar");
    let await_it = values.is_on("/proxy/await");
    let probe = |path: &str, kind: &str| {
        let mut probe = json!({
            "httpGet": { "path": path, "port": admin },
            "initialDelaySeconds": values.number(&format!("/proxy/{kind}/initialDelaySeconds")),
            "timeoutSeconds": values.number(&format!("/proxy/{kind}/timeoutSeconds")),
        });
        if let Some(period) = values.at(&format!("/proxy/{kind}/periodSeconds")).as_u64() {
            probe["periodSeconds"] = period.into();
        }
        probe
    };
    let mut mounts = vec![
        json!({
            "mountPath": "/var/run/linkerd/identity/end-entity",
            "name": "linkerd-identity-end-entity",
        }),
        json!({ "mountPath": "/var/run/secrets/tokens", "name": "linkerd-identity-token" }),
    ];
    mounts.extend(account_mount.cloned());
    let mut container = json!({
        "name": "linkerd-proxy",
        "image": image(values),
        "imagePullPolicy": pull_policy(values),
        "env": variables(values, place),
        "ports": [
            { "containerPort": values.number("/proxy/ports/inbound"), "name": "linkerd-proxy" },
            { "containerPort": admin, "name": "linkerd-admin" },
        ],
        "livenessProbe": probe("/live", "livenessProbe"),
        "readinessProbe": probe("/ready", "readinessProbe"),
        "resources": resources(values),
        "securityContext": security(values),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
    });
    if native {
        container["restartPolicy"] = json!("Always");
    }
    match (native, await_it) {
        (true, true) => {
            let key = |name: &str| values.number(&format!("/proxy/startupProbe/{name}"));
            container["startupProbe"] = json!({
                "httpGet": { "path": "/ready", "port": admin },
                "initialDelaySeconds": key("initialDelaySeconds"),
                "periodSeconds": key("periodSeconds"),
                "failureThreshold": key("failureThreshold"),
            });
        }
        (false, true) => {
            container["lifecycle"] = json!({ "postStart": { "exec": { "command": [
                "/usr/lib/linkerd/linkerd-await", "--timeout=2m", format!("--port={admin}"),
            ] } } });
        }
        _ => {}
    }
    container
}

fn security(values: &Values) -> Value {
    let mut context = json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "runAsNonRoot": true,
        "runAsUser": values.number("/proxy/uid"),
        "seccompProfile": { "type": "RuntimeDefault" },
    });
    let group = values.at("/proxy/gid").as_i64().unwrap_or(-1);
    if group >= 0 {
        context["runAsGroup"] = json!(group);
    }
    context
}

//! Whether a pod gets a sidecar (linkerd2 pkg/inject/report.go, pkg/healthcheck/sidecar.go).

use std::collections::BTreeMap;

use serde_json::Value;

pub(crate) const INJECT: &str = "linkerd.io/inject";

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Inject,
    /// Not injected, with the reasons.
    Skip(Vec<String>),
}

pub(crate) fn decide(pod: &Value, namespace_annotations: &BTreeMap<String, String>) -> Decision {
    let mut reasons = Vec::new();
    if pod["spec"]["hostNetwork"] == true {
        reasons.push("hostNetwork is enabled".to_owned());
    }
    if has_sidecar(&pod["spec"]) {
        reasons.push("pod has a sidecar injected already".to_owned());
    }
    let on_pod = pod["metadata"]["annotations"][INJECT].as_str();
    let on_namespace = namespace_annotations.get(INJECT).map(String::as_str);
    reasons.extend(disabled(on_pod, on_namespace));
    if reasons.is_empty() { Decision::Inject } else { Decision::Skip(reasons) }
}

fn disabled(on_pod: Option<&str>, on_namespace: Option<&str>) -> Option<String> {
    let known = |value: Option<&str>| matches!(value, None | Some("" | "enabled" | "disabled" | "ingress"));
    let enables = |value: Option<&str>| matches!(value, Some("enabled" | "ingress"));
    if !known(on_namespace) {
        return Some(format!("invalid value for annotation \"{INJECT}\" at namespace"));
    }
    if !known(on_pod) {
        return Some(format!("invalid value for annotation \"{INJECT}\" at workload"));
    }
    if enables(on_namespace) {
        return (on_pod == Some("disabled")).then(|| format!("pod has the annotation \"{INJECT}:disabled\""));
    }
    (!enables(on_pod)).then(|| format!("neither the namespace nor the pod have the annotation \"{INJECT}:enabled\""))
}

fn has_sidecar(spec: &Value) -> bool {
    containers(spec).any(|container| {
        let name = container["name"].as_str().unwrap_or_default();
        let image = container["image"].as_str().unwrap_or_default();
        matches!(name, "linkerd-proxy" | "linkerd-init" | "istio-proxy" | "istio-init")
            || image.starts_with("cr.l5d.io/linkerd/proxy:")
            || image.starts_with("gcr.io/istio-release/proxyv2:")
    })
}

/// Init containers and containers.
pub(crate) fn containers(spec: &Value) -> impl Iterator<Item = &Value> {
    ["initContainers", "containers"].into_iter().filter_map(|list| spec[list].as_array()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn decided(on_pod: Option<&str>, on_namespace: Option<&str>) -> bool {
        let annotation = |value: Option<&str>| {
            value.map(|value| (INJECT.to_owned(), value.to_owned())).into_iter().collect::<BTreeMap<_, _>>()
        };
        let pod = json!({ "metadata": { "annotations": annotation(on_pod) }, "spec": {} });
        decide(&pod, &annotation(on_namespace)) == Decision::Inject
    }

    #[test]
    fn the_pod_s_annotation_wins_over_the_namespace_s() {
        let (on, off) = (Some("enabled"), Some("disabled"));
        for (pod, namespace, injected) in [
            (on, on, true),
            (None, on, true),
            (off, on, false),
            (on, off, true),
            (on, None, true),
            (off, off, false),
            (None, off, false),
            (None, None, false),
            (Some("yes"), on, false),
        ] {
            assert_eq!(decided(pod, namespace), injected, "{pod:?} {namespace:?}");
        }
    }

    #[test]
    fn not_twice_and_not_on_the_host_s_network() {
        let annotations = [(INJECT.to_owned(), "enabled".to_owned())].into();
        for spec in [
            json!({ "hostNetwork": true }),
            json!({ "initContainers": [{ "name": "linkerd-proxy" }] }),
            json!({ "containers": [{ "name": "linkerd-proxy" }] }),
        ] {
            let pod = json!({ "metadata": {}, "spec": spec });
            assert!(matches!(decide(&pod, &annotations), Decision::Skip(_)));
        }
    }
}

//! Opaque ports: the annotation on pods and services whose ports carry no HTTP
//! (linkerd2 pkg/inject/inject.go `CreateOpaquePortsPatch`).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::decide::containers;
use super::values::Values;

pub(crate) const OPAQUE: &str = "config.linkerd.io/opaque-ports";

/// The default opaque ports among a pod's container ports, comma separated.
pub(crate) fn of_pod(spec: &Value, values: &Values) -> String {
    let opaque = values.text("/proxy/opaquePorts");
    let opaque: Vec<_> = opaque.split(',').collect();
    containers(spec)
        .filter_map(|container| container["ports"].as_array())
        .flatten()
        .filter_map(|port| port["containerPort"].as_u64())
        .map(|port| port.to_string())
        .filter(|port| opaque.contains(&port.as_str()))
        .collect::<Vec<_>>()
        .join(",")
}

pub(crate) fn pod_patch(pod: &Value, namespace: &BTreeMap<String, String>, values: &Values) -> Vec<Value> {
    annotation_patch(pod, namespace, || of_pod(&pod["spec"], values))
}

pub(crate) fn service_patch(service: &Value, namespace: &BTreeMap<String, String>, values: &Values) -> Vec<Value> {
    annotation_patch(service, namespace, || {
        let opaque = values.text("/proxy/opaquePorts");
        let opaque: Vec<_> = opaque.split(',').collect();
        let ports = service["spec"]["ports"].as_array();
        ports
            .into_iter()
            .flatten()
            .filter(|port| {
                let target = port["targetPort"].as_u64().or(port["port"].as_u64());
                target.is_some_and(|target| opaque.contains(&target.to_string().as_str()))
            })
            .filter_map(|port| port["port"].as_u64())
            .map(|port| port.to_string())
            .collect::<Vec<_>>()
            .join(",")
    })
}

fn annotation_patch(
    object: &Value,
    namespace: &BTreeMap<String, String>,
    by_default: impl FnOnce() -> String,
) -> Vec<Value> {
    let annotations = &object["metadata"]["annotations"];
    if !annotations[OPAQUE].is_null() {
        return Vec::new();
    }
    let ports = namespace.get(OPAQUE).cloned().unwrap_or_else(by_default);
    if ports.is_empty() {
        return Vec::new();
    }
    let mut patch = Vec::new();
    if annotations.as_object().is_none_or(serde_json::Map::is_empty) {
        patch.push(json!({ "op": "add", "path": "/metadata/annotations", "value": {} }));
    }
    patch.push(json!({
        "op": "add",
        "path": "/metadata/annotations/config.linkerd.io~1opaque-ports",
        "value": ports,
    }));
    patch
}

/// The ports a pod listens on, for `LINKERD2_PROXY_INBOUND_PORTS` (`getPodInboundPorts`).
pub(crate) fn inbound(spec: &Value) -> String {
    let mut ports: Vec<String> = containers(spec)
        .flat_map(|container| {
            let listed = container["ports"].as_array().into_iter().flatten();
            let probed = ["readinessProbe", "livenessProbe"].map(|probe| &container[probe]["httpGet"]["port"]);
            listed.map(|port| &port["containerPort"]).chain(probed).filter_map(Value::as_u64)
        })
        .map(|port| port.to_string())
        .collect();
    // As texts, as in the original.
    ports.sort();
    ports.dedup();
    ports.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_to_an_opaque_port_is_annotated() {
        let values = Values::from_yaml("proxy: { opaquePorts: \"25,3306\" }").unwrap();
        let service = json!({ "metadata": {}, "spec": { "ports": [
            { "port": 80, "targetPort": 3306 }, { "port": 3306, "targetPort": 80 }, { "port": 25 },
        ] } });
        let patch = service_patch(&service, &BTreeMap::new(), &values);
        assert_eq!(patch[1]["value"], "80,25");
    }

    #[test]
    fn inbound_ports_come_from_ports_and_probes() {
        let spec = json!({ "containers": [{
            "ports": [{ "containerPort": 9090 }, { "containerPort": 80 }],
            "readinessProbe": { "httpGet": { "port": 8080 } },
            "livenessProbe": { "httpGet": { "port": "named" } },
        }] });
        assert_eq!(inbound(&spec), "80,8080,9090");
    }
}

//! The JSON patch that meshes a pod (linkerd2 charts/patch/templates/patch.json).

use std::collections::BTreeMap;

use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::environment::Place;
use super::owner::Owner;
use super::values::{Values, inherited};
use super::{init, ports, sidecar};
use crate::identity::leaf::hex;

const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// A pod and where it is made.
pub(crate) struct Pod<'a> {
    pub(crate) object: &'a Value,
    pub(crate) namespace: &'a str,
    pub(crate) namespace_annotations: &'a BTreeMap<String, String>,
    pub(crate) owner: Option<&'a Owner>,
    pub(crate) control_plane: &'a str,
    pub(crate) values: &'a Values,
    /// The trust bundle, as mounted.
    pub(crate) anchors: &'a str,
}

pub(crate) fn operations(pod: &Pod<'_>) -> Vec<Value> {
    let own = texts(&pod.object["metadata"]["annotations"]);
    let mut annotations = annotations(pod, &own);
    let effective: BTreeMap<_, _> = own.into_iter().chain(annotations.clone()).collect();
    let values = pod.values.overridden(&effective);
    let version = values.text_or("/proxy/image/version", &values.text("/linkerdVersion"));
    annotations.insert("linkerd.io/proxy-version".into(), version);
    // Of the raw text: two bundles with the same certificates may differ in it.
    let sum = digest(&SHA256, pod.anchors.as_bytes());
    annotations.insert("linkerd.io/trust-root-sha256".into(), hex(sum.as_ref()));

    let mut patch = Patch(Vec::new());
    patch.map(pod.object, "annotations", annotations);
    patch.map(pod.object, "labels", labels(pod));
    containers(&mut patch, pod, &values);
    patch.0
}

fn annotations(pod: &Pod<'_>, own: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let created_by = format!("linkerd/proxy-injector {}", pod.values.text("/linkerdVersion"));
    let mut added: BTreeMap<_, _> = [("linkerd.io/created-by".to_owned(), created_by)].into();
    for name in inherited() {
        if let (None, Some(value)) = (own.get(&name), pod.namespace_annotations.get(&name)) {
            added.insert(name, value.clone());
        }
    }
    let opaque = ports::of_pod(&pod.object["spec"], pod.values);
    if !opaque.is_empty() && !own.contains_key(ports::OPAQUE) {
        added.entry(ports::OPAQUE.to_owned()).or_insert(opaque);
    }
    added
}

fn labels(pod: &Pod<'_>) -> BTreeMap<String, String> {
    let mut labels: BTreeMap<_, _> = [
        ("linkerd.io/control-plane-ns".to_owned(), pod.control_plane.to_owned()),
        ("linkerd.io/workload-ns".to_owned(), pod.namespace.to_owned()),
    ]
    .into();
    if let Some(owner) = pod.owner {
        let kind = match owner.kind.as_str() {
            "replicationcontroller" => "replication-controller",
            kind @ ("deployment" | "replicaset" | "job" | "daemonset" | "statefulset") => kind,
            // A CronJob's pods get no label of their own.
            _ => return labels,
        };
        labels.insert(format!("linkerd.io/proxy-{kind}"), owner.name.clone());
    }
    labels
}

fn containers(patch: &mut Patch, pod: &Pod<'_>, values: &Values) {
    let spec = &pod.object["spec"];
    let account = spec["containers"][0]["volumeMounts"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|mount| mount["mountPath"] == ACCOUNT);
    if is_empty(&spec["volumes"]) {
        patch.add("/spec/volumes", json!([]));
    }
    if is_empty(&spec["initContainers"]) {
        patch.add("/spec/initContainers", json!([]));
    }
    let native = values.is_on("/proxy/nativeSidecar");
    // A native sidecar stands before the pod's own init containers, so that they are meshed too.
    let (first, second) = if native { ("0", "1") } else { ("-", "-") };
    patch.volume(json!({ "name": "linkerd-proxy-init-xtables-lock", "emptyDir": {} }));
    patch.add(&format!("/spec/initContainers/{first}"), init::container(values, account));
    patch.volume(json!({
        "name": "linkerd-identity-end-entity",
        "emptyDir": { "medium": "Memory" },
    }));
    patch.volume(json!({
        "name": "linkerd-identity-token",
        "projected": { "sources": [{ "serviceAccountToken": {
            "audience": "identity.l5d.io",
            "expirationSeconds": 86400,
            "path": "linkerd-identity-token",
        } }] },
    }));
    let place = Place { control_plane: pod.control_plane, inbound_ports: &ports::inbound(spec), anchors: pod.anchors };
    let at = match (native, values.is_on("/proxy/await")) {
        (true, _) => format!("/spec/initContainers/{second}"),
        (false, true) => "/spec/containers/0".to_owned(),
        (false, false) => "/spec/containers/-".to_owned(),
    };
    patch.add(&at, sidecar::container(values, &place, account));
}

struct Patch(Vec<Value>);

impl Patch {
    fn add(&mut self, path: &str, value: impl Into<Value>) {
        self.0.push(json!({ "op": "add", "path": path, "value": value.into() }));
    }

    fn volume(&mut self, volume: Value) {
        self.add("/spec/volumes/-", volume);
    }

    fn map(&mut self, object: &Value, field: &str, entries: BTreeMap<String, String>) {
        if is_empty(&object["metadata"][field]) {
            self.add(&format!("/metadata/{field}"), json!({}));
        }
        for (name, value) in entries {
            let name = name.replace('~', "~0").replace('/', "~1");
            self.add(&format!("/metadata/{field}/{name}"), value);
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => true,
    }
}

fn texts(map: &Value) -> BTreeMap<String, String> {
    map.as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}

#[cfg(test)]
#[path = "patch_test.rs"]
mod tests;

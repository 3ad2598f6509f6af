//! The objects: a pod as the injector leaves it, with one container of an ordinary service beside the proxy.

use serde_json::{Value, json};

use super::LABEL;
use crate::digest::{sha256, uid};

/// About 17 KB as protobuf once the API server has added its bookkeeping.
const POD: &str = include_str!("pod.json");

/// What a Deployment's pods share.
pub(super) struct Owner {
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Owner {
    pub(super) fn deployment(&self, replicas: usize) -> Value {
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": self.name, "labels": {LABEL: "true", "app": self.name}},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": self.name}},
                "template": pod_template(&json!({"app": self.name})),
            },
        })
    }

    pub(super) fn replica_set(&self, replicas: usize, deployment: &str) -> Value {
        let labels = json!({"app": self.name, "pod-template-hash": self.hash()});
        json!({
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": self.set_name(),
                "labels": labels,
                "annotations": {"deployment.kubernetes.io/revision": "1"},
                "ownerReferences": [owner_reference("Deployment", &self.name, deployment)],
            },
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": pod_template(&labels)},
        })
    }

    /// Makes a pod, or a copy of one, the pod of this number: its names, places and owner.
    pub(super) fn dress(&self, pod: &mut Value, number: usize, node: usize, set: &str) {
        let name = self.pod_name(number);
        let metadata = &mut pod["metadata"];
        metadata["uid"] = uid(&format!("{set} {name}")).into();
        metadata["name"] = name.into();
        metadata["namespace"] = self.namespace.as_str().into();
        metadata["ownerReferences"] = json!([owner_reference("ReplicaSet", &self.set_name(), set)]);
        for (label, value) in [
            (LABEL, "true"),
            ("app", self.name.as_str()),
            ("pod-template-hash", &self.hash()),
            ("linkerd.io/proxy-deployment", &self.name),
            ("linkerd.io/workload-ns", &self.namespace),
        ] {
            metadata["labels"][label] = value.into();
        }
        pod["spec"]["nodeName"] = node_name(node).into();
        let address = format!("10.{}.{}.{}", 128 + (number >> 16), (number >> 8) & 0xff, number & 0xff);
        pod["status"]["podIP"] = address.as_str().into();
        pod["status"]["podIPs"] = json!([{"ip": address}]);
    }

    pub(super) fn pod_name(&self, number: usize) -> String {
        format!("{}-{}", self.set_name(), suffix(number))
    }

    fn set_name(&self) -> String {
        format!("{}-{}", self.name, self.hash())
    }

    fn hash(&self) -> String {
        sha256(self.name.as_bytes())[..10].to_owned()
    }
}

/// A pod with this trust bundle, to be dressed.
pub(super) fn pod(bundle: &str) -> Value {
    let mut pod: Value = serde_json::from_str(POD).unwrap_or_default();
    pod["metadata"]["annotations"]["linkerd.io/trust-root-sha256"] = sha256(bundle.as_bytes()).into();
    let env = pod["spec"]["initContainers"].as_array_mut().into_iter().flatten();
    let env = env.filter_map(|container| container["env"].as_array_mut()).flatten();
    for variable in env.filter(|variable| variable["name"] == "LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS") {
        variable["value"] = bundle.into();
    }
    pod
}

/// What the Deployment asks for; the injector adds the rest at admission. A rollout stays on the simulated nodes.
fn pod_template(labels: &Value) -> Value {
    json!({
        "metadata": {"labels": labels},
        "spec": {
            "containers": [{"name": "app", "image": "registry.internal.example/platform/backend:4.18.2"}],
            "nodeSelector": {LABEL: "true"},
            "tolerations": [{"key": LABEL, "operator": "Exists"}],
        },
    })
}

pub(super) fn namespace(name: &str, pods: usize) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {LABEL: "true"},
            "annotations": {"linkerd.io/inject": "enabled", "lab.linkerd-certs/pods": pods.to_string()},
        },
    })
}

pub(super) fn node(index: usize) -> Value {
    let name = node_name(index);
    let capacity = json!({"cpu": "32", "memory": "256Gi", "pods": "250"});
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {LABEL: "true", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}},
        // Nothing else may land there.
        "spec": {"taints": [{"key": LABEL, "effect": "NoSchedule"}]},
        "status": {"capacity": capacity, "allocatable": capacity},
    })
}

fn node_name(index: usize) -> String {
    format!("simulated-{index:03}")
}

fn owner_reference(kind: &str, name: &str, uid: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": true, "blockOwnerDeletion": true})
}

/// Five letters, as Kubernetes gives them, but always the same for the same pod.
fn suffix(number: usize) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let step = |place: u32| char::from(LETTERS[number / LETTERS.len().pow(place) % LETTERS.len()]);
    (0..5).rev().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::{Owner, pod, suffix};

    #[test]
    fn a_pod_is_whole() {
        let owner = Owner { namespace: "ns".into(), name: "backend-007".into() };
        let mut pod = pod("BUNDLE");
        owner.dress(&mut pod, 70_000, 3, "set-uid");
        assert_eq!(pod["spec"]["nodeName"], "simulated-003");
        assert_eq!(pod["status"]["podIP"], "10.129.17.112");
        assert_eq!(pod["metadata"]["ownerReferences"][0]["uid"], "set-uid");
        let text = pod.to_string();
        assert!(text.contains("BUNDLE"));
        assert!(text.len() > 12_000, "{}", text.len());
    }

    #[test]
    fn names_differ() {
        let names: std::collections::BTreeSet<String> = (0..20_000).map(suffix).collect();
        assert_eq!(names.len(), 20_000);
    }
}

use serde_json::{Value, json};

use crate::{
    cluster::{
        decode::Object,
        objects::{Listing, NAMESPACES, Objects as _, PODS, Unread},
    },
    mesh::{Admission, Fault, Mode},
    pki::Bundle,
};

use super::{LiveMesh, Place};

/// How many namespaces are tried where a quota or a policy of one refuses the pod.
const MOST_TRIED: usize = 3;

impl LiveMesh {
    /// Creates a pod as a server-side dry run, where injection is enabled, and reads what the injector made of it.
    pub(super) async fn admit(&self) -> Result<Admission, Fault> {
        let (mut refused, mut failed) = (None, None);
        for namespace in self.injected().await? {
            let place = Place { kind: PODS, word: "Pod", namespace: &namespace, name: "" };
            match self.create(place, &pod(), Mode::Try).await {
                Ok(pod) => return Ok(given(&pod, &self.namespace)),
                Err(Fault::Refused(message)) => {
                    refused.get_or_insert(Admission::Refused(format!("in namespace {namespace}: {message}")));
                }
                // It may have been deleted since.
                Err(Fault::Failed(why)) => failed = Some(why),
                Err(fault) => return Err(fault),
            }
        }
        refused.ok_or_else(|| {
            let why = failed.unwrap_or_default();
            Fault::Failed(format!("there is no namespace in which a pod could be tried: {why}"))
        })
    }

    /// Namespaces whose annotation enables injection, or `default` where there are none or they can't be listed.
    pub(super) async fn injected(&self) -> Result<Vec<String>, Fault> {
        let mut injected = Vec::new();
        let listed = self.cluster.list(Listing::all(NAMESPACES), |value| {
            if is_injected(value) && injected.len() < MOST_TRIED {
                injected.push(Object::new(value).name().to_owned());
            }
        });
        match listed.await {
            Ok(()) | Err(Unread::Forbidden(_)) => {}
            Err(unread) => return Err(unread.into()),
        }
        if injected.is_empty() {
            injected.push("default".to_owned());
        }
        Ok(injected)
    }
}

fn is_injected(namespace: &Value) -> bool {
    let namespace = Object::new(namespace);
    namespace.annotation("linkerd.io/inject") == Some("enabled")
        && namespace.label("config.linkerd.io/admission-webhooks") != Some("disabled")
        && namespace.text("/status/phase") != Some("Terminating")
}

/// A pod that Pod Security's `restricted` admits. It says itself that it wants a proxy, so that `default` will do.
fn pod() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "linkerd-certs-",
            "labels": {"app.kubernetes.io/name": "linkerd-certs"},
            "annotations": {"linkerd.io/inject": "enabled"},
        },
        "spec": {
            "restartPolicy": "Never",
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": 65534, "runAsGroup": 65534,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{
                "name": "nothing",
                "image": "registry.k8s.io/pause:3.10",
                "resources": {
                    "requests": {"cpu": "10m", "memory": "16Mi"},
                    "limits": {"cpu": "10m", "memory": "16Mi"},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"]},
                },
            }],
        },
    })
}

/// What was put into the pod; the proxy of another control plane is none of ours.
fn given(pod: &Value, control_plane: &str) -> Admission {
    let pod = Object::new(pod);
    if pod.label("linkerd.io/control-plane-ns").is_some_and(|namespace| namespace != control_plane) {
        return Admission::Bare;
    }
    let containers = ["/spec/initContainers", "/spec/containers"].into_iter().flat_map(|list| pod.items(list));
    containers
        .filter(|container| container.text("/name") == Some("linkerd-proxy"))
        .flat_map(|container| container.items("/env"))
        .find(|variable| variable.text("/name") == Some("LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS"))
        .map_or(Admission::Bare, |variable| Admission::Proxy(Bundle::parse(&variable.string("/value"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundle_is_in_either_kind_of_container() {
        let env = json!([{"name": "LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS", "value": "pem"}]);
        for list in ["initContainers", "containers"] {
            let mut pod = pod();
            pod["spec"][list] = json!([{"name": "app"}, {"name": "linkerd-proxy", "env": env}]);
            assert_eq!(given(&pod, "linkerd"), Admission::Proxy(Bundle::parse("pem")));
            pod["metadata"]["labels"]["linkerd.io/control-plane-ns"] = json!("another");
            assert_eq!(given(&pod, "linkerd"), Admission::Bare);
        }
        assert_eq!(given(&pod(), "linkerd"), Admission::Bare);
    }

    #[test]
    fn namespaces_that_the_injector_is_called_for() {
        let namespace = |inject: &str, label: &str, phase: &str| {
            is_injected(&json!({"metadata": {"annotations": {"linkerd.io/inject": inject},
                "labels": {"config.linkerd.io/admission-webhooks": label}}, "status": {"phase": phase}}))
        };
        assert!(namespace("enabled", "", "Active"));
        assert!(!namespace("disabled", "", "Active"));
        assert!(!namespace("enabled", "disabled", "Active"));
        assert!(!namespace("enabled", "", "Terminating"));
    }
}

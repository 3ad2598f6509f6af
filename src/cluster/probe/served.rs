//! The chains that a webhook's servers present, read from each ready pod behind its Service.
//!
//! Port-forwarding arrives on the pod's loopback, so a proxy beside the server is not in the way.

use futures::future::join_all;
use k8s_openapi::{
    api::core::v1::{Container, Pod, Service},
    apimachinery::pkg::util::intstr::IntOrString,
};
use kube::{Api, api::ListParams};
use tokio::time::timeout;

use super::{
    PER_POD, handshake,
    known::Known,
    too_long,
    tunnel::{Doors as _, NoTunnel},
};
use crate::{
    cluster::{client::Cluster, objects::selector},
    pki::{Bundle, Certificate},
    snapshot::{PodRef, ServerPod, ServiceRef, Webhook, WorkloadRef},
};

/// No more pods than this are asked behind one Service.
const MOST_PODS: u32 = 50;

/// Asks the servers of a webhook, and puts down what they say.
pub(crate) async fn ask_servers(cluster: &Cluster, webhook: &mut Webhook) {
    match served(cluster, &webhook.of()).await {
        Ok(servers) => {
            let held = webhook.secret.found().and_then(|secret| secret.chain.as_ref()).and_then(Bundle::first);
            webhook.served = telling(&servers, held).map(|server| server.chain.clone());
            webhook.servers = servers;
        }
        Err(reason) => webhook.served = Some(Err(reason)),
    }
}

/// The pod that tells most of all: one that serves another certificate than `held`, else one that does not answer.
fn telling<'a>(servers: &'a [ServerPod], held: Option<&Certificate>) -> Option<&'a ServerPod> {
    let other = |server: &&ServerPod| server.chain.as_ref().is_ok_and(|chain| chain.first() != held);
    let silent = |server: &&ServerPod| server.chain.is_err();
    servers.iter().find(other).or_else(|| servers.iter().find(silent)).or_else(|| servers.first())
}

/// What each ready pod behind a Service presents for its name; there is at least one.
///
/// # Errors
/// Why none could be asked, as a text: no pod is ready, port-forwarding is forbidden.
pub(crate) async fn served(cluster: &Cluster, service: &ServiceRef) -> Result<Vec<ServerPod>, String> {
    let found = timeout(PER_POD, pods(cluster, service)).await.unwrap_or_else(|_| Err(too_long()))?;
    let asked = found.iter().map(async |(pod, port)| {
        let chain = timeout(PER_POD, presented(cluster, service, pod, *port)).await;
        let name = pod.metadata.name.clone().unwrap_or_default();
        ServerPod { workload: workload(pod), chain: chain.unwrap_or_else(|_| Err(too_long())), name }
    });
    let asked = join_all(asked).await;
    match asked.iter().find_map(|pod| pod.chain.as_ref().err().filter(|why| why.starts_with("forbidden"))) {
        Some(forbidden) => Err(forbidden.clone()),
        None => Ok(asked),
    }
}

/// Every ready pod behind the Service, by name, with the port that leads to it.
async fn pods(cluster: &Cluster, service: &ServiceRef) -> Result<Vec<(Pod, u16)>, String> {
    let ServiceRef { namespace, name, port } = service;
    let services: Api<Service> = Api::namespaced(cluster.client().clone(), namespace);
    let found = services.get(name).await.map_err(|error| unread(&error, &format!("Service {namespace}/{name}")))?;
    let labels = found.spec.as_ref().and_then(|spec| spec.selector.as_ref()).into_iter().flatten();
    let selector = selector(labels.map(|(key, value)| (key.as_str(), value.as_str())))
        .ok_or_else(|| format!("Service {namespace}/{name} selects no pods"))?;
    let pods: Api<Pod> = Api::namespaced(cluster.client().clone(), namespace);
    let pods = pods.list(&ListParams::default().labels(&selector).limit(MOST_PODS)).await;
    let pods = ready(pods.map_err(|error| unread(&error, &format!("pods in {namespace}")))?.items);
    if pods.is_empty() {
        return Err(format!("no pod behind Service {namespace}/{name} is ready"));
    }
    let ported = pods.into_iter().filter_map(|pod| target_port(&found, &pod, *port).map(|port| (pod, port)));
    let ported: Vec<_> = ported.collect();
    if ported.is_empty() {
        return Err(format!("port {port} of Service {namespace}/{name} leads nowhere"));
    }
    Ok(ported)
}

async fn presented(cluster: &Cluster, service: &ServiceRef, pod: &Pod, port: u16) -> Result<Vec<Certificate>, String> {
    let namespace = &service.namespace;
    let pod = PodRef { namespace: namespace.clone(), name: pod.metadata.name.clone().unwrap_or_default() };
    tracing::debug!(namespace, pod = pod.name, port, service = service.name, "asking a webhook's server");
    let tunnel = cluster.open(&pod, port).await.map_err(|refused| match refused {
        NoTunnel::Forbidden(reason) => reason,
        NoTunnel::Failed(reason) => format!("pod {}: {reason}", pod.name),
    })?;
    let (stream, mut guard) = tunnel.split();
    match handshake::chain(stream, &service.server_name()).await {
        Ok((_, chain)) => Known::default().chain(&chain),
        Err(reason) => Err(format!("pod {}: {}", pod.name, guard.trouble().await.unwrap_or(reason))),
    }
}

/// What replaces a pod: the Deployment above its `ReplicaSet`, by the template's hash, or its owner itself.
fn workload(pod: &Pod) -> Option<WorkloadRef> {
    let owner = pod.metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))?;
    let hash = pod.metadata.labels.as_ref().and_then(|labels| labels.get("pod-template-hash"));
    let deployment = hash.and_then(|hash| owner.name.strip_suffix(hash.as_str())?.strip_suffix('-'));
    let (kind, name) = match deployment {
        Some(name) if owner.kind == "ReplicaSet" => ("Deployment", name),
        _ => (owner.kind.as_str(), owner.name.as_str()),
    };
    let namespace = pod.metadata.namespace.clone().unwrap_or_default();
    Some(WorkloadRef { namespace, kind: kind.to_owned(), name: name.to_owned() })
}

fn unread(error: &kube::Error, what: &str) -> String {
    match error {
        kube::Error::Api(status) if status.code == 403 => format!("forbidden: {what} cannot be read"),
        kube::Error::Api(status) if status.code == 404 => format!("{what} does not exist"),
        other => format!("{what} cannot be read: {other}"),
    }
}

/// Those that would be given requests, by name.
fn ready(pods: Vec<Pod>) -> Vec<Pod> {
    let is_ready = |pod: &Pod| {
        let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
        let ready = conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
        ready && pod.metadata.deletion_timestamp.is_none()
    };
    let mut ready: Vec<Pod> = pods.into_iter().filter(is_ready).collect();
    ready.sort_by(|one, other| one.metadata.name.cmp(&other.metadata.name));
    ready
}

/// The port of `pod` that the Service's port leads to.
fn target_port(service: &Service, pod: &Pod, port: u16) -> Option<u16> {
    let ports = service.spec.as_ref()?.ports.as_deref()?;
    let entry = ports.iter().find(|entry| entry.port == i32::from(port))?;
    match &entry.target_port {
        None => Some(port),
        Some(IntOrString::Int(number)) => u16::try_from(*number).ok(),
        Some(IntOrString::String(name)) => named_port(pod, name),
    }
}

fn named_port(pod: &Pod, name: &str) -> Option<u16> {
    let spec = pod.spec.as_ref()?;
    let sidecars = spec.init_containers.iter().flatten().filter(|c| c.restart_policy.as_deref() == Some("Always"));
    let ports =
        spec.containers.iter().chain(sidecars).flat_map(|container: &Container| container.ports.iter().flatten());
    let found = ports.into_iter().find(|port| port.name.as_deref() == Some(name))?;
    u16::try_from(found.container_port).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn service(target_port: &Value) -> Service {
        serde_json::from_value(json!({"spec": {
            "selector": {"a": "b", "c": "d"},
            "ports": [{"port": 443, "targetPort": target_port}],
        }}))
        .unwrap()
    }

    fn pod(name: &str, ready: &str) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": name},
            "spec": {
                "initContainers": [
                    {"name": "init", "ports": [{"name": "lost", "containerPort": 1}]},
                    {"name": "linkerd-proxy", "restartPolicy": "Always", "ports": [{"name": "admin", "containerPort": 4191}]},
                ],
                "containers": [{"name": "policy", "ports": [{"name": "policy-https", "containerPort": 9443}]}],
            },
            "status": {"conditions": [{"type": "Ready", "status": ready}]},
        }))
        .unwrap()
    }

    #[test]
    fn a_port_is_found_by_number_and_by_name() {
        let pod = pod("p", "True");
        let port = |target: Value| target_port(&service(&target), &pod, 443);
        assert_eq!(port(json!(8443)), Some(8443));
        assert_eq!(port(json!("policy-https")), Some(9443));
        assert_eq!(port(json!("admin")), Some(4191));
        assert_eq!(port(json!("lost")), None);
        assert_eq!(port(Value::Null), Some(443));
        assert_eq!(target_port(&service(&json!(1)), &pod, 444), None);
    }

    #[test]
    fn every_ready_pod_is_asked_and_one_that_serves_another_certificate_tells() {
        let mut going = pod("a", "True");
        going.metadata.deletion_timestamp = Some(serde_json::from_value(json!("2026-11-21T11:00:00Z")).unwrap());
        let asked = ready(vec![pod("d", "True"), pod("c", "True"), pod("b", "False"), going]);
        assert_eq!(asked.iter().filter_map(|pod| pod.metadata.name.as_deref()).collect::<Vec<_>>(), ["c", "d"]);

        let chain = |name: &str| vec![crate::testing::Recipe::leaf(name, -1, 1).self_signed().certificate];
        let (held, other) = (chain("held"), chain("other"));
        let server = |name: &str, chain| ServerPod { name: name.to_owned(), workload: None, chain };
        let mut servers = vec![server("a", Ok(held.clone())), server("b", Err("no answer".to_owned()))];
        let told = |servers: &[ServerPod]| telling(servers, held.first()).map(|server| server.name.clone());
        assert_eq!(told(&servers).as_deref(), Some("b"));
        servers.push(server("c", Ok(other)));
        assert_eq!(told(&servers).as_deref(), Some("c"));
        assert_eq!(told(&servers[..1]).as_deref(), Some("a"));
    }

    #[test]
    fn the_workload_of_a_pod_is_the_one_that_can_be_restarted() {
        let owned = |kind: &str, name: &str| -> Pod {
            serde_json::from_value(json!({"metadata": {"namespace": "linkerd", "labels": {"pod-template-hash": "7d9"},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": "u", "controller": true}]}}))
            .unwrap()
        };
        let told = |kind: &str, name: &str| workload(&owned(kind, name)).unwrap().to_string();
        assert_eq!(told("ReplicaSet", "tap-7d9"), "linkerd/tap Deployment");
        assert_eq!(told("StatefulSet", "tap"), "linkerd/tap StatefulSet");
    }
}

//! The chain that a webhook's server presents, read from a pod behind its Service.
//!
//! Port-forwarding arrives on the pod's loopback, so a proxy beside the server is not in the way.

use k8s_openapi::{
    api::core::v1::{Container, Pod, Service},
    apimachinery::pkg::util::intstr::IntOrString,
};
use kube::{Api, api::ListParams};
use tokio::time::timeout;

use super::{
    PER_POD, handshake,
    known::Known,
    tunnel::{Doors as _, NoTunnel},
};
use crate::{
    cluster::{client::Cluster, objects::selector},
    pki::Certificate,
    snapshot::{PodRef, Webhook},
};

/// The chain that is presented for the webhook's name.
///
/// # Errors
/// Why it could not be had, as a text: no pod is ready, port-forwarding is forbidden, the server does not answer.
pub(crate) async fn served(cluster: &Cluster, webhook: &Webhook) -> Result<Vec<Certificate>, String> {
    let asked = timeout(PER_POD, presented(cluster, webhook)).await;
    asked.unwrap_or_else(|_| Err(format!("no answer within {} s", PER_POD.as_secs())))
}

async fn presented(cluster: &Cluster, webhook: &Webhook) -> Result<Vec<Certificate>, String> {
    let (namespace, name) = (webhook.service_namespace.as_str(), webhook.service.as_str());
    let services: Api<Service> = Api::namespaced(cluster.client().clone(), namespace);
    let service = services.get(name).await.map_err(|error| unread(&error, &format!("Service {namespace}/{name}")))?;
    let labels = service.spec.as_ref().and_then(|spec| spec.selector.as_ref()).into_iter().flatten();
    let selector = selector(labels.map(|(key, value)| (key.as_str(), value.as_str())))
        .ok_or_else(|| format!("Service {namespace}/{name} selects no pods"))?;
    let pods: Api<Pod> = Api::namespaced(cluster.client().clone(), namespace);
    let pods = pods.list(&ListParams::default().labels(&selector).limit(50)).await;
    let pods = pods.map_err(|error| unread(&error, &format!("pods in {namespace}")))?.items;
    let pod = ready(&pods).ok_or_else(|| format!("no pod behind Service {namespace}/{name} is ready"))?;
    let port = target_port(&service, pod, webhook.port);
    let pod = PodRef { namespace: namespace.to_owned(), name: pod.metadata.name.clone().unwrap_or_default() };
    let port = port.ok_or_else(|| format!("port {} of Service {namespace}/{name} leads nowhere", webhook.port))?;
    tracing::debug!(namespace, pod = pod.name, port, webhook = webhook.name, "asking a webhook's server");
    let tunnel = cluster.open(&pod, port).await.map_err(|refused| match refused {
        NoTunnel::Forbidden(reason) => reason,
        NoTunnel::Failed(reason) => format!("pod {}: {reason}", pod.name),
    })?;
    let (stream, mut guard) = tunnel.split();
    match handshake::chain(stream, &webhook.server_name()).await {
        Ok((_, chain)) => Known::default().chain(&chain),
        Err(reason) => Err(format!("pod {}: {}", pod.name, guard.trouble().await.unwrap_or(reason))),
    }
}

fn unread(error: &kube::Error, what: &str) -> String {
    match error {
        kube::Error::Api(status) if status.code == 403 => format!("forbidden: {what} cannot be read"),
        kube::Error::Api(status) if status.code == 404 => format!("{what} does not exist"),
        other => format!("{what} cannot be read: {other}"),
    }
}

/// The first by name that would be given requests.
fn ready(pods: &[Pod]) -> Option<&Pod> {
    let is_ready = |pod: &&Pod| {
        let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
        let ready = conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
        ready && pod.metadata.deletion_timestamp.is_none()
    };
    pods.iter().filter(is_ready).min_by_key(|pod| pod.metadata.name.as_deref())
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
    fn the_first_ready_pod_is_asked() {
        let mut going = pod("a", "True");
        going.metadata.deletion_timestamp = Some(serde_json::from_value(json!("2026-11-21T11:00:00Z")).unwrap());
        let pods = [pod("d", "True"), pod("c", "True"), pod("b", "False"), going];
        assert_eq!(ready(&pods).and_then(|pod| pod.metadata.name.as_deref()), Some("c"));
        assert!(ready(&pods[2..]).is_none());
    }
}

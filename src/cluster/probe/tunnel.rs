//! One connection to a port of a pod, through the API server. kube's forwarder gives each port of a request one
//! connection, so a second connection to the same port is a second request.

use std::{pin::Pin, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::Portforwarder};
use tokio::{io::DuplexStream, time::timeout};

use crate::{cluster::client::Cluster, snapshot::PodRef};

/// A connection that is open, as far as is known: the kubelet dials the port later, and says so on the side if it fails.
pub(super) struct Tunnel {
    stream: DuplexStream,
    guard: Guard,
}

/// Keeps the connection; ends it when dropped.
pub(super) struct Guard {
    /// None in tests.
    forwarder: Option<Portforwarder>,
    port: u16,
    trouble: Pin<Box<dyn Future<Output = Option<String>> + Send>>,
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum NoTunnel {
    /// The user may not forward ports in this namespace.
    Forbidden(String),
    /// Anything else, as far as it is known.
    Failed(String),
}

/// What the API server relays on its error channel comes before the connection's end, but by another task.
const GRACE: Duration = Duration::from_millis(50);

/// Where tunnels come from: a cluster, or a test.
pub(super) trait Doors {
    /// Opens a connection to a port of a pod.
    async fn open(&self, pod: &PodRef, port: u16) -> Result<Tunnel, NoTunnel>;

    /// Whether the pod has gone, or is about to: a rollout that ends while it is watched leaves nobody to ask.
    async fn is_going(&self, pod: &PodRef) -> bool;
}

impl Doors for Cluster {
    async fn open(&self, pod: &PodRef, port: u16) -> Result<Tunnel, NoTunnel> {
        let pods: Api<Pod> = Api::namespaced(self.client().clone(), &pod.namespace);
        let opened = pods.portforward(&pod.name, &[port]).await;
        let mut forwarder = opened.map_err(|error| refusal(&error, &pod.namespace))?;
        let (Some(stream), Some(trouble)) = (forwarder.take_stream(port), forwarder.take_error(port)) else {
            return Err(NoTunnel::Failed("port-forwarding gave no connection".to_owned()));
        };
        Ok(Tunnel { stream, guard: Guard { forwarder: Some(forwarder), port, trouble: Box::pin(trouble) } })
    }

    async fn is_going(&self, pod: &PodRef) -> bool {
        let pods: Api<Pod> = Api::namespaced(self.client().clone(), &pod.namespace);
        match self.within(pods.get_metadata_opt(&pod.name)).await {
            Ok(found) => found.is_none_or(|pod| pod.metadata.deletion_timestamp.is_some()),
            Err(error) => {
                tracing::debug!(%error, pod = pod.name, "whether it is there still is not known");
                false
            }
        }
    }
}

impl Tunnel {
    /// The connection's bytes, and what keeps it open.
    pub(super) fn split(self) -> (DuplexStream, Guard) {
        (self.stream, self.guard)
    }

    /// A tunnel to the other end of `stream`, or one of which the kubelet says that it leads nowhere.
    #[cfg(test)]
    pub(super) fn to(stream: DuplexStream, trouble: Option<&'static str>) -> Self {
        let trouble = Box::pin(std::future::ready(trouble.map(ToOwned::to_owned)));
        Self { stream, guard: Guard { forwarder: None, port: super::ADMIN_PORT, trouble } }
    }
}

impl Guard {
    /// Why the pod's port could not be reached, where that is why nothing came.
    pub(super) async fn trouble(&mut self) -> Option<String> {
        let said = timeout(GRACE, &mut self.trouble).await.ok().flatten()?;
        Some(unreachable(&said, self.port))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(forwarder) = &self.forwarder {
            forwarder.abort();
        }
    }
}

fn refusal(error: &kube::Error, namespace: &str) -> NoTunnel {
    match error {
        kube::Error::Api(status) if status.code == 403 => NoTunnel::Forbidden(format!(
            "forbidden: forwarding ports of pods in namespace {namespace} needs the verb get on pods/portforward (and \
             create from Kubernetes 1.35)"
        )),
        kube::Error::Api(status) if status.code == 404 => NoTunnel::Failed("the pod is gone".to_owned()),
        kube::Error::Api(status) => NoTunnel::Failed(clip(&status.message)),
        other => NoTunnel::Failed(clip(&other.to_string())),
    }
}

/// The kubelet's words name sandboxes and namespaces that nobody knows; mostly nothing listens.
fn unreachable(said: &str, port: u16) -> String {
    if said.contains("connection refused") {
        format!("nothing listens on port {port}")
    } else {
        format!("port {port} cannot be reached: {}", clip(said))
    }
}

fn clip(text: &str) -> String {
    const MOST: usize = 240;
    text.chars().filter(|c| !c.is_control()).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16) -> NoTunnel {
        let status = kube::core::Status { code, message: "said\n".to_owned(), ..kube::core::Status::default() };
        refusal(&kube::Error::Api(Box::new(status)), "emojivoto")
    }

    #[test]
    fn refusals_are_told_apart() {
        assert!(matches!(refused(403), NoTunnel::Forbidden(reason) if reason.contains("emojivoto")));
        assert!(matches!(refused(404), NoTunnel::Failed(reason) if reason == "the pod is gone"));
        assert!(matches!(refused(500), NoTunnel::Failed(reason) if reason == "said"));
    }

    #[test]
    fn a_closed_port_is_told_in_few_words() {
        let said = "error forwarding port 4191 to pod 0c1f, uid : failed to execute portforward in network namespace \
                    \"/var/run/netns/cni-1\": dial tcp4 127.0.0.1:4191: connect: connection refused";
        assert_eq!(unreachable(said, 4191), "nothing listens on port 4191");
        assert!(unreachable("no route", 4191).contains("no route"));
    }
}

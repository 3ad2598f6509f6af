//! The workloads of the lab: one of each kind, with a client that counts failed requests.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::install::kubectl::{Kubectl, until};
use crate::requests;

/// The manifests, plain and usable on any Linkerd.
pub const MANIFEST: &str = include_str!("../manifests/workloads.yaml");
/// Their namespace.
pub const NAMESPACE: &str = "emojivoto";
/// The image they run.
pub const IMAGE: &str = "linkerd-certs.lab/app:1";
/// The workloads that send requests.
pub const CLIENTS: [&str; 2] = ["vote", "agent"];
/// Pods they amount to on one node.
const PODS: usize = 10;

/// What a client counted for one target.
#[derive(Clone, Debug, Deserialize)]
pub struct Count {
    /// Requests answered.
    pub ok: u64,
    /// Requests that failed.
    pub failed: u64,
    /// What the last failure said.
    pub last_error: Option<String>,
}

/// Creates the workloads, waits until every proxy is ready, pauses the one that is to be paused and sets the clients'
/// counters to zero: what they count from here on is no start-up noise.
pub async fn apply(kube: &Kubectl) -> Result<()> {
    let (namespace, _) = MANIFEST.split_once("\n---\n").unwrap_or((MANIFEST, ""));
    kube.apply(namespace).await?;
    injection(kube, true).await?;
    kube.apply(MANIFEST).await?;
    ready(kube, NAMESPACE, PODS, Duration::from_mins(2)).await?;
    kube.run(&["rollout", "pause", "deployment/paused", "-n", NAMESPACE]).await?;
    for client in CLIENTS {
        // Its proxy has only just come up.
        until(&format!("{client} to forget what it counted"), Duration::from_secs(30), async || {
            reset(kube, client).await.map(|()| Ok(()))
        })
        .await?;
    }
    Ok(())
}

/// Waits until a new pod would get a proxy, or would get none. The API server takes up a changed webhook configuration
/// a moment later, and with failurePolicy Ignore nothing else tells.
pub async fn injection(kube: &Kubectl, wanted: bool) -> Result<()> {
    let client = kube.client().await?;
    let pod = probe();
    let what = if wanted { "injection into new pods" } else { "an end of injection" };
    until(what, Duration::from_mins(1), async || {
        let injected = requests::admitted(&client, &format!("/api/v1/namespaces/{NAMESPACE}/pods"), &pod).await?;
        let injected = injected.to_string().contains("linkerd-proxy");
        Ok(if injected == wanted { Ok(()) } else { Err(format!("injected: {injected}")) })
    })
    .await
}

/// Waits until a new pod would be refused.
pub async fn refusal(kube: &Kubectl) -> Result<()> {
    let client = kube.client().await?;
    until("new pods to be refused", Duration::from_mins(1), async || {
        let answer = requests::admitted(&client, &format!("/api/v1/namespaces/{NAMESPACE}/pods"), &probe()).await;
        Ok(if answer.is_err() { Ok(()) } else { Err("a pod was admitted".to_owned()) })
    })
    .await
}

fn probe() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe", "namespace": NAMESPACE},
        "spec": {"containers": [{"name": "probe", "image": IMAGE}]},
    })
}

/// Waits until a namespace holds at least so many pods and every container of every one of them is ready.
pub async fn ready(kube: &Kubectl, namespace: &str, pods: usize, limit: Duration) -> Result<()> {
    let client = kube.client().await?;
    until(&format!("{pods} ready pods in {namespace}"), limit, async || {
        let list = requests::get(&client, &format!("/api/v1/namespaces/{namespace}/pods?resourceVersion=0")).await?;
        let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let waiting: Vec<_> = items.iter().filter(|pod| !is_ready(pod)).map(name).collect();
        Ok(if waiting.is_empty() && items.len() >= pods {
            Ok(())
        } else {
            Err(format!("{} pods, not ready: {}", items.len(), waiting.join(", ")))
        })
    })
    .await
}

/// What the clients of a Deployment or `DaemonSet` counted, by target.
pub async fn stats(kube: &Kubectl, app: &str) -> Result<BTreeMap<String, Count>> {
    let path = format!("{}/stats", client(kube, app).await?);
    let text = kube.run(&["get", "--raw", &path]).await?;
    serde_json::from_str(&text).map_err(|why| Error::malformed(format!("what {app} counted"), &why))
}

/// Sets a client's counters to zero.
pub async fn reset(kube: &Kubectl, app: &str) -> Result<()> {
    let path = format!("{}/reset", client(kube, app).await?);
    kube.post(&path, "{}").await.map(drop)
}

/// The API server's way to the statistics port of the first running pod of `app`.
async fn client(kube: &Kubectl, app: &str) -> Result<String> {
    let selector = format!("app={app}");
    let list = kube.get(&["pods", "-n", NAMESPACE, "-l", &selector, "--field-selector=status.phase=Running"]).await?;
    let pod = list["items"].as_array().and_then(|items| items.iter().find(|pod| is_ready(pod)));
    let pod = pod.map(name).ok_or_else(|| Error::Refused(format!("no ready pod of {app} in {NAMESPACE}")))?;
    Ok(format!("/api/v1/namespaces/{NAMESPACE}/pods/{pod}:9100/proxy"))
}

fn name(pod: &Value) -> &str {
    pod["metadata"]["name"].as_str().unwrap_or_default()
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ready = conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
    ready && pod["metadata"]["deletionTimestamp"].is_null()
}

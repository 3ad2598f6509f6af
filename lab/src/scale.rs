//! Thousands of simulated meshed pods: real objects of real size, with nothing running behind them.
//!
//! One pod is created and given its status through the API server; the others are copies of what became of it, put
//! into etcd with other names, which takes a fraction of the time. Meanwhile the controllers are held, so that their
//! owners find everything as it should be. kwok keeps the simulated nodes alive, and from then on acts as
//! their kubelet, so that a rollout works too.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::error::{Error, Result};
use crate::etcd;

mod clear;
mod kwok;
mod template;

use crate::requests::{create, delete, get, patch_status};
pub use clear::clear;

/// On every object made here.
const LABEL: &str = "lab.linkerd-certs/simulated";
const NAMESPACES: usize = 20;
const OWNERS: usize = 500;
const PODS_PER_NODE: usize = 200;
/// More at once only wait for one another in the API server.
const AT_ONCE: usize = 16;
/// Held meanwhile.
const CONTROLLERS: &str = "kube-controller-manager";

/// Makes this many pods. Can be repeated after an interruption; another number needs [`clear()`] first.
pub async fn pods(cluster: &Cluster, count: usize) -> Result<()> {
    let client = cluster.client().await?;
    let bundle = bundle(&client).await?;
    kwok::stop(cluster).await?;
    cluster.stop_process(CONTROLLERS).await?;
    let made = make(&client, &socket(cluster), count, &bundle).await;
    kwok::start(cluster).await?;
    // The controllers come back whether all went well or not.
    cluster.start().await?;
    made
}

async fn make(client: &Client, socket: &Path, count: usize, bundle: &str) -> Result<()> {
    let nodes = 0..count.div_ceil(PODS_PER_NODE);
    all(nodes, async |index| create(client, "/api/v1/nodes", template::node(index)).await.map(drop)).await?;
    all(0..NAMESPACES, async |index| namespace(client, index, count).await).await?;
    let model = model(client, bundle).await?;
    all(0..OWNERS, async |index| {
        let numbers = share(count, index);
        let owner = owner(index);
        let set = create_owner(client, &owner, numbers.len()).await?;
        let copies: Vec<(String, Value)> = numbers
            .map(|number| {
                let mut pod = model.clone();
                owner.dress(&mut pod, number, number / PODS_PER_NODE, &set);
                (format!("/registry/pods/{}/{}", owner.namespace, owner.pod_name(number)), pod)
            })
            .collect();
        if copies.is_empty() { Ok(()) } else { etcd::put(socket, &copies).await }
    })
    .await?;
    tracing::info!("made {count} pods of {OWNERS} Deployments in {NAMESPACES} namespaces");
    Ok(())
}

/// A pod as the API server keeps it, with defaults, status and managed fields.
async fn model(client: &Client, bundle: &str) -> Result<Value> {
    // Where no injector looks: the pod is already as it would leave it.
    let path = "/api/v1/namespaces/kube-system/pods";
    let mut pod = template::pod(bundle);
    // Without an owner and soon gone: what is copied has its own.
    owner(0).dress(&mut pod, 0, 0, "none");
    pod["metadata"]["name"] = "model".into();
    pod["metadata"]["namespace"] = "kube-system".into();
    pod["metadata"]["ownerReferences"] = json!([]);
    let status = json!({"status": pod["status"].take()});
    create(client, &format!("{path}?fieldManager={CONTROLLERS}"), pod).await?;
    let path = format!("{path}/model");
    patch_status(client, &format!("{path}/status?fieldManager=kubelet"), status).await?;
    let mut model = get(client, &path).await?;
    delete(client, &format!("{path}?gracePeriodSeconds=0")).await?;
    if let Some(metadata) = model["metadata"].as_object_mut() {
        metadata.remove("resourceVersion");
    }
    Ok(model)
}

fn owner(index: usize) -> template::Owner {
    template::Owner { namespace: namespace_name(index % NAMESPACES), name: format!("backend-{index:03}") }
}

/// Creates a Deployment and its `ReplicaSet`; returns the latter's uid.
async fn create_owner(client: &Client, owner: &template::Owner, replicas: usize) -> Result<String> {
    let uid = |object: &Value| object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    let apps = format!("/apis/apps/v1/namespaces/{}", owner.namespace);
    let deployment = create(client, &format!("{apps}/deployments"), owner.deployment(replicas)).await?;
    let set = owner.replica_set(replicas, &uid(&deployment));
    create(client, &format!("{apps}/replicasets"), set).await.map(|set| uid(&set))
}

/// The pods of one owner: equal shares, the first owners taking what is left over.
fn share(count: usize, owner: usize) -> std::ops::Range<usize> {
    let start = |owner: usize| owner * (count / OWNERS) + owner.min(count % OWNERS);
    start(owner)..start(owner + 1)
}

async fn namespace(client: &Client, index: usize, count: usize) -> Result<()> {
    let name = namespace_name(index);
    let made = create(client, "/api/v1/namespaces", template::namespace(&name, count)).await?;
    if made["metadata"]["annotations"]["lab.linkerd-certs/pods"] != count.to_string().as_str() {
        return Err(Error::Refused(
            "another number of simulated pods is there; remove them first: lab scale --clear".into(),
        ));
    }
    Ok(())
}

fn namespace_name(index: usize) -> String {
    format!("simulated-{index:02}")
}

/// The trust bundle that the pods carry: the mesh's, or one of its own where no mesh is installed.
async fn bundle(client: &Client) -> Result<String> {
    let maps = Api::<ConfigMap>::namespaced(client.clone(), "linkerd");
    let map = maps.get_opt("linkerd-identity-trust-roots").await.map_err(Error::kube("reading the trust bundle"))?;
    if let Some(bundle) = map.and_then(|map| map.data?.remove("ca-bundle.crt")) {
        return Ok(bundle);
    }
    tracing::info!("no mesh is installed; the pods carry a trust anchor of their own");
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, "root.linkerd.cluster.local");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    Ok(params.self_signed(&rcgen::KeyPair::generate()?)?.pem())
}

/// The cluster's etcd.
fn socket(cluster: &Cluster) -> PathBuf {
    etcd::socket(&cluster.machine().dir().join("etcd"))
}

async fn all(range: std::ops::Range<usize>, act: impl AsyncFn(usize) -> Result<()>) -> Result<()> {
    stream::iter(range).map(|index| Ok(act(index))).try_buffer_unordered(AT_ONCE).try_collect::<()>().await
}

/// How long a deletion may take to be complete.
const PATIENCE: Duration = Duration::from_mins(3);

#[cfg(test)]
mod tests {
    use super::{OWNERS, share};

    #[test]
    fn every_pod_has_one_owner() {
        for count in [0, 7, 500, 1234, 10_000] {
            let pods: Vec<usize> = (0..OWNERS).flat_map(|owner| share(count, owner)).collect();
            assert_eq!(pods, (0..count).collect::<Vec<_>>());
        }
    }
}

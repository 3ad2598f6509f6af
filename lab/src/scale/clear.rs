//! Removing what `scale` made.

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::ListParams;

use super::{CONTROLLERS, LABEL, PATIENCE, all, kwok, socket};
use crate::cluster::Cluster;
use crate::error::{Error, Result};
use crate::etcd;
use crate::machine::poll;
use crate::requests::delete;

/// Removes every simulated pod, node and namespace; fine when there is none.
pub async fn clear(cluster: &Cluster) -> Result<()> {
    let client = cluster.client().await?;
    let namespaces = Api::<Namespace>::all(client.clone());
    let ours = ListParams::default().labels(&format!("{LABEL}=true"));
    let found = namespaces.list(&ours).await.map_err(Error::kube("listing the simulated namespaces"))?;
    let names: Vec<String> = found.items.into_iter().filter_map(|namespace| namespace.metadata.name).collect();
    // Held, so that nothing is made again while it is taken away.
    cluster.stop_process(CONTROLLERS).await?;
    let emptied = all(0..names.len(), async |index| {
        let name = &names[index];
        for owners in ["deployments", "replicasets"] {
            delete(&client, &format!("/apis/apps/v1/namespaces/{name}/{owners}")).await?;
        }
        // As they came; by way of the API server it takes minutes.
        etcd::delete(&socket(cluster), &format!("/registry/pods/{name}/")).await?;
        delete(&client, &format!("/api/v1/namespaces/{name}")).await
    })
    .await;
    cluster.start().await?;
    emptied?;
    delete(&client, &format!("/api/v1/nodes?labelSelector={LABEL}%3Dtrue")).await?;
    kwok::stop(cluster).await?;
    let gone = poll(PATIENCE, async || {
        let left = namespaces.list_metadata(&ours).await.ok()?;
        left.items.is_empty().then_some(())
    });
    let what = format!("the removal of {} namespaces", names.len());
    gone.await.ok_or(Error::Timeout { what, after: PATIENCE, last: None })
}

//! Taking the mesh away with everything that some state has left.

use std::time::Duration;

use futures::future::try_join_all;
use serde_json::Value;

use super::kubectl::until;
use super::{Mesh, NAMESPACE, crds};
use crate::error::Result;
use crate::requests::{delete, discovery, finalize, get};
use crate::workloads;

/// Every namespace that some state of the lab makes.
const NAMESPACES: [&str; 7] = [
    NAMESPACE,
    workloads::NAMESPACE,
    "cert-manager",
    "linkerd-viz",
    "linkerd-multicluster",
    "linkerd-two",
    "lab-users",
];

/// What is in no namespace. An `APIService` without its pods would keep every namespace from going.
const GLOBAL: [&str; 5] = [
    "/apis/apiregistration.k8s.io/v1/apiservices",
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
];

/// The labels by which it is known.
const LABELS: [&str; 3] = ["linkerd.io/control-plane-ns", "linkerd.io/extension", "linkerd-certs.lab/state"];

impl Mesh {
    /// Removes control plane, workloads and whatever else a state has left. Nothing happens where there is nothing.
    pub async fn uninstall(&self) -> Result<()> {
        let client = self.kube.client().await?;
        let all = async |paths: Vec<String>| try_join_all(paths.iter().map(|path| delete(&client, path))).await;
        // Webhooks before the namespaces: they must not hold up what follows.
        let mut first: Vec<_> = [crds::names(&crds::cert_manager()), crds::names(&crds::multicluster())]
            .concat()
            .iter()
            .map(|name| format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"))
            .collect();
        let labelled = |path: &&str| LABELS.map(|label| format!("{path}?labelSelector={label}"));
        first.extend(GLOBAL.iter().flat_map(labelled));
        all(first).await?;
        let there = in_ours(&get(&client, "/api/v1/namespaces").await?, "name");
        all(there.iter().map(|name| format!("/api/v1/namespaces/{name}")).collect()).await?;
        // The controller that empties a namespace waits for five seconds before it begins, and for half of the longest
        // grace period where it finds pods (kubernetes pkg/controller/namespace), so its work is done here.
        let kinds = [kinds(&client, "/api").await?, kinds(&client, "/apis").await?].concat();
        let content = |name: &String| {
            let options = "gracePeriodSeconds=0&propagationPolicy=Background";
            kinds.iter().map(|(group, kind)| format!("{group}/namespaces/{name}/{kind}?{options}")).collect::<Vec<_>>()
        };
        all(there.iter().flat_map(content).collect()).await?;
        until("the pods to go", Duration::from_mins(1), async || {
            let left = in_ours(&get(&client, "/api/v1/pods").await?, "namespace");
            Ok(if left.is_empty() { Ok(()) } else { Err(left.join(", ")) })
        })
        .await?;
        try_join_all(there.iter().map(|name| finalize(&client, name))).await?;
        until("the namespaces to go", Duration::from_secs(90), async || {
            let left = in_ours(&get(&client, "/api/v1/namespaces").await?, "name");
            Ok(if left.is_empty() { Ok(()) } else { Err(left.join(", ")) })
        })
        .await
    }
}

/// The kinds of objects in namespaces that can be deleted all at once: the path of their group, and their name in it.
async fn kinds(client: &kube::Client, root: &str) -> Result<Vec<(String, String)>> {
    let groups = discovery(client, root).await?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut kinds = Vec::new();
    for group in list(&groups["items"]) {
        // The first version is the preferred one; the others show the same objects.
        let (name, version) = (text(&group["metadata"]["name"]), &group["versions"][0]);
        let path = [root.to_owned(), name, text(&version["version"])].into_iter().filter(|part| !part.is_empty());
        let path = path.collect::<Vec<_>>().join("/");
        let wanted = list(&version["resources"]).into_iter().filter(|kind| {
            kind["scope"] == "Namespaced" && list(&kind["verbs"]).iter().any(|verb| verb == "deletecollection")
        });
        kinds.extend(wanted.map(|kind| (path.clone(), text(&kind["resource"]))));
    }
    Ok(kinds)
}

/// What of a list is ours, by its own name or that of its namespace.
fn in_ours(list: &Value, by: &str) -> Vec<String> {
    let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names = items.iter().filter_map(|item| item["metadata"][by].as_str());
    names.filter(|name| NAMESPACES.contains(name)).map(str::to_owned).collect()
}

//! Every pod of the mesh by name. The fold keeps the first few names of each group; the rest are listed here, as
//! metadata alone and a page at a time.

use std::collections::{BTreeMap, HashMap};

use http::{HeaderValue, header};
use kube::api::ListParams;
use serde::Deserialize;

use super::choose::{self, Target};
use crate::{
    cluster::{api::Page, client::Cluster, objects::PODS},
    snapshot::Mesh,
};

/// A page of some hundred kB.
const PAGE: u32 = 500;

/// Metadata as a list of its own kind: a pod's spec is most of it.
const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// All pods with a proxy of the control plane in `control_plane_ns`; where they can't be listed, those known by name.
pub(super) async fn pod(cluster: &Cluster, mesh: &Mesh, control_plane_ns: &str) -> Vec<Target> {
    if mesh.workloads.iter().flat_map(|workload| &workload.groups).all(|group| group.pods as usize == group.names.len())
    {
        return assign(mesh, &[]);
    }
    // Where not all namespaces could be read, those that could be are asked one by one.
    let everywhere = [None];
    let namespaces: Vec<_> = mesh.only.iter().map(|namespace| Some(namespace.as_str())).collect();
    let namespaces = if namespaces.is_empty() { &everywhere[..] } else { &namespaces };
    let mut listed = Vec::new();
    for namespace in namespaces {
        if let Err(error) = list(cluster, *namespace, control_plane_ns, &mut listed).await {
            tracing::debug!(%error, "the names of all pods cannot be listed");
        }
    }
    assign(mesh, &listed)
}

async fn list(
    cluster: &Cluster,
    namespace: Option<&str>,
    control_plane_ns: &str,
    listed: &mut Vec<Listed>,
) -> kube::Result<()> {
    let labels = format!("linkerd.io/control-plane-ns={control_plane_ns}");
    let mut parameters = ListParams::default().limit(PAGE).labels(&labels);
    loop {
        let request = kube::core::Request::new(PODS.path(namespace)).list(&parameters);
        let mut request = request.map_err(kube::Error::BuildRequest)?;
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static(METADATA));
        let page = cluster.within(cluster.client().request::<Page<Item>>(request)).await?;
        let (items, next) = page.turn();
        listed.extend(items.into_iter().map(|item| Listed::from(item.metadata)));
        if next.is_none() {
            return Ok(());
        }
        parameters.continue_token = next;
    }
}

#[derive(Deserialize)]
struct Item {
    metadata: ItemMeta,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ItemMeta {
    namespace: String,
    name: String,
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    annotations: Annotations,
    #[serde(default)]
    owner_references: Vec<OwnerReference>,
}

#[derive(Default, Deserialize)]
struct Labels {
    #[serde(rename = "pod-template-hash")]
    template: Option<String>,
}

#[derive(Default, Deserialize)]
struct Annotations {
    #[serde(rename = "linkerd.io/trust-root-sha256")]
    bundle: Option<String>,
}

#[derive(Deserialize)]
struct OwnerReference {
    name: String,
    #[serde(default)]
    controller: bool,
}

/// What a pod's metadata say of where it belongs.
struct Listed {
    namespace: String,
    name: String,
    /// Its workload's name: its owner's, without the template's hash, or its own.
    owner: String,
    /// The annotation that tells pods of different bundles apart.
    bundle: Option<String>,
}

impl From<ItemMeta> for Listed {
    fn from(meta: ItemMeta) -> Self {
        let owner = meta.owner_references.into_iter().find(|owner| owner.controller).map(|owner| owner.name);
        let template = meta.labels.template.map(|hash| format!("-{hash}"));
        let owner = match (owner, template) {
            (Some(owner), Some(hash)) => owner.strip_suffix(&hash).unwrap_or(&owner).to_owned(),
            (owner, _) => owner.unwrap_or_else(|| meta.name.clone()),
        };
        Self { namespace: meta.namespace, name: meta.name, owner, bundle: meta.annotations.bundle }
    }
}

/// Puts pods into groups: those that the fold names are where it has them, and the others go to where a pod with the
/// same owner and annotation is. (The annotation's own value says little: the injector and the charts hash different
/// renderings of the same bundle.)
fn assign(mesh: &Mesh, listed: &[Listed]) -> Vec<Target> {
    let mut targets = BTreeMap::new();
    for (w, workload) in mesh.workloads.iter().enumerate() {
        for (g, group) in workload.groups.iter().enumerate() {
            let named = choose::named((w, g), workload, group, group.names.iter().map(String::as_str));
            targets.extend(named.map(|target| ((w, g, target.pod.name.clone()), target)));
        }
    }
    let mut places = HashMap::new();
    for target in targets.values() {
        places.insert((target.pod.namespace.clone(), target.pod.name.clone()), (target.workload, target.group));
    }
    let mut by_mark: HashMap<(usize, Option<&str>), usize> = HashMap::new();
    for pod in listed {
        if let Some(&(w, g)) = places.get(&(pod.namespace.clone(), pod.name.clone())) {
            by_mark.entry((w, pod.bundle.as_deref())).or_insert(g);
        }
    }
    let mut workloads = HashMap::new();
    for (w, workload) in mesh.workloads.iter().enumerate() {
        workloads.entry((workload.namespace.as_str(), workload.name.as_str())).or_insert(w);
    }
    for pod in listed {
        let Some(&w) = workloads.get(&(pod.namespace.as_str(), pod.owner.as_str())) else { continue };
        let g = by_mark.get(&(w, pod.bundle.as_deref())).copied().unwrap_or_default();
        let workload = &mesh.workloads[w];
        let Some(group) = workload.groups.get(g) else { continue };
        if !places.contains_key(&(pod.namespace.clone(), pod.name.clone())) {
            let named = choose::named((w, g), workload, group, [pod.name.as_str()]);
            targets.extend(named.map(|target| ((w, g, target.pod.name.clone()), target)));
        }
    }
    targets.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::{super::choose::tests::*, *};
    use crate::snapshot::BundleRef;

    fn item(name: &str, owner: Option<(&str, &str)>, bundle: &str) -> Listed {
        let mut meta = serde_json::json!({
            "namespace": "ns", "name": name, "annotations": {"linkerd.io/trust-root-sha256": bundle, "other": "x"},
        });
        if let Some((owner, hash)) = owner {
            meta["ownerReferences"] = serde_json::json!([{"name": owner, "controller": true, "kind": "ReplicaSet"}]);
            meta["labels"] = serde_json::json!({"pod-template-hash": hash});
        }
        Listed::from(serde_json::from_value::<ItemMeta>(meta).unwrap())
    }

    #[test]
    fn pods_go_where_their_like_are() {
        let mesh = Mesh {
            workloads: vec![
                workload("alone", None, vec![group(BundleRef::Literal(0), &["alone"], 1)]),
                workload(
                    "web",
                    None,
                    vec![group(BundleRef::Literal(0), &["web-a-1"], 1), group(BundleRef::Literal(1), &["web-b-1"], 1)],
                ),
            ],
            ..Mesh::default()
        };
        let listed = [
            item("web-b-2", Some(("web-b", "b")), "new"),
            item("web-a-2", Some(("web-a", "a")), "old"),
            item("web-a-1", Some(("web-a", "a")), "old"),
            item("web-b-1", Some(("web-b", "b")), "new"),
            item("alone", None, "old"),
            item("stranger", None, "old"),
        ];
        let targets = assign(&mesh, &listed);
        let found: Vec<_> = targets.iter().map(|t| (t.workload, t.group, t.pod.name.as_str())).collect();
        assert_eq!(
            found,
            [(0, 0, "alone"), (1, 0, "web-a-1"), (1, 0, "web-a-2"), (1, 1, "web-b-1"), (1, 1, "web-b-2")]
        );
    }

    #[test]
    fn a_page_is_read_for_its_names_alone() {
        let page: Page<Item> = serde_json::from_str(
            r#"{"kind":"PartialObjectMetadataList","metadata":{"continue":"abc","resourceVersion":"1"},
                "items":[{"metadata":{"name":"p","namespace":"n","uid":"u","managedFields":[{}]}}]}"#,
        )
        .unwrap();
        let (items, next) = page.turn();
        assert_eq!((next.as_deref(), items.len()), (Some("abc"), 1));
    }
}

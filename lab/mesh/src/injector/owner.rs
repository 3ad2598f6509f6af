//! Who made a pod, for its label and for the event (linkerd2 `controller/k8s/metadata_api.go`).

use k8s_openapi::api::core::v1::ObjectReference;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, PartialObjectMeta};
use serde_json::Value;

pub(crate) struct Owner {
    /// Lower case, such as `deployment`.
    pub(crate) kind: String,
    pub(crate) name: String,
    /// For events; None where the owner could not be looked up.
    pub(crate) reference: Option<ObjectReference>,
}

/// The pod's controller; a `ReplicaSet`'s Deployment and a Job's `CronJob` stand for them.
pub(crate) async fn of(client: &kube::Client, namespace: &str, pod: &Value) -> Option<Owner> {
    let first = &pod["metadata"]["ownerReferences"][0];
    let (version, kind, name) = (first["apiVersion"].as_str()?, first["kind"].as_str()?, first["name"].as_str()?);
    let found = metadata(client, namespace, version, kind, name).await;
    if matches!(kind, "ReplicaSet" | "Job")
        && let Some(above) = found.as_ref().and_then(|found| found.metadata.owner_references.as_ref()?.first())
    {
        let (version, kind, name) = (&above.api_version, &above.kind, &above.name);
        let found = metadata(client, namespace, version, kind, name).await;
        return Some(owner(version, kind, name, found));
    }
    Some(owner(version, kind, name, found))
}

fn owner(version: &str, kind: &str, name: &str, found: Option<PartialObjectMeta<DynamicObject>>) -> Owner {
    Owner {
        kind: kind.to_lowercase(),
        name: name.to_owned(),
        reference: found.map(|found| ObjectReference {
            api_version: Some(version.to_owned()),
            kind: Some(kind.to_owned()),
            name: found.metadata.name,
            namespace: found.metadata.namespace,
            resource_version: found.metadata.resource_version,
            uid: found.metadata.uid,
            field_path: None,
        }),
    }
}

async fn metadata(
    client: &kube::Client,
    namespace: &str,
    version: &str,
    kind: &str,
    name: &str,
) -> Option<PartialObjectMeta<DynamicObject>> {
    // Others are not looked up by the original either.
    if !matches!(
        kind,
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job" | "CronJob" | "ReplicationController"
    ) {
        return None;
    }
    let (group, version) = version.rsplit_once('/').unwrap_or(("", version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    match api.get_metadata(name).await {
        Ok(found) => Some(found),
        Err(error) => {
            tracing::warn!("couldn't retrieve parent object {namespace}-{kind}-{name}: {error}");
            None
        }
    }
}

//! Recorded custom resource definitions, made whole: a recording may leave out their schemas, which are megabytes.

use serde_json::{Value, json};

use super::objects::Recorded;
use crate::digest::uid;

const PREFIX: &str = "/registry/apiextensions.k8s.io/customresourcedefinitions/";

/// Gives every recorded definition versions, an open schema and the status of one that is served, and notes the paths
/// at which they will answer.
pub(super) fn complete(recorded: &mut Recorded) {
    let used: Vec<String> = recorded
        .stored
        .iter()
        .filter_map(|(key, item)| Some(format!("{key} {}", item["apiVersion"].as_str()?)))
        .collect();
    for (key, definition) in &mut recorded.stored {
        let Some(name) = key.strip_prefix(PREFIX) else { continue };
        let Some((plural, group)) = name.split_once('.') else { continue };
        if definition["spec"]["versions"].is_null() {
            let folder = format!("/registry/{group}/{plural}/");
            let of_objects =
                used.iter().filter(|line| line.starts_with(&folder)).filter_map(|line| line.rsplit_once('/'));
            let mut versions: Vec<&str> = known_versions(plural, group).to_vec();
            for (_, version) in of_objects {
                if !versions.contains(&version) {
                    versions.push(version);
                }
            }
            definition["spec"]["versions"] = versions
                .iter()
                .enumerate()
                .map(|(index, version)| open_version(version, index + 1 == versions.len()))
                .collect();
        }
        definition["spec"]["conversion"] = json!({"strategy": "None"});
        serve(definition, name);
        let names = definition["spec"]["versions"].as_array().into_iter().flatten();
        let path = |version: &Value| Some(format!("/apis/{group}/{}/{plural}?limit=1", version["name"].as_str()?));
        recorded.custom_apis.extend(names.filter_map(path));
    }
}

/// The versions served, the stored one last, where they are not simply `v1` or told by the recorded objects
/// (linkerd2 charts/linkerd-crds, trust-manager's and Gateway API's definitions).
fn known_versions(plural: &str, group: &str) -> &'static [&'static str] {
    match (plural, group) {
        ("servers" | "httproutes", "policy.linkerd.io") => &["v1alpha1", "v1beta1", "v1beta2", "v1beta3"],
        ("serverauthorizations", "policy.linkerd.io") | ("externalworkloads", _) => &["v1alpha1", "v1beta1"],
        (_, "policy.linkerd.io" | "trust.cert-manager.io") => &["v1alpha1"],
        ("serviceprofiles", "linkerd.io") => &["v1alpha1", "v1alpha2"],
        ("links", "multicluster.linkerd.io") => &["v1alpha1", "v1alpha2", "v1alpha3"],
        ("tcproutes" | "tlsroutes", "gateway.networking.k8s.io") => &["v1alpha2"],
        ("httproutes", "gateway.networking.k8s.io") => &["v1beta1", "v1"],
        ("grpcroutes", "gateway.networking.k8s.io") => &["v1alpha2", "v1"],
        _ => &["v1"],
    }
}

fn open_version(name: &str, storage: bool) -> Value {
    json!({
        "name": name,
        "served": true,
        "storage": storage,
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
        "subresources": {"status": {}},
    })
}

/// What the server's controllers would write when they accept the definition; with it they serve at once.
fn serve(definition: &mut Value, name: &str) {
    const SINCE: &str = "2026-01-01T00:00:00Z";
    let stored: Vec<Value> = definition["spec"]["versions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|version| version["storage"] == true)
        .map(|version| version["name"].clone())
        .collect();
    let condition = |kind: &str, reason: &str| json!({"type": kind, "status": "True", "reason": reason, "lastTransitionTime": SINCE});
    definition["status"] = json!({
        "acceptedNames": definition["spec"]["names"],
        "storedVersions": stored,
        "conditions": [condition("NamesAccepted", "NoConflicts"), condition("Established", "InitialNamesAccepted")],
    });
    // Kubernetes' own groups want a word that their definitions were reviewed.
    let metadata = &mut definition["metadata"];
    if name.ends_with(".k8s.io") && metadata["annotations"]["api-approved.kubernetes.io"].is_null() {
        metadata["annotations"]["api-approved.kubernetes.io"] = "https://github.com/kubernetes-sigs/gateway-api".into();
    }
    if metadata["uid"].is_null() {
        metadata["uid"] = uid(name).into();
    }
    if metadata["creationTimestamp"].is_null() {
        metadata["creationTimestamp"] = SINCE.into();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{PREFIX, Recorded, complete};

    #[test]
    fn a_definition_without_schema_is_served_at_the_versions_of_its_objects() {
        let mut recorded = Recorded {
            stored: vec![
                (format!("{PREFIX}things.example.com"), json!({"metadata": {}, "spec": {"group": "example.com"}})),
                ("/registry/example.com/things/ns/one".into(), json!({"apiVersion": "example.com/v2"})),
            ],
            custom_apis: Vec::new(),
        };
        complete(&mut recorded);
        assert_eq!(
            recorded.custom_apis,
            ["/apis/example.com/v1/things?limit=1", "/apis/example.com/v2/things?limit=1"]
        );
        assert_eq!(recorded.stored[0].1["status"]["storedVersions"], json!(["v2"]));
    }
}

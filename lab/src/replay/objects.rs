//! Recorded objects and the keys under which an API server looks for them.

use std::path::Path;

use serde_json::Value;

use super::crds;
use crate::error::{Error, Result};

/// A recorded state, ready to be stored.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// etcd's keys and values.
    pub(super) stored: Vec<(String, Value)>,
    /// Paths that answer when the custom APIs are served.
    pub(super) custom_apis: Vec<String>,
}

/// Reads every `<resource>[.<group>].json` of a folder that holds a list of objects.
pub(super) fn read(dir: &Path) -> Result<Recorded> {
    let mut recorded = Recorded::default();
    for entry in std::fs::read_dir(dir).map_err(Error::file("reading", dir))? {
        let path = entry.map_err(Error::file("reading", dir))?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(Error::file("reading", &path))?;
        let mut list: Value =
            serde_json::from_str(&text).map_err(|error| Error::malformed(path.display().to_string(), &error))?;
        // Anything else is somebody's note on the state, such as another tool's verdict.
        let Some(Value::Array(items)) = list.get_mut("items").map(Value::take) else { continue };
        let file = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (resource, group) = file.split_once('.').unwrap_or((&file, ""));
        for item in items {
            store(&mut recorded, resource, group, item);
        }
    }
    if recorded.stored.is_empty() {
        return Err(Error::Refused(format!("{} holds no recorded objects (files such as pods.json)", dir.display())));
    }
    crds::complete(&mut recorded);
    Ok(recorded)
}

fn store(recorded: &mut Recorded, resource: &str, group: &str, mut item: Value) {
    // Those without a Service are the API server's own, made anew at its start.
    if resource == "apiservices" && item["spec"]["service"].is_null() {
        return;
    }
    if let Some(metadata) = item["metadata"].as_object_mut() {
        // The one is etcd's to give, the other would not match it.
        metadata.remove("resourceVersion");
        metadata.remove("managedFields");
    }
    let (name, namespace) = (item["metadata"]["name"].as_str(), item["metadata"]["namespace"].as_str());
    let Some(name) = name else { return };
    let place = [namespace.unwrap_or_default(), name].into_iter().filter(|part| !part.is_empty());
    let key = place.fold(format!("/registry/{}", prefix(resource, group)), |key, part| format!("{key}/{part}"));
    recorded.stored.push((key, item));
}

/// The folder of a resource. Custom ones are kept by group, the built-in ones mostly not (kubernetes
/// pkg/registry/*/*/storage).
fn prefix(resource: &str, group: &str) -> String {
    match resource {
        "services" => "services/specs".into(),
        "endpoints" => "services/endpoints".into(),
        "nodes" => "minions".into(),
        "ingresses" => "ingress".into(),
        "apiservices" => "apiregistration.k8s.io/apiservices".into(),
        "customresourcedefinitions" => "apiextensions.k8s.io/customresourcedefinitions".into(),
        // Groups with a dot, except those that Kubernetes itself serves.
        _ if group.contains('.') && !built_in(group) => format!("{group}/{resource}"),
        _ => resource.into(),
    }
}

fn built_in(group: &str) -> bool {
    group.ends_with(".k8s.io") && !["gateway.networking.k8s.io", "metrics.k8s.io"].contains(&group)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Recorded, store};

    fn key(resource: &str, group: &str) -> String {
        let mut recorded = Recorded::default();
        let item = json!({"metadata": {"name": "n", "namespace": "s", "resourceVersion": "7"}});
        store(&mut recorded, resource, group, item);
        assert!(recorded.stored[0].1["metadata"].get("resourceVersion").is_none());
        recorded.stored.remove(0).0
    }

    #[test]
    fn each_kind_goes_where_an_api_server_looks() {
        assert_eq!(key("pods", ""), "/registry/pods/s/n");
        assert_eq!(key("services", ""), "/registry/services/specs/s/n");
        assert_eq!(key("deployments", "apps"), "/registry/deployments/s/n");
        assert_eq!(key("roles", "rbac.authorization.k8s.io"), "/registry/roles/s/n");
        assert_eq!(key("certificates", "cert-manager.io"), "/registry/cert-manager.io/certificates/s/n");
        assert_eq!(
            key("httproutes", "gateway.networking.k8s.io"),
            "/registry/gateway.networking.k8s.io/httproutes/s/n"
        );
    }

    #[test]
    fn the_servers_own_apiservices_are_left_to_it() {
        let mut recorded = Recorded::default();
        store(&mut recorded, "apiservices", "", json!({"metadata": {"name": "v1."}, "spec": {}}));
        assert!(recorded.stored.is_empty());
    }
}

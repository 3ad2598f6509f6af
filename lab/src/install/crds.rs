//! The custom resource definitions a Linkerd cluster has, without their schemas: anything is accepted and kept.

use serde_json::{Value, json};

/// Group, kind, scope and versions, the stored one last.
type Row = (&'static str, &'static str, &'static str, &'static [&'static str]);

const LINKERD: &[Row] = &[
    ("linkerd.io", "ServiceProfile", "Namespaced", &["v1alpha1", "v1alpha2"]),
    ("policy.linkerd.io", "AuthorizationPolicy", "Namespaced", &["v1alpha1"]),
    ("policy.linkerd.io", "EgressNetwork", "Namespaced", &["v1alpha1"]),
    ("policy.linkerd.io", "HTTPLocalRateLimitPolicy", "Namespaced", &["v1alpha1"]),
    ("policy.linkerd.io", "HTTPRoute", "Namespaced", &["v1alpha1", "v1beta1", "v1beta2", "v1beta3"]),
    ("policy.linkerd.io", "MeshTLSAuthentication", "Namespaced", &["v1alpha1"]),
    ("policy.linkerd.io", "NetworkAuthentication", "Namespaced", &["v1alpha1"]),
    ("policy.linkerd.io", "Server", "Namespaced", &["v1alpha1", "v1beta1", "v1beta2", "v1beta3"]),
    ("policy.linkerd.io", "ServerAuthorization", "Namespaced", &["v1alpha1", "v1beta1"]),
    ("workload.linkerd.io", "ExternalWorkload", "Namespaced", &["v1alpha1", "v1beta1"]),
];

const MULTICLUSTER: &[Row] = &[("multicluster.linkerd.io", "Link", "Namespaced", &["v1alpha1", "v1alpha2"])];

const CERT_MANAGER: &[Row] = &[
    ("cert-manager.io", "Certificate", "Namespaced", &["v1"]),
    ("cert-manager.io", "CertificateRequest", "Namespaced", &["v1"]),
    ("cert-manager.io", "Issuer", "Namespaced", &["v1"]),
    ("cert-manager.io", "ClusterIssuer", "Cluster", &["v1"]),
    ("trust.cert-manager.io", "Bundle", "Cluster", &["v1alpha1"]),
];

/// Those of the control plane.
pub fn linkerd() -> String {
    list(LINKERD)
}

/// Those of the multicluster extension.
pub fn multicluster() -> String {
    list(MULTICLUSTER)
}

/// Those of cert-manager and trust-manager.
pub fn cert_manager() -> String {
    list(CERT_MANAGER)
}

/// The names of the definitions in such a list.
pub fn names(list: &str) -> Vec<String> {
    let list: Value = serde_json::from_str(list).unwrap_or_default();
    let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| item["metadata"]["name"].as_str().map(str::to_owned)).collect()
}

fn list(rows: &[Row]) -> String {
    let items: Vec<_> = rows.iter().map(definition).collect();
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

fn definition(&(group, kind, scope, versions): &Row) -> Value {
    let singular = kind.to_lowercase();
    let plural = singular.strip_suffix('y').map_or_else(|| format!("{singular}s"), |stem| format!("{stem}ies"));
    let versions: Vec<_> = versions
        .iter()
        .enumerate()
        .map(|(index, name)| {
            // No status subresource, so that the lab may write a status in place of the controllers it leaves out.
            json!({
                "name": name, "served": true, "storage": index + 1 == versions.len(),
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
            })
        })
        .collect();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group,
            "names": {"kind": kind, "listKind": format!("{kind}List"), "plural": plural, "singular": singular},
            "scope": scope,
            "versions": versions,
        },
    })
}

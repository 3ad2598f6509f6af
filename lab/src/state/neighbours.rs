//! States of what stands around a mesh: other control planes, workloads and clusters outside, users with few rights.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::Stage;
use crate::error::{Error, Result};
use crate::install::{Pki, crds};

/// Enough of a second control plane to be found by its label and by its `ConfigMap`s.
pub(super) async fn second(stage: &Stage) -> Result<()> {
    let namespace = "linkerd-two";
    let labels = json!({"linkerd.io/control-plane-ns": namespace});
    let meta = |name: &str| json!({"name": name, "namespace": namespace, "labels": labels});
    let Pki { anchor, issuer } = Pki::usual()?;
    let values = json!({
        "cliVersion": "linkerd/cli stable-2.20.0",
        "clusterDomain": "cluster.local",
        "identity": {"externalCA": false, "issuer": {"scheme": "linkerd.io/tls", "tls": {"crtPEM": issuer.crt()}}},
        "identityTrustAnchorsPEM": anchor.crt(),
        "linkerdVersion": "stable-2.20.0",
    });
    let items = json!([
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": {
            "linkerd.io/is-control-plane": "true", "linkerd.io/control-plane-ns": namespace,
            "config.linkerd.io/admission-webhooks": "disabled",
        }}},
        // JSON is YAML, too.
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("linkerd-config"),
            "data": {"values": values.to_string()}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("linkerd-identity-trust-roots"),
            "data": {"ca-bundle.crt": anchor.crt().trim()}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": meta("linkerd-identity-issuer"), "data": {
            "crt.pem": BASE64_STANDARD.encode(issuer.crt().trim()),
            "key.pem": BASE64_STANDARD.encode(issuer.key()?.trim()),
        }},
    ]);
    stage.mesh.kube.apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()).await
}

/// A virtual machine of mesh expansion and a linked cluster: both hold the anchor, and no Secret or pod here shows it.
pub(super) async fn outside(stage: &Stage) -> Result<()> {
    let kube = &stage.mesh.kube;
    kube.apply(&crds::multicluster()).await?;
    kube.run(&["wait", "--for=condition=Established", "--timeout=30s", "crd/links.multicluster.linkerd.io"]).await?;
    kube.apply(include_str!("../../manifests/outside.yaml")).await
}

/// Leaves `some.kubeconfig` and `none.kubeconfig` beside the mesh's keys.
pub(super) async fn poor_users(stage: &Stage) -> Result<()> {
    let kube = &stage.mesh.kube;
    kube.apply(include_str!("../../manifests/users.yaml")).await?;
    let text = kube.run(&["config", "view", "--raw", "--minify", "-o", "json"]).await?;
    let mut config: Value = serde_json::from_str(&text).map_err(|why| Error::malformed("the kubeconfig", &why))?;
    for user in ["some", "none"] {
        let token = kube.run(&["create", "token", user, "-n", "lab-users", "--duration=24h"]).await?;
        config["users"][0]["user"] = json!({"token": token.trim()});
        let path = stage.mesh.files.join(format!("{user}.kubeconfig"));
        std::fs::write(&path, config.to_string()).map_err(Error::file("writing", &path))?;
    }
    Ok(())
}

//! States of the webhook certificates.

use base64::{Engine, prelude::BASE64_STANDARD};

use super::Stage;
use crate::error::Result;
use crate::install::NAMESPACE;
use crate::trust::{self, DAY, HOUR, Life, Pair};
use crate::workloads;

const INJECTOR: &str = "mutatingwebhookconfiguration/linkerd-proxy-injector-webhook-config";
/// Service, which also names the Secret, and webhook configuration.
const ALL: [(&str, &str); 3] = [
    ("linkerd-proxy-injector", INJECTOR),
    ("linkerd-sp-validator", "validatingwebhookconfiguration/linkerd-sp-validator-webhook-config"),
    ("linkerd-policy-validator", "validatingwebhookconfiguration/linkerd-policy-validator-webhook-config"),
];

pub(super) async fn expired(stage: &Stage) -> Result<()> {
    for (name, configuration) in ALL {
        let pair = certificate(name, NAMESPACE, Life::aged(2 * DAY, -HOUR))?;
        stage.set_webhook_secret(NAMESPACE, name, &pair).await?;
        stage.set_ca_bundle(configuration, &BASE64_STANDARD.encode(pair.crt().trim())).await?;
    }
    workloads::injection(&stage.mesh.kube, false).await
}

/// The Secret was renewed, the injector restarted, and the caBundle forgotten. Without the restart the API server would
/// go on over the connection it has.
pub(super) async fn mismatch(stage: &Stage) -> Result<()> {
    let pair = certificate("linkerd-proxy-injector", NAMESPACE, Life::of(365 * DAY))?;
    stage.set_webhook_secret(NAMESPACE, "linkerd-proxy-injector", &pair).await?;
    stage.mesh.restart(&["proxy-injector"]).await?;
    stage.mesh.rolled_out("proxy-injector").await?;
    workloads::injection(&stage.mesh.kube, false).await
}

/// With failurePolicy Ignore, pods made while the caBundle is wrong come up without a proxy, and nothing says so.
pub(super) async fn unmeshed(stage: &Stage) -> Result<()> {
    let right = stage.ca_bundle(INJECTOR).await?;
    let wrong = certificate("linkerd-proxy-injector", NAMESPACE, Life::of(365 * DAY))?;
    stage.set_ca_bundle(INJECTOR, &BASE64_STANDARD.encode(wrong.crt().trim())).await?;
    workloads::injection(&stage.mesh.kube, false).await?;
    stage.roll("deployment/web").await?;
    stage.set_ca_bundle(INJECTOR, &right).await
}

/// The webhook of an extension, found by its namespace's label only: 365 d, ten of them left.
pub(super) async fn viz(stage: &Stage) -> Result<()> {
    let pair = certificate("tap-injector", "linkerd-viz", Life::aged(355 * DAY, 10 * DAY))?;
    let manifest = include_str!("../../manifests/viz.yaml")
        .replace("TLS_CRT", &BASE64_STANDARD.encode(pair.crt().trim()))
        .replace("TLS_KEY", &BASE64_STANDARD.encode(pair.key()?.trim()));
    let kube = &stage.mesh.kube;
    kube.apply(&manifest).await?;
    kube.run(&["rollout", "status", "deployment/tap-injector", "-n", "linkerd-viz", "--timeout=60s"]).await.map(drop)
}

fn certificate(service: &str, namespace: &str, life: Life) -> Result<Pair> {
    trust::webhook(&format!("{service}.{namespace}.svc"), life)
}

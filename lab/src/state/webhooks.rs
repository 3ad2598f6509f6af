//! States of the webhook certificates.

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{Stage, issuer};
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
        replace(stage, name, configuration).await?;
    }
    workloads::injection(&stage.mesh.kube, false).await
}

/// Puts an expired certificate in a webhook's Secret and caBundle.
async fn replace(stage: &Stage, name: &str, configuration: &str) -> Result<()> {
    let pair = certificate(name, NAMESPACE, Life::aged(2 * DAY, -HOUR))?;
    stage.set_webhook_secret(NAMESPACE, name, &pair).await?;
    stage.set_ca_bundle(configuration, &BASE64_STANDARD.encode(pair.crt().trim())).await
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

/// Webhook and API service of an extension, found by their labels only: 365 d, ten of them left.
pub(super) async fn viz(stage: &Stage) -> Result<()> {
    let mut manifest = include_str!("../../manifests/viz.yaml").to_owned();
    for (service, name) in [("tap-injector", "INJECTOR"), ("tap", "TAP")] {
        let pair = certificate(service, "linkerd-viz", Life::aged(355 * DAY, 10 * DAY))?;
        manifest = manifest
            .replace(&format!("{name}_CRT"), &BASE64_STANDARD.encode(pair.crt().trim()))
            .replace(&format!("{name}_KEY"), &BASE64_STANDARD.encode(pair.pkcs8().trim()));
    }
    let kube = &stage.mesh.kube;
    kube.apply(&manifest).await?;
    kube.run(&["rollout", "status", "deployment", "-n", "linkerd-viz", "--timeout=60s"]).await?;
    let tap = ["wait", "--for=condition=Available", "apiservice/v1alpha1.tap.linkerd.io", "--timeout=60s"];
    kube.run(&tap).await.map(drop)
}

/// Issuer and anchor run out, and all webhook certificates have: new pods come up without a proxy.
pub(super) async fn dead(stage: &Stage) -> Result<()> {
    expired(stage).await?;
    issuer::wait_for_both(stage).await
}

/// The same where the webhooks have to answer: no pod comes up at all.
pub(super) async fn dead_and_fail(stage: &Stage) -> Result<()> {
    for (name, configuration) in ALL {
        let patch = r#"[{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Fail"}]"#;
        stage.mesh.kube.run(&["patch", configuration, "--type=json", "-p", patch]).await?;
        replace(stage, name, configuration).await?;
    }
    workloads::refusal(&stage.mesh.kube).await?;
    issuer::wait_for_both(stage).await
}

fn certificate(service: &str, namespace: &str, life: Life) -> Result<Pair> {
    trust::webhook(&format!("{service}.{namespace}.svc"), life)
}

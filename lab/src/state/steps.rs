//! What the states have in common.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Stage;
use crate::error::Result;
use crate::install::NAMESPACE;
use crate::install::kubectl::until;
use crate::trust::Pair;
use crate::workloads;

impl Stage {
    /// Replaces certificate and key in the issuer Secret, in its own scheme, by a direct edit.
    pub(crate) async fn set_issuer(&self, crt: &str, key: &str) -> Result<()> {
        let (crt, key) = (BASE64_STANDARD.encode(crt), BASE64_STANDARD.encode(key));
        let kube = &self.mesh.kube;
        let scheme = kube.get(&["secret", "-n", NAMESPACE, "linkerd-identity-issuer"]).await?["type"].clone();
        let data = if scheme == "kubernetes.io/tls" {
            json!({"tls.crt": crt, "tls.key": key})
        } else {
            json!({"crt.pem": crt, "key.pem": key})
        };
        kube.patch(NAMESPACE, "secret/linkerd-identity-issuer", &json!({"data": data})).await
    }

    /// Replaces the certificate in a webhook's Secret.
    pub(crate) async fn set_webhook_secret(&self, namespace: &str, name: &str, pair: &Pair) -> Result<()> {
        let data =
            json!({"tls.crt": BASE64_STANDARD.encode(pair.crt()), "tls.key": BASE64_STANDARD.encode(pair.pkcs8())});
        self.mesh.kube.patch(namespace, &format!("secret/{name}-k8s-tls"), &json!({"data": data})).await
    }

    /// Replaces the caBundle in a webhook configuration, named `kind/name`.
    pub(crate) async fn set_ca_bundle(&self, configuration: &str, base64: &str) -> Result<()> {
        let patch = json!([{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": base64}]);
        self.mesh.kube.run(&["patch", configuration, "--type=json", "-p", &patch.to_string()]).await.map(drop)
    }

    /// The present caBundle of a webhook configuration, as it stands in the object.
    pub(crate) async fn ca_bundle(&self, configuration: &str) -> Result<String> {
        let object = self.mesh.kube.get(&[configuration]).await?;
        Ok(object["webhooks"][0]["clientConfig"]["caBundle"].as_str().unwrap_or_default().to_owned())
    }

    /// Restarts a workload and waits for the rollout.
    pub(crate) async fn roll(&self, workload: &str) -> Result<()> {
        let (kube, ns) = (&self.mesh.kube, workloads::NAMESPACE);
        kube.run(&["rollout", "restart", workload, "-n", ns]).await?;
        kube.run(&["rollout", "status", workload, "-n", ns, "--timeout=120s"]).await.map(drop)
    }

    /// Restarts the control plane, then every workload that can be restarted.
    pub(crate) async fn restart_all(&self) -> Result<()> {
        self.mesh.restart(&["identity", "destination", "proxy-injector"]).await?;
        self.mesh.ready().await?;
        let (kube, ns) = (&self.mesh.kube, workloads::NAMESPACE);
        let all = ["deployment/web", "deployment/vote", "deployment/legacy", "statefulset/db", "daemonset/agent"];
        kube.run(&[&["rollout", "restart", "-n", ns], &all[..]].concat()).await?;
        for workload in all {
            kube.run(&["rollout", "status", workload, "-n", ns, "--timeout=120s"]).await?;
        }
        Ok(())
    }

    /// Deletes the pods of a workload, as a node drain or a scale-down would.
    pub(crate) async fn delete_pods(&self, app: &str) -> Result<()> {
        let selector = format!("app={app}");
        let args = ["delete", "pod", "-n", workloads::NAMESPACE, "-l", &selector, "--wait=false"];
        self.mesh.kube.run(&args).await.map(drop)
    }

    /// Lets time pass until a moment is over.
    pub(crate) async fn pass(&self, moment: Timestamp) {
        let left = moment.duration_since(Timestamp::now()).try_into().unwrap_or(Duration::ZERO);
        tokio::time::sleep(left + Duration::from_secs(1)).await;
    }

    /// Waits until identity has written an event.
    pub(crate) async fn event(&self, reason: &str) -> Result<()> {
        until(&format!("event {reason}"), Duration::from_mins(1), async || {
            let events = self.mesh.kube.get(&["events", "-n", NAMESPACE]).await?;
            let items = events["items"].as_array().map(Vec::as_slice).unwrap_or_default();
            let seen: Vec<_> = items.iter().filter_map(|event| event["reason"].as_str()).collect();
            Ok(if seen.contains(&reason) { Ok(()) } else { Err(seen.join(", ")) })
        })
        .await
    }

    /// Waits until some pod in the control plane's namespace matches.
    pub(crate) async fn pod(&self, namespace: &str, what: &str, matches: impl Fn(&Value) -> bool) -> Result<()> {
        until(what, Duration::from_secs(90), async || {
            let pods = self.mesh.kube.get(&["pods", "-n", namespace]).await?;
            let items = pods["items"].as_array().map(Vec::as_slice).unwrap_or_default();
            let states = items.iter().map(|pod| format!("{} {}", pod["metadata"]["name"], pod["status"]["phase"]));
            Ok(if items.iter().any(&matches) { Ok(()) } else { Err(states.collect::<Vec<_>>().join(", ")) })
        })
        .await
    }
}

/// Two PEM texts as one bundle, a newline between them and at the end, as `step certificate bundle` writes it.
pub(crate) fn bundle(anchors: &[&Pair]) -> String {
    anchors.iter().map(|anchor| anchor.crt()).collect()
}

use std::collections::BTreeSet;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;

use crate::{
    cluster::{
        decode::Object,
        objects::{CONFIG_MAPS, Kind, SECRETS},
    },
    mesh::Fault,
    snapshot::{Webhook, WebhookKind},
};

use super::{LiveMesh, Place};

/// How many are read at once.
const AT_ONCE: usize = 8;

impl LiveMesh {
    /// Reads everything that a plan may touch; what is not there is left out.
    pub(super) async fn export_all(&self) -> Result<Vec<Value>, Fault> {
        let webhooks = Box::pin(self.cluster.webhooks(&self.namespace)).await?;
        let reads: Vec<_> =
            places(&self.namespace, webhooks.items()).into_iter().map(|place| self.export_one(place)).collect();
        let read = stream::iter(reads);
        let found: Vec<Option<Value>> = read.buffered(AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().map(without_managers).collect())
    }

    /// `metadata.uid` of the ConfigMaps among them: what tells this control plane from one in another cluster.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn uids(&self) -> Result<BTreeSet<String>, Fault> {
        let mut uids = BTreeSet::new();
        for name in ["linkerd-identity-trust-roots", "linkerd-config"] {
            let place = Place { kind: CONFIG_MAPS, word: "ConfigMap", namespace: self.namespace(), name };
            let found: Option<Value> = self.find(place).await?;
            uids.extend(found.map(|object| Object::new(&object).string("/metadata/uid")).filter(|uid| !uid.is_empty()));
        }
        Ok(uids)
    }

    async fn export_one(&self, (kind, word, namespace, name): Owned) -> Result<Option<Value>, Fault> {
        self.find(Place { kind, word, namespace: &namespace, name: &name }).await
    }
}

/// A [`Place`]: kind, its word, namespace and name.
type Owned = (Kind, &'static str, String, String);

/// Kind and name of each, in the order of a backup: the control plane's own first.
fn places(namespace: &str, webhooks: &[Webhook]) -> Vec<Owned> {
    let own = [
        (CONFIG_MAPS, "ConfigMap", "linkerd-identity-trust-roots"),
        (CONFIG_MAPS, "ConfigMap", "linkerd-config"),
        (SECRETS, "Secret", "linkerd-config-overrides"),
        (SECRETS, "Secret", "linkerd-identity-issuer"),
    ];
    let mut places: Vec<_> =
        own.into_iter().map(|(kind, word, name)| (kind, word, namespace.to_owned(), name.to_owned())).collect();
    let mut named = BTreeSet::new();
    for webhook in webhooks {
        let (kind, word) = match webhook.kind {
            WebhookKind::Mutating => (admission("mutatingwebhookconfigurations"), "MutatingWebhookConfiguration"),
            WebhookKind::Validating => (admission("validatingwebhookconfigurations"), "ValidatingWebhookConfiguration"),
            WebhookKind::ApiService => {
                (Kind { group: "apiregistration.k8s.io", version: "v1", plural: "apiservices" }, "APIService")
            }
        };
        let configuration = (kind, word, String::new(), webhook.meta.name.clone());
        let secret = webhook
            .secret
            .found()
            .map(|secret| (SECRETS, "Secret", secret.meta.namespace.clone(), secret.meta.name.clone()));
        for place in secret.into_iter().chain([configuration]) {
            if named.insert((place.1, place.2.clone(), place.3.clone())) {
                places.push(place);
            }
        }
    }
    places
}

const fn admission(plural: &'static str) -> Kind {
    Kind { group: "admissionregistration.k8s.io", version: "v1", plural }
}

/// Who wrote which field is of no use in a backup, and most of its length.
fn without_managers(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestMesh;

    #[test]
    fn all_that_may_be_touched_and_each_once() {
        let snapshot = TestMesh::healthy().snapshot;
        let places = places(&snapshot.namespace, snapshot.webhooks.items());
        let names: Vec<_> =
            places.iter().map(|(_, word, namespace, name)| format!("{word} {namespace}/{name}")).collect();
        assert_eq!(
            names,
            [
                "ConfigMap linkerd/linkerd-identity-trust-roots",
                "ConfigMap linkerd/linkerd-config",
                "Secret linkerd/linkerd-config-overrides",
                "Secret linkerd/linkerd-identity-issuer",
                "Secret linkerd/linkerd-proxy-injector-k8s-tls",
                "MutatingWebhookConfiguration /linkerd-proxy-injector-webhook-config",
                "Secret linkerd/linkerd-sp-validator-k8s-tls",
                "ValidatingWebhookConfiguration /linkerd-sp-validator-webhook-config",
            ]
        );
    }
}

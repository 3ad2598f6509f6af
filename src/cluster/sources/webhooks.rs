use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;

use crate::{
    cluster::{
        decode::{Object, secret, webhook},
        objects::{Kind, Listing, Objects, PODS, SECRETS, SERVICES, selector},
    },
    snapshot::{Source, TlsSecret, Webhook, WebhookKind},
};

use super::Reader;

pub(super) const MUTATING: Kind =
    Kind { group: "admissionregistration.k8s.io", version: "v1", plural: "mutatingwebhookconfigurations" };
const VALIDATING: Kind =
    Kind { group: "admissionregistration.k8s.io", version: "v1", plural: "validatingwebhookconfigurations" };
const API_SERVICES: Kind = Kind { group: "apiregistration.k8s.io", version: "v1", plural: "apiservices" };

impl<O: Objects> Reader<'_, O> {
    /// Webhooks and APIServices that a Service of the control plane or of an extension answers, with their Secrets.
    pub(in crate::cluster) async fn webhooks(&self) -> Source<Vec<Webhook>> {
        let ours = |namespace: &str| namespace == self.namespace || self.extensions.contains(&namespace);
        let (mutating, validating, api_services) = futures::join!(
            self.list(Listing::all(MUTATING), |value| webhook::webhooks(value, WebhookKind::Mutating, &ours)),
            self.list(Listing::all(VALIDATING), |value| webhook::webhooks(value, WebhookKind::Validating, &ours)),
            self.list(Listing::all(API_SERVICES), |value| {
                webhook::api_service(value, &ours).into_iter().collect::<Vec<_>>()
            }),
        );
        let mut webhooks =
            match self.together([(MUTATING, mutating), (VALIDATING, validating), (API_SERVICES, api_services)]) {
                Source::Found(webhooks) => webhooks.concat(),
                hidden => return hidden.map(|webhooks| webhooks.concat()),
            };
        webhooks.sort_by(|one, other| (&one.meta.name, &one.name).cmp(&(&other.meta.name, &other.name)));
        let services = webhooks.iter().map(|webhook| (webhook.service_namespace.clone(), webhook.service.clone()));
        let services: BTreeSet<_> = services.collect();
        let secrets = join_all(services.into_iter().map(async |(namespace, service)| {
            let secret = self.secret_behind(&namespace, &service).await;
            ((namespace, service), secret)
        }));
        let secrets: BTreeMap<_, _> = secrets.await.into_iter().collect();
        for webhook in &mut webhooks {
            let service = (webhook.service_namespace.clone(), webhook.service.clone());
            webhook.secret = secrets.get(&service).cloned().unwrap_or(Source::Missing);
        }
        Source::Found(webhooks)
    }

    /// The Secret that the server behind a Service mounts: by Linkerd's own rule for its name, which every extension of
    /// Linkerd keeps, else the one with a certificate among the volumes of a pod that the Service selects.
    async fn secret_behind(&self, namespace: &str, service: &str) -> Source<TlsSecret> {
        let usual = self.get(SECRETS, namespace, &format!("{service}-k8s-tls")).await;
        if !usual.is_missing() {
            return usual.map(|value| secret::tls(&value));
        }
        for name in self.mounted_by(namespace, service).await {
            match self.get(SECRETS, namespace, &name).await.map(|value| secret::tls(&value)) {
                Source::Found(secret) if secret.chain.is_some() => return Source::Found(secret),
                Source::Forbidden(right) => return Source::Forbidden(right),
                _ => {}
            }
        }
        Source::Missing
    }

    /// The names of the Secrets that a pod behind the Service mounts.
    async fn mounted_by(&self, namespace: &str, service: &str) -> Vec<String> {
        let Source::Found(service) = self.get(SERVICES, namespace, service).await else { return Vec::new() };
        let Some(selector) = selector(Object::new(&service).map("/spec/selector")) else { return Vec::new() };
        let mounted = self.list(Listing::within(PODS, namespace).labelled(&selector), |pod| {
            let volumes = Object::new(pod).items("/spec/volumes");
            volumes.filter_map(|volume| volume.text("/secret/secretName").map(str::to_owned)).collect::<Vec<_>>()
        });
        let mut names = mounted.await.items().concat();
        names.sort();
        names.dedup();
        names
    }
}

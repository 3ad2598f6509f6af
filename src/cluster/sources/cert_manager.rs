mod relevant;

use std::collections::BTreeSet;

use futures::future::join_all;

use crate::{
    cluster::{
        decode::{cert_manager as decode, secret},
        objects::{Kind, Listing, Objects, SECRETS},
    },
    snapshot::{CaSecret, CertManager, Source, Webhook},
};

use super::Reader;

use self::relevant::{Listed, SecretName};

const CERTIFICATES: Kind = Kind { group: "cert-manager.io", version: "v1", plural: "certificates" };
const REQUESTS: Kind = Kind { group: "cert-manager.io", version: "v1", plural: "certificaterequests" };
const ISSUERS: Kind = Kind { group: "cert-manager.io", version: "v1", plural: "issuers" };
const CLUSTER_ISSUERS: Kind = Kind { group: "cert-manager.io", version: "v1", plural: "clusterissuers" };
const BUNDLES: Kind = Kind { group: "trust.cert-manager.io", version: "v1alpha1", plural: "bundles" };

impl<O: Objects> Reader<'_, O> {
    /// Webhooks with their Secrets, and what cert-manager and trust-manager hold that bears on Linkerd: which that is
    /// depends on the webhooks' Secrets.
    pub(in crate::cluster) async fn webhooks_and_cert_manager(&self) -> (Source<Vec<Webhook>>, CertManager) {
        let (webhooks, listed) = futures::join!(self.webhooks(), self.listed());
        let issuer = (self.namespace.to_owned(), "linkerd-identity-issuer".to_owned());
        let read_elsewhere = webhooks.items().iter().map(secret_of).chain([issuer]).collect();
        let (Listed { certificates, issuers, requests, bundles }, mut names) =
            relevant::to_linkerd(listed, &read_elsewhere);
        names.retain(|name| !read_elsewhere.contains(name));
        let secrets = self.secrets(names).await;
        (webhooks, CertManager { certificates, issuers, requests, bundles, secrets })
    }

    /// Everything of cert-manager's and trust-manager's, whoever it is for.
    async fn listed(&self) -> Listed {
        let (certificates, issuers, cluster_issuers, requests, bundles) = futures::join!(
            self.list(Listing::all(CERTIFICATES), decode::certificate),
            self.list(Listing::all(ISSUERS), |value| decode::issuer(value, "Issuer")),
            self.list(Listing::all(CLUSTER_ISSUERS), |value| decode::issuer(value, "ClusterIssuer")),
            self.list(Listing::all(REQUESTS), decode::request),
            self.list(Listing::all(BUNDLES), decode::trust_bundle),
        );
        let issuers = self.together([(ISSUERS, issuers), (CLUSTER_ISSUERS, cluster_issuers)]);
        Listed { certificates, issuers, requests, bundles }
    }

    async fn secrets(&self, names: BTreeSet<SecretName>) -> Vec<CaSecret> {
        let read = names.into_iter().map(async |(namespace, name)| {
            let unread = |chain| CaSecret { namespace: namespace.clone(), name: name.clone(), chain, ca: None };
            match self.get(SECRETS, &namespace, &name).await {
                Source::Found(value) => secret::ca(&value),
                Source::Missing => unread(Source::Missing),
                Source::Forbidden(right) => unread(Source::Forbidden(right)),
                Source::Failed(reason) => unread(Source::Failed(reason)),
            }
        });
        join_all(read).await
    }
}

/// The Secret behind a webhook; where it was not found, the one that Linkerd's charts would make.
fn secret_of(webhook: &Webhook) -> SecretName {
    match webhook.secret.found() {
        Some(secret) => (secret.meta.namespace.clone(), secret.meta.name.clone()),
        None => (webhook.service_namespace.clone(), format!("{}-k8s-tls", webhook.service)),
    }
}

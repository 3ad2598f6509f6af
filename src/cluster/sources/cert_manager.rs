use std::collections::BTreeSet;

use futures::future::join_all;

use crate::{
    cluster::{
        decode::{cert_manager as decode, secret},
        objects::{Kind, Listing, Objects, SECRETS},
    },
    snapshot::{CaSecret, CertManager, CertManagerCertificate, CertManagerIssuer, Source, TrustBundle},
};

use super::{Reader, both};

const CERTIFICATES: Kind = Kind { group: "cert-manager.io", version: "v1", plural: "certificates" };
const REQUESTS: Kind = Kind { group: "cert-manager.io", version: "v1", plural: "certificaterequests" };
const ISSUERS: Kind = Kind { group: "cert-manager.io", version: "v1", plural: "issuers" };
const CLUSTER_ISSUERS: Kind = Kind { group: "cert-manager.io", version: "v1", plural: "clusterissuers" };
const BUNDLES: Kind = Kind { group: "trust.cert-manager.io", version: "v1alpha1", plural: "bundles" };

/// Where cert-manager and trust-manager live unless they were told otherwise, and with them the Secrets that cluster
/// scoped objects refer to.
const USUAL_HOME: &str = "cert-manager";

/// More Secrets than any set-up of Linkerd's certificates has.
const MOST_SECRETS: usize = 64;

impl<O: Objects> Reader<'_, O> {
    /// What cert-manager and trust-manager hold that bears on Linkerd.
    pub(in crate::cluster) async fn cert_manager(&self) -> CertManager {
        let (certificates, issuers, cluster_issuers, requests, bundles) = futures::join!(
            self.list(Listing::all(CERTIFICATES), decode::certificate),
            self.list(Listing::all(ISSUERS), |value| decode::issuer(value, "Issuer")),
            self.list(Listing::all(CLUSTER_ISSUERS), |value| decode::issuer(value, "ClusterIssuer")),
            self.list(Listing::all(REQUESTS), decode::request),
            self.list(Listing::all(BUNDLES), decode::trust_bundle),
        );
        let certificates = certificates.map(|mut all| {
            all.retain(|certificate| certificate.is_ca || self.bears_on_linkerd(&certificate.meta.namespace));
            all
        });
        let kept = certificates.items();
        let issuers = both(issuers, cluster_issuers).map(|mut all| {
            all.retain(|issuer| {
                issuer.meta.namespace.is_empty()
                    || kept.iter().any(|certificate| certificate.meta.namespace == issuer.meta.namespace)
            });
            all
        });
        let requests = requests.map(|mut all| {
            all.retain(|request| {
                kept.iter().any(|certificate| {
                    certificate.meta.namespace == request.meta.namespace
                        && Some(&certificate.meta.name) == request.certificate.as_ref()
                })
            });
            all
        });
        let secrets = self.secrets(secrets_of(kept, issuers.items(), bundles.items())).await;
        CertManager { certificates, issuers, requests, bundles, secrets }
    }

    fn bears_on_linkerd(&self, namespace: &str) -> bool {
        namespace == self.namespace || namespace == USUAL_HOME || self.extensions.contains(&namespace)
    }

    async fn secrets(&self, names: BTreeSet<(String, String)>) -> Vec<CaSecret> {
        let read = names.into_iter().take(MOST_SECRETS).map(async |(namespace, name)| {
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

/// Namespace and name of the Secrets that these objects refer to.
fn secrets_of(
    certificates: &[CertManagerCertificate],
    issuers: &[CertManagerIssuer],
    bundles: &[TrustBundle],
) -> BTreeSet<(String, String)> {
    // Cluster-scoped objects name a Secret without its namespace: it lies where a Certificate fills it, or where the
    // other Secrets of the same object lie.
    let home = |names: &[&str]| {
        let filled = certificates.iter().find(|certificate| names.contains(&certificate.secret_name.as_str()));
        filled.map_or_else(|| USUAL_HOME.to_owned(), |certificate| certificate.meta.namespace.clone())
    };
    let mut secrets: BTreeSet<_> = certificates
        .iter()
        .map(|certificate| (certificate.meta.namespace.clone(), certificate.secret_name.clone()))
        .collect();
    for issuer in issuers {
        let Some(name) = &issuer.ca_secret else { continue };
        let namespace = match issuer.meta.namespace.as_str() {
            "" => home(&[name]),
            own => own.to_owned(),
        };
        secrets.insert((namespace, name.clone()));
    }
    for bundle in bundles {
        let names: Vec<_> = bundle.secret_sources.iter().map(String::as_str).collect();
        let namespace = home(&names);
        secrets.extend(names.into_iter().map(|name| (namespace.clone(), name.to_owned())));
    }
    secrets.retain(|(_, name)| !name.is_empty());
    secrets
}

#[cfg(test)]
mod tests {
    use crate::snapshot::Meta;

    use super::*;

    fn meta(namespace: &str) -> Meta {
        Meta { namespace: namespace.to_owned(), ..Meta::default() }
    }

    #[test]
    fn secrets_of_cluster_scoped_objects_lie_where_a_certificate_fills_them() {
        let anchor = CertManagerCertificate {
            meta: meta("pki"),
            secret_name: "linkerd-trust-anchor".to_owned(),
            ..CertManagerCertificate::default()
        };
        let issuer = CertManagerIssuer { ca_secret: Some("elsewhere".to_owned()), ..CertManagerIssuer::default() };
        let bundle = TrustBundle {
            secret_sources: vec!["linkerd-trust-anchor".to_owned(), "linkerd-previous-anchor".to_owned()],
            ..TrustBundle::default()
        };
        let secrets = secrets_of(&[anchor], &[issuer], &[bundle]);
        let expected =
            [("cert-manager", "elsewhere"), ("pki", "linkerd-previous-anchor"), ("pki", "linkerd-trust-anchor")];
        assert_eq!(secrets, expected.map(|(namespace, name)| (namespace.to_owned(), name.to_owned())).into());
    }
}

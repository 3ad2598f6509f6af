//! What of cert-manager and trust-manager bears on Linkerd. A cluster's other teams have Certificates, Issuers and
//! Bundles too; theirs are no business of this program, and their Secrets are not read.

use std::collections::BTreeSet;

use crate::snapshot::{CertManagerCertificate, CertManagerIssuer, CertificateRequest, Source, TrustBundle};

/// Namespace and name.
pub(super) type SecretName = (String, String);

/// Where cert-manager and trust-manager live unless they were told otherwise, and with them the Secrets that cluster
/// scoped objects refer to.
const USUAL_HOME: &str = "cert-manager";

/// trust-manager gives a Bundle's target the Bundle's own name.
const ROOTS: &str = "linkerd-identity-trust-roots";

/// Objects of cert-manager and trust-manager.
pub(super) struct Listed {
    pub(super) certificates: Source<Vec<CertManagerCertificate>>,
    pub(super) issuers: Source<Vec<CertManagerIssuer>>,
    pub(super) requests: Source<Vec<CertificateRequest>>,
    pub(super) bundles: Source<Vec<TrustBundle>>,
}

/// Keeps the Certificates that fill one of Linkerd's own Secrets `ours` or feed the trust bundle, and the authorities
/// above them: what signs a kept Certificate, and the Certificate that fills that issuer's Secret. Returns the names of
/// the Secrets on these paths as well.
pub(super) fn to_linkerd(listed: Listed, ours: &BTreeSet<SecretName>) -> (Listed, BTreeSet<SecretName>) {
    let bundles = listed.bundles.map(|all| keep(all, |bundle| bundle.meta.name == ROOTS));
    let (certificates, issuers) = (listed.certificates.items(), listed.issuers.items());
    let mut secrets = ours.clone();
    for bundle in bundles.items() {
        let names: Vec<_> = bundle.secret_sources.iter().map(String::as_str).collect();
        let home = home(certificates, &names);
        secrets.extend(names.into_iter().map(|name| (home.clone(), name.to_owned())));
    }
    loop {
        let kept = certificates.iter().filter(|certificate| secrets.contains(&filled_by(certificate)));
        let signers = kept.flat_map(|certificate| issuers.iter().filter(|issuer| issuer.signs(certificate)));
        let above: BTreeSet<_> = signers.filter_map(|issuer| secret_of(issuer, certificates)).collect();
        if above.is_subset(&secrets) {
            break;
        }
        secrets.extend(above);
    }
    let certificates =
        listed.certificates.map(|all| keep(all, |certificate| secrets.contains(&filled_by(certificate))));
    let kept = certificates.items();
    let issuers = listed.issuers.map(|all| keep(all, |issuer| kept.iter().any(|one| issuer.signs(one))));
    let requests = listed.requests.map(|all| keep(all, |request| kept.iter().any(|one| request.is_of(one))));
    secrets.retain(|(_, name)| !name.is_empty());
    (Listed { certificates, issuers, requests, bundles }, secrets)
}

fn keep<T>(mut all: Vec<T>, wanted: impl Fn(&T) -> bool) -> Vec<T> {
    all.retain(wanted);
    all
}

fn filled_by(certificate: &CertManagerCertificate) -> SecretName {
    (certificate.meta.namespace.clone(), certificate.secret_name.clone())
}

fn secret_of(issuer: &CertManagerIssuer, certificates: &[CertManagerCertificate]) -> Option<SecretName> {
    let name = issuer.ca_secret.as_deref()?;
    let namespace = match issuer.meta.namespace.as_str() {
        "" => home(certificates, &[name]),
        own => own.to_owned(),
    };
    Some((namespace, name.to_owned()))
}

/// Where the Secrets of a cluster-scoped object lie, which names them without their namespace: in the usual one, unless
/// an authority fills one of them elsewhere and none there.
fn home(certificates: &[CertManagerCertificate], names: &[&str]) -> String {
    let fills =
        |certificate: &&CertManagerCertificate| certificate.is_ca && names.contains(&certificate.secret_name.as_str());
    let filled = certificates.iter().filter(fills).map(|certificate| certificate.meta.namespace.as_str());
    filled.min_by_key(|namespace| *namespace != USUAL_HOME).unwrap_or(USUAL_HOME).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::meta;

    fn certificate(namespace: &str, secret: &str, issuer: &str) -> CertManagerCertificate {
        CertManagerCertificate {
            meta: meta("Certificate", namespace, secret),
            secret_name: secret.to_owned(),
            is_ca: true,
            issuer_ref: issuer.to_owned(),
            ..CertManagerCertificate::default()
        }
    }

    fn issuer(namespace: &str, name: &str, ca: Option<&str>) -> CertManagerIssuer {
        let kind = if namespace.is_empty() { "ClusterIssuer" } else { "Issuer" };
        let ca_secret = ca.map(str::to_owned);
        CertManagerIssuer { meta: meta(kind, namespace, name), ca_secret, ..CertManagerIssuer::default() }
    }

    fn bundle(name: &str, secrets: &[&str]) -> TrustBundle {
        let secret_sources = secrets.iter().map(|&name| name.to_owned()).collect();
        TrustBundle { meta: meta("Bundle", "", name), secret_sources, ..TrustBundle::default() }
    }

    fn request(of: &CertManagerCertificate) -> CertificateRequest {
        CertificateRequest {
            meta: meta("CertificateRequest", &of.meta.namespace, "some-1"),
            certificate: Some(of.meta.name.clone()),
            ..CertificateRequest::default()
        }
    }

    /// The documented set-up, with everything in the namespace `home` that is not in the control plane's.
    fn documented(home: &str) -> Listed {
        let certificates = vec![
            certificate("linkerd", "linkerd-identity-issuer", "ClusterIssuer/linkerd-identity-issuer"),
            certificate(home, "linkerd-trust-anchor", "Issuer/linkerd-trust-root-issuer"),
            certificate("linkerd", "linkerd-proxy-injector-k8s-tls", "Issuer/webhook-issuer"),
        ];
        Listed {
            requests: Source::Found(certificates.iter().map(request).collect()),
            certificates: Source::Found(certificates),
            issuers: Source::Found(vec![
                issuer("", "linkerd-identity-issuer", Some("linkerd-trust-anchor")),
                issuer(home, "linkerd-trust-root-issuer", None),
                issuer("linkerd", "webhook-issuer", Some("webhook-issuer-tls")),
            ]),
            bundles: Source::Found(vec![bundle(ROOTS, &["linkerd-trust-anchor", "linkerd-previous-anchor"])]),
        }
    }

    fn ours() -> BTreeSet<SecretName> {
        names(&[("linkerd", "linkerd-identity-issuer"), ("linkerd", "linkerd-proxy-injector-k8s-tls")])
    }

    fn names(names: &[(&str, &str)]) -> BTreeSet<SecretName> {
        names.iter().map(|&(namespace, name)| (namespace.to_owned(), name.to_owned())).collect()
    }

    fn found<T>(source: &mut Source<Vec<T>>) -> &mut Vec<T> {
        match source {
            Source::Found(items) => items,
            _ => unreachable!("documented"),
        }
    }

    #[test]
    fn the_documented_set_up_is_kept_whole_wherever_it_lives() {
        for home in ["cert-manager", "pki"] {
            let (kept, secrets) = to_linkerd(documented(home), &ours());
            let all = documented(home);
            assert_eq!(kept.certificates, all.certificates, "{home}");
            assert_eq!((kept.issuers, kept.requests, kept.bundles), (all.issuers, all.requests, all.bundles));
            let others = [(home, "linkerd-previous-anchor"), (home, "linkerd-trust-anchor")];
            let expected = &names(&others) | &names(&[("linkerd", "webhook-issuer-tls")]);
            assert_eq!(secrets, &expected | &ours(), "{home}");
        }
    }

    #[test]
    fn neighbours_are_left_alone() {
        let mut listed = documented("cert-manager");
        let strangers = [
            certificate("team", "team-ca", "ClusterIssuer/letsencrypt"),
            certificate("team", "linkerd-identity-issuer", "Issuer/team"),
            certificate("linkerd", "dashboard", "ClusterIssuer/letsencrypt"),
            certificate("cert-manager", "cert-manager-webhook-ca", "Issuer/linkerd-identity-issuer"),
            certificate("team", "linkerd-trust-anchor", "Issuer/team"),
        ];
        found(&mut listed.requests).extend(strangers.iter().map(request));
        found(&mut listed.certificates).extend(strangers);
        found(&mut listed.issuers).extend([
            issuer("", "letsencrypt", None),
            issuer("", "webhook-issuer", Some("else")),
            issuer("team", "linkerd-trust-root-issuer", Some("team-ca")),
        ]);
        found(&mut listed.bundles).push(bundle("team-roots", &["team-ca"]));
        let (kept, secrets) = to_linkerd(listed, &ours());
        let (alone, secrets_alone) = to_linkerd(documented("cert-manager"), &ours());
        assert_eq!(kept.certificates, alone.certificates);
        assert_eq!((kept.issuers, kept.requests, kept.bundles), (alone.issuers, alone.requests, alone.bundles));
        assert_eq!(secrets, secrets_alone);
    }

    #[test]
    fn authorities_are_followed_to_the_top_and_a_circle_ends() {
        let mut listed = documented("cert-manager");
        found(&mut listed.certificates)[1].issuer_ref = "ClusterIssuer/root".to_owned();
        found(&mut listed.certificates).push(certificate("cert-manager", "root", "ClusterIssuer/root"));
        found(&mut listed.issuers).push(issuer("", "root", Some("root")));
        let (kept, secrets) = to_linkerd(listed, &ours());
        assert_eq!((kept.certificates.items().len(), kept.issuers.items().len()), (4, 3));
        assert!(secrets.contains(&("cert-manager".to_owned(), "root".to_owned())), "{secrets:?}");
    }

    #[test]
    fn what_is_hidden_stays_hidden() {
        let hidden = Listed {
            certificates: Source::Forbidden("list".to_owned()),
            issuers: Source::Missing,
            requests: Source::Failed("late".to_owned()),
            bundles: documented("cert-manager").bundles,
        };
        let (kept, secrets) = to_linkerd(hidden, &BTreeSet::new());
        assert_eq!(kept.certificates, Source::Forbidden("list".to_owned()));
        assert_eq!(kept.requests, Source::Failed("late".to_owned()));
        assert_eq!(secrets.len(), 2);
    }
}

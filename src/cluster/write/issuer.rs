use std::collections::BTreeMap;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use crate::{
    cluster::objects::SECRETS,
    mesh::{Fault, IssuerPair, Mode},
    pki::{Bundle, Certificate, KeyState},
    snapshot::IssuerScheme,
};

use super::{
    LiveMesh, Place,
    request::Patch,
    secret::{Hidden, Keyed},
    trust_roots::text,
};

/// Linkerd's charts wrote the issuer's end here up to 2.11 (linkerd2 #7056); nothing reads it, but it should not lie.
const EXPIRY: &str = "linkerd.io/identity-issuer-expiry";

#[derive(Serialize)]
struct Body<'a> {
    metadata: Metadata<'a>,
    data: BTreeMap<&'static str, Hidden>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    resource_version: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'static str, String>,
}

impl LiveMesh {
    /// Secret `linkerd-identity-issuer` of this control plane.
    pub(super) fn issuer_place(&self) -> Place<'_> {
        Place { kind: SECRETS, word: "Secret", namespace: &self.namespace, name: "linkerd-identity-issuer" }
    }

    /// Certificate and key as the Secret has them.
    pub(super) async fn read_issuer(&self) -> Result<IssuerPair, Fault> {
        let place = self.issuer_place();
        let present: Keyed = self.get(place).await?;
        let scheme = present.scheme();
        let text = |key: &str| present.secret(key).ok_or_else(|| Fault::Failed(format!("{place} has no key `{key}`")));
        let chain = Bundle::parse(text(scheme.certificate_key())?.text()).certificates;
        Ok(IssuerPair { chain, key: SecretString::from(text(scheme.private_key())?.text()) })
    }

    /// Changes certificate and key, in the scheme that the Secret has: its type can't be changed.
    pub(super) async fn write_issuer(
        &self,
        pair: &IssuerPair,
        anchors: &[Certificate],
        against: &str,
        mode: Mode,
    ) -> Result<(), Fault> {
        let place = self.issuer_place();
        let present: Keyed = self.get(place).await?;
        present.still(place, against)?;
        let Some(issuer) = pair.chain.first() else {
            return Err(Fault::Failed(format!("{place}: there is no certificate to write")));
        };
        if !KeyState::of_pem(pair.key.expose_secret().as_bytes()).fits(issuer) {
            return Err(Fault::Failed(format!(
                "{place}: the key does not belong to the certificate {}",
                issuer.name()
            )));
        }
        let mut annotations = BTreeMap::new();
        if present.has_annotation(EXPIRY) {
            annotations.insert(EXPIRY, issuer.lifetime().not_after.to_string());
        }
        let metadata = Metadata { resource_version: against, annotations };
        let body = Body { metadata, data: data(present.scheme(), pair, anchors) };
        self.patch(place, Patch::Merge, &body, mode).await?;
        Ok(())
    }
}

/// As each scheme's writer has it: Linkerd's chart without a line feed at the end, cert-manager with one.
fn data(scheme: IssuerScheme, pair: &IssuerPair, anchors: &[Certificate]) -> BTreeMap<&'static str, Hidden> {
    let key = pair.key.expose_secret();
    match scheme {
        IssuerScheme::Linkerd => BTreeMap::from([
            ("crt.pem", Hidden::encoded(text(&pair.chain).as_bytes())),
            ("key.pem", Hidden::encoded(key.trim_end().as_bytes())),
        ]),
        IssuerScheme::Kubernetes => BTreeMap::from([
            ("tls.crt", Hidden::encoded(format!("{}\n", text(&pair.chain)).as_bytes())),
            ("tls.key", Hidden::encoded(key.as_bytes())),
            ("ca.crt", Hidden::encoded(format!("{}\n", text(anchors)).as_bytes())),
        ]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        cluster::decode::secret,
        testing::{ISSUER, ROOT, Recipe, days},
    };

    #[test]
    fn a_reader_finds_what_was_written_in_either_scheme() {
        let anchor = Recipe::authority(ROOT, -days(1), days(9)).self_signed();
        let issuer = Recipe::authority(ISSUER, -days(1), days(9)).signed_by(&anchor);
        let pair = IssuerPair {
            chain: vec![issuer.certificate.clone(), anchor.certificate.clone()],
            key: SecretString::from(issuer.key_pem.clone()),
        };
        for scheme in [IssuerScheme::Linkerd, IssuerScheme::Kubernetes] {
            let data = data(scheme, &pair, std::slice::from_ref(&anchor.certificate));
            let found = secret::issuer(&json!({"metadata": {}, "data": data}), None);
            assert_eq!(found.scheme, scheme);
            let chain = found.chain.unwrap();
            assert_eq!(chain.certificates, pair.chain);
            assert!(chain.problems.is_empty() && found.key.fits(&issuer.certificate));
            assert_eq!(found.ca.is_some(), scheme == IssuerScheme::Kubernetes);
        }
    }
}

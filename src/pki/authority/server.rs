//! Certificates of webhooks' servers.

use jiff::{SignedDuration, Timestamp};

use super::{
    Authority, Certificate, PrivateKey, Serial, SigningError,
    draft::{Draft, Kind},
    lifetime,
};

impl Authority {
    /// A certificate for the server of this name, signed by itself, as Linkerd's charts make it (charts/
    /// linkerd-control-plane/templates/proxy-injector-rbac.yaml, `genSelfSignedCert`): CN and DNS name alike, for servers
    /// and clients, no authority. The API server takes it because it is in caBundle itself.
    ///
    /// # Errors
    /// When the lifetime is none, or the name is no DNS name.
    pub fn self_signed_server(
        name: &str,
        wanted: SignedDuration,
        key: &PrivateKey,
        now: Timestamp,
        serial: Serial,
    ) -> Result<Certificate, SigningError> {
        let lifetime = lifetime(wanted, now)?;
        Draft { kind: Kind::Leaf, dns_name: name.to_owned(), lifetime, now, serial }.sign(key.spki(), None, key)
    }

    /// The same, signed by this authority: it ends with it at the latest.
    ///
    /// # Errors
    /// When the lifetime is none, the name is no DNS name, or the authority is not valid at `now`.
    pub fn sign_server(
        &self,
        name: &str,
        wanted: SignedDuration,
        key: &PrivateKey,
        now: Timestamp,
        serial: Serial,
    ) -> Result<Certificate, SigningError> {
        let lifetime = self.within(lifetime(wanted, now)?, now)?;
        let draft = Draft { kind: Kind::Leaf, dns_name: name.to_owned(), lifetime, now, serial };
        draft.sign(key.spki(), Some(self.certificate()), &self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{pki::private_key::NewKey, plan::webhooks::accepts, testing};

    const NAME: &str = "linkerd-proxy-injector.linkerd.svc";

    #[test]
    fn the_api_server_takes_either_with_the_right_bundle() {
        let (now, day) = (testing::now(), SignedDuration::from_hours(24));
        let key = PrivateKey::generate(NewKey::EcdsaP256).unwrap();
        let own = Authority::self_signed_server(NAME, day, &key, now, Serial::from_bytes([1; 16])).unwrap();
        assert_eq!((own.name(), own.dns_names()), (NAME, &[NAME.to_owned()][..]));
        assert!(!own.is_ca() && own.may_serve() && own.is_self_issued());
        let accepted = |anchor: &Certificate, chain: &Certificate| {
            accepts(std::slice::from_ref(anchor), std::slice::from_ref(chain), NAME, now)
        };
        assert!(accepted(&own, &own));

        let authority = testing::Recipe::authority("webhooks", -24, 24 * 9).self_signed();
        let above = PrivateKey::from_pem(authority.key_pem.as_bytes(), None).unwrap();
        let above = Authority::accept_server_authority(&authority.certificate.to_pem(), above, now).unwrap();
        let signed = above.sign_server(NAME, day * 30, &key, now, Serial::from_bytes([2; 16])).unwrap();
        assert!(accepted(&authority.certificate, &signed) && !accepted(&own, &signed));
        assert_eq!(signed.lifetime().not_after, authority.certificate.lifetime().not_after);
    }
}

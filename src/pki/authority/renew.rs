//! A trust anchor with a new validity.

use jiff::{SignedDuration, Timestamp};
use rcgen::{DistinguishedName, DnType, DnValue};
use x509_parser::{asn1_rs::Tag, prelude::FromDer as _};

use super::{Authority, Certificate, PrivateKey, Serial, SigningError, draft};

impl Authority {
    /// The same trust anchor with another validity. Its name and its key stay, and these are all that a proxy knows of an
    /// anchor (see `pki/verify.rs`): whoever trusts the old one accepts what is signed under the new one, and the reverse.
    /// So an anchor that has ended comes back without a refusal, which a new one cannot.
    ///
    /// # Errors
    /// When the key is not the anchor's, or its name is one that cannot be repeated.
    pub fn renew_anchor(
        anchor: &Certificate,
        key: PrivateKey,
        lifetime: SignedDuration,
        now: Timestamp,
        serial: Serial,
    ) -> Result<Self, SigningError> {
        let subject = subject(anchor).ok_or_else(|| draft::unnameable(anchor))?;
        let lifetime = super::lifetime(lifetime, now)?;
        let renewed = draft::again(anchor, subject, lifetime, serial, &key)?;
        if renewed.same_subject(anchor) && renewed.public_key() == anchor.public_key() {
            Ok(Self { chain: vec![renewed], key })
        } else {
            Err(draft::unnameable(anchor))
        }
    }
}

/// The subject as it can be written again; `None` where a part of it is of a kind that cannot.
fn subject(certificate: &Certificate) -> Option<DistinguishedName> {
    let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(certificate.der()).ok()?;
    let mut subject = DistinguishedName::new();
    for part in parsed.subject().iter_attributes() {
        let kind = DnType::from_oid(&part.attr_type().iter()?.collect::<Vec<_>>());
        let text = std::str::from_utf8(part.attr_value().data).ok()?;
        let value = match part.attr_value().header.tag() {
            Tag::Utf8String => DnValue::Utf8String(text.to_owned()),
            Tag::PrintableString => DnValue::PrintableString(text.try_into().ok()?),
            Tag::Ia5String => DnValue::Ia5String(text.try_into().ok()?),
            _ => return None,
        };
        subject.push(kind, value);
    }
    Some(subject)
}

#[cfg(test)]
mod tests {
    use crate::{
        pki::{Authority, AuthorityParams, PrivateKey, Serial, TrustDomain, private_key::NewKey, verify},
        testing::{at, days, now},
    };
    use jiff::SignedDuration;

    #[test]
    fn an_anchor_that_has_ended_is_the_same_to_whoever_trusts_it() {
        let trust_domain = TrustDomain::new("linkerd", "cluster.local").unwrap();
        let params = |days: i64| AuthorityParams {
            trust_domain: trust_domain.clone(),
            lifetime: SignedDuration::from_hours(24 * days),
        };
        let serial = || Serial::random().unwrap();
        let key = PrivateKey::generate(NewKey::EcdsaP256).unwrap();
        let again = PrivateKey::from_pem(key.to_pem().as_bytes(), None).unwrap();
        let year = SignedDuration::from_hours(24 * 365);
        let ended = Authority::new_anchor(&params(1), key, at(-days(3)), serial()).unwrap();
        assert!(ended.certificate().lifetime().has_ended(now()));
        let renewed = Authority::renew_anchor(ended.certificate(), again, year, now(), serial()).unwrap();
        assert_ne!(renewed.certificate(), ended.certificate());
        assert_eq!(renewed.certificate().dns_names(), ended.certificate().dns_names());
        assert_eq!(renewed.certificate().key_id(), ended.certificate().key_id());
        let issuer = renewed
            .sign_issuer(&params(100), PrivateKey::generate(NewKey::EcdsaP256).unwrap(), now(), serial())
            .unwrap();
        let takes =
            |anchor: &Authority| verify::issuer_as_proxy(issuer.chain(), &[anchor.certificate().clone()], now());
        assert_eq!((takes(&ended), takes(&renewed)), (Ok(()), Ok(())));
    }

    #[test]
    fn another_key_makes_no_renewal() {
        let trust_domain = TrustDomain::new("linkerd", "cluster.local").unwrap();
        let params = AuthorityParams { trust_domain, lifetime: SignedDuration::from_hours(24) };
        let key = || PrivateKey::generate(NewKey::EcdsaP256).unwrap();
        let serial = || Serial::random().unwrap();
        let anchor = Authority::new_anchor(&params, key(), now(), serial()).unwrap();
        assert!(Authority::renew_anchor(anchor.certificate(), key(), params.lifetime, now(), serial()).is_err());
    }
}

//! Signing: trust anchors, identity issuers and leafs as Linkerd wants them. Pure: the moment, the key and the serial
//! number are passed in.
//!
//! | | trust anchor | identity issuer | leaf |
//! | --- | --- | --- | --- |
//! | common name | `root.linkerd.<domain>`, date, serial | `identity.<namespace>.<domain>`, date, serial | the identity |
//! | DNS name | `root.linkerd.<domain>` | `identity.<namespace>.<domain>` | the identity |
//! | CA, path length | yes, 1 | yes, 0 | no |
//! | key usage | certificate and CRL signing | certificate and CRL signing | signature and key encipherment |
//! | extended | none | none | server and client |
//! | key | ECDSA P-256, RSA 2048 or 4096 | ECDSA P-256 | ECDSA P-256 |
//!
//! The first two are what step's profiles `root-ca` and `intermediate-ca` make, the last is what identity makes
//! (linkerd2, pkg/tls/ca.go, `createTemplate`). Each authority has a subject of its own: with two anchors of one name in
//! a bundle, or an issuer named as its anchor, verifiers look for the wrong key (#5350).

mod brought;
mod draft;
mod renew;
mod server;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};

use super::{Certificate, KeyAlgorithm, Lifetime, PrivateKey, Serial, TrustDomain, private_key::NotSigned};
use draft::{Draft, Kind};

pub use brought::{Unfit, anchor, server as server_chain};

/// How long before the moment of signing an authority begins to be valid: a machine whose clock is behind by less than
/// `linkerd check` complains of takes it at once (linkerd2, pkg/healthcheck/healthcheck.go, `AllowedClockSkew`).
pub const BACKDATED: SignedDuration = SignedDuration::from_secs(5 * 60 + 10);

/// By how much identity stretches a leaf's validity at both ends (the charts' `identity.issuer.clockSkewAllowance`).
const LEAF_SKEW: SignedDuration = SignedDuration::from_secs(20);

/// Someone who signs certificates: a trust anchor or an identity issuer, with its key.
#[derive(Debug)]
pub struct Authority {
    /// Its own certificate, then those between it and the anchor.
    chain: Vec<Certificate>,
    key: PrivateKey,
}

/// What an authority to be should be.
#[derive(Clone, Debug)]
pub struct AuthorityParams {
    /// The mesh that it is for.
    pub trust_domain: TrustDomain,
    /// How long from the moment of signing. An issuer ends with its anchor at the latest.
    pub lifetime: SignedDuration,
}

/// Nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The lifetime is zero or negative, or ends beyond the year 9999.
    #[error("a certificate cannot live for {} s from {from}", lifetime.as_secs())]
    Lifetime {
        /// The lifetime.
        lifetime: SignedDuration,
        /// Its beginning.
        from: Timestamp,
    },
    /// The authority itself is not valid at the moment.
    #[error("`{name}` cannot sign now: it is valid from {} to {}", lifetime.not_before, lifetime.not_after)]
    Authority {
        /// Its name.
        name: String,
        /// When it is valid.
        lifetime: Lifetime,
    },
    /// Linkerd takes no certificate of this kind with such a key.
    #[error(
        "{0} is no key for this certificate: Linkerd takes ECDSA P-256, and for a trust anchor also RSA 2048 or 4096"
    )]
    Key(KeyAlgorithm),
    /// The key makes no signature.
    #[error(transparent)]
    NotSigned(#[from] NotSigned),
    /// The authority's name cannot be repeated byte for byte, by which verifiers find who signed.
    #[error(
        "the name of `{name}` cannot be repeated in what it would sign: a part of it stands twice, has several values or \
         is written in a rare encoding ({subject})"
    )]
    Name {
        /// Its common name.
        name: String,
        /// The whole of it.
        subject: String,
    },
    /// A name or number has no place in a certificate; says which.
    #[error("the certificate cannot be written: {0}")]
    Encoding(String),
}

impl Authority {
    /// A new trust anchor, signed by itself.
    ///
    /// # Errors
    /// When the lifetime or the key is none for an anchor.
    pub fn new_anchor(
        params: &AuthorityParams,
        key: PrivateKey,
        now: Timestamp,
        serial: Serial,
    ) -> Result<Self, SigningError> {
        if !matches!(key.algorithm(), KeyAlgorithm::Ecdsa(256) | KeyAlgorithm::Rsa(2048 | 4096)) {
            return Err(SigningError::Key(key.algorithm().clone()));
        }
        let draft = Draft {
            kind: Kind::Anchor,
            dns_name: params.trust_domain.anchor(),
            lifetime: lifetime(params.lifetime, now)?,
            now,
            serial,
        };
        let certificate = draft.sign(key.spki(), None, &key)?;
        Ok(Self { chain: vec![certificate], key })
    }

    /// A new identity issuer under this anchor.
    ///
    /// # Errors
    /// When the lifetime or the key is none for an issuer, the anchor is not valid at `now`, or its name is one that
    /// cannot be repeated.
    pub fn sign_issuer(
        &self,
        params: &AuthorityParams,
        key: PrivateKey,
        now: Timestamp,
        serial: Serial,
    ) -> Result<Self, SigningError> {
        if *key.algorithm() != KeyAlgorithm::Ecdsa(256) {
            return Err(SigningError::Key(key.algorithm().clone()));
        }
        let draft = Draft {
            kind: Kind::Issuer,
            dns_name: params.trust_domain.issuer(),
            lifetime: self.within(lifetime(params.lifetime, now)?, now)?,
            now,
            serial,
        };
        let certificate = draft.sign(key.spki(), Some(self.certificate()), &self.key)?;
        Ok(Self { chain: vec![certificate], key })
    }

    /// A leaf for a proxy, as identity would issue it to whoever holds the key of `spki` (a subject public key info in
    /// DER).
    ///
    /// # Errors
    /// When the lifetime is none, the issuer is not valid at `now`, `identity` is no name, or the issuer's cannot be
    /// repeated.
    pub fn sign_leaf(
        &self,
        identity: &str,
        lifetime: SignedDuration,
        spki: &[u8],
        now: Timestamp,
        serial: Serial,
    ) -> Result<Certificate, SigningError> {
        let wanted = self::lifetime(lifetime + LEAF_SKEW, now)?;
        let wanted = Lifetime { not_before: before(now, LEAF_SKEW), ..wanted };
        let draft =
            Draft { kind: Kind::Leaf, dns_name: identity.to_owned(), lifetime: self.within(wanted, now)?, now, serial };
        draft.sign(spki, Some(self.certificate()), &self.key)
    }

    /// Its certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.chain[0]
    }

    /// Its certificate, then those between it and the anchor.
    pub fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    /// The chain as PEM.
    pub fn chain_pem(&self) -> String {
        self.chain.iter().map(Certificate::to_pem).collect()
    }

    /// Its key.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// `wanted`, cut to what this authority and those above it are valid themselves.
    fn within(&self, wanted: Lifetime, now: Timestamp) -> Result<Lifetime, SigningError> {
        let mut within = wanted;
        for above in &self.chain {
            let own = above.lifetime();
            if !own.contains(now) {
                return Err(SigningError::Authority { name: above.name().to_owned(), lifetime: own });
            }
            within.not_before = within.not_before.max(own.not_before);
            within.not_after = within.not_after.min(own.not_after);
        }
        Ok(within)
    }
}

/// A request for a certificate, in PEM, to be signed by an authority elsewhere: an identity issuer's, with the names,
/// the path length and the key usage that it needs. The answer goes to [`Authority::accept_issuer`] with the same key.
///
/// # Errors
/// When the key is none for an issuer.
pub fn issuer_request(
    trust_domain: &TrustDomain,
    key: &PrivateKey,
    now: Timestamp,
    serial: Serial,
) -> Result<String, SigningError> {
    if *key.algorithm() != KeyAlgorithm::Ecdsa(256) {
        return Err(SigningError::Key(key.algorithm().clone()));
    }
    // The signer decides on times and number; these only make the name.
    let lifetime = Lifetime::new(now, now);
    Draft { kind: Kind::Issuer, dns_name: trust_domain.issuer(), lifetime, now, serial }.request(key)
}

fn lifetime(lifetime: SignedDuration, now: Timestamp) -> Result<Lifetime, SigningError> {
    let wrong = || SigningError::Lifetime { lifetime, from: now };
    if lifetime <= SignedDuration::ZERO {
        return Err(wrong());
    }
    let not_after = now.checked_add(lifetime).map_err(|_| wrong())?;
    Ok(Lifetime::new(before(now, BACKDATED), not_after))
}

fn before(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_sub(by).unwrap_or(now)
}

//! Certificates for the mesh: trust anchors, issuers and webhook certificates with any names and any lifetime.
//!
//! Names, key type and extensions are those the recorded meshes hold: P-256, the anchor with path length 1,
//! the issuer with path length 0, keys as SEC 1 (`EC PRIVATE KEY`).

use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};

use crate::error::{Error, Result};

mod sec1;

/// The usual subject of a trust anchor.
pub const ANCHOR: &str = "root.linkerd.cluster.local";
/// The usual subject of an identity issuer.
pub const ISSUER: &str = "identity.linkerd.cluster.local";

/// Seconds in an hour, for [`Life`].
pub const HOUR: i64 = 60 * 60;
/// Seconds in a day.
pub const DAY: i64 = 24 * HOUR;
/// Seconds in a year of 365 days.
pub const YEAR: i64 = 365 * DAY;

/// When a certificate is valid, in seconds from now; both ends may lie in the past or the future.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    /// Start of validity.
    pub from: i64,
    /// End of validity.
    pub to: i64,
}

impl Life {
    /// From now on for so many seconds.
    pub fn of(seconds: i64) -> Self {
        Self { from: 0, to: seconds }
    }

    /// Began `age` seconds ago and has `left` seconds to go; a negative `left` has ended.
    pub fn aged(age: i64, left: i64) -> Self {
        Self { from: -age, to: left }
    }
}

/// A certificate with its private key.
#[derive(Debug)]
pub struct Pair {
    signed: CertifiedIssuer<'static, KeyPair>,
    start: Timestamp,
    end: Timestamp,
}

impl Pair {
    /// The certificate as PEM, with a newline at its end.
    pub fn crt(&self) -> String {
        self.signed.pem()
    }

    /// The private key as PEM (SEC 1), with a newline at its end.
    pub fn key(&self) -> Result<String> {
        sec1::pem(self.signed.key())
    }

    /// The same in PKCS #8, which every server reads.
    pub fn pkcs8(&self) -> String {
        self.signed.key().serialize_pem()
    }

    /// Start of validity.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// End of validity.
    pub fn end(&self) -> Timestamp {
        self.end
    }
}

/// A self-signed trust anchor.
pub fn anchor(subject: &str, life: Life) -> Result<Pair> {
    sign(authority(subject, BasicConstraints::Constrained(1)), life, None)
}

/// An identity issuer signed by `anchor`.
pub fn issuer(subject: &str, life: Life, anchor: &Pair) -> Result<Pair> {
    sign(authority(subject, BasicConstraints::Constrained(0)), life, Some(anchor))
}

/// A CA as cert-manager makes it from `isCA: true`: no path length, and the usages of a server beside signing.
pub fn cert_manager(subject: &str, life: Life, parent: Option<&Pair>) -> Result<Pair> {
    let mut params = authority(subject, BasicConstraints::Unconstrained);
    params.key_usages =
        vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment, KeyUsagePurpose::KeyCertSign];
    sign(params, life, parent)
}

/// A self-signed server certificate as the charts make them for the webhooks: not a CA, and its own trust anchor.
pub fn webhook(host: &str, life: Life) -> Result<Pair> {
    let mut params = CertificateParams::new([host.to_owned()])?;
    params.distinguished_name = name(host);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    sign(params, life, None)
}

fn authority(subject: &str, path: BasicConstraints) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name(subject);
    params.is_ca = IsCa::Ca(path);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

fn sign(mut params: CertificateParams, life: Life, parent: Option<&Pair>) -> Result<Pair> {
    let now = Timestamp::now().as_second();
    let (start, end) = (now + life.from, now + life.to);
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(start.max(0).unsigned_abs());
    params.not_after = epoch + Duration::from_secs(end.max(0).unsigned_abs());
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let signed = match parent {
        None => CertifiedIssuer::self_signed(params, key)?,
        Some(parent) => {
            params.use_authority_key_identifier_extension = true;
            CertifiedIssuer::signed_by(params, key, &parent.signed)?
        }
    };
    let stamp = |second| Timestamp::from_second(second).map_err(|why| Error::malformed("a certificate's time", &why));
    Ok(Pair { signed, start: stamp(start)?, end: stamp(end)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_pem() {
        let root = anchor(ANCHOR, Life::of(YEAR)).unwrap();
        let issuer = issuer(ISSUER, Life::aged(2 * DAY, -HOUR), &root).unwrap();
        for pair in [&root, &issuer, &webhook("a.b.svc", Life::of(DAY)).unwrap()] {
            assert!(pair.crt().starts_with("-----BEGIN CERTIFICATE-----\n"));
            assert!(pair.crt().ends_with("-----END CERTIFICATE-----\n"));
            assert!(pair.key().unwrap().starts_with("-----BEGIN EC PRIVATE KEY-----\nM"));
        }
        assert!(issuer.start() < issuer.end() && issuer.end() < Timestamp::now());
    }
}

//! One X.509 certificate and the facts about it that Linkerd cares about.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, KeyUsage, ParsedExtension},
    oid_registry as oid,
    prelude::FromDer as _,
    public_key::PublicKey,
    x509::SubjectPublicKeyInfo,
};

use super::{Fingerprint, Lifetime};

/// A parsed certificate. Cheap to clone; written to snapshots as base64 DER.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Certificate(Arc<Facts>);

struct Facts {
    der: Vec<u8>,
    fingerprint: Fingerprint,
    subject: String,
    issuer: String,
    common_name: Option<String>,
    serial: String,
    lifetime: Lifetime,
    key: KeyAlgorithm,
    signature: String,
    is_ca: bool,
    path_len: Option<u32>,
    may_sign_certificates: bool,
    purposes: Purposes,
    key_id: Option<Vec<u8>>,
    spki: Fingerprint,
    raw_subject: Vec<u8>,
    raw_issuer: Vec<u8>,
    dns_names: Vec<String>,
    /// Whose signature it bears, by fingerprint, as far as that was asked: the answer never changes, and a plan asks for
    /// it thousands of times.
    signed_by: Mutex<BTreeMap<Fingerprint, bool>>,
}

/// What extended key usage allows, which is everything where it is absent.
#[derive(Clone, Copy)]
struct Purposes {
    server: bool,
    client: bool,
}

/// The kind and size of a certificate's public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// An elliptic curve key on P-256, P-384 or P-521, by the size of its field in bits.
    Ecdsa(usize),
    /// An RSA key, by the size of its modulus in bits.
    Rsa(usize),
    /// Ed25519.
    Ed25519,
    /// Anything else, in words with its object identifier.
    Other(String),
}

/// The bytes are not a certificate.
#[derive(Debug, thiserror::Error)]
#[error("not an X.509 certificate: {0}")]
pub struct InvalidCertificate(String);

impl Certificate {
    /// Parses DER.
    ///
    /// # Errors
    /// When `der` is not exactly one certificate, or its validity lies outside the years a timestamp can hold.
    pub fn parse(der: &[u8]) -> Result<Self, InvalidCertificate> {
        let (rest, parsed) = X509Certificate::from_der(der).map_err(|error| InvalidCertificate(error.to_string()))?;
        if !rest.is_empty() {
            return Err(InvalidCertificate(format!("{} bytes follow its end", rest.len())));
        }
        Facts::of(der, &parsed).map(|facts| Self(Arc::new(facts)))
    }

    /// The certificate itself.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// SHA-256 of the whole certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint
    }

    /// SHA-256 of its subject public key info, to match it with a private key.
    pub fn public_key(&self) -> Fingerprint {
        self.0.spki
    }

    /// The subject as a distinguished name, such as `CN=root.linkerd.cluster.local`.
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The issuer's distinguished name.
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The subject's common name where it has one, else the whole subject.
    pub fn name(&self) -> &str {
        self.0.common_name.as_deref().unwrap_or(&self.0.subject)
    }

    /// The serial number in hexadecimal.
    pub fn serial(&self) -> &str {
        &self.0.serial
    }

    /// When it is valid.
    pub fn lifetime(&self) -> Lifetime {
        self.0.lifetime
    }

    /// Its public key's kind and size.
    pub fn key(&self) -> &KeyAlgorithm {
        &self.0.key
    }

    /// The algorithm that it was signed with, such as `ECDSA-SHA256`.
    pub fn signature(&self) -> &str {
        &self.0.signature
    }

    /// Whether basic constraints make it a certificate authority.
    pub fn is_ca(&self) -> bool {
        self.0.is_ca
    }

    /// How many further authorities may stand below it, where basic constraints limit that.
    pub fn path_len(&self) -> Option<u32> {
        self.0.path_len
    }

    /// Whether key usage, where present, allows signing certificates.
    pub fn may_sign_certificates(&self) -> bool {
        self.0.may_sign_certificates
    }

    /// Whether extended key usage, where present, allows a TLS server. Go asks it of a whole path, the anchor included.
    pub fn may_serve(&self) -> bool {
        self.0.purposes.server
    }

    /// Whether extended key usage, where present, allows a TLS client.
    pub fn may_call(&self) -> bool {
        self.0.purposes.client
    }

    /// Its subject key identifier, which what it signs names as that of its authority.
    pub fn key_id(&self) -> Option<&[u8]> {
        self.0.key_id.as_deref()
    }

    /// The DNS names among its subject alternative names.
    pub fn dns_names(&self) -> &[String] {
        &self.0.dns_names
    }

    /// Whether subject and issuer are the same name (encoded bytes are compared, as verifiers do).
    pub fn is_self_issued(&self) -> bool {
        self.0.raw_subject == self.0.raw_issuer
    }

    /// Whether both have the same subject name.
    pub fn same_subject(&self, other: &Self) -> bool {
        self.0.raw_subject == other.0.raw_subject
    }

    /// Whether `authority` is named as its issuer, byte for byte.
    pub fn names_as_issuer(&self, authority: &Self) -> bool {
        self.0.raw_issuer == authority.0.raw_subject
    }

    /// Whether `authority` is named as its issuer and its key made the signature. Says nothing of time or purpose.
    pub fn is_signed_by(&self, authority: &Self) -> bool {
        if !self.names_as_issuer(authority) {
            return false;
        }
        let mut known = self.0.signed_by.lock().unwrap_or_else(PoisonError::into_inner);
        *known.entry(authority.fingerprint()).or_insert_with(|| self.signature_verifies(authority))
    }

    fn signature_verifies(&self, authority: &Self) -> bool {
        let (Ok((_, child)), Ok((_, parent))) =
            (X509Certificate::from_der(&self.0.der), X509Certificate::from_der(&authority.0.der))
        else {
            return false;
        };
        child.verify_signature(Some(parent.public_key())).is_ok()
    }

    /// The certificate as PEM, with a final line feed.
    pub fn to_pem(&self) -> String {
        let body = BASE64.encode(self.der());
        let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
        for line in body.as_bytes().chunks(64) {
            pem.extend(line.iter().map(|&byte| char::from(byte)));
            pem.push('\n');
        }
        pem + "-----END CERTIFICATE-----\n"
    }
}

impl Facts {
    fn of(der: &[u8], parsed: &X509Certificate<'_>) -> Result<Self, InvalidCertificate> {
        let basic = parsed.basic_constraints().ok().flatten().map(|extension| extension.value);
        let usage = parsed.key_usage().ok().flatten().map(|extension| extension.value);
        let purposes = parsed.extended_key_usage().ok().flatten().map(|extension| extension.value);
        Ok(Self {
            der: der.to_vec(),
            fingerprint: Fingerprint::of(der),
            subject: parsed.subject().to_string(),
            issuer: parsed.issuer().to_string(),
            common_name: parsed
                .subject()
                .iter_common_name()
                .next()
                .and_then(|name| name.as_str().ok())
                .map(ToOwned::to_owned),
            serial: format!("{:x}", parsed.tbs_certificate.serial),
            lifetime: Lifetime::new(
                timestamp(parsed.validity().not_before.timestamp())?,
                timestamp(parsed.validity().not_after.timestamp())?,
            ),
            key: KeyAlgorithm::of(parsed.public_key()),
            signature: signature_name(&parsed.signature_algorithm.algorithm),
            is_ca: basic.is_some_and(|constraints| constraints.ca),
            path_len: basic.and_then(|constraints| constraints.path_len_constraint),
            may_sign_certificates: usage.is_none_or(KeyUsage::key_cert_sign),
            purposes: Purposes {
                server: purposes.is_none_or(|purposes| purposes.any || purposes.server_auth),
                client: purposes.is_none_or(|purposes| purposes.any || purposes.client_auth),
            },
            key_id: parsed.iter_extensions().find_map(|extension| match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
                _ => None,
            }),
            spki: Fingerprint::of(parsed.public_key().raw),
            raw_subject: parsed.subject().as_raw().to_vec(),
            raw_issuer: parsed.issuer().as_raw().to_vec(),
            dns_names: dns_names(parsed),
            signed_by: Mutex::default(),
        })
    }
}

fn timestamp(seconds: i64) -> Result<Timestamp, InvalidCertificate> {
    // RFC 5280 writes "no well-defined end" as 9999-12-31T23:59:59Z, a few hours past the last timestamp jiff holds.
    Timestamp::from_second(seconds.min(Timestamp::MAX.as_second()))
        .map_err(|_| InvalidCertificate("its validity lies outside representable time".to_owned()))
}

fn dns_names(parsed: &X509Certificate<'_>) -> Vec<String> {
    let names = parsed.subject_alternative_name().ok().flatten().map(|extension| &extension.value.general_names);
    names
        .into_iter()
        .flatten()
        .filter_map(|name| match name {
            GeneralName::DNSName(dns) => Some((*dns).to_owned()),
            _ => None,
        })
        .collect()
}

fn signature_name(algorithm: &oid::Oid<'_>) -> String {
    let known = [
        (oid::OID_SIG_ECDSA_WITH_SHA256, "ECDSA-SHA256"),
        (oid::OID_SIG_ECDSA_WITH_SHA384, "ECDSA-SHA384"),
        (oid::OID_SIG_ECDSA_WITH_SHA512, "ECDSA-SHA512"),
        (oid::OID_PKCS1_SHA256WITHRSA, "SHA256-RSA"),
        (oid::OID_PKCS1_SHA384WITHRSA, "SHA384-RSA"),
        (oid::OID_PKCS1_SHA512WITHRSA, "SHA512-RSA"),
        (oid::OID_PKCS1_SHA1WITHRSA, "SHA1-RSA"),
        (oid::OID_SIG_ED25519, "Ed25519"),
    ];
    known
        .iter()
        .find(|(candidate, _)| candidate == algorithm)
        .map_or_else(|| algorithm.to_id_string(), |(_, name)| (*name).to_owned())
}

impl KeyAlgorithm {
    /// The kind and size of the key in a subject public key info in DER.
    pub(super) fn of_spki(der: &[u8]) -> Self {
        SubjectPublicKeyInfo::from_der(der)
            .map_or_else(|_| Self::Other("an unknown algorithm".to_owned()), |(_, spki)| Self::of(&spki))
    }

    fn of(spki: &SubjectPublicKeyInfo<'_>) -> Self {
        match spki.parsed() {
            Ok(PublicKey::EC(_)) => Self::of_curve(spki),
            Ok(PublicKey::RSA(key)) => Self::Rsa(key.key_size()),
            _ if spki.algorithm.algorithm == oid::OID_SIG_ED25519 => Self::Ed25519,
            _ => Self::Other(format!("algorithm {}", spki.algorithm.algorithm.to_id_string())),
        }
    }

    /// A curve is told by its name: others than NIST's have keys of the same size.
    fn of_curve(spki: &SubjectPublicKeyInfo<'_>) -> Self {
        let named = spki.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
        let known = [(oid::OID_EC_P256, 256), (oid::OID_NIST_EC_P384, 384), (oid::OID_NIST_EC_P521, 521)];
        match named {
            Some(named) => known.iter().find(|(candidate, _)| *candidate == named).map_or_else(
                || Self::Other(format!("ECDSA on curve {}", named.to_id_string())),
                |(_, bits)| Self::Ecdsa(*bits),
            ),
            None => Self::Other("ECDSA on an unnamed curve".to_owned()),
        }
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ecdsa(bits) => write!(f, "ECDSA P-{bits}"),
            Self::Rsa(bits) => write!(f, "RSA {bits}"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({} {})", self.name(), self.fingerprint().short())
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint() == other.fingerprint()
    }
}

impl Eq for Certificate {}

impl From<Certificate> for String {
    fn from(certificate: Certificate) -> Self {
        BASE64.encode(certificate.der())
    }
}

impl TryFrom<String> for Certificate {
    type Error = InvalidCertificate;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let der = BASE64.decode(text).map_err(|error| InvalidCertificate(error.to_string()))?;
        Self::parse(&der)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ISSUER, Recipe};

    fn position(der: &[u8], of: &[u8]) -> Option<usize> {
        der.windows(of.len()).position(|part| part == of)
    }

    #[test]
    fn nist_curves_are_told_by_name() {
        let key = |algorithm| Recipe::authority(ISSUER, -1, 1).with(algorithm).self_signed().certificate.key().clone();
        assert_eq!(key(&rcgen::PKCS_ECDSA_P256_SHA256), KeyAlgorithm::Ecdsa(256));
        assert_eq!(key(&rcgen::PKCS_ECDSA_P384_SHA384), KeyAlgorithm::Ecdsa(384));
    }

    #[test]
    fn another_curve_of_256_bits_is_not_p_256() {
        // prime256v1 (1.2.840.10045.3.1.7), and an identifier beside it that is no such curve.
        const P256: [u8; 8] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
        let mut der = Recipe::authority(ISSUER, -1, 1).self_signed().certificate.der().to_vec();
        let at = position(&der, &P256).unwrap();
        der[at + 7] = 0x01;
        let key = Certificate::parse(&der).unwrap().key().clone();
        assert_eq!(key.to_string(), "ECDSA on curve 1.2.840.10045.3.1.1");
    }
}

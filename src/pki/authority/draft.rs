//! Certificates and requests put into DER.

use jiff::{Timestamp, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod,
    KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, SignatureAlgorithm, SigningKey, SubjectPublicKeyInfo,
};
use rustls_pki_types::CertificateDer;
use time::OffsetDateTime;

use super::{Certificate, Lifetime, NotSigned, PrivateKey, Serial, SigningError};

/// The longest common name that X.509 allows (RFC 5280, `ub-common-name`); the DNS name has no such end.
const LONGEST_COMMON_NAME: usize = 64;

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Anchor,
    Issuer,
    Leaf,
}

/// A certificate to be signed.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) kind: Kind,
    pub(super) dns_name: String,
    pub(super) lifetime: Lifetime,
    pub(super) now: Timestamp,
    pub(super) serial: Serial,
}

impl Draft {
    /// Signs it with `key`, which is that of `authority`, or of the certificate itself where there is none. What comes
    /// out has been read again and verified.
    pub(super) fn sign(
        &self,
        spki: &[u8],
        authority: Option<&Certificate>,
        key: &PrivateKey,
    ) -> Result<Certificate, SigningError> {
        let signer = Signer::of(key)?;
        let mut params = self.params()?;
        params.not_before = time(self.lifetime.not_before)?;
        params.not_after = time(self.lifetime.not_after)?;
        params.serial_number = Some(SerialNumber::from_slice(self.serial.bytes()));
        // An authority without an identifier has none that could be named.
        params.use_authority_key_identifier_extension = authority.is_none_or(|authority| authority.key_id().is_some());
        let made = match authority {
            None => params.self_signed(&signer),
            Some(authority) => {
                let issuer = Issuer::from_ca_cert_der(&CertificateDer::from(authority.der()), &signer)
                    .map_err(|_| unnameable(authority))?;
                params.signed_by(&public(spki)?, &issuer)
            }
        };
        let made = made.map_err(|error| signer.failed(&error))?;
        let certificate = Certificate::parse(made.der()).map_err(|error| encoding(&error))?;
        let authority = authority.unwrap_or(&certificate);
        if !certificate.names_as_issuer(authority) {
            return Err(unnameable(authority));
        }
        if certificate.is_signed_by(authority) {
            Ok(certificate)
        } else {
            Err(encoding(&"its signature does not verify"))
        }
    }

    /// A request for it, in PEM.
    pub(super) fn request(&self, key: &PrivateKey) -> Result<String, SigningError> {
        let signer = Signer::of(key)?;
        let request = self.params()?.serialize_request(&signer).map_err(|error| signer.failed(&error))?;
        request.pem().map_err(|error| encoding(&error))
    }

    /// What stands in a request as in a certificate.
    fn params(&self) -> Result<CertificateParams, SigningError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = self.subject();
        let dns_name = self.dns_name.as_str().try_into().map_err(|error: rcgen::Error| encoding(&error))?;
        params.subject_alt_names = vec![SanType::DnsName(dns_name)];
        params.key_identifier_method = KeyIdMethod::Sha256;
        let authority = |path_len| IsCa::Ca(BasicConstraints::Constrained(path_len));
        params.is_ca = match self.kind {
            Kind::Anchor => authority(1),
            Kind::Issuer => authority(0),
            Kind::Leaf => IsCa::NoCa,
        };
        if self.kind == Kind::Leaf {
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        } else {
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        }
        Ok(params)
    }

    fn subject(&self) -> DistinguishedName {
        let name = if self.kind == Kind::Leaf {
            self.dns_name.clone()
        } else {
            let date = self.now.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d").to_string();
            let suffix = format!(" {date} {}", self.serial.short());
            let room = LONGEST_COMMON_NAME - suffix.len();
            self.dns_name.chars().take(room).collect::<String>() + &suffix
        };
        let mut subject = DistinguishedName::new();
        subject.push(DnType::CommonName, name);
        subject
    }
}

/// The same anchor with another validity and number, signed by its own key.
pub(super) fn again(
    anchor: &Certificate,
    subject: DistinguishedName,
    lifetime: Lifetime,
    serial: Serial,
    key: &PrivateKey,
) -> Result<Certificate, SigningError> {
    let signer = Signer::of(key)?;
    let mut params = CertificateParams::new(anchor.dns_names().to_vec()).map_err(|error| encoding(&error))?;
    params.distinguished_name = subject;
    (params.not_before, params.not_after) = (time(lifetime.not_before)?, time(lifetime.not_after)?);
    params.serial_number = Some(SerialNumber::from_slice(serial.bytes()));
    // Who names its signer by this identifier goes on to find it.
    params.key_identifier_method =
        anchor.key_id().map_or(KeyIdMethod::Sha256, |id| KeyIdMethod::PreSpecified(id.to_vec()));
    params.is_ca = IsCa::Ca(match anchor.path_len().and_then(|most| u8::try_from(most).ok()) {
        Some(most) => BasicConstraints::Constrained(most),
        None => BasicConstraints::Unconstrained,
    });
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let made = params.self_signed(&signer).map_err(|error| signer.failed(&error))?;
    Certificate::parse(made.der()).map_err(|error| encoding(&error))
}

/// The key as rcgen asks for it.
struct Signer<'a> {
    key: &'a PrivateKey,
    public: SubjectPublicKeyInfo,
}

impl<'a> Signer<'a> {
    fn of(key: &'a PrivateKey) -> Result<Self, SigningError> {
        Ok(Self { key, public: public(key.spki())? })
    }

    /// What rcgen's error is here.
    fn failed(&self, error: &rcgen::Error) -> SigningError {
        match error {
            rcgen::Error::RemoteKeyError => NotSigned(self.key.algorithm().clone()).into(),
            other => encoding(other),
        }
    }
}

impl PublicKeyData for Signer<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.public.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.public.algorithm()
    }
}

impl SigningKey for Signer<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.key.sign(message).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

fn public(spki: &[u8]) -> Result<SubjectPublicKeyInfo, SigningError> {
    SubjectPublicKeyInfo::from_der(spki).map_err(|error| encoding(&error))
}

fn time(at: Timestamp) -> Result<OffsetDateTime, SigningError> {
    OffsetDateTime::from_unix_timestamp(at.as_second()).map_err(|error| encoding(&error))
}

pub(super) fn unnameable(authority: &Certificate) -> SigningError {
    SigningError::Name { name: authority.name().to_owned(), subject: authority.subject().to_owned() }
}

fn encoding(error: &impl ToString) -> SigningError {
    SigningError::Encoding(error.to_string())
}

//! Certificates and requests put into DER.

use std::{str::FromStr as _, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use signature::Keypair;
use x509_cert::{
    builder::{Builder, CertificateBuilder, profile::BuilderProfile},
    certificate::TbsCertificate,
    der::{
        DateTime, Decode as _, Document, Encode as _, EncodePem as _,
        asn1::{Any, BitString, Ia5String, Null, OctetString},
        oid::db::{
            rfc5280::{ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH},
            rfc5912::{ECDSA_WITH_SHA_256, SHA_256_WITH_RSA_ENCRYPTION},
        },
        pem::LineEnding,
    },
    ext::{
        Extension, ToExtension as _,
        pkix::{
            AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
            SubjectKeyIdentifier, name::GeneralName,
        },
    },
    name::Name,
    request::RequestBuilder,
    serial_number::SerialNumber,
    spki::{
        AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier, EncodePublicKey, SubjectPublicKeyInfoOwned,
        SubjectPublicKeyInfoRef,
    },
    time::{Time, Validity},
};

use super::{Certificate, KeyAlgorithm, Lifetime, PrivateKey, Serial, SigningError};

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
        let subject = self.subject()?;
        let issuer = authority.map(|authority| Name::from_der(authority.raw_subject())).transpose()?;
        let extensions = self.extensions(&subject, spki, authority)?;
        let validity = Validity::new(time(self.lifetime.not_before)?, time(self.lifetime.not_after)?);
        let profile = Profile { subject, issuer, extensions };
        let serial = SerialNumber::new(self.serial.bytes())?;
        let builder = CertificateBuilder::new(profile, serial, validity, SubjectPublicKeyInfoOwned::from_der(spki)?)?;
        let der = assemble(builder, key)?.to_der()?;
        let certificate = Certificate::parse(&der).map_err(|error| encoding(&error))?;
        if certificate.is_signed_by(authority.unwrap_or(&certificate)) {
            Ok(certificate)
        } else {
            Err(encoding(&"its signature does not verify"))
        }
    }

    /// A request for it, in PEM.
    pub(super) fn request(&self, key: &PrivateKey) -> Result<String, SigningError> {
        let mut builder = RequestBuilder::new(self.subject()?)?;
        builder.add_extension(&BasicConstraints { ca: true, path_len_constraint: Some(0) })?;
        builder.add_extension(&KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign))?;
        builder.add_extension(&self.dns_names()?)?;
        Ok(assemble(builder, key)?.to_pem(LineEnding::LF)?)
    }

    fn subject(&self) -> Result<Name, SigningError> {
        let name = if self.kind == Kind::Leaf {
            self.dns_name.clone()
        } else {
            let date = self.now.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d").to_string();
            let suffix = format!(" {date} {}", self.serial.short());
            let room = LONGEST_COMMON_NAME - suffix.len();
            self.dns_name.chars().take(room).collect::<String>() + &suffix
        };
        Ok(Name::from_str(&format!("CN={name}"))?)
    }

    fn dns_names(&self) -> Result<SubjectAltName, SigningError> {
        Ok(SubjectAltName(vec![GeneralName::DnsName(Ia5String::new(&self.dns_name)?)]))
    }

    fn extensions(
        &self,
        subject: &Name,
        spki: &[u8],
        authority: Option<&Certificate>,
    ) -> Result<Vec<Extension>, SigningError> {
        let usages = match self.kind {
            Kind::Anchor | Kind::Issuer => KeyUsages::KeyCertSign | KeyUsages::CRLSign,
            Kind::Leaf => KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment,
        };
        let mut extensions = vec![KeyUsage(usages).to_extension(subject, &[])?];
        let path_len = match self.kind {
            Kind::Anchor => Some(1),
            Kind::Issuer => Some(0),
            Kind::Leaf => None,
        };
        let own_id = key_id(spki)?;
        if path_len.is_some() {
            let constraints = BasicConstraints { ca: true, path_len_constraint: path_len };
            extensions.push(constraints.to_extension(subject, &[])?);
            extensions.push(SubjectKeyIdentifier(own_id.clone()).to_extension(subject, &[])?);
        } else {
            let usages = ExtendedKeyUsage(vec![ID_KP_SERVER_AUTH, ID_KP_CLIENT_AUTH]);
            extensions.push(usages.to_extension(subject, &[])?);
        }
        // An authority without an identifier has none that could be named.
        let authority_id = match authority {
            Some(authority) => authority.key_id().map(OctetString::new).transpose()?,
            None => Some(own_id),
        };
        if let Some(id) = authority_id {
            let id = AuthorityKeyIdentifier { key_identifier: Some(id), ..AuthorityKeyIdentifier::default() };
            extensions.push(id.to_extension(subject, &[])?);
        }
        extensions.push(self.dns_names()?.to_extension(subject, &[])?);
        Ok(extensions)
    }
}

/// The first 160 bits of SHA-256 over the public key (RFC 7093, method 1).
fn key_id(spki: &[u8]) -> Result<OctetString, SigningError> {
    let spki = SubjectPublicKeyInfoRef::from_der(spki)?;
    let digest = ring::digest::digest(&ring::digest::SHA256, spki.subject_public_key.raw_bytes());
    Ok(OctetString::new(&digest.as_ref()[..20])?)
}

fn time(at: Timestamp) -> Result<Time, SigningError> {
    let seconds = u64::try_from(at.as_second()).map_err(|_| encoding(&format!("{at} lies before 1970")))?;
    Ok(DateTime::from_unix_duration(Duration::from_secs(seconds))?.into())
}

fn assemble<B: Builder>(mut builder: B, key: &PrivateKey) -> Result<B::Output, SigningError> {
    let signer = Signer(key);
    let message = builder.finalize(&signer)?;
    let signature = BitString::from_bytes(&key.sign(&message)?)?;
    Ok(builder.assemble(signature, &signer)?)
}

struct Profile {
    subject: Name,
    issuer: Option<Name>,
    extensions: Vec<Extension>,
}

impl BuilderProfile for Profile {
    fn get_issuer(&self, subject: &Name) -> Name {
        self.issuer.as_ref().unwrap_or(subject).clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        _: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        Ok(self.extensions.clone())
    }
}

/// The key as the builder asks for it.
struct Signer<'a>(&'a PrivateKey);

#[derive(Clone)]
struct Verifier(Vec<u8>);

impl Keypair for Signer<'_> {
    type VerifyingKey = Verifier;

    fn verifying_key(&self) -> Self::VerifyingKey {
        Verifier(self.0.spki().to_vec())
    }
}

impl EncodePublicKey for Verifier {
    fn to_public_key_der(&self) -> x509_cert::spki::Result<Document> {
        Ok(Document::try_from(self.0.as_slice())?)
    }
}

impl DynSignatureAlgorithmIdentifier for Signer<'_> {
    fn signature_algorithm_identifier(&self) -> x509_cert::spki::Result<AlgorithmIdentifierOwned> {
        Ok(match self.0.algorithm() {
            KeyAlgorithm::Rsa(_) => {
                AlgorithmIdentifierOwned { oid: SHA_256_WITH_RSA_ENCRYPTION, parameters: Some(Any::from(Null)) }
            }
            _ => AlgorithmIdentifierOwned { oid: ECDSA_WITH_SHA_256, parameters: None },
        })
    }
}

fn encoding(error: &impl ToString) -> SigningError {
    SigningError::Encoding(error.to_string())
}

impl From<x509_cert::der::Error> for SigningError {
    fn from(error: x509_cert::der::Error) -> Self {
        encoding(&error)
    }
}

impl From<x509_cert::builder::Error> for SigningError {
    fn from(error: x509_cert::builder::Error) -> Self {
        encoding(&error)
    }
}

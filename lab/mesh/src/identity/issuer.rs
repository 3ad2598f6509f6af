//! The issuer's credentials, as loaded from its folder (linkerd2 pkg/tls/cred.go).

use std::path::{Path, PathBuf};

use rcgen::KeyPair;
use rustls_pki_types::CertificateDer;
use time::OffsetDateTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::notes;
use crate::chain::{self, ChainError};
use crate::keys;

/// Where the certificate and the key lie.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Files {
    /// `linkerd.io/tls` has names of its own; any other scheme means those of `kubernetes.io/tls`.
    pub(crate) fn of_scheme(folder: &Path, scheme: &str) -> Self {
        let (certificate, key) = match scheme {
            "linkerd.io/tls" => ("crt.pem", "key.pem"),
            _ => ("tls.crt", "tls.key"),
        };
        Self { certificate: folder.join(certificate), key: folder.join(key) }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct TrustAnchors(pub(crate) Vec<CertificateDer<'static>>);

#[derive(Debug, thiserror::Error)]
pub(crate) enum IssuerError {
    #[error("Failed to read trust anchors: {0}")]
    Anchors(String),
    #[error("failed to read CA from disk: {0}")]
    Read(String),
    #[error(
        "failed to verify issuer credentials for '{name}' with trust anchors: {}",
        notes::refusal(error, *now, *not_before, *not_after)
    )]
    Unverified {
        name: String,
        error: ChainError,
        now: OffsetDateTime,
        not_before: OffsetDateTime,
        not_after: OffsetDateTime,
    },
    #[error("failed to verify issuer certificate: it must be an intermediate-CA, but it is not")]
    NotAuthority,
}

impl TrustAnchors {
    pub(crate) fn from_pem(pem: &[u8]) -> Result<Self, IssuerError> {
        let anchors = chain::certificates(pem).map_err(|error| IssuerError::Anchors(error.to_string()))?;
        if anchors.is_empty() {
            return Err(IssuerError::Anchors("no certificates found".into()));
        }
        Ok(Self(anchors))
    }
}

/// A certificate that signs leafs, with its key and what else its file held.
#[derive(Debug)]
pub(crate) struct Issuer {
    pub(crate) certificate: CertificateDer<'static>,
    /// The certificates after the first, in the order of the file.
    pub(crate) above: Vec<CertificateDer<'static>>,
    pub(crate) key: KeyPair,
    pub(crate) not_before: OffsetDateTime,
    pub(crate) not_after: OffsetDateTime,
    /// The end of what ends first in the chain: no leaf outlives it.
    pub(crate) first_end: OffsetDateTime,
}

impl Issuer {
    /// Loads the files and checks what they hold against the anchors.
    pub(crate) fn load(
        files: &Files,
        name: &str,
        anchors: &TrustAnchors,
        now: OffsetDateTime,
    ) -> Result<Self, IssuerError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|error| IssuerError::Read(format!("open {}: {error}", path.display())))
        };
        let issuer = Self::from_pem(&read(&files.certificate)?, &read(&files.key)?)?;
        issuer.verify(anchors, now).map_err(|error| IssuerError::Unverified {
            name: name.to_owned(),
            error,
            now,
            not_before: issuer.not_before,
            not_after: issuer.not_after,
        })?;
        let is_ca = X509Certificate::from_der(&issuer.certificate).is_ok_and(|(_, certificate)| certificate.is_ca());
        if is_ca { Ok(issuer) } else { Err(IssuerError::NotAuthority) }
    }

    /// Reads a PEM chain, issuer first, and the PEM key of its first certificate.
    pub(crate) fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, IssuerError> {
        let read = |error: String| IssuerError::Read(error);
        let key = keys::signing_key(key).map_err(|error| read(error.to_string()))?;
        let mut certificates = chain::certificates(certificate).map_err(|error| read(error.to_string()))?;
        if certificates.is_empty() {
            return Err(read("No certificates found".into()));
        }
        let above = certificates.split_off(1);
        let certificate = certificates.remove(0);
        let (not_before, not_after) = {
            let (_, parsed) = X509Certificate::from_der(&certificate)
                .map_err(|error| read(format!("x509: malformed certificate: {error}")))?;
            if !keys::belongs_to(&key, parsed.public_key()) {
                return Err(read("tls: Public and private key do not match".into()));
            }
            (parsed.validity().not_before.to_datetime(), parsed.validity().not_after.to_datetime())
        };
        let first_end = above
            .iter()
            .filter_map(|der| X509Certificate::from_der(der).ok())
            .map(|(_, parsed)| parsed.validity().not_after.to_datetime())
            .fold(not_after, OffsetDateTime::min);
        Ok(Self { certificate, above, key, not_before, not_after, first_end })
    }

    /// Whether it chains to the anchors at this time.
    pub(crate) fn verify(&self, anchors: &TrustAnchors, now: OffsetDateTime) -> Result<(), ChainError> {
        chain::verify(&self.certificate, &self.above, &anchors.0, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::test_support::anchor;
    use time::Duration;

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let root = anchor("root", Duration::days(1));
        let (one, two) = (root.issuer("issuer", Duration::days(1)), root.issuer("issuer", Duration::days(1)));
        let error = Issuer::from_pem(one.pem.as_bytes(), two.key.serialize_pem().as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "failed to read CA from disk: tls: Public and private key do not match");
    }

    #[test]
    fn the_chain_s_first_end_counts() {
        let root = anchor("root", Duration::days(9));
        let middle = root.issuer("middle", Duration::days(1));
        let issuer = middle.issuer("issuer", Duration::days(5));
        let pem = format!("{}{}", issuer.pem, middle.pem);
        let loaded = Issuer::from_pem(pem.as_bytes(), issuer.key.serialize_pem().as_bytes()).unwrap();
        assert!(loaded.first_end < loaded.not_after);
        assert_eq!(loaded.above, [middle.der]);
    }
}

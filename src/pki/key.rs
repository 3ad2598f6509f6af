//! Private keys, as far as a reader needs them: which public key they belong to. The key itself is never kept.

use rustls_pki_types::{PrivateKeyDer, pem::PemObject as _};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Certificate, Fingerprint};

/// What was found where a private key belongs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", content = "is", rename_all = "camelCase")]
pub enum KeyState {
    /// There is none.
    Missing,
    /// There is something, but not a key that can be used.
    Unreadable(String),
    /// A key; this is the SHA-256 of its subject public key info.
    Present(Fingerprint),
}

impl KeyState {
    /// Reads PEM (PKCS#8, PKCS#1 or SEC 1), as found in a Secret.
    pub fn of_pem(pem: &[u8]) -> Self {
        if pem.iter().all(u8::is_ascii_whitespace) {
            return Self::Missing;
        }
        let key = match PrivateKeyDer::from_pem_slice(pem) {
            Ok(key) => Zeroizing::new(key),
            Err(error) => return Self::Unreadable(error.to_string()),
        };
        let usable = rustls::crypto::ring::sign::any_supported_type(&key);
        match usable.map(|key| key.public_key().map(|spki| Fingerprint::of(&spki))) {
            Ok(Some(spki)) => Self::Present(spki),
            Ok(None) => Self::Unreadable("its public key cannot be derived".to_owned()),
            Err(error) => Self::Unreadable(error.to_string()),
        }
    }

    /// Whether it is the key of `certificate`.
    pub fn fits(&self, certificate: &Certificate) -> bool {
        *self == Self::Present(certificate.public_key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits_its_certificate_and_no_other() {
        let (key, other) = (rcgen::KeyPair::generate().unwrap(), rcgen::KeyPair::generate().unwrap());
        let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        let certificate = Certificate::parse(certificate.der()).unwrap();
        assert!(KeyState::of_pem(key.serialize_pem().as_bytes()).fits(&certificate));
        assert!(!KeyState::of_pem(other.serialize_pem().as_bytes()).fits(&certificate));
    }

    #[test]
    fn step_writes_sec1() {
        // A throwaway P-256 key in the layout of `step certificate create` and `openssl ecparam -genkey`.
        let sec1 = "-----BEGIN EC PRIVATE KEY-----\n\
            MHcCAQEEIDxrQzV4SlCcph4t5vfSthh1cVEV9SiyDHiTVecZhyaUoAoGCCqGSM49\n\
            AwEHoUQDQgAEFOiSrqtZ8Y1lKJlcwEwM7CqHxVdX/mTgWUGoJePp4+7BRxt6cawL\n\
            7j7yE2YR+NBUjHkpuRIqcxg8MWKMfJSXzQ==\n-----END EC PRIVATE KEY-----";
        assert!(matches!(KeyState::of_pem(sec1.as_bytes()), KeyState::Present(_)));
    }

    #[test]
    fn half_a_key_is_unreadable_and_nothing_is_missing() {
        let pem = rcgen::KeyPair::generate().unwrap().serialize_pem();
        assert!(matches!(KeyState::of_pem(&pem.as_bytes()[..60]), KeyState::Unreadable(_)));
        assert_eq!(KeyState::of_pem(b" \n"), KeyState::Missing);
    }
}

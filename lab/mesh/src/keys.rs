//! Private keys as they are found in Secrets.
//!
//! Linkerd's own tooling and cert-manager write `EC PRIVATE KEY` (SEC 1) and `RSA PRIVATE KEY`
//! (PKCS #1); the signer takes PKCS #8 only, so the other two are wrapped.

use rcgen::KeyPair;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::prelude::{FromDer, SubjectPublicKeyInfo};

#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("no PEM private key found: {0}")]
    Pem(#[from] rustls_pki_types::pem::Error),
    #[error("a private key of a kind that cannot sign here: {0}")]
    Unsupported(#[from] rcgen::Error),
}

/// `AlgorithmIdentifier` of an EC key on P-256 and on P-384, and of an RSA key.
const P256: &[u8] = &[
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
    0x01, 0x07,
];
const P384: &[u8] =
    &[0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
const RSA: &[u8] = &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// Reads a PEM private key for signing.
pub(crate) fn signing_key(pem: &[u8]) -> Result<KeyPair, KeyError> {
    let tries = match PrivateKeyDer::from_pem_slice(pem)? {
        PrivateKeyDer::Sec1(key) => {
            let key = key.secret_sec1_der();
            vec![wrapped(P256, key), wrapped(P384, key)]
        }
        PrivateKeyDer::Pkcs1(key) => vec![wrapped(RSA, key.secret_pkcs1_der())],
        other => vec![other.secret_der().to_vec()],
    };
    let mut refused = rcgen::Error::CouldNotParseKeyPair;
    for pkcs8 in tries {
        match KeyPair::try_from(&PrivatePkcs8KeyDer::from(pkcs8)) {
            Ok(key) => return Ok(key),
            Err(error) => refused = error,
        }
    }
    Err(refused.into())
}

/// Whether the key is the one a certificate's public key belongs to.
pub(crate) fn belongs_to(key: &KeyPair, public: &SubjectPublicKeyInfo<'_>) -> bool {
    use rcgen::PublicKeyData;
    let own = key.subject_public_key_info();
    SubjectPublicKeyInfo::from_der(&own)
        .is_ok_and(|(_, own)| own.subject_public_key.data == public.subject_public_key.data)
}

/// `SEQUENCE { INTEGER 0, algorithm, OCTET STRING key }`.
fn wrapped(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let mut inner = vec![0x02, 0x01, 0x00];
    inner.extend_from_slice(algorithm);
    inner.extend(element(0x04, key));
    element(0x30, &inner)
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut der = vec![tag];
    let length = content.len().to_be_bytes();
    let significant: Vec<u8> = length.iter().copied().skip_while(|byte| *byte == 0).collect();
    match significant.as_slice() {
        [] => der.push(0),
        [short] if *short < 0x80 => der.push(*short),
        long => {
            // A length of usize has at most eight bytes.
            der.push(0x80 | u8::try_from(long.len()).unwrap_or(8));
            der.extend_from_slice(long);
        }
    }
    der.extend_from_slice(content);
    der
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first two thirds of a P-256 key.
    const DAMAGED: &str = "-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIOaMlWKiC2PnCqJ9e1G1lKJXFl2dJOYJHMGmHH9Qdq8noAoGCCqGSM49
AwEHoUQDQgAEHc2cbhmvDB+dKRyK2D6FdPZsbmuBPQi2PcTCqJQ+9eJbYpC8p4BY
-----END EC PRIVATE KEY-----
";

    #[test]
    fn takes_pkcs8() {
        let key = KeyPair::generate().unwrap();
        let read = signing_key(key.serialize_pem().as_bytes()).unwrap();
        assert_eq!(read.public_key_raw(), key.public_key_raw());
    }

    #[test]
    fn takes_sec1() {
        // The inner ECPrivateKey of a PKCS #8 P-256 key is a SEC 1 key without its curve.
        let key = KeyPair::generate().unwrap();
        let pkcs8 = key.serialize_der();
        let at = 3 + 3 + P256.len() + 2;
        let sec1 = &pkcs8[at..];
        assert_eq!(wrapped(P256, sec1), pkcs8);
    }

    #[test]
    fn refuses_a_damaged_key() {
        assert!(matches!(signing_key(DAMAGED.as_bytes()), Err(KeyError::Unsupported(_))));
        assert!(matches!(signing_key(b"nothing"), Err(KeyError::Pem(_))));
    }
}

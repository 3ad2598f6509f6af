//! A private key in memory: generated here, or read from PEM as step, openssl, cert-manager and Linkerd write it.
//!
//! Written as PKCS#8, which every loader of Linkerd takes for ECDSA and RSA alike: `DecodePEMKey` (linkerd2,
//! pkg/tls/codec.go) behind `linkerd install --identity-issuer-key-file`, behind identity's own reading of the issuer
//! Secret (`ReadPEMCreds`, pkg/tls/cred.go) and behind `linkerd check` (`ValidateAndCreateCreds`). It looks at the first
//! PEM block only, so nothing else is written beside a key.

mod block;
mod encrypted;
#[cfg(test)]
pub(crate) mod fixtures;
mod generate;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use pkcs8::{
    AlgorithmIdentifierRef, LineEnding, ObjectIdentifier, PrivateKeyInfoRef, SecretDocument,
    der::{
        Decode as _,
        asn1::{AnyRef, BitStringRef, OctetStringRef},
    },
};
use rsa::pkcs1;
use rustls::{SignatureScheme, sign::SigningKey};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sec1::EcPrivateKey;
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{Fingerprint, KeyAlgorithm};

pub use generate::{NewKey, NotGenerated};

/// Keys on elliptic curves, and the curves (RFC 5480, section 2.1.1).
const ID_EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const SECP_256_R_1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const SECP_384_R_1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const SECP_521_R_1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

/// A private key that can sign. What this type holds is wiped when it goes; ring, which signs with it, keeps a copy of
/// its own that it cannot be made to wipe.
pub struct PrivateKey {
    pem: Zeroizing<String>,
    signer: Arc<dyn SigningKey>,
    spki: Vec<u8>,
    algorithm: KeyAlgorithm,
}

/// Why a text gives no private key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// It is encrypted, and no password was given.
    #[error("it is encrypted and needs a password")]
    NeedsPassword,
    /// It is encrypted with another password.
    #[error("the password does not decrypt it")]
    WrongPassword,
    /// There is no key in it, or one that nobody here can use; this says why and holds nothing of the key.
    #[error("{0}")]
    Unusable(String),
}

/// The key made no signature.
#[derive(Debug, thiserror::Error)]
#[error("the key ({0}) makes no signature that Linkerd takes")]
pub struct NotSigned(pub KeyAlgorithm);

impl PrivateKey {
    /// Reads the first private key of a PEM text: PKCS#8, SEC 1 or PKCS#1; encrypted as PKCS#8 (PBES2) or in the old way
    /// of openssl and step (`DEK-Info`). Text, certificates and EC parameters around it are passed over.
    ///
    /// # Errors
    /// [`InvalidKey::NeedsPassword`] is the question to ask; with the answer the same text can be read again.
    pub fn from_pem(pem: &[u8], password: Option<&SecretString>) -> Result<Self, InvalidKey> {
        let block = block::first_key(pem)?.ok_or_else(|| unusable("there is no private key in it"))?;
        match block.label.as_str() {
            "PRIVATE KEY" => Self::from_pkcs8(&block.body),
            "ENCRYPTED PRIVATE KEY" => Self::from_pkcs8(encrypted::pkcs8(&block.body, password)?.as_bytes()),
            "EC PRIVATE KEY" => Self::from_sec1(block.decrypted(password)?.as_slice()),
            "RSA PRIVATE KEY" => Self::from_pkcs1(block.decrypted(password)?.as_slice()),
            "OPENSSH PRIVATE KEY" => Err(unusable("it is a key for SSH")),
            other => Err(unusable(&format!("a block of type {other} is no key that can be used"))),
        }
    }

    /// SHA-256 of its subject public key info, to match it with a certificate.
    pub fn public_key(&self) -> Fingerprint {
        Fingerprint::of(&self.spki)
    }

    /// Its subject public key info in DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Its kind and size.
    pub fn algorithm(&self) -> &KeyAlgorithm {
        &self.algorithm
    }

    /// The key as one block of unencrypted PKCS#8 PEM, with a final line feed. For files and Secrets only.
    pub fn to_pem(&self) -> &str {
        &self.pem
    }

    /// Signs with SHA-256: ECDSA P-256 in DER, or RSA with PKCS#1 v1.5 padding. Nothing else is a signature that Linkerd
    /// takes (linkerd2, pkg/issuercerts/issuercerts.go).
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, NotSigned> {
        const SCHEMES: [SignatureScheme; 2] =
            [SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::RSA_PKCS1_SHA256];
        let not_signed = || NotSigned(self.algorithm.clone());
        let signer = self.signer.choose_scheme(&SCHEMES).ok_or_else(not_signed)?;
        signer.sign(message).map_err(|_| not_signed())
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, InvalidKey> {
        let info = PrivateKeyInfoRef::from_der(der).map_err(|_| damaged("PKCS#8"))?;
        let key = info.private_key.as_bytes();
        if info.algorithm.oid == pkcs1::ALGORITHM_OID {
            return Self::from_pkcs1(key);
        }
        if info.algorithm.oid == ID_EC_PUBLIC_KEY {
            let key = EcPrivateKey::from_der(key).map_err(|_| damaged("PKCS#8"))?;
            let curve = info.algorithm.parameters_oid().ok();
            let public = key.public_key.or_else(|| info.public_key.as_ref().and_then(BitStringRef::as_bytes));
            return Self::from_ec(curve, key.private_key, public);
        }
        Self::load(info.algorithm, key)
    }

    fn from_sec1(der: &[u8]) -> Result<Self, InvalidKey> {
        let key = EcPrivateKey::from_der(der).map_err(|_| damaged("SEC 1"))?;
        let named = key.parameters.and_then(sec1::EcParameters::named_curve);
        let by_length = || match key.private_key.len() {
            32 => Some(SECP_256_R_1),
            48 => Some(SECP_384_R_1),
            _ => None,
        };
        Self::from_ec(named.or_else(by_length), key.private_key, key.public_key)
    }

    fn from_ec(curve: Option<ObjectIdentifier>, private: &[u8], public: Option<&[u8]>) -> Result<Self, InvalidKey> {
        let curve = match curve {
            Some(curve) if [SECP_256_R_1, SECP_384_R_1].contains(&curve) => curve,
            Some(SECP_521_R_1) => return Err(unsupported("an elliptic curve key on P-521")),
            Some(other) => return Err(unsupported(&format!("an elliptic curve key on curve {other}"))),
            None => return Err(unsupported("an elliptic curve key on a curve without a name")),
        };
        if public.is_none() {
            return Err(unusable(
                "its public half is missing; `openssl ec -in FILE -out NEW` writes it beside the key",
            ));
        }
        let key = EcPrivateKey { private_key: private, parameters: None, public_key: public };
        let key = SecretDocument::encode_msg(&key).map_err(|_| damaged("elliptic curve"))?;
        let algorithm = AlgorithmIdentifierRef { oid: ID_EC_PUBLIC_KEY, parameters: Some(AnyRef::from(&curve)) };
        Self::load(algorithm, key.as_bytes())
    }

    fn from_pkcs1(der: &[u8]) -> Result<Self, InvalidKey> {
        let key = pkcs1::RsaPrivateKeyRef::from_der(der).map_err(|_| damaged("RSA"))?;
        let bits = key.modulus.as_bytes().len() * 8;
        if !(2048..=4096).contains(&bits) {
            return Err(unsupported(&format!("an RSA key of {bits} bits")));
        }
        Self::load(pkcs1::ALGORITHM_ID, der)
    }

    /// The one way in: what ring takes from PKCS#8 of version 1 is also what will be written.
    fn load(algorithm: AlgorithmIdentifierRef<'_>, key: &[u8]) -> Result<Self, InvalidKey> {
        let encoded = OctetStringRef::new(key)
            .and_then(|key| SecretDocument::encode_msg(&PrivateKeyInfoRef::new(algorithm, key)))
            .and_then(|der| Ok((der.to_pem("PRIVATE KEY", LineEnding::LF)?, der)));
        let (pem, der) = encoded.map_err(|_| damaged("private"))?;
        let pkcs8 = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der.as_bytes()));
        let signer = rustls::crypto::ring::sign::any_supported_type(&pkcs8)
            .map_err(|_| unusable("its parts do not fit together, or it is of a kind that is not supported"))?;
        let spki = signer.public_key().map(|spki| spki.as_ref().to_vec());
        let spki = spki.ok_or_else(|| unusable("its public key cannot be derived"))?;
        let algorithm = KeyAlgorithm::of_spki(&spki);
        Ok(Self { pem, signer, spki, algorithm })
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({} {})", self.algorithm, self.public_key().short())
    }
}

fn unusable(why: &str) -> InvalidKey {
    InvalidKey::Unusable(why.to_owned())
}

fn unsupported(what: &str) -> InvalidKey {
    unusable(&format!(
        "{what} is not supported; Linkerd takes ECDSA P-256, and for a trust anchor also RSA 2048 or 4096"
    ))
}

fn damaged(kind: &str) -> InvalidKey {
    unusable(&format!("the {kind} key in it is damaged or cut short"))
}

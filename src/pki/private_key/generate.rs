//! New keys. ring makes elliptic curve keys; it cannot make RSA keys, so those are made elsewhere from ring's
//! randomness, and ring judges them.

use std::fmt;

use pkcs8::EncodePrivateKey as _;
use ring::{
    rand::{SecureRandom as _, SystemRandom},
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use rsa::{
    RsaPrivateKey,
    rand_core::{TryCryptoRng, TryRng, UnwrapErr},
};

use super::PrivateKey;

/// What key to make. Linkerd takes RSA only for trust anchors (linkerd2, pkg/issuercerts/issuercerts.go,
/// `CheckTrustAnchorAlgoRequirements` and `CheckIssuerCertAlgoRequirements`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NewKey {
    /// ECDSA on P-256.
    #[default]
    EcdsaP256,
    /// RSA with 2048 bits.
    Rsa2048,
    /// RSA with 4096 bits; takes seconds.
    Rsa4096,
}

/// Nothing could be generated; this says why.
#[derive(Debug, thiserror::Error)]
#[error("no key or number could be generated: {0}")]
pub struct NotGenerated(String);

impl PrivateKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn generate(what: NewKey) -> Result<Self, NotGenerated> {
        let bits = match what {
            NewKey::EcdsaP256 => {
                let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new());
                return Self::from_pkcs8(made.map_err(|_| NotGenerated::randomness())?.as_ref()).map_err(broken);
            }
            NewKey::Rsa2048 => 2048,
            NewKey::Rsa4096 => 4096,
        };
        // Asked once before, so that a system without randomness is an error; once it gives some it does not stop.
        System::default().try_fill_bytes(&mut [0; 32]).map_err(|_| NotGenerated::randomness())?;
        let key = RsaPrivateKey::new(&mut UnwrapErr(System::default()), bits).map_err(broken)?;
        Self::from_pkcs8(key.to_pkcs8_der().map_err(broken)?.as_bytes()).map_err(broken)
    }
}

impl NotGenerated {
    pub(in crate::pki) fn randomness() -> Self {
        Self("the system gives no random numbers".to_owned())
    }
}

fn broken(error: impl fmt::Display) -> NotGenerated {
    NotGenerated(error.to_string())
}

/// The system's randomness, by ring.
#[derive(Debug)]
struct System(SystemRandom);

#[derive(Debug, thiserror::Error)]
#[error("the system gives no random numbers")]
struct NoRandomness;

impl Default for System {
    fn default() -> Self {
        Self(SystemRandom::new())
    }
}

impl TryRng for System {
    type Error = NoRandomness;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_ne_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0.fill(bytes).map_err(|_| NoRandomness)
    }
}

impl TryCryptoRng for System {}

//! Which keys and signatures Linkerd takes (linkerd2, pkg/issuercerts/issuercerts.go).

use super::{Certificate, KeyAlgorithm};

impl Certificate {
    /// Whether key and signature are such that Linkerd takes it for a trust anchor
    /// (`CheckTrustAnchorAlgoRequirements`).
    pub fn suits_anchor(&self) -> bool {
        match self.key() {
            KeyAlgorithm::Ecdsa(256) => matches!(self.signature(), "ECDSA-SHA256" | "SHA256-RSA"),
            KeyAlgorithm::Rsa(2048 | 4096) => self.signature() == "SHA256-RSA",
            _ => false,
        }
    }

    /// Whether key and signature are such that Linkerd takes it for an identity issuer
    /// (`CheckIssuerCertAlgoRequirements`).
    pub fn suits_issuer(&self) -> bool {
        *self.key() == KeyAlgorithm::Ecdsa(256) && matches!(self.signature(), "ECDSA-SHA256" | "SHA256-RSA")
    }
}

//! New authorities for a simulated mesh.

use jiff::SignedDuration;

use crate::{mesh::IssuerPair, pki::Certificate};

use super::{
    World,
    sign::{Authority, NotSigned},
};

/// A new anchor, and an issuer under it with its key. The anchor's key is not kept.
#[derive(Clone, Debug)]
pub struct Made {
    /// The anchor.
    pub anchor: Certificate,
    /// The issuer.
    pub issuer: IssuerPair,
}

impl World {
    /// Makes an anchor and an issuer with these lifetimes.
    ///
    /// # Errors
    /// When they cannot be signed.
    pub fn make(&mut self, anchor: SignedDuration, issuer: SignedDuration) -> Result<Made, NotSigned> {
        let now = self.now;
        let name = |layer: &str| format!("{layer}.linkerd.cluster.local {}", now.as_second());
        let root = self.signer.anchor(&Authority { name: &name("root"), from: now, until: now + anchor })?;
        let below = Authority { name: &name("identity"), from: now, until: now + issuer };
        let issuer = self.signer.issuer(&below, &root)?;
        Ok(Made { anchor: root.chain[0].clone(), issuer })
    }
}

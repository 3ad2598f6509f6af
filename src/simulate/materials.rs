//! New authorities for a simulated mesh.

use jiff::SignedDuration;

use crate::{
    mesh::IssuerPair,
    pki::{Certificate, authority::BACKDATED, verify},
    plan::Goal,
};

use super::{NoLikeness, World, sign::Authority};

/// A new anchor, and an issuer under it with its key. The anchor's key is not kept.
#[derive(Clone, Debug)]
pub struct Made {
    /// The anchor.
    pub anchor: Certificate,
    /// The issuer.
    pub issuer: IssuerPair,
}

impl World {
    /// Makes an issuer for `goal`: under a new anchor, or under the present one. (Nothing is made to go back.)
    ///
    /// # Errors
    /// When they cannot be signed, or the present anchor has no likeness here.
    pub fn make(&mut self, goal: Goal, anchor: SignedDuration, issuer: SignedDuration) -> Result<Made, NoLikeness> {
        let now = self.now;
        let from = now - BACKDATED;
        let name = |layer: &str| format!("{layer}.linkerd.cluster.local {}", now.as_second());
        let root = match goal {
            Goal::Anchor => self.signer.anchor(&Authority { name: &name("root"), from, until: now + anchor })?,
            Goal::Issuer | Goal::Back | Goal::Webhooks => {
                let signs =
                    |pair: &&IssuerPair| pair.chain.iter().any(|one| verify::leads_to(&self.issuer.value.chain, one));
                self.authorities.iter().find(signs).cloned().ok_or(NoLikeness::Untrusted)?
            }
        };
        let below = Authority { name: &name("identity"), from, until: now + issuer };
        let issuer = self.signer.issuer(&below, &root)?;
        Ok(Made { anchor: root.chain[0].clone(), issuer })
    }
}

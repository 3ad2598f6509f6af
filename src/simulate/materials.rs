//! New authorities for a simulated mesh.

use jiff::SignedDuration;

use crate::{
    mesh::IssuerPair,
    pki::{Certificate, authority::BACKDATED, verify},
    plan::{Goal, Need},
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

/// What brings a mesh back. The keys of its anchors are not kept.
#[derive(Clone, Debug)]
pub struct Remedy {
    /// The anchor that shall vouch for everything.
    pub anchor: Certificate,
    /// An issuer under it, where the one that is there is of no use.
    pub issuer: Option<IssuerPair>,
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
            Goal::Issuer | Goal::Back | Goal::Recover | Goal::Webhooks => {
                let signs =
                    |pair: &&IssuerPair| pair.chain.iter().any(|one| verify::leads_to(&self.issuer.value.chain, one));
                self.authorities.iter().find(signs).cloned().ok_or(NoLikeness::Untrusted)?
            }
        };
        let issuer = self.issuer_under(&root, issuer)?;
        Ok(Made { anchor: root.chain[0].clone(), issuer })
    }

    /// Makes what brings a mesh back that needs `need`. `has_keys`: whether the keys of its anchors are at hand.
    ///
    /// # Errors
    /// When they cannot be signed.
    pub fn remedy(
        &mut self,
        need: &Need,
        has_keys: bool,
        (anchor, issuer): (SignedDuration, SignedDuration),
    ) -> Result<Remedy, NoLikeness> {
        let (candidates, has_ended) = match need {
            Need::Nothing(anchor) => return Ok(Remedy { anchor: anchor.clone(), issuer: None }),
            Need::Issuer(anchors) => (anchors, false),
            Need::Anchor(anchors) => (anchors, true),
        };
        let held = |one: &Certificate| self.authorities.iter().find(|pair| pair.chain.first() == Some(one)).cloned();
        let root = match candidates.iter().filter(|_| has_keys).find_map(held) {
            Some(root) if !has_ended => root,
            Some(ended) => self.signer.renewed(&ended, self.now - BACKDATED, self.now + anchor)?,
            None => {
                let made = self.make(Goal::Anchor, anchor, issuer)?;
                return Ok(Remedy { anchor: made.anchor, issuer: Some(made.issuer) });
            }
        };
        let issuer = self.issuer_under(&root, issuer)?;
        Ok(Remedy { anchor: root.chain[0].clone(), issuer: Some(issuer) })
    }

    fn issuer_under(&mut self, root: &IssuerPair, lifetime: SignedDuration) -> Result<IssuerPair, NoLikeness> {
        let name = format!("identity.linkerd.cluster.local {}", self.now.as_second());
        let below = Authority { name: &name, from: self.now - BACKDATED, until: self.now + lifetime };
        Ok(self.signer.issuer(&below, root)?)
    }
}

//! What a step makes of a standing when it does what it is meant to do.

use std::collections::BTreeSet;

use crate::pki::{Certificate, Fingerprint, verify};

use super::{Party, Presents, Standing, Step, Trusts, ailment, gate::LEAF};

impl Standing {
    /// The standing after `step`.
    #[must_use]
    pub fn after(&self, step: &Step) -> Self {
        let mut after = self.clone();
        match step {
            Step::TrustRoots { anchors, .. } => {
                after.roots.clone_from(anchors);
                (after.roots_load, after.roots_are_ours, after.roots_after_issuer) = (true, true, true);
            }
            Step::Copy(copy) => {
                let (anchors, issuer) = (fingerprints(&self.roots), self.issuer.first().cloned());
                for (which, had, signer) in after.copies.iter_mut().filter(|(which, ..)| which == copy) {
                    debug_assert_eq!(which, copy);
                    had.clone_from(&anchors);
                    // linkerd-config of other schemes names no issuer, and then needs none.
                    if signer.is_some() {
                        signer.clone_from(&issuer);
                    }
                }
            }
            Step::Issuer { chain } => {
                after.issuer.clone_from(chain);
                (after.issuer_is_ours, after.roots_after_issuer, after.issuer_loads) = (true, false, true);
            }
            Step::AwaitIssuer { chain } => after.serving = Some(chain.clone()),
            Step::Restart { workloads, .. } => {
                for party in after.parties.iter_mut().filter(|party| workloads.contains(&party.who)) {
                    self.renew(party);
                    if party.component.as_deref() == Some("identity") {
                        // Its proxy asks the controller beside it.
                        party.presents = vec![Presents::Issuer(self.issuer.clone())];
                        after.identity_trusts = Trusts::Anchors(self.roots.clone());
                        after.serving = Some(self.issuer.clone());
                        after.identity_runs = true;
                    }
                }
            }
            Step::AwaitLinked { lacks, .. } => {
                // Of one that could not be read nothing is known, so nothing can be said of what follows there.
                after
                    .linked
                    .retain(|linked| linked.seen.is_ok() || lacks.iter().all(|lack| lack.cluster != linked.name));
                for lack in lacks {
                    let of = after.linked.iter_mut().filter(|linked| linked.name == lack.cluster);
                    of.for_each(|linked| linked.without_lack(lack.why, &lack.anchor));
                }
            }
            Step::AwaitLeafs { workloads } => {
                for party in after.parties.iter_mut().filter(|party| workloads.contains(&party.who)) {
                    party.presents = vec![self.signed_now()];
                }
            }
            Step::Webhook(act) => after.acted(act),
        }
        after
    }

    /// The standing a leaf's lifetime later if nothing is done: who takes what identity signs has a new leaf by then, and
    /// all others have none.
    pub(super) fn a_day_later(&self) -> Self {
        let mut later = Self { at: self.at + LEAF, ..self.clone() };
        let signed = self.serving.as_ref().filter(|_| ailment::signs(self) && ailment::signs(&later));
        for party in &mut later.parties {
            let takes = |chain: &[Certificate]| {
                party.trusts.iter().all(|trusts| {
                    matches!(trusts, Trusts::Anchors(anchors) if verify::issuer_as_proxy(chain, anchors, self.at + LEAF).is_ok())
                })
            };
            let leaf = signed.filter(|chain| takes(chain)).cloned().map(Presents::Issuer);
            party.presents = leaf.into_iter().collect();
        }
        later
    }

    fn renew(&self, party: &mut Party) {
        party.trusts = vec![Trusts::Anchors(self.roots.clone())];
        party.presents = vec![self.signed_now()];
        party.until = None;
    }

    /// The issuer under a leaf that is asked for now.
    pub(super) fn signed_now(&self) -> Presents {
        Presents::Issuer(self.serving.clone().unwrap_or_else(|| self.issuer.clone()))
    }
}

/// Certificates as a set.
pub(super) fn fingerprints(certificates: &[Certificate]) -> BTreeSet<Fingerprint> {
    certificates.iter().map(Certificate::fingerprint).collect()
}

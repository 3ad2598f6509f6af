//! Where a mesh is on its way to, inferred from what it holds and from nothing else.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use crate::pki::{Certificate, Fingerprint};

use super::Standing;

/// An anchor or issuer younger than this, in an object that this program wrote last, was made by the run that is being
/// run again.
pub const FRESH: SignedDuration = SignedDuration::from_hours(24);

/// Where a mesh is on its way to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target<'a> {
    /// Nowhere: this anchor vouches for everything.
    Rest(&'a Certificate),
    /// To a mesh in which this anchor alone vouches for everything.
    Towards(&'a Certificate),
}

/// Infers it; `None` where the issuer in the Secret leads to no anchor that is known. Anchors in `keep` are in the
/// bundle for a reason of their own and say nothing.
pub fn target<'a>(standing: &'a Standing, keep: &BTreeSet<Fingerprint>) -> Option<Target<'a>> {
    let present = standing.present()?;
    if standing.chains().iter().any(|chain| standing.anchor_of(chain) != Some(present)) {
        return Some(Target::Towards(present));
    }
    let counts = |anchor: &&Certificate| *anchor != present && !keep.contains(&anchor.fingerprint());
    let beside: Vec<&Certificate> = standing.roots.iter().filter(counts).collect();
    let to_come = beside.iter().filter(|anchor| standing.is_to_come(anchor));
    if let Some(newest) = to_come.max_by_key(|anchor| anchor.lifetime().not_before) {
        return Some(Target::Towards(newest));
    }
    // What vouches for nothing any more is left from a rotation that was not brought to its end, however long ago.
    let left = beside.iter().any(|anchor| anchor.lifetime().not_before <= standing.at);
    // Proxies that have loaded more than they need may have been left so on purpose: `--trim lazy`.
    let loaded = standing.known_anchors().into_iter().any(|anchor| counts(&anchor)) && is_fresh(present, standing);
    Some(if left || loaded { Target::Towards(present) } else { Target::Rest(present) })
}

/// Whether `certificate` was made so recently that it must be the one that is being brought in.
pub(super) fn is_fresh(certificate: &Certificate, standing: &Standing) -> bool {
    standing.at.duration_since(certificate.lifetime().not_before) < FRESH
}

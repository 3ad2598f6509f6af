//! Where a mesh is on its way to, inferred from what it holds and from nothing else.
//!
//! A restore needs none of this: it goes to what its backup says ([`Goal::Back`](super::Goal::Back)), so it is finished by
//! the same command. But a rotation may find the mesh as a restore left it, and must not take the anchor that was
//! dropped for one to come. Let the old anchor be restored over the newer one; then it finds
//!
//! - *the old one put beside the newer one, the issuer not yet swapped*: the old one is not to come, since it begins and
//!   ends earlier than the present one. A rotation of the last day is finished, which drops the old one again; of an
//!   older one nothing is under way, and a new rotation drops both.
//! - *the issuer swapped back, leafs on their way*: towards the old one, as for every swap; a rotation finishes the
//!   restore, and brings no anchor of its own.
//! - *all leafs back, the newer one still in the bundle*: by its dates alone the newer one looks like one to come. But
//!   the issuer was written by this program and after the trust roots, so the swap is what came last, and the newer
//!   anchor is left over ([`Standing::is_to_come`](super::Standing::is_to_come)). The mesh rests, and a new rotation
//!   drops both.
//! - *trimmed*: the trust roots hold the old one alone, so nothing is to come whoever wrote them when; proxies that still
//!   trust the newer one (`--leave`) are not asked what is to come. A plain new rotation. That the trust roots are ours
//!   (`roots_are_ours`) keeps a rotation from a second round only where the present anchor was made within the last day.
//!   An anchor so young that was restored is taken for one that was just brought in; the answer is that there is nothing
//!   to do, and `--force`.
//!
//! A backup that was taken between extend and swap holds two anchors, and the one to come stays in the bundle. It counts
//! as to come again where the bundle was written last, and as left over where the issuer was; safe is either.

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

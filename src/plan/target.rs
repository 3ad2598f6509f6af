//! Where a mesh is on its way to, inferred from what it holds and from nothing else.

use jiff::SignedDuration;

use crate::pki::Certificate;

use super::Standing;

/// An anchor or issuer younger than this, in an object that this program wrote last, was made by the run that is being
/// run again; and where other anchors are left beside it, by a rotation that is not at its end yet.
pub const FRESH: SignedDuration = SignedDuration::from_hours(24);

/// Where a mesh is on its way to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target<'a> {
    /// Nowhere: this anchor vouches for everything.
    Rest(&'a Certificate),
    /// To a mesh in which this anchor alone vouches for everything.
    Towards(&'a Certificate),
}

/// Infers it; `None` where the issuer in the Secret leads to no anchor that is known.
pub fn target(standing: &Standing) -> Option<Target<'_>> {
    let present = standing.present()?;
    if standing.chains().iter().any(|chain| standing.anchor_of(chain) != Some(present)) {
        return Some(Target::Towards(present));
    }
    let to_come = standing.roots.iter().filter(|anchor| standing.is_to_come(anchor));
    if let Some(newest) = to_come.max_by_key(|anchor| anchor.lifetime().not_before) {
        return Some(Target::Towards(newest));
    }
    let more_than_present = |trusts: &[Certificate]| trusts.iter().any(|anchor| anchor != present);
    let unfinished =
        more_than_present(&standing.roots) || standing.known_anchors().into_iter().any(|anchor| anchor != present);
    if unfinished && is_fresh(present, standing) {
        return Some(Target::Towards(present));
    }
    Some(Target::Rest(present))
}

/// Whether `certificate` was made so recently that it must be the one that is being brought in.
pub(super) fn is_fresh(certificate: &Certificate, standing: &Standing) -> bool {
    standing.at.duration_since(certificate.lifetime().not_before) < FRESH
}

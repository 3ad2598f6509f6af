//! What is due, and why: what a rotation does when nobody says which certificate is to be new. Pure.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::pki::{Certificate, Fingerprint, Thresholds, lifetime::Stage};

use super::{
    Goal, Standing, Target,
    steps::all_present,
    target::{self, is_fresh},
};

/// What is due.
#[derive(Clone, Debug, PartialEq)]
pub enum Due {
    /// A rotation is under way and is finished first.
    Finish {
        /// Which.
        goal: Goal,
        /// The anchor, or issuer, that the mesh is on its way to.
        towards: Certificate,
    },
    /// This is to be new.
    Rotate {
        /// What.
        goal: Goal,
        /// Why.
        why: Cause,
    },
    /// Nothing.
    Nothing {
        /// What will be due first.
        next: Goal,
        /// From when on.
        from: Timestamp,
    },
    /// This is over: identity can sign nothing, so a rotation, which restarts pods, would take the mesh down.
    Expired {
        /// Which layer.
        goal: Goal,
        /// The certificate.
        certificate: Certificate,
    },
    /// The issuer in its Secret leads to no anchor that is known.
    Unknown,
}

/// Why something is to be new.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// The anchor is near its end.
    AnchorNearEnd(Certificate),
    /// The issuer is near its end, and the anchor's key is at hand to sign another.
    IssuerNearEnd(Certificate),
    /// The issuer is near its end, and without the anchor's key only a new anchor can vouch for another.
    NoKeyForIssuer(Certificate),
    /// It was asked for, due or not.
    Asked,
}

/// Says what is due. `has_anchor_key`: whether the present anchor's key is at hand; `asked`: what is taken as due
/// whatever its lifetime says.
pub fn due(
    standing: &Standing,
    thresholds: &Thresholds,
    keep: &BTreeSet<Fingerprint>,
    has_anchor_key: bool,
    asked: Option<Goal>,
) -> Due {
    let (Some(target), Some(anchor), Some(issuer)) =
        (target::target(standing, keep), standing.present(), standing.issuer.first())
    else {
        return Due::Unknown;
    };
    let stage = |certificate: &Certificate| certificate.lifetime().stage(standing.at, thresholds);
    let near = |certificate: &Certificate| matches!(stage(certificate), Stage::NearEnd | Stage::VeryNearEnd);
    for (goal, certificate) in [(Goal::Anchor, anchor), (Goal::Issuer, issuer)] {
        if stage(certificate) == Stage::Expired {
            return Due::Expired { goal, certificate: certificate.clone() };
        }
    }
    if let Target::Towards(towards) = target {
        return Due::Finish { goal: Goal::Anchor, towards: towards.clone() };
    }
    if is_fresh(issuer, standing) && standing.issuer_is_ours && !all_present(standing, issuer) {
        return Due::Finish { goal: Goal::Issuer, towards: issuer.clone() };
    }
    match asked {
        Some(goal) => Due::Rotate { goal, why: Cause::Asked },
        None if near(anchor) => Due::Rotate { goal: Goal::Anchor, why: Cause::AnchorNearEnd(anchor.clone()) },
        None if near(issuer) && has_anchor_key => {
            Due::Rotate { goal: Goal::Issuer, why: Cause::IssuerNearEnd(issuer.clone()) }
        }
        None if near(issuer) => Due::Rotate { goal: Goal::Anchor, why: Cause::NoKeyForIssuer(issuer.clone()) },
        None => {
            let from = |certificate: &Certificate| certificate.lifetime().near_end_from(thresholds);
            if from(issuer) < from(anchor) {
                Due::Nothing { next: Goal::Issuer, from: from(issuer) }
            } else {
                Due::Nothing { next: Goal::Anchor, from: from(anchor) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::{
        pki::Bundle,
        testing::{Authority, ISSUER, ROOT, Recipe, TestMesh, days, now},
    };

    /// A mesh whose anchor and issuer have so many days left of ten years and of one.
    fn mesh(anchor_left: i64, issuer_left: i64) -> TestMesh {
        let anchor = Recipe::authority(ROOT, days(anchor_left - 3650), days(anchor_left)).self_signed();
        let issuer = Recipe::authority(ISSUER, days(issuer_left - 365), days(issuer_left)).signed_by(&anchor);
        TestMesh::of(anchor, issuer)
    }

    fn told(mesh: &TestMesh, has_anchor_key: bool, asked: Option<Goal>) -> Due {
        due(&Standing::of(&mesh.snapshot, &[]), &Thresholds::default(), &BTreeSet::new(), has_anchor_key, asked)
    }

    fn name(authority: &Authority) -> Certificate {
        authority.certificate.clone()
    }

    #[test]
    fn nothing_is_due_until_the_first_of_both_is_near_its_end() {
        let mesh = mesh(3000, 300);
        let from = now() + SignedDuration::from_hours(days(300 - 60));
        assert_eq!(told(&mesh, false, None), Due::Nothing { next: Goal::Issuer, from });
        let asked = Due::Rotate { goal: Goal::Anchor, why: Cause::Asked };
        assert_eq!(told(&mesh, false, Some(Goal::Anchor)), asked);
    }

    #[test]
    fn an_anchor_near_its_end_comes_before_its_issuer() {
        let mesh = mesh(50, 50);
        let why = Cause::AnchorNearEnd(name(&mesh.anchor));
        assert_eq!(told(&mesh, true, None), Due::Rotate { goal: Goal::Anchor, why });
    }

    #[test]
    fn an_issuer_near_its_end_needs_the_anchors_key_or_a_new_anchor() {
        let mesh = mesh(3000, 50);
        let why = Cause::IssuerNearEnd(name(&mesh.issuer));
        assert_eq!(told(&mesh, true, None), Due::Rotate { goal: Goal::Issuer, why });
        let why = Cause::NoKeyForIssuer(name(&mesh.issuer));
        assert_eq!(told(&mesh, false, None), Due::Rotate { goal: Goal::Anchor, why });
    }

    #[test]
    fn what_is_over_is_no_matter_of_rotation() {
        let anchor_over = mesh(-1, 100);
        let expired = Due::Expired { goal: Goal::Anchor, certificate: name(&anchor_over.anchor) };
        assert_eq!(told(&anchor_over, true, Some(Goal::Anchor)), expired);
        let issuer_over = mesh(100, -1);
        let expired = Due::Expired { goal: Goal::Issuer, certificate: name(&issuer_over.issuer) };
        assert_eq!(told(&issuer_over, true, None), expired);
    }

    #[test]
    fn a_rotation_under_way_is_finished_whatever_was_asked() {
        let mut mesh = mesh(3000, 300);
        let new = Recipe::authority("root.linkerd.cluster.local 2", 0, days(3650)).self_signed();
        let both = Bundle::of([name(&mesh.anchor), name(&new)]);
        mesh.roots().bundle = Some(both);
        let finish = Due::Finish { goal: Goal::Anchor, towards: name(&new) };
        assert_eq!(told(&mesh, true, None), finish);
        assert_eq!(told(&mesh, true, Some(Goal::Issuer)), finish);
    }

    #[test]
    fn leafs_that_have_yet_to_move_to_our_new_issuer_are_moved_first() {
        let mut mesh = mesh(3000, 300);
        let new = Recipe::authority(&format!("{ISSUER} 2"), -1, days(365)).signed_by(&mesh.anchor);
        mesh.set_issuer(&new);
        mesh.secret().changed_by = Some(crate::mesh::FIELD_MANAGER.to_owned());
        let finish = Due::Finish { goal: Goal::Issuer, towards: name(&new) };
        assert_eq!(told(&mesh, false, None), finish);
    }

    #[test]
    fn an_issuer_that_leads_nowhere_is_no_matter_of_rotation_either() {
        let mut mesh = mesh(3000, 300);
        let stranger = Recipe::authority("root.elsewhere", -1, days(365)).self_signed();
        let issuer = Recipe::authority(ISSUER, -1, days(365)).signed_by(&stranger);
        mesh.set_issuer(&issuer);
        assert_eq!(told(&mesh, true, None), Due::Unknown);
    }
}

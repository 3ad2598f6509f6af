//! The order of things. Each question below is asked of what the mesh holds now; the first that is not answered as it
//! should be gives the next step.

use crate::{
    mesh::Copy,
    pki::{Bundle, Certificate, verify},
};

use super::{
    Done, Goal, Hold, Next, Party, Refusal, Request, Standing, Step, Target, Trim, Why,
    effect::fingerprints,
    gate,
    gate::{breaks_what_lasts, is_broken},
    recover,
    target::{self, is_fresh},
    webhooks,
};

/// Names the next step from `standing` towards what is wanted, proven safe by the gate.
pub fn next(standing: &Standing, request: &Request) -> Next {
    let mut seen_to = standing.without(&request.leave).selected(&request.selection);
    seen_to.linked.retain(|linked| !linked.is_any_of(&request.answered_for));
    match decide(&seen_to, request).unwrap_or_else(Next::Refuse) {
        Next::Do(step) => match gate(&seen_to, &step) {
            Ok(()) => Next::Do(step),
            Err(_) if request.accept_refusals && is_broken(&seen_to) => Next::Do(step),
            Err(_) if request.goal == Goal::Recover && !breaks_what_lasts(&seen_to, &step) => Next::Do(step),
            Err(pairs) => Next::Refuse(Refusal::Breaks(step, pairs)),
        },
        Next::Done(_) if request.goal != Goal::Webhooks => {
            let back = request.materials.anchor.as_ref().filter(|_| request.goal == Goal::Recover);
            let left = back.map(|anchor| recover::left(&seen_to, anchor)).unwrap_or_default();
            Next::Done(Done { trusting_old: trusting_more(standing), left })
        }
        other => other,
    }
}

/// The next step by the order alone.
pub(super) fn decide(standing: &Standing, request: &Request) -> Result<Next, Refusal> {
    match request.goal {
        Goal::Recover => return recover::decide(standing, request),
        Goal::Webhooks => return webhooks::decide(standing, request),
        Goal::Anchor | Goal::Issuer | Goal::Back => {}
    }
    let Some(goal) = goal(standing, request)? else {
        return Ok(copies(standing).map_or_else(|| Next::Done(Done::default()), Next::Do));
    };
    let step = extend(standing, goal.anchor)
        .or_else(|| copies(standing))
        .map(|step| Ok(Next::Do(step)))
        .or_else(|| swap(standing, request, &goal))
        .or_else(|| refresh(standing, request).map(Ok))
        .or_else(|| goal.trims.then(|| trim(standing, request, goal.anchor)).flatten().map(Ok));
    step.unwrap_or_else(|| Ok(Next::Done(Done::default())))
}

/// Where a run leads.
struct Destination<'a> {
    /// The anchor that shall vouch for everything in the end.
    anchor: &'a Certificate,
    /// Whether the issuer in the Secret shall be replaced although that anchor vouches for it.
    new_issuer: bool,
    /// Whether other anchors shall go.
    trims: bool,
}

/// Where the run leads; `None` where the mesh is there.
fn goal<'a>(standing: &'a Standing, request: &'a Request) -> Result<Option<Destination<'a>>, Refusal> {
    let issuer = standing.issuer.first();
    match (target::target(standing, &request.keep), request.goal) {
        (_, Goal::Back | Goal::Recover) => back(standing, request).map(Some),
        // It has no destination of its own.
        (_, Goal::Webhooks) => Ok(None),
        // The issuer came before its anchor: with that in hand there is a way on.
        (None, goal) => match brings_missing(standing, request).filter(|_| goal == Goal::Anchor) {
            Some(anchor) => Ok(Some(Destination { anchor, new_issuer: false, trims: true })),
            None => {
                Err(Refusal::Unseen("the issuer in its Secret leads to no trust anchor that is known here".to_owned()))
            }
        },
        (Some(Target::Towards(anchor)), Goal::Anchor) => {
            let anchor =
                wanted_again(standing, request).or_else(|| instead_of(anchor, standing, request)).unwrap_or(anchor);
            Ok(Some(Destination { anchor, new_issuer: false, trims: true }))
        }
        (Some(Target::Towards(anchor)), Goal::Issuer) => Err(Refusal::AnchorRotation { anchor: anchor.clone() }),
        (Some(Target::Rest(present)), Goal::Anchor) => match &request.materials.anchor {
            Some(anchor) if anchor == present => Ok(Some(Destination { anchor, new_issuer: false, trims: true })),
            _ if is_fresh(present, standing) && standing.roots_are_ours && !request.force => Ok(None),
            Some(anchor) => Ok(Some(Destination { anchor, new_issuer: false, trims: true })),
            // It began with leafs on their way to the present anchor, and so without a new one: what is left beside the
            // present one goes, and that was all.
            None => {
                let is_left = |anchor: &&Certificate| !request.keep.contains(&anchor.fingerprint());
                let left = standing.known_anchors().into_iter().filter(is_left).count() > 1;
                Ok(left.then_some(Destination { anchor: present, new_issuer: false, trims: true }))
            }
        },
        (Some(Target::Rest(anchor)), Goal::Issuer) => {
            let is_new =
                issuer.is_some() && request.materials.issuer.as_ref().and_then(|chain| chain.first()) == issuer;
            let made_by_us = issuer.is_some_and(|issuer| is_fresh(issuer, standing)) && standing.issuer_is_ours;
            let fresh = made_by_us && !request.force;
            if !(is_new || fresh) {
                return Ok(Some(Destination { anchor, new_issuer: true, trims: false }));
            }
            let moved = standing.issuer.first().is_some_and(|issuer| all_present(standing, issuer));
            Ok((!moved).then_some(Destination { anchor, new_issuer: false, trims: false }))
        }
    }
}

/// Back to an anchor and issuer that were here before. Where that leads is given, so nothing is inferred, and the same
/// request leads to the same end from each point of a rotation and of itself: with the issuer in place there is only
/// something left to trim, and without it the way back is a rotation like the one that led here.
fn back<'a>(standing: &Standing, request: &'a Request) -> Result<Destination<'a>, Refusal> {
    let given = request.materials.anchor.as_ref().zip(request.materials.issuer.as_ref());
    let Some((anchor, issuer)) = given.filter(|(anchor, issuer)| verify::leads_to(issuer, anchor)) else {
        return Err(Refusal::Unfit("there is no anchor with an issuer under it to go back to".to_owned()));
    };
    Ok(Destination { anchor, new_issuer: standing.issuer.first() != issuer.first(), trims: true })
}

/// The anchor in hand, where it vouches for the issuer in the Secret.
fn brings_missing<'a>(standing: &Standing, request: &'a Request) -> Option<&'a Certificate> {
    request.materials.anchor.as_ref().filter(|anchor| verify::leads_to(&standing.issuer, anchor))
}

/// An anchor of the bundle for which an issuer was brought, although the one in the Secret comes from another: that was
/// put back after a rotation which is run again.
fn wanted_again<'a>(standing: &Standing, request: &'a Request) -> Option<&'a Certificate> {
    let anchor = request.materials.anchor.as_ref().filter(|anchor| standing.roots.contains(anchor))?;
    request.materials.issuer.as_ref().filter(|issuer| verify::leads_to(issuer, anchor)).map(|_| anchor)
}

/// The anchor that was made or brought in place of one that a run of ours put into the bundle and then lost the key of
/// (`--discard-anchor-key`, killed before the swap). Nothing was signed under that one, and it goes with the others.
fn instead_of<'a>(lost: &Certificate, standing: &Standing, request: &'a Request) -> Option<&'a Certificate> {
    let is_lost = standing.roots_are_ours && standing.is_to_come(lost);
    request.materials.anchor.as_ref().filter(|_| is_lost)
}

/// Whether identity signs with `issuer`, and every leaf comes from it.
pub(super) fn all_present(standing: &Standing, issuer: &Certificate) -> bool {
    standing.serving.as_ref().and_then(|chain| chain.first()) == Some(issuer)
        && standing.parties.iter().all(|party| party.presents(issuer))
}

/// 1. The trust roots hold the new anchor beside every anchor that something alive depends on.
fn extend(standing: &Standing, anchor: &Certificate) -> Option<Step> {
    let needed = standing.roots.iter().chain(standing.in_use()).chain([anchor]);
    let anchors = Bundle::of(needed.cloned()).each_once();
    let complete = anchors.len() == standing.roots.len() && standing.roots_load;
    (!complete).then_some(Step::TrustRoots { anchors, why: Why::Extend })
}

/// 2. The copies that the next `linkerd upgrade` starts from say the same.
pub(super) fn copies(standing: &Standing) -> Option<Step> {
    let anchors = fingerprints(&standing.roots);
    // The issuer is copied once it is proven: until then an upgrade would bring the old one back, which is safe.
    let proven = standing.serving.as_ref().and_then(|chain| chain.first()) == standing.issuer.first();
    let behind = |(_, had, issuer): &&(Copy, _, Option<Certificate>)| {
        *had != anchors || (proven && issuer.is_some() && issuer.as_ref() != standing.issuer.first())
    };
    standing.copies.iter().find(behind).map(|(copy, ..)| Step::Copy(*copy))
}

/// 3. The issuer comes from the new anchor, once everything that verifies has loaded that anchor.
fn swap(standing: &Standing, request: &Request, goal: &Destination<'_>) -> Option<Result<Next, Refusal>> {
    let under_it = verify::leads_to(&standing.issuer, goal.anchor);
    if under_it && !goal.new_issuer {
        let served = standing.serving.as_ref().and_then(|chain| chain.first()) == standing.issuer.first();
        // An issuer that came before the restarts is not loaded as long as identity runs as it does, and is as soon as
        // identity starts anew: so identity comes last, when everything takes what it will sign.
        let stale = |party: &Party| !party.trusts(goal.anchor);
        let is_other = |party: &Party| party.component.as_deref() != Some("identity");
        let restarts = round(standing, Why::Extend, |party| stale(party) && is_other(party))
            .or_else(|| round(standing, Why::Extend, stale));
        let await_it = || Next::Do(Step::AwaitIssuer { chain: standing.issuer.clone() });
        return (!served).then(|| Ok(restarts.unwrap_or_else(await_it)));
    }
    if let Some(next) = round(standing, Why::Extend, |party| !party.trusts(goal.anchor)) {
        return Some(Ok(next));
    }
    if !under_it && let Some(refusal) = unanswered(standing, request) {
        return Some(Err(refusal));
    }
    if let Some(step) = linked(standing.lacking_trust(goal.anchor), Why::Extend).filter(|_| !under_it) {
        return Some(Ok(step));
    }
    let issuer = request.materials.issuer.as_ref().filter(|chain| verify::leads_to(chain, goal.anchor));
    Some(match issuer {
        Some(chain) => Ok(Next::Do(Step::Issuer { chain: chain.clone() })),
        None => Err(Refusal::NoKeyFor { anchor: goal.anchor.clone() }),
    })
}

/// Verifiers outside the cluster have to know the new anchor before the swap, and present nothing under the old one
/// before the trim; only the operator knows.
fn unanswered(standing: &Standing, request: &Request) -> Option<Refusal> {
    let unanswered: Vec<String> =
        standing.outside.iter().filter(|name| !request.answered_for.contains(*name)).cloned().collect();
    (!unanswered.is_empty()).then_some(Refusal::Outside(unanswered))
}

/// Linked clusters can be read, so for them nobody has to answer: they are waited for.
fn linked(lacks: Vec<super::Lack>, why: Why) -> Option<Next> {
    (!lacks.is_empty()).then_some(Next::Do(Step::AwaitLinked { lacks, why }))
}

/// 4. Every leaf comes from the issuer in the Secret.
fn refresh(standing: &Standing, request: &Request) -> Option<Next> {
    let issuer = standing.issuer.first()?;
    let old = |party: &Party| !party.presents(issuer);
    if request.patient {
        let workloads: Vec<_> = standing.parties.iter().filter(|party| old(party)).map(|one| one.who.clone()).collect();
        return (!workloads.is_empty()).then_some(Next::Do(Step::AwaitLeafs { workloads }));
    }
    round(standing, Why::Refresh, old)
}

/// 5. Nothing trusts more than it needs to.
fn trim(standing: &Standing, request: &Request, anchor: &Certificate) -> Option<Next> {
    let kept = standing.roots.iter().filter(|one| *one == anchor || request.keep.contains(&one.fingerprint()));
    let anchors: Vec<Certificate> = kept.cloned().collect();
    if anchors.len() != standing.roots.len() {
        if let Some(refusal) = unanswered(standing, request) {
            return Some(Next::Refuse(refusal));
        }
        let going = standing.roots.iter().filter(|one| !anchors.contains(one));
        if let Some(step) = linked(standing.depending_on(going), Why::Trim) {
            return Some(step);
        }
        return Some(Next::Do(Step::TrustRoots { anchors, why: Why::Trim }));
    }
    // Who cannot be restarted trusts an anchor under which nothing is signed any more: harmless, and told at the end.
    let trusts_more = |party: &Party| party.obstacle.is_none() && !party.trusts_just(&standing.roots);
    (request.trim == Trim::Now).then(|| round(standing, Why::Trim, trusts_more)).flatten()
}

/// Restarts what is `stale`, the control plane first and what was put last after all others, each namespace together;
/// what cannot be restarted is waited for.
pub(super) fn round(standing: &Standing, why: Why, stale: impl Fn(&Party) -> bool) -> Option<Next> {
    let stale: Vec<&Party> = standing.parties.iter().filter(|party| stale(party)).collect();
    let first = stale.iter().filter(|party| party.obstacle.is_none()).map(|party| rank(party)).min();
    if let Some(first) = first {
        let now = stale.iter().filter(|party| party.obstacle.is_none() && rank(party) == first);
        let mut workloads: Vec<_> = now.map(|party| party.who.clone()).collect();
        workloads.sort();
        return Some(Next::Do(Step::Restart { workloads, why }));
    }
    let hold = |party: &&Party| {
        let obstacle = party.obstacle?;
        Some(Hold { workload: party.who.clone(), obstacle, why })
    };
    (!stale.is_empty()).then(|| Next::Hold(stale.iter().filter_map(hold).collect()))
}

/// The control plane comes before what it serves: identity gives new pods their leafs, the injector their bundles, and
/// destination says which pods are there. A rollout keeps the old pod until the new one is ready, so among themselves
/// they need no order; but while destination changes, proxies may call pods that have gone.
fn rank(party: &Party) -> u8 {
    match (party.is_control_plane(), party.last) {
        (true, _) => 0,
        (false, false) => 1,
        (false, true) => 2,
    }
}

fn trusting_more(standing: &Standing) -> Vec<crate::snapshot::WorkloadRef> {
    let more = standing.parties.iter().filter(|party| !party.trusts_just(&standing.roots));
    more.map(|party| party.who.clone()).collect()
}

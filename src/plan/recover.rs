//! The way back of a mesh in which nothing is signed any more, or in which what is signed is refused.
//!
//! Rotation makes everybody trust the new anchor before the first leaf under it is signed. Here that order is turned
//! around where identity cannot sign: no pod would get a leaf, so nothing may be restarted before identity signs again,
//! and then everything is, once, for its bundle and its leaf together.

use crate::pki::{Bundle, Certificate, verify};

use super::{
    Done, Hold, Next, Party, Presents, Refusal, Request, Standing, Step, Why,
    ailment::{known_anchors, living, signs},
    steps::{copies, round},
    webhooks,
};

/// The next step towards the anchor of the materials.
pub(super) fn decide(standing: &Standing, request: &Request) -> Result<Next, Refusal> {
    let Some(anchor) = &request.materials.anchor else {
        return Err(Refusal::Unfit("there is no anchor to bring the mesh back to".to_owned()));
    };
    // What keeps new pods from coming up, or from getting a proxy, is put in order first; what serves it reads it later.
    if let Some(next) = webhooks::in_the_way(standing, request) {
        return next;
    }
    if let Some(step) = roots(standing, anchor) {
        return Ok(Next::Do(step));
    }
    if !is_in(standing, request, anchor) {
        let chain = request.materials.issuer.as_ref().filter(|chain| verify::leads_to(chain, anchor));
        let chain = chain.ok_or_else(|| Refusal::NoKeyFor { anchor: anchor.clone() })?;
        return Ok(Next::Do(Step::Issuer { chain: chain.clone() }));
    }
    if let Some(next) = identity(standing, anchor).or_else(|| mend(standing, anchor, Party::is_control_plane)) {
        return Ok(next);
    }
    if let Some(next) = webhooks::finish(standing, request) {
        return next;
    }
    let next = mend(standing, anchor, |_| true)
        .or_else(|| copies(standing).map(Next::Do))
        .or_else(|| trim(standing, request, anchor));
    Ok(next.unwrap_or_else(|| Next::Done(Done::default())))
}

/// What of this mesh nobody can bring back by a restart.
pub(super) fn left(standing: &Standing, anchor: &Certificate) -> Vec<Hold> {
    let lost = standing.parties.iter().filter(|party| is_lost(standing, party, anchor));
    let hold = |party: &Party| Some(Hold { workload: party.who.clone(), obstacle: party.obstacle?, why: Why::Mend });
    lost.filter_map(hold).collect()
}

/// 1. The trust roots hold the anchor, and every other that a living leaf comes from or that has not ended. One that has
///    ended and proves nothing goes at once: so nothing has to be restarted a second time to drop it.
fn roots(standing: &Standing, anchor: &Certificate) -> Option<Step> {
    let living = living(standing);
    let accepts = |anchor: &Certificate, chain: &[Certificate]| {
        verify::issuer_as_proxy(chain, std::slice::from_ref(anchor), standing.at).is_ok()
    };
    let proves = |one: &Certificate| living.iter().any(|chain| accepts(one, chain) && !accepts(anchor, chain));
    let is_good = |one: &Certificate| !one.lifetime().has_ended(standing.at) && standing.roots.contains(one);
    let kept = known_anchors(standing).into_iter().filter(|one| is_good(one) || proves(one));
    let anchors = Bundle::of(kept.chain([anchor]).cloned()).each_once();
    let same = anchors.len() == standing.roots.len() && anchors.iter().all(|one| standing.roots.contains(one));
    (!(same && standing.roots_load)).then_some(Step::TrustRoots { anchors, why: Why::Extend })
}

/// 2. Whether the Secret holds an issuer that identity loads under the anchor: the one that was brought, or any.
fn is_in(standing: &Standing, request: &Request, anchor: &Certificate) -> bool {
    let wanted = request.materials.issuer.as_ref().is_none_or(|chain| chain.first() == standing.issuer.first());
    let verifies = verify::as_identity(&standing.issuer, &Bundle::of([anchor.clone()]), standing.at).is_ok();
    wanted && verifies && standing.issuer_loads
}

/// 3. Identity signs with it. While it can still sign with another, what does not trust the anchor yet is restarted
///    first, as in a rotation: from then on it accepts what identity will sign. Where it signs nothing, it comes first.
fn identity(standing: &Standing, anchor: &Certificate) -> Option<Next> {
    let signs = signs(standing);
    let serves = signs && standing.serving.as_ref().and_then(|chain| chain.first()) == standing.issuer.first();
    if serves {
        return None;
    }
    let is_identity = |party: &Party| party.component.as_deref() == Some("identity");
    let first = signs.then(|| round(standing, Why::Extend, |party| !party.trusts(anchor) && !is_identity(party)));
    first.flatten().or_else(|| {
        let workloads: Vec<_> = standing.parties.iter().filter(|party| is_identity(party)).collect();
        let workloads: Vec<_> = workloads.into_iter().map(|party| party.who.clone()).collect();
        let found = (!workloads.is_empty()).then_some(Next::Do(Step::Restart { workloads, why: Why::Mend }));
        found.or_else(|| Some(Next::Refuse(Refusal::Unseen("no workload of identity was found".to_owned()))))
    })
}

/// 4. These have a leaf that works and trust the anchor, as far as they can be restarted.
fn mend(standing: &Standing, anchor: &Certificate, these: impl Fn(&Party) -> bool) -> Option<Next> {
    let is_to_restart = |party: &Party| these(party) && party.obstacle.is_none() && is_lost(standing, party, anchor);
    round(standing, Why::Mend, is_to_restart)
}

/// 5. Other anchors go, unless somebody outside may need them, and so do what trusts them.
fn trim(standing: &Standing, request: &Request, anchor: &Certificate) -> Option<Next> {
    let is_answered =
        standing.outside.iter().all(|name| request.answered_for.contains(name)) && standing.linked.is_empty();
    let lost = living(standing);
    // What could not be restarted still lives by the anchor that it comes from.
    let proves =
        |one: &Certificate| lost.iter().any(|chain| !verify::leads_to(chain, anchor) && verify::leads_to(chain, one));
    let kept =
        |one: &&Certificate| *one == anchor || request.keep.contains(&one.fingerprint()) || !is_answered || proves(one);
    let anchors: Vec<Certificate> = standing.roots.iter().filter(kept).cloned().collect();
    if anchors.len() != standing.roots.len() {
        return Some(Next::Do(Step::TrustRoots { anchors, why: Why::Trim }));
    }
    let more = |party: &Party| party.obstacle.is_none() && !party.trusts_just(&standing.roots);
    round(standing, Why::Trim, more)
}

/// Whether a workload has no leaf that is good under the anchor, or does not trust it. A leaf of another issuer that is
/// good under it stays until it is renewed.
fn is_lost(standing: &Standing, party: &Party, anchor: &Certificate) -> bool {
    let is_over = party.until.is_some_and(|until| until < standing.at);
    let is_good = |presents: &Presents| match presents {
        Presents::Issuer(chain) => verify::issuer_as_proxy(chain, std::slice::from_ref(anchor), standing.at).is_ok(),
        Presents::Unseen => false,
    };
    is_over || !party.trusts(anchor) || !party.presents.iter().all(is_good)
}

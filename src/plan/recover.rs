//! The way back of a mesh in which nothing is signed any more, or in which what is signed is refused.
//!
//! Rotation makes everybody trust the new anchor before the first leaf under it is signed. Here that order is turned
//! around where identity cannot sign: no pod would get a leaf, so nothing may be restarted before identity signs again,
//! and then everything is, once, for its bundle and its leaf together.

use crate::pki::{Bundle, Certificate, verify};

use super::{
    Done, Hold, Next, Party, Presents, Refusal, Request, Standing, Step, Trusts, Why,
    ailment::{living, signs},
    gate::LEAF,
    steps::{copies, round},
    webhooks::{self, Act},
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
    if request.owned && !(standing.roots.contains(anchor) && standing.roots_load) {
        return Err(Refusal::Unfit(format!(
            "the trust roots do not hold `{}`, and their owner writes them",
            anchor.name()
        )));
    }
    if let Some(step) = roots(standing, request, anchor).filter(|_| !request.owned) {
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
    let finish = webhooks::finish(standing, request);
    // That new pods get a proxy is proven before they are made; what is trimmed is in nobody's way.
    if let Some(next) = finish.as_ref().filter(|next| !next.as_ref().is_ok_and(trims_webhooks)) {
        return next.clone();
    }
    let own = |standing| copies(standing).map(Next::Do).or_else(|| trim(standing, request, anchor));
    let next = mend(standing, anchor, |_| true).map(Ok).or(finish);
    let next = next.or_else(|| own(standing).filter(|_| !request.owned).map(Ok));
    next.unwrap_or_else(|| Ok(Next::Done(Done::default())))
}

fn trims_webhooks(next: &Next) -> bool {
    matches!(next, Next::Do(Step::Webhook(act)) if matches!(**act, Act::Bundle { trims: true, .. }))
}

/// What of this mesh nobody can bring back by a restart.
pub(super) fn left(standing: &Standing, anchor: &Certificate) -> Vec<Hold> {
    let lost = standing.parties.iter().filter(|party| is_lost(standing, party, anchor));
    let hold = |party: &Party| Some(Hold { workload: party.who.clone(), obstacle: party.obstacle?, why: Why::Mend });
    lost.filter_map(hold).collect()
}

/// 1. The trust roots hold the anchor, and of the others that they hold those that a living leaf comes from, or that have
///    not ended as long as identity signs. One that proves nothing any more goes at once: so nothing is restarted a second
///    time to drop it. None is put back beside the anchor: who has to be restarted refuses what comes from the anchor until
///    then, whatever new pods trust.
fn roots(standing: &Standing, request: &Request, anchor: &Certificate) -> Option<Step> {
    let living = living(standing);
    let accepts = |anchor: &Certificate, chain: &[Certificate]| {
        verify::issuer_as_proxy(chain, std::slice::from_ref(anchor), standing.at).is_ok()
    };
    let proves = |one: &Certificate| living.iter().any(|chain| accepts(one, chain) && !accepts(anchor, chain));
    let may_prove = |one: &Certificate| signs(standing) && !one.lifetime().has_ended(standing.at);
    let kept = standing.roots.iter().filter(|one| may_prove(one) || proves(one) || is_kept(standing, request, one));
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

/// 5. Other anchors go, unless somebody outside may need them, and what trusts them is restarted. What could not be
///    restarted until here is refused by all others, or refuses them, whether its anchor is trusted or not.
fn trim(standing: &Standing, request: &Request, anchor: &Certificate) -> Option<Next> {
    let kept = standing.roots.iter().filter(|one| *one == anchor || is_kept(standing, request, one));
    let anchors: Vec<Certificate> = kept.cloned().collect();
    if anchors.len() != standing.roots.len() {
        return Some(Next::Do(Step::TrustRoots { anchors, why: Why::Trim }));
    }
    let is_other = |trusts: &Trusts| match trusts {
        Trusts::Anchors(own) => own.iter().any(|one| !standing.roots.contains(one)),
        Trusts::Unseen => false,
    };
    round(standing, Why::Trim, |party| party.obstacle.is_none() && party.trusts.iter().any(is_other))
}

/// Whether an anchor stays for what nothing in this cluster shows: as it was asked for, or for somebody outside for whom
/// nobody has answered, unless no leaf of it can be left.
fn is_kept(standing: &Standing, request: &Request, anchor: &Certificate) -> bool {
    let is_over = standing.at.duration_since(anchor.lifetime().not_after) > LEAF;
    let is_answered = standing.outside.iter().all(|name| request.answered_for.contains(name));
    let is_needed_outside = !is_over && (!is_answered || !standing.linked.is_empty());
    is_needed_outside || request.keep.contains(&anchor.fingerprint())
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

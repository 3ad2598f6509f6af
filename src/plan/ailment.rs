//! What keeps a mesh from going on, as far as anchors and issuer are the cause; and what it takes to bring it back.

use crate::{
    pki::{Bundle, Certificate, verify},
    snapshot::WorkloadRef,
};

use super::{Presents, Standing, Trusts, gate::is_broken};

/// Something without which a mesh does not go on, or not for long.
#[derive(Clone, Debug, PartialEq)]
pub enum Ailment {
    /// An anchor has ended that something trusts or comes from.
    AnchorEnded(Certificate),
    /// The issuer in its Secret has ended.
    IssuerEnded(Certificate),
    /// The Secret holds nothing that identity could load.
    NoIssuer,
    /// The issuer in its Secret leads to no anchor of the trust roots, so identity does not start with it.
    IssuerUntrusted(Certificate),
    /// The trust roots hold something with which identity or proxies do not start.
    RootsUnreadable,
    /// Identity signs with another issuer than its Secret holds, since that one has ended or it does not trust it.
    NeverLoaded {
        /// With this.
        serving: Option<Certificate>,
    },
    /// No pod of identity is ready.
    IdentityDown,
    /// Leafs there have ended.
    LeafsEnded(Vec<WorkloadRef>),
    /// Some proxies refuse each other.
    Refusals,
}

/// What it takes to bring a mesh back.
#[derive(Clone, Debug, PartialEq)]
pub enum Need {
    /// No new certificate: the issuer in its Secret is good, and this anchor vouches for it.
    Nothing(Certificate),
    /// A new issuer, under this anchor with its key or under a new one. Where several are good, the one that most trust
    /// comes first.
    Issuer(Vec<Certificate>),
    /// A new anchor, since none is left that has not ended. With the key of one of these, the same can be signed anew:
    /// whoever trusts the old one accepts what comes from the new one.
    Anchor(Vec<Certificate>),
}

/// Everything that keeps the mesh from going on; the causes first.
pub fn ailments(standing: &Standing) -> Vec<Ailment> {
    let at = standing.at;
    let mut found = Vec::new();
    let trusted = standing.known_anchors().into_iter().filter(|anchor| anchor.lifetime().has_ended(at));
    found.extend(trusted.cloned().map(Ailment::AnchorEnded));
    match standing.issuer.first() {
        Some(issuer) if issuer.lifetime().has_ended(at) => found.push(Ailment::IssuerEnded(issuer.clone())),
        Some(issuer) if standing.issuer_loads => {
            // An anchor that has ended is named by itself.
            let is_known = standing.roots.iter().any(|anchor| verify::leads_to(&standing.issuer, anchor));
            found.extend((!is_known).then(|| Ailment::IssuerUntrusted(issuer.clone())));
        }
        _ => found.push(Ailment::NoIssuer),
    }
    if !standing.roots_load {
        found.push(Ailment::RootsUnreadable);
    }
    if !standing.identity_runs {
        found.push(Ailment::IdentityDown);
    } else if found.is_empty() && (!signs(standing) || is_skipped(standing)) {
        let serving = standing.serving.as_ref().and_then(|chain| chain.first()).cloned();
        found.push(Ailment::NeverLoaded { serving });
    }
    let over = standing.parties.iter().filter(|party| party.until.is_some_and(|until| until < at));
    let over: Vec<WorkloadRef> = over.map(|party| party.who.clone()).collect();
    if !over.is_empty() {
        found.push(Ailment::LeafsEnded(over));
    }
    if is_broken(standing) {
        found.push(Ailment::Refusals);
    }
    found
}

/// Whether identity goes on with another issuer, since it does not trust the one in its Secret: with the other's end the
/// mesh ends as well.
fn is_skipped(standing: &Standing) -> bool {
    let serves_other = standing.serving.as_ref().and_then(|chain| chain.first()) != standing.issuer.first();
    let Trusts::Anchors(anchors) = &standing.identity_trusts else { return false };
    serves_other && verify::as_identity(&standing.issuer, &Bundle::of(anchors.iter().cloned()), standing.at).is_err()
}

/// Whether identity could sign a leaf now, by what it has in memory: it verifies its issuer before each (linkerd2,
/// pkg/identity/service.go, `ensureIssuerStillValid`), and Go minds the anchor's end as well.
pub(super) fn signs(standing: &Standing) -> bool {
    let Some(chain) = standing.serving.as_ref().filter(|_| standing.identity_runs) else { return false };
    let Trusts::Anchors(anchors) = &standing.identity_trusts else {
        return vouching(standing, chain).is_some();
    };
    verify::as_identity(chain, &Bundle::of(anchors.iter().cloned()), standing.at).is_ok()
}

/// What it takes, from what is known of the mesh.
pub fn need(standing: &Standing) -> Need {
    if let Some(anchor) = vouching(standing, &standing.issuer).filter(|_| standing.issuer_loads) {
        return Need::Nothing(anchor.clone());
    }
    let has_ended = |anchor: &&Certificate| anchor.lifetime().has_ended(standing.at);
    let (ended, mut good): (Vec<&Certificate>, Vec<&Certificate>) =
        known_anchors(standing).into_iter().partition(|anchor| has_ended(anchor));
    if good.is_empty() {
        return Need::Anchor(ended.into_iter().cloned().collect());
    }
    let trusting = |anchor: &Certificate| standing.parties.iter().filter(|party| party.trusts(anchor)).count();
    good.sort_by_key(|anchor| std::cmp::Reverse((trusting(anchor), anchor.lifetime().not_after)));
    Need::Issuer(good.into_iter().cloned().collect())
}

/// An anchor of any that are known under which identity would load this issuer now.
pub(super) fn vouching<'a>(standing: &'a Standing, chain: &[Certificate]) -> Option<&'a Certificate> {
    let vouches =
        |anchor: &&Certificate| verify::as_identity(chain, &Bundle::of([(*anchor).clone()]), standing.at).is_ok();
    known_anchors(standing).into_iter().find(vouches)
}

/// Every anchor that the trust roots hold, that something has loaded, or that stands in a copy; each once.
pub fn known_anchors(standing: &Standing) -> Vec<&Certificate> {
    let mut known = standing.known_anchors();
    for anchor in &standing.copied {
        if !known.contains(&anchor) {
            known.push(anchor);
        }
    }
    known
}

/// The chains under leafs that were seen and are still accepted by whoever trusts the right anchor.
pub(super) fn living(standing: &Standing) -> Vec<&[Certificate]> {
    let is_over = |until: Option<jiff::Timestamp>| until.is_some_and(|until| until < standing.at);
    let parties = standing.parties.iter().filter(|party| !is_over(party.until));
    let shown = parties.flat_map(|party| &party.presents).filter_map(|presents| match presents {
        Presents::Issuer(chain) => Some(chain.as_slice()),
        Presents::Unseen => None,
    });
    let mut living: Vec<&[Certificate]> = Vec::new();
    for chain in shown {
        if !living.contains(&chain) && chain.iter().all(|one| one.lifetime().contains(standing.at)) {
            living.push(chain);
        }
    }
    living
}

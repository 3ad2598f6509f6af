//! The safety invariant: every chain that is presented verifies against every bundle that is loaded.

use std::{collections::BTreeSet, fmt};

use jiff::{SignedDuration, Timestamp};

use crate::{
    pki::{Bundle, Certificate, verify},
    snapshot::{ServiceRef, WorkloadRef},
};

use super::{Party, Presents, Standing, Step, Trusts};

/// The lifetime of a leaf where nobody set another (linkerd2, charts/linkerd-control-plane/values.yaml,
/// `identity.issuer.issuanceLifetime`).
pub(super) const LEAF: SignedDuration = SignedDuration::from_hours(24);

/// Two of which one would refuse the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    /// Who presents.
    pub presents: Side,
    /// Who refuses it.
    pub refuses: Side,
}

/// One side of a pair.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The pods of a workload.
    Workload(WorkloadRef),
    /// Any pod that starts after the step.
    NewPod,
    /// The identity controller, which verifies its issuer.
    Identity,
    /// The issuer Secret.
    IssuerSecret,
    /// What the pods of a webhook's server serve.
    Server(ServiceRef),
    /// What a webhook's server will serve: its Secret.
    ServerSecret(ServiceRef),
    /// The API server, with a caBundle.
    ApiServer,
    /// The pods of a workload of a linked cluster, or any pod that starts there.
    Linked(String, Option<WorkloadRef>),
}

/// Asks whether `step` would break a pair that works now, at its moment and a leaf's lifetime later.
///
/// # Errors
/// The pairs that it would break.
pub fn gate(standing: &Standing, step: &Step) -> Result<(), Vec<Pair>> {
    let after = standing.after(step);
    // What a new pod would meet matters to a write, which decides what new pods get. A restart makes new pods, so for it
    // a newcomer that is refused is no state that was there before.
    let newcomers_before = !matches!(step, Step::Restart { .. });
    // What an unseen proxy presents was issued before the step, whatever is known after it.
    let possible = standing.possible_anchors();
    let mut broken = BTreeSet::new();
    for at in [standing.at, standing.at + LEAF] {
        let before = refused(standing, &possible, at, newcomers_before);
        // While pods are replaced, old and new ones of one workload meet each other too.
        let meanwhile = refused(standing, &possible, at, true);
        let then = refused(&after, &possible, at, true);
        broken.extend(then.into_iter().chain(meanwhile).filter(|pair| !before.contains(pair)));
        broken.extend(uncallable(&after, at).difference(&uncallable(standing, at)).cloned());
        let before = refused_across(standing, &possible, at);
        broken.extend(refused_across(&after, &possible, at).into_iter().filter(|pair| !before.contains(pair)));
    }
    if broken.is_empty() { Ok(()) } else { Err(broken.into_iter().collect()) }
}

/// Whether `step` would break a pair that still works in a day if nothing is done. What is bound to fail by then, since
/// its leaf ends and identity signs no other, or none that it takes, is no reason to leave a mesh as it is.
pub(super) fn breaks_what_lasts(standing: &Standing, step: &Step) -> bool {
    let (before, after) = (standing.a_day_later(), standing.after(step).a_day_later());
    !working(&before).is_subset(&working(&after))
}

/// How many pairs of workloads accept each other's leafs now, as far as they were seen, and how many there are.
pub fn working_pairs(standing: &Standing) -> (usize, usize) {
    let mut living = standing.clone();
    for party in &mut living.parties {
        let is_over = party.until.is_some_and(|until| until < standing.at);
        party.presents.retain(|presents| *presents != Presents::Unseen && !is_over);
        party.trusts.retain(|trusts| *trusts != Trusts::Unseen);
    }
    let workloads = standing.parties.len();
    (working(&living).len(), workloads * workloads)
}

/// Every pair of workloads of which one accepts all that the other presents.
fn working(standing: &Standing) -> BTreeSet<(&WorkloadRef, &WorkloadRef)> {
    let accepted = |presents: &Presents, trusts: &Trusts| match (presents, trusts) {
        (Presents::Issuer(chain), Trusts::Anchors(anchors)) => {
            verify::issuer_as_proxy(chain, anchors, standing.at).is_ok()
        }
        _ => false,
    };
    let works = |one: &Party, other: &Party| {
        !one.presents.is_empty()
            && one.presents.iter().all(|presents| other.trusts.iter().all(|trusts| accepted(presents, trusts)))
    };
    let pairs = standing.parties.iter().flat_map(|one| standing.parties.iter().map(move |other| (one, other)));
    pairs.filter(|(one, other)| works(one, other)).map(|(one, other)| (&one.who, &other.who)).collect()
}

/// Whether some pair of proxies refuses each other already, by what was seen of both.
pub(super) fn is_broken(standing: &Standing) -> bool {
    let mut seen = standing.clone();
    for party in &mut seen.parties {
        party.trusts.retain(|trusts| *trusts != Trusts::Unseen);
        party.presents.retain(|presents| *presents != Presents::Unseen);
    }
    let live = |pair: &Pair| matches!((&pair.presents, &pair.refuses), (Side::Workload(_), Side::Workload(_)));
    refused(&seen, &[], standing.at, false).iter().any(live)
}

/// Every pair of which one refuses the other at `at`; a leaf that could not be seen may be of any of the `possible`
/// anchors.
fn refused(standing: &Standing, possible: &[&Certificate], at: Timestamp, newcomers: bool) -> BTreeSet<Pair> {
    let (presenting, verifying) = sides(standing, at, newcomers);
    let refused = refusing((standing, possible), &presenting, &verifying, at);
    let mut pairs: BTreeSet<Pair> = refused.into_iter().map(|(presents, refuses)| Pair { presents, refuses }).collect();
    if !identity_accepts(standing, at) {
        pairs.insert(Pair { presents: Side::IssuerSecret, refuses: Side::Identity });
    }
    pairs
}

/// Something of each side.
type Sides<T> = Vec<(Side, T)>;

/// Who presents what, and who verifies with what.
fn sides(standing: &Standing, at: Timestamp, newcomers: bool) -> (Sides<Presents>, Sides<Trusts>) {
    let mut presenting: Vec<(Side, Presents)> = Vec::new();
    let mut verifying: Vec<(Side, Trusts)> = Vec::new();
    for party in &standing.parties {
        let side = || Side::Workload(party.who.clone());
        presenting.extend(party.presents.iter().map(|presents| (side(), presents.clone())));
        verifying.extend(party.trusts.iter().map(|trusts| (side(), trusts.clone())));
    }
    if newcomers {
        // Identity may sign with the issuer of its Secret, if it could load that one, or still with the one before.
        presenting.push((Side::NewPod, standing.signed_now()));
        if identity_accepts(standing, at) {
            presenting.push((Side::NewPod, Presents::Issuer(standing.issuer.clone())));
        }
        verifying.push((Side::NewPod, Trusts::Anchors(standing.roots.clone())));
    }
    (presenting, verifying)
}

/// Every pair of a proxy here and one of a linked cluster of which one refuses the other. New pods of either side count
/// always: a cluster that refuses them already is not what a restart breaks.
fn refused_across(standing: &Standing, possible: &[&Certificate], at: Timestamp) -> BTreeSet<Pair> {
    let mut pairs = BTreeSet::new();
    if standing.linked.is_empty() {
        return pairs;
    }
    let (presenting, verifying) = sides(standing, at, true);
    for (name, there) in standing.linked.iter().filter_map(|one| Some((&one.name, one.seen.as_ref().ok()?))) {
        let possible_there = there.possible_anchors();
        let (mut presenting_there, verifying_there) = sides(there, at, true);
        // What is only taken to come has no issuer yet.
        presenting_there.retain(|(_, presents)| *presents != Presents::Issuer(Vec::new()));
        let theirs = |side: Side| match side {
            Side::Workload(workload) => Side::Linked(name.clone(), Some(workload)),
            _ => Side::Linked(name.clone(), None),
        };
        let there = refusing((there, possible), &presenting, &verifying_there, at);
        pairs.extend(there.into_iter().map(|(presents, refuses)| Pair { presents, refuses: theirs(refuses) }));
        let here = refusing((standing, &possible_there), &presenting_there, &verifying, at);
        pairs.extend(here.into_iter().map(|(presents, refuses)| Pair { presents: theirs(presents), refuses }));
    }
    pairs
}

/// What is served for the API server, or will be, and would not be accepted by it. What was accepted before must be after:
/// a certificate that is served longer than its caBundle verifies it is a gap.
fn uncallable(standing: &Standing, at: Timestamp) -> BTreeSet<Pair> {
    let mut pairs = BTreeSet::new();
    let mut add = |presents: Side| pairs.insert(Pair { presents, refuses: Side::ApiServer });
    for server in &standing.webhooks {
        let mut served = server.pods.iter().filter_map(|pod| pod.serves.as_ref());
        if served.any(|chain| !server.is_accepted(chain, at)) {
            add(Side::Server(server.service.clone()));
        }
        if server.secret.as_ref().is_ok_and(|held| !server.is_accepted(&held.chain, at)) {
            add(Side::ServerSecret(server.service.clone()));
        }
    }
    pairs
}

/// Who of some presenters is refused by whom of some verifiers. Each leaf is tried once with each bundle, however many
/// have them.
fn refusing(
    known: (&Standing, &[&Certificate]),
    presenting: &[(Side, Presents)],
    verifying: &[(Side, Trusts)],
    at: Timestamp,
) -> Vec<(Side, Side)> {
    let mut refused = Vec::new();
    for (presents, presenters) in distinct(presenting) {
        for (trusts, verifiers) in distinct(verifying) {
            if !accepts(known, trusts, presents, at) {
                for presenter in &presenters {
                    refused.extend(verifiers.iter().map(|verifier| ((*presenter).clone(), (*verifier).clone())));
                }
            }
        }
    }
    refused
}

fn distinct<T: PartialEq>(all: &[(Side, T)]) -> Vec<(&T, Vec<&Side>)> {
    let mut distinct: Vec<(&T, Vec<&Side>)> = Vec::new();
    for (side, one) in all {
        match distinct.iter_mut().find(|(known, _)| *known == one) {
            Some((_, sides)) => sides.push(side),
            None => distinct.push((one, vec![side])),
        }
    }
    distinct
}

/// Whether a verifier accepts a leaf; what could not be seen counts as old.
fn accepts(
    (standing, possible): (&Standing, &[&Certificate]),
    trusts: &Trusts,
    presents: &Presents,
    at: Timestamp,
) -> bool {
    let oldest: Vec<Certificate>;
    let anchors = match trusts {
        Trusts::Anchors(anchors) => anchors.as_slice(),
        Trusts::Unseen => {
            oldest = standing.oldest_anchor().cloned().into_iter().collect();
            &oldest
        }
    };
    match presents {
        Presents::Issuer(chain) => verify::issuer_as_proxy(chain, anchors, at).is_ok(),
        Presents::Unseen => possible.iter().all(|anchor| anchors.contains(anchor)),
    }
}

fn identity_accepts(standing: &Standing, at: Timestamp) -> bool {
    let bundle = match &standing.identity_trusts {
        Trusts::Anchors(anchors) => Bundle::of(anchors.iter().cloned()),
        Trusts::Unseen => Bundle::of(standing.oldest_anchor().cloned()),
    };
    verify::as_identity(&standing.issuer, &bundle, at).is_ok()
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workload(workload) => workload.fmt(f),
            Self::NewPod => f.write_str("any new pod"),
            Self::Identity => f.write_str("the identity controller"),
            Self::IssuerSecret => f.write_str("the issuer in the Secret"),
            Self::Server(service) => write!(f, "what the pods of Service {service} serve"),
            Self::ServerSecret(service) => write!(f, "the new certificate for Service {service}"),
            Self::ApiServer => f.write_str("the API server"),
            Self::Linked(cluster, Some(workload)) => write!(f, "{workload} of linked cluster {cluster}"),
            Self::Linked(cluster, None) => write!(f, "any new pod of linked cluster {cluster}"),
        }
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} would be refused by {}", self.presents, self.refuses)
    }
}

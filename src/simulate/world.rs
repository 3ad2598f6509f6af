use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::{
    mesh::{Concern, Copy, Holder, IssuerPair, Obstacle},
    pki::{Certificate, Fingerprint, verify},
    snapshot::{IdentityEvent, ServiceRef, Snapshot, WorkloadRef},
};

use super::{
    Fault,
    pod::{Leaf, Pod},
    sign::Signer,
    webhooks::{Server, Uncalled},
    workload::{START, Workload},
};

/// Everything there is.
#[derive(Debug)]
pub struct World {
    /// The time.
    pub(super) now: Timestamp,
    /// What a reading says of everything that does not change here.
    pub(super) base: Snapshot,
    /// What the trust roots held, and since when; the last is what they hold.
    pub(super) roots: Vec<Kept<Vec<Certificate>>>,
    pub(super) copies: BTreeMap<Copy, Kept<CopyText>>,
    pub(super) issuer: Kept<IssuerPair>,
    /// The issuer that was there at the beginning.
    pub(super) first_issuer: Option<Fingerprint>,
    pub(super) workloads: Vec<Workload>,
    pub(super) events: Vec<IdentityEvent>,
    pub(super) lease: Option<Holder>,
    /// What was noted, oldest first: reason and message.
    pub(super) notes: Vec<(String, String)>,
    /// What workloads bring with them beside what their kind says.
    pub(super) concerns: Vec<(WorkloadRef, Concern)>,
    pub(super) faults: Vec<Fault>,
    pub(super) signer: Signer,
    /// The likenesses of the anchors, with their keys.
    pub(super) authorities: Vec<IssuerPair>,
    /// Whether an issuer leads to one of some anchors, by their fingerprints: asked again at every moment.
    pub(super) leads: BTreeMap<(Fingerprint, Vec<Fingerprint>), bool>,
    /// Pairs of live proxies of which one refused the other, once each.
    pub(super) refused: Vec<Refused>,
    /// Writes that were taken so far.
    pub(super) writes: u32,
    /// Names that pods were given so far.
    pub(super) named: u32,
    /// What the API server calls.
    pub(super) servers: Vec<Server>,
    /// The servers that it could call at some time.
    pub(super) called: BTreeSet<ServiceRef>,
    /// Those that it could not call at a later one.
    pub(super) uncalled: Vec<Uncalled>,
}

/// An object's content, its version, and when it was last written.
#[derive(Clone, Debug)]
pub(super) struct Kept<T> {
    pub(super) value: T,
    pub(super) version: u64,
    pub(super) changed_at: Timestamp,
    /// Whether this program wrote it last.
    pub(super) is_ours: bool,
}

/// What a copy holds.
#[derive(Clone, Debug)]
pub(super) struct CopyText {
    pub(super) anchors: Vec<Certificate>,
    pub(super) issuer: Option<Vec<Certificate>>,
}

/// A live proxy refused another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// When it was first seen.
    pub at: Timestamp,
    /// Who presented.
    pub presents: WorkloadRef,
    /// Who refused.
    pub refuses: WorkloadRef,
}

impl<T> Kept<T> {
    pub(super) fn new(value: T, changed_at: Timestamp) -> Self {
        Self { value, version: 1, changed_at, is_ours: false }
    }

    /// The content replaced at `now` by this program.
    pub(super) fn replace(&mut self, value: T, now: Timestamp) {
        *self = Self { value, version: self.version + 1, changed_at: now, is_ours: true };
    }

    /// Written at `now` by somebody else, who left the content as it was.
    pub(super) fn touch(&mut self, now: Timestamp) {
        (self.version, self.changed_at, self.is_ours) = (self.version + 1, now, false);
    }
}

impl World {
    /// What the trust roots hold.
    pub(super) fn roots_now(&self) -> &Kept<Vec<Certificate>> {
        // There is always a first: a world is made with one, and none is ever taken away.
        &self.roots[self.roots.len() - 1]
    }

    /// Every refusal between live proxies that was ever seen.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// Writes that were taken so far.
    pub fn writes(&self) -> u32 {
        self.writes
    }

    /// The anchors in the trust roots.
    pub fn anchors(&self) -> &[Certificate] {
        &self.roots_now().value
    }

    /// What was noted on the identity controller, oldest first: reason and message.
    pub fn notes(&self) -> &[(String, String)] {
        &self.notes
    }

    /// Gives workloads something that is worth knowing before they are restarted.
    pub fn set_concerns(&mut self, concerns: Vec<(WorkloadRef, Concern)>) {
        self.concerns = concerns;
    }

    /// What the issuer Secret holds.
    pub fn issuer(&self) -> &IssuerPair {
        &self.issuer.value
    }

    /// Replaces what goes wrong.
    pub fn set_faults(&mut self, faults: Vec<Fault>) {
        self.faults = faults;
    }

    /// Makes bare pods of workloads: nothing replaces them.
    pub fn bind(&mut self, which: impl Fn(&WorkloadRef) -> bool) {
        for workload in self.workloads.iter_mut().filter(|workload| which(&workload.key)) {
            workload.obstacle = Some(Obstacle::Bare);
        }
    }

    /// How many workloads there are.
    pub fn size(&self) -> usize {
        self.workloads.len()
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Somebody mends what kept pods from getting ready.
    pub fn mend(&mut self) {
        self.faults.retain(|fault| !matches!(fault, Fault::NeverReady(_)));
        let soon = self.now + START;
        for pod in self.workloads.iter_mut().flat_map(|workload| &mut workload.pods) {
            pod.ready_at.get_or_insert(soon);
        }
    }

    /// Every pod with its workload.
    pub(super) fn pods(&self) -> impl Iterator<Item = (&Workload, &Pod)> {
        self.workloads.iter().flat_map(|workload| workload.pods.iter().map(move |pod| (workload, pod)))
    }

    /// Every pair of workloads between which a new connection would come about now: all pods of both are there, and none
    /// of the one is refused by any of the other. The first presents, the second accepts.
    pub fn working(&mut self) -> BTreeSet<(WorkloadRef, WorkloadRef)> {
        let now = self.now;
        let mut leads = std::mem::take(&mut self.leads);
        let whole = |one: &&Workload| {
            let live = one.pods.iter().filter(|pod| pod.is_live(now)).count();
            one.wanted > 0 && live >= usize::try_from(one.wanted).unwrap_or(usize::MAX)
        };
        let whole: Vec<&Workload> = self.workloads.iter().filter(whole).collect();
        let mut working = BTreeSet::new();
        for (server, client) in whole.iter().flat_map(|one| whole.iter().map(move |other| (*one, *other))) {
            let mut pairs = server.pods.iter().flat_map(|pod| client.pods.iter().map(move |other| (pod, other)));
            let accepts = |(pod, other): (&Pod, &Pod)| {
                let taken = |leaf: &Leaf| leaf.is_valid(now) && accepts(&mut leads, leaf, &other.anchors);
                !pod.is_live(now) || !other.is_live(now) || pod.leaf.as_ref().is_some_and(taken)
            };
            if pairs.all(accepts) {
                working.insert((server.key.clone(), client.key.clone()));
            }
        }
        self.leads = leads;
        working
    }

    /// Tries every pair of live proxies.
    pub(super) fn witness(&mut self) {
        self.witness_calls();
        let now = self.now;
        let mut leads = std::mem::take(&mut self.leads);
        let live: Vec<(&WorkloadRef, &Pod)> =
            self.pods().filter(|(_, pod)| pod.is_live(now)).map(|(workload, pod)| (&workload.key, pod)).collect();
        let mut seen: Vec<Refused> = Vec::new();
        for (server, leaf) in live.iter().filter_map(|(key, pod)| Some((*key, pod.leaf.as_ref()?))) {
            let valid = leaf.is_valid(now);
            for (client, pod) in &live {
                if !(valid && accepts(&mut leads, leaf, &pod.anchors)) {
                    seen.push(Refused { at: now, presents: server.clone(), refuses: (*client).clone() });
                }
            }
        }
        self.leads = leads;
        for refused in seen {
            let known = |other: &Refused| (&other.presents, &other.refuses) == (&refused.presents, &refused.refuses);
            if !self.refused.iter().any(known) {
                self.refused.push(refused);
            }
        }
    }
}

pub(super) fn accepts(
    leads: &mut BTreeMap<(Fingerprint, Vec<Fingerprint>), bool>,
    leaf: &Leaf,
    anchors: &[Certificate],
) -> bool {
    let Some(issuer) = leaf.chain.first() else { return false };
    let key = (issuer.fingerprint(), anchors.iter().map(Certificate::fingerprint).collect());
    *leads.entry(key).or_insert_with(|| anchors.iter().any(|anchor| verify::leads_to(&leaf.chain, anchor)))
}

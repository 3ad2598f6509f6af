//! Where a mesh stands, as far as a plan needs to know: what its sources hold, who trusts what, who presents what.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::{
    mesh::{Copy, FIELD_MANAGER, Obstacle, Rollout},
    pki::{Bundle, Certificate, Fingerprint, verify},
    snapshot::{IssuerSecret, PodGroup, Probe, ServiceRef, Snapshot, Source, Values, Workload, WorkloadRef},
    trust,
};

use super::{
    linked::{self, Linked},
    webhooks,
};

/// Where a mesh stands at one moment.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Standing {
    /// The moment.
    pub at: Timestamp,
    /// The ConfigMap's anchors, each once.
    pub roots: Vec<Certificate>,
    /// Whether proxies and identity start with the ConfigMap's text as it is.
    pub roots_load: bool,
    /// Whether the trust roots were written after the issuer Secret: then what they hold beside the present anchor is
    /// there for an issuer to come, and not left from one that has gone.
    pub roots_after_issuer: bool,
    /// Whether this program wrote the trust roots last.
    pub roots_are_ours: bool,
    /// Whether this program wrote the issuer Secret last.
    pub issuer_is_ours: bool,
    /// The issuer Secret's chain.
    pub issuer: Vec<Certificate>,
    /// Whether identity could load the issuer Secret as it is laid out, with its key; of trust and time that says nothing.
    pub issuer_loads: bool,
    /// Whether any pod of identity is ready.
    pub identity_runs: bool,
    /// Anchors that stand in a copy of the trust roots, whether anything trusts them or not.
    pub copied: Vec<Certificate>,
    /// The chain that identity signs with, where that is proven.
    pub serving: Option<Vec<Certificate>>,
    /// What the identity controller verifies issuers with.
    pub identity_trusts: Trusts,
    /// The copies that exist and what they hold: anchors as a set, and the issuer where they name one.
    pub copies: Vec<(Copy, BTreeSet<Fingerprint>, Option<Certificate>)>,
    /// Every workload with a proxy.
    pub parties: Vec<Party>,
    /// Verifiers outside the cluster that were not read, by name.
    pub outside: Vec<String>,
    /// Clusters that share trust with this one and were read.
    pub linked: Vec<Linked>,
    /// What the API server calls of Linkerd's.
    pub webhooks: Vec<webhooks::Server>,
    /// Those of them for which this run has written something, each with whether the API server was seen to call it since:
    /// the one thing that cannot be read from a cluster.
    pub proofs: BTreeMap<ServiceRef, bool>,
}

/// A workload with a proxy.
#[derive(Clone, Debug, PartialEq)]
pub struct Party {
    /// Which.
    pub who: WorkloadRef,
    /// `identity`, `destination`, `proxy-injector` for the control plane's own.
    pub component: Option<String>,
    /// Its own labels, where it is of a kind that can be restarted.
    pub labels: BTreeMap<String, String>,
    /// How many pods it has.
    pub pods: u32,
    /// The distinct bundles that its proxies verify with.
    pub trusts: Vec<Trusts>,
    /// The distinct issuers under the leafs that its proxies present.
    pub presents: Vec<Presents>,
    /// When the first of its leafs that were seen ends, with its issuers' ends taken into account.
    pub until: Option<Timestamp>,
    /// Why it is not restarted, where it is not.
    pub obstacle: Option<Obstacle>,
    /// Whether it is restarted after all others of its round.
    pub last: bool,
}

/// What a proxy verifies with.
#[derive(Clone, Debug, PartialEq)]
pub enum Trusts {
    /// These anchors.
    Anchors(Vec<Certificate>),
    /// It could not be seen, and counts as old.
    Unseen,
}

/// What a proxy presents.
#[derive(Clone, Debug, PartialEq)]
pub enum Presents {
    /// A leaf under this issuer (first) and what came with it.
    Issuer(Vec<Certificate>),
    /// It could not be seen, and counts as old.
    Unseen,
}

impl Standing {
    /// Reads a standing off a snapshot; `rollouts` says of which workloads a restart brings new pods.
    pub fn of(snapshot: &Snapshot, rollouts: &[Rollout]) -> Self {
        let ours = |manager: Option<&String>| manager.is_some_and(|manager| manager == FIELD_MANAGER);
        let (roots, secret) = (snapshot.trust_roots.found(), snapshot.issuer.found());
        let roots_are_ours = ours(roots.and_then(|roots| roots.changed_by.as_ref()));
        let issuer_is_ours = ours(secret.and_then(|secret| secret.changed_by.as_ref()));
        let written = roots.and_then(|roots| roots.changed_at).zip(secret.and_then(|secret| secret.changed_at));
        let roots = roots.and_then(|roots| roots.bundle.as_ref());
        let issuer = secret.and_then(|secret| secret.chain.as_ref());
        let serving = trust::serving(snapshot);
        let identity = trust::identity_bundle(snapshot);
        let mut standing = Self {
            at: snapshot.taken_at,
            roots: roots.map(Bundle::each_once).unwrap_or_default(),
            roots_load: roots.is_some_and(|bundle| bundle.loads && bundle.loads_in_identity),
            roots_after_issuer: written.is_some_and(|(roots, issuer)| roots > issuer),
            roots_are_ours,
            issuer_is_ours,
            issuer: issuer.map(|chain| chain.certificates.clone()).unwrap_or_default(),
            issuer_loads: secret.is_some_and(loads),
            identity_runs: snapshot.mesh.found().and_then(|mesh| mesh.component("identity")).is_some_and(is_ready),
            copied: copied(snapshot),
            serving: serving.as_ref().map(|serving| serving.chain.to_vec()),
            identity_trusts: identity.map_or(Trusts::Unseen, |bundle| Trusts::Anchors(bundle.each_once())),
            copies: copies(snapshot),
            parties: parties(snapshot, rollouts, serving.as_ref()),
            outside: Vec::new(),
            linked: Vec::new(),
            webhooks: webhooks::servers(snapshot),
            proofs: BTreeMap::new(),
        };
        standing.linked = linked::linked(snapshot, &standing);
        standing.outside = outside(snapshot, &standing.linked);
        standing
    }

    /// The standing of a mesh without these workloads: what becomes of them is the operator's own business.
    #[must_use]
    pub fn without(&self, leave: &BTreeSet<WorkloadRef>) -> Self {
        let mut without = self.clone();
        without.parties.retain(|party| !leave.contains(&party.who));
        without
    }

    /// Every anchor of the ConfigMap and of every loaded bundle, each once.
    pub fn known_anchors(&self) -> Vec<&Certificate> {
        let loaded = self.parties.iter().flat_map(|party| &party.trusts).chain([&self.identity_trusts]);
        let loaded = loaded.filter_map(|trusts| match trusts {
            Trusts::Anchors(anchors) => Some(anchors),
            Trusts::Unseen => None,
        });
        let mut known: Vec<&Certificate> = Vec::new();
        for anchor in self.roots.iter().chain(loaded.flatten()) {
            if !known.contains(&anchor) {
                known.push(anchor);
            }
        }
        known
    }

    /// Every issuer that signs, may sign soon, or stands under a leaf that was seen.
    pub fn chains(&self) -> Vec<&[Certificate]> {
        let presented = self.parties.iter().flat_map(|party| &party.presents).filter_map(|presents| match presents {
            Presents::Issuer(chain) => Some(chain.as_slice()),
            Presents::Unseen => None,
        });
        let mut chains: Vec<&[Certificate]> = Vec::new();
        for chain in [self.issuer.as_slice()].into_iter().chain(self.serving.as_deref()).chain(presented) {
            if !chain.is_empty() && !chains.iter().any(|known| known.first() == chain.first()) {
                chains.push(chain);
            }
        }
        chains
    }

    /// The anchor that vouches for an issuer, among all that are known.
    pub fn anchor_of(&self, chain: &[Certificate]) -> Option<&Certificate> {
        self.known_anchors().into_iter().find(|anchor| verify::leads_to(chain, anchor))
    }

    /// The anchors that something alive depends on.
    pub fn in_use(&self) -> Vec<&Certificate> {
        let mut used: Vec<&Certificate> = Vec::new();
        for anchor in self.chains().into_iter().filter_map(|chain| self.anchor_of(chain)) {
            if !used.contains(&anchor) {
                used.push(anchor);
            }
        }
        used
    }

    /// The anchor that vouches for the issuer in the Secret.
    pub fn present(&self) -> Option<&Certificate> {
        self.anchor_of(&self.issuer)
    }

    /// Whether `anchor` is there for an issuer to come. Anchors are backdated, so that of a mesh that was installed a
    /// moment ago may begin later than the one that follows it: then the order in which the objects were written tells,
    /// and which of the two ends later.
    ///
    /// Where this program wrote the issuer last, after the trust roots, it was there that they led: what they hold beside
    /// its anchor is left from before. So a mesh that a restore has taken back to its old anchor, and that only has the
    /// newer one to drop yet, is not taken for one on its way to that newer one.
    pub fn is_to_come(&self, anchor: &Certificate) -> bool {
        const BACKDATED: SignedDuration = SignedDuration::from_hours(24);
        let Some(present) = self.present().filter(|present| *present != anchor) else { return false };
        let (begins, began) = (anchor.lifetime().not_before, present.lifetime().not_before);
        let outlives = anchor.lifetime().not_after > present.lifetime().not_after;
        let arrived = self.issuer_is_ours && !self.roots_after_issuer;
        let backdated = self.roots_after_issuer && outlives && began.duration_since(begins) < BACKDATED;
        !arrived
            && anchor.lifetime().contains(self.at)
            && !self.in_use().contains(&anchor)
            && (begins > began || backdated)
    }

    /// The anchors under which a leaf that could not be seen may have been issued: all that are known, but for those
    /// under which nothing was ever signed here.
    pub fn possible_anchors(&self) -> Vec<&Certificate> {
        self.known_anchors().into_iter().filter(|anchor| !self.is_to_come(anchor)).collect()
    }

    /// What a proxy that cannot be seen is taken to trust, and nothing else: an anchor in use that is not the present
    /// one, where there is such, since then the mesh is on its way from there.
    pub fn oldest_anchor(&self) -> Option<&Certificate> {
        let present = self.present();
        let mut used = self.in_use();
        used.sort_by_key(|anchor| (Some(*anchor) == present, anchor.lifetime().not_before));
        used.first().copied()
    }
}

impl Party {
    /// Whether it is one of the control plane's own.
    pub fn is_control_plane(&self) -> bool {
        self.component.is_some()
    }

    /// Whether every one of its proxies trusts `anchor`.
    pub fn trusts(&self, anchor: &Certificate) -> bool {
        self.trusts.iter().all(|trusts| matches!(trusts, Trusts::Anchors(anchors) if anchors.contains(anchor)))
    }

    /// Whether every one of its proxies trusts just these anchors.
    pub fn trusts_just(&self, anchors: &[Certificate]) -> bool {
        let same = |own: &[Certificate]| own.len() == anchors.len() && anchors.iter().all(|one| own.contains(one));
        self.trusts.iter().all(|trusts| matches!(trusts, Trusts::Anchors(own) if same(own)))
    }

    /// Whether every one of its leafs comes from `issuer`.
    pub fn presents(&self, issuer: &Certificate) -> bool {
        self.presents
            .iter()
            .all(|presents| matches!(presents, Presents::Issuer(chain) if chain.first() == Some(issuer)))
    }
}

/// Whether identity finds a certificate and its key in the layout that it reads, and may sign with them.
fn loads(secret: &IssuerSecret) -> bool {
    secret.chain.as_ref().is_some_and(|chain| {
        let issuer = chain.first();
        chain.loads_in_identity && issuer.is_some_and(|one| secret.key.fits(one) && one.is_ca())
    })
}

fn is_ready(workload: &Workload) -> bool {
    workload.groups.iter().any(|group| group.ready > 0)
}

/// Every anchor that the next upgrade would start from, and the issuer Secret's `ca.crt`.
fn copied(snapshot: &Snapshot) -> Vec<Certificate> {
    let values =
        [&snapshot.config, &snapshot.overrides].into_iter().filter_map(|source| source.found()?.anchors.as_ref());
    let beside = snapshot.issuer.found().and_then(|secret| secret.ca.as_ref());
    Bundle::of(values.chain(beside).flat_map(Bundle::each_once)).each_once()
}

/// When the leaf that a pod showed is over: by its own end, or by that of an issuer above it.
fn end(probe: &Probe) -> Option<Timestamp> {
    let chain = probe.answer.as_ref().ok()?.chain.as_ref().ok()?;
    chain.iter().map(|one| one.lifetime().not_after).min()
}

fn copies(snapshot: &Snapshot) -> Vec<(Copy, BTreeSet<Fingerprint>, Option<Certificate>)> {
    let copy = |which, source: &Source<Values>| {
        let values = source.found()?;
        let issuer = values.issuer.as_ref().and_then(Bundle::first).cloned();
        Some((which, values.anchors.as_ref()?.set(), issuer))
    };
    [(Copy::Config, &snapshot.config), (Copy::Overrides, &snapshot.overrides)]
        .into_iter()
        .filter_map(|(which, source)| copy(which, source))
        .collect()
}

fn outside(snapshot: &Snapshot, linked: &[Linked]) -> Vec<String> {
    let workloads = snapshot.external_workloads.items().iter();
    let workloads = workloads.map(|one| format!("ExternalWorkload {}/{}", one.namespace, one.name));
    let links = snapshot.links.items().iter().map(|link| format!("Link {}/{}", link.namespace, link.name));
    workloads.chain(links.filter(|link| !linked.iter().any(|one| one.links.contains(link)))).collect()
}

fn parties(snapshot: &Snapshot, rollouts: &[Rollout], serving: Option<&trust::Serving<'_>>) -> Vec<Party> {
    let Some(mesh) = snapshot.mesh.found() else { return Vec::new() };
    let loaded = trust::loaded(snapshot);
    let of = |(index, workload): (usize, &Workload)| {
        let key = workload.key();
        let rollout = rollouts.iter().find(|rollout| rollout.workload == key);
        let mut party = Party {
            component: workload.component.clone(),
            labels: rollout.map(|rollout| rollout.labels.clone()).unwrap_or_default(),
            pods: workload.pods(),
            trusts: Vec::new(),
            presents: Vec::new(),
            until: snapshot.probes.iter().filter(|probe| probe.workload == index).filter_map(end).min(),
            obstacle: obstacle(&key, rollouts),
            last: false,
            who: key,
        };
        for loaded in loaded.iter().filter(|loaded| std::ptr::eq(loaded.workload, workload)) {
            let trusts = loaded.bundle.map_or(Trusts::Unseen, |bundle| Trusts::Anchors(bundle.each_once()));
            add(&mut party.trusts, trusts);
        }
        for (group_index, group) in workload.groups.iter().enumerate() {
            for presents in presented(snapshot, (index, group_index), group, serving) {
                add(&mut party.presents, presents);
            }
        }
        party
    };
    mesh.workloads.iter().enumerate().filter(|(_, workload)| workload.pods() > 0).map(of).collect()
}

/// What the pods of one group present: as they showed it, by their age, or unseen.
fn presented(
    snapshot: &Snapshot,
    place: (usize, usize),
    group: &PodGroup,
    serving: Option<&trust::Serving<'_>>,
) -> Vec<Presents> {
    let answers = snapshot.probes.iter().filter(|probe| (probe.workload, probe.group) == place);
    let shown: Vec<Presents> = answers
        .filter_map(|probe| probe.answer.as_ref().ok()?.chain.as_ref().ok())
        .filter(|chain| chain.len() > 1)
        .map(|chain| Presents::Issuer(chain[1..].to_vec()))
        .collect();
    let all_asked = shown.len() >= usize::try_from(group.pods).unwrap_or(usize::MAX);
    let young = serving.filter(|serving| serving.is_of_all(group));
    let rest = match young {
        _ if all_asked => None,
        Some(serving) => Some(Presents::Issuer(serving.chain.to_vec())),
        None => Some(Presents::Unseen),
    };
    shown.into_iter().chain(rest).collect()
}

/// Why a restart of `workload` would not bring new pods: as its rollout says, else by its kind.
pub(crate) fn obstacle(workload: &WorkloadRef, rollouts: &[Rollout]) -> Option<Obstacle> {
    let known = rollouts.iter().find(|rollout| rollout.workload == *workload);
    known.map_or_else(|| by_kind(&workload.kind), |rollout| rollout.obstacle)
}

fn by_kind(kind: &str) -> Option<Obstacle> {
    match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" => None,
        "Pod" => Some(Obstacle::Bare),
        "Job" | "CronJob" => Some(Obstacle::Job),
        _ => Some(Obstacle::Unknown),
    }
}

fn add<T: PartialEq>(to: &mut Vec<T>, item: T) {
    if !to.contains(&item) {
        to.push(item);
    }
}

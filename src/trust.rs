//! Who verifies with which bundle, and who presents which chain: the two sides of the trust matrix, read off a snapshot.
//! Pure.
//!
//! Loaded truth, best source first: what the proxy itself answered, the literal text in its pod's spec, and, where the
//! spec only refers to the ConfigMap, the proxy's start against the ConfigMap's last change. What is left is unknown
//! and counts as old.

use jiff::Timestamp;

use crate::{
    pki::{Bundle, Certificate, verify},
    snapshot::{BundleRef, IdentityEventKind, Mesh, PodGroup, Probe, Snapshot, Workload},
};

/// Some pods of one workload and the bundle that they verify with.
#[derive(Clone, Copy, Debug)]
pub struct Loaded<'a> {
    /// Their workload.
    pub workload: &'a Workload,
    /// How many pods.
    pub pods: u32,
    /// The bundle; `None` where it is not known.
    pub bundle: Option<&'a Bundle>,
    /// How it is known.
    pub proof: Proof,
}

/// How a loaded bundle is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// The proxy said so.
    Answered,
    /// The pod's spec holds its text.
    Spec,
    /// It started after the ConfigMap last changed.
    Started,
    /// It is not known.
    Unknown,
}

/// A proxy and the chain that it presents.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'a> {
    /// Its workload.
    pub workload: &'a Workload,
    /// Its pod.
    pub pod: &'a str,
    /// Leaf first.
    pub chain: &'a [Certificate],
}

impl Presented<'_> {
    /// The leaf.
    pub fn leaf(&self) -> &Certificate {
        &self.chain[0]
    }

    /// The issuer that came with it, where one did.
    pub fn issuer(&self) -> Option<&Certificate> {
        self.chain.get(1)
    }
}

/// Every bundle that something verifies with.
pub fn loaded(snapshot: &Snapshot) -> Vec<Loaded<'_>> {
    let Some(mesh) = snapshot.mesh.found() else { return Vec::new() };
    mesh.workloads
        .iter()
        .enumerate()
        .flat_map(|(index, workload)| {
            let groups = workload.groups.iter().enumerate();
            groups.flat_map(move |(group_index, group)| {
                let answers =
                    snapshot.probes.iter().filter(move |probe| probe.workload == index && probe.group == group_index);
                loaded_by_group(snapshot, mesh, workload, group, answers)
            })
        })
        .collect()
}

fn loaded_by_group<'a>(
    snapshot: &'a Snapshot,
    mesh: &'a Mesh,
    workload: &'a Workload,
    group: &'a PodGroup,
    answers: impl Iterator<Item = &'a Probe>,
) -> Vec<Loaded<'a>> {
    let answered: Vec<_> = answers
        .filter_map(|probe| probe.answer.as_ref().ok()?.bundle.as_ref().ok())
        .map(|bundle| Loaded { workload, pods: 1, bundle: Some(bundle), proof: Proof::Answered })
        .collect();
    if let BundleRef::Literal(index) = group.bundle {
        // One text in the spec is one bundle loaded: an answer adds certainty, not another bundle.
        let proof = if answered.is_empty() { Proof::Spec } else { Proof::Answered };
        let bundle = answered.first().and_then(|first| first.bundle).or_else(|| mesh.bundles.get(index));
        return vec![Loaded { workload, pods: group.pods, bundle, proof }];
    }
    let unasked = group.pods.saturating_sub(u32::try_from(answered.len()).unwrap_or(u32::MAX));
    let mut all = answered;
    if unasked > 0 {
        let bundle = started_after_change(snapshot, group);
        let proof = if bundle.is_some() { Proof::Started } else { Proof::Unknown };
        all.push(Loaded { workload, pods: unasked, bundle, proof });
    }
    all
}

fn started_after_change<'a>(snapshot: &'a Snapshot, group: &PodGroup) -> Option<&'a Bundle> {
    let roots = snapshot.trust_roots.found()?;
    (group.bundle == BundleRef::ConfigMap && group.oldest > roots.changed_at?).then_some(())?;
    roots.bundle.as_ref()
}

/// Every chain that was seen presented.
pub fn presented(snapshot: &Snapshot) -> Vec<Presented<'_>> {
    let Some(mesh) = snapshot.mesh.found() else { return Vec::new() };
    snapshot
        .probes
        .iter()
        .filter_map(|probe| {
            let chain = probe.answer.as_ref().ok()?.chain.as_deref().ok()?;
            let workload = mesh.workloads.get(probe.workload)?;
            (!chain.is_empty()).then_some(Presented { workload, pod: &probe.pod.name, chain })
        })
        .collect()
}

/// The bundle that the identity controller has loaded, where it is known. It reads the mounted ConfigMap once at start,
/// as its own proxy does in the same pod.
pub fn identity_bundle(snapshot: &Snapshot) -> Option<&Bundle> {
    let of_identity = |loaded: &Loaded<'_>| loaded.workload.component.as_deref() == Some("identity");
    loaded(snapshot).into_iter().filter(of_identity).min_by_key(|loaded| loaded.proof).and_then(|loaded| loaded.bundle)
}

/// The issuer that identity signs with: the one under the newest leaf that any proxy presents.
pub fn serving_issuer(snapshot: &Snapshot) -> Option<Presented<'_>> {
    presented(snapshot)
        .into_iter()
        .filter(|presented| presented.issuer().is_some())
        .max_by_key(|presented| presented.leaf().lifetime().not_before)
}

/// The issuer that identity signs with, as far as it is proven.
#[derive(Clone, Copy, Debug)]
pub struct Serving<'a> {
    /// The issuer first.
    pub chain: &'a [Certificate],
    /// A proxy that started after this has its leaf from that issuer. `None` where some replica of identity may still
    /// have signed with another.
    pub since: Option<Timestamp>,
}

/// What identity signs with, best proof first: all its pods started after the Secret was last written, and it does not
/// start with an issuer that it refuses; its own event after that write; the newest leaf that was seen.
pub fn serving(snapshot: &Snapshot) -> Option<Serving<'_>> {
    let secret = snapshot.issuer.found();
    let written = secret.and_then(|secret| secret.chain.as_ref().zip(secret.changed_at));
    let identity = snapshot.mesh.found().and_then(|mesh| mesh.component("identity"));
    if let Some((chain, changed)) = written {
        let groups = identity.map_or(&[][..], |identity| &identity.groups);
        let sound = |group: &PodGroup| group.oldest > changed && group.ready == group.pods;
        if !groups.is_empty() && groups.iter().all(sound) {
            let since = groups.iter().map(|group| group.newest).max();
            return Some(Serving { chain: &chain.certificates, since });
        }
        let last = snapshot.identity_events.items().iter().rev().find(|event| {
            matches!(event.kind, IdentityEventKind::IssuerUpdated | IdentityEventKind::IssuerUpdateSkipped)
        });
        if let Some(event) = last.filter(|event| event.kind == IdentityEventKind::IssuerUpdated && event.at > changed) {
            // One event says nothing of other replicas, which each read their own copy of the Secret.
            let alone = identity.is_some_and(|identity| identity.pods() == 1);
            return Some(Serving { chain: &chain.certificates, since: alone.then_some(event.at) });
        }
    }
    serving_issuer(snapshot).map(|presented| Serving { chain: &presented.chain[1..], since: None })
}

/// The anchors that something alive still depends on: those that sign the Secret's issuer or a presented chain.
pub fn anchors_in_use(snapshot: &Snapshot) -> Vec<&Certificate> {
    let secret = snapshot.issuer.found().and_then(|issuer| issuer.chain.as_ref());
    let issuers: Vec<&Certificate> = secret
        .and_then(Bundle::first)
        .into_iter()
        .chain(presented(snapshot).iter().filter_map(|presented| presented.chain.last()))
        .collect();
    let mut used: Vec<&Certificate> = Vec::new();
    for anchor in known_anchors(snapshot) {
        let signs = |issuer: &&Certificate| *issuer == anchor || issuer.is_signed_by(anchor);
        if issuers.iter().any(signs) && !used.contains(&anchor) {
            used.push(anchor);
        }
    }
    used
}

/// Every distinct anchor of the ConfigMap and of every loaded bundle.
pub fn known_anchors(snapshot: &Snapshot) -> Vec<&Certificate> {
    let current = snapshot.trust_roots.found().and_then(|roots| roots.bundle.as_ref());
    let loaded = loaded(snapshot).into_iter().filter_map(|loaded| loaded.bundle);
    let mut known: Vec<&Certificate> = Vec::new();
    for anchor in current.into_iter().chain(loaded).flat_map(|bundle| &bundle.certificates) {
        if !known.contains(&anchor) {
            known.push(anchor);
        }
    }
    known
}

/// A pair of which the second refuses the first.
#[derive(Clone, Debug)]
pub struct Refused<'a> {
    /// Who presents.
    pub presented: Presented<'a>,
    /// Who verifies.
    pub by: Loaded<'a>,
    /// Why it refuses.
    pub reason: verify::Refusal,
}

/// Every presented chain against every loaded bundle at `now`; what does not verify is returned.
pub fn refused(snapshot: &Snapshot, now: Timestamp) -> Vec<Refused<'_>> {
    let verifiers = loaded(snapshot);
    presented(snapshot)
        .into_iter()
        .flat_map(|presented| {
            let refusing = verifiers.iter().filter_map(move |&by| {
                let reason = verify::as_proxy(presented.chain, by.bundle?, now).err()?;
                Some(Refused { presented, by, reason })
            });
            refusing.collect::<Vec<_>>()
        })
        .collect()
}

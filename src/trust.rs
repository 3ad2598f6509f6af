//! Who verifies with which bundle, and who presents which chain: the two sides of the trust matrix, read off a snapshot.
//! Pure.
//!
//! Loaded truth, best source first: what the proxy itself answered, the literal text in its pod's spec, and, where the
//! spec only refers to the ConfigMap, the proxy's start against the ConfigMap's last change: a later start proves what
//! is loaded, an earlier one that it may be old. What is left is unknown, and nothing is concluded from it.

mod held;
mod refused;
mod serving;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{
    pki::{Bundle, Certificate, Fingerprint},
    snapshot::{BundleRef, Mesh, PodGroup, Probe, Snapshot, Workload},
};

pub use held::{Held, held};
pub use refused::{Refused, refused};
pub use serving::{Serving, serving};

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
    /// The bundle is not known, but it started before the ConfigMap last changed (or a pod of its group did).
    StartedBefore,
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
    let mut answers: HashMap<(usize, usize), Vec<&Probe>> = HashMap::new();
    for probe in &snapshot.probes {
        answers.entry((probe.workload, probe.group)).or_default().push(probe);
    }
    let mut all = Vec::new();
    for (index, workload) in mesh.workloads.iter().enumerate() {
        for (group_index, group) in workload.groups.iter().enumerate() {
            let answers = answers.get(&(index, group_index)).map_or(&[][..], Vec::as_slice);
            all.extend(loaded_by_group(snapshot, mesh, workload, group, answers));
        }
    }
    all
}

/// The same by the sets of anchors that are loaded, each set with the first bundle that has it. What is not known is
/// left out.
pub fn by_bundle<'a>(loaded: &[Loaded<'a>]) -> Vec<(&'a Bundle, Vec<Loaded<'a>>)> {
    let mut known: BTreeMap<BTreeSet<Fingerprint>, usize> = BTreeMap::new();
    let mut all: Vec<(&Bundle, Vec<Loaded<'_>>)> = Vec::new();
    for &one in loaded {
        let Some(bundle) = one.bundle else { continue };
        let at = *known.entry(bundle.set()).or_insert_with(|| {
            all.push((bundle, Vec::new()));
            all.len() - 1
        });
        all[at].1.push(one);
    }
    all
}

fn loaded_by_group<'a>(
    snapshot: &'a Snapshot,
    mesh: &'a Mesh,
    workload: &'a Workload,
    group: &'a PodGroup,
    answers: &[&'a Probe],
) -> Vec<Loaded<'a>> {
    let answered: Vec<_> = answers
        .iter()
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
        let (bundle, proof) = by_start(snapshot, group);
        all.push(Loaded { workload, pods: unasked, bundle, proof });
    }
    all
}

fn by_start<'a>(snapshot: &'a Snapshot, group: &PodGroup) -> (Option<&'a Bundle>, Proof) {
    let unknown = (None, Proof::Unknown);
    let Some(roots) = snapshot.trust_roots.found().filter(|_| group.bundle == BundleRef::ConfigMap) else {
        return unknown;
    };
    match (roots.changed_at, &roots.bundle) {
        (Some(changed), _) if group.oldest <= changed => (None, Proof::StartedBefore),
        (Some(_), Some(bundle)) => (Some(bundle), Proof::Started),
        _ => unknown,
    }
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

/// The bundle that the identity controller has loaded, where it is known. It reads the mounted ConfigMap once at start
/// (linkerd2 #13613); its proxy starts in the same pod and speaks for it here, though a restart of one container alone
/// can part the two. Of several replicas the one counts that lacks most of the present anchors, and a replica that could
/// not be seen may lack them too: then nothing is known.
pub fn identity_bundle(snapshot: &Snapshot) -> Option<&Bundle> {
    let mut replicas = loaded(snapshot);
    replicas.retain(|loaded| loaded.workload.component.as_deref() == Some("identity"));
    let present = snapshot.trust_roots.found().and_then(|roots| roots.bundle.as_ref());
    let present = present.map_or(&[][..], |bundle| &bundle.certificates);
    let lacks = |bundle: &Bundle| present.iter().filter(|anchor| !bundle.contains(anchor)).count();
    let oldest = replicas.iter().filter_map(|loaded| loaded.bundle).max_by_key(|bundle| lacks(bundle))?;
    (lacks(oldest) > 0 || replicas.iter().all(|loaded| loaded.bundle.is_some())).then_some(oldest)
}

/// The issuer that identity signs with: the one under the newest leaf that any proxy presents.
pub fn serving_issuer(snapshot: &Snapshot) -> Option<Presented<'_>> {
    presented(snapshot)
        .into_iter()
        .filter(|presented| presented.issuer().is_some())
        .max_by_key(|presented| presented.leaf().lifetime().not_before)
}

/// The anchors that something alive still depends on: those that sign the Secret's issuer or a presented chain.
pub fn anchors_in_use(snapshot: &Snapshot) -> Vec<&Certificate> {
    let secret = snapshot.issuer.found().and_then(|issuer| issuer.chain.as_ref()).and_then(Bundle::first);
    let presented = presented(snapshot);
    let lasts = presented.iter().filter_map(|presented| presented.chain.last());
    // A mesh of thousands of leafs has a handful of issuers.
    let issuers: BTreeMap<Fingerprint, &Certificate> =
        secret.into_iter().chain(lasts).map(|issuer| (issuer.fingerprint(), issuer)).collect();
    let signs_any = |anchor: &Certificate| {
        issuers.contains_key(&anchor.fingerprint()) || issuers.values().any(|issuer| issuer.is_signed_by(anchor))
    };
    known_anchors(snapshot).into_iter().filter(|anchor| signs_any(anchor)).collect()
}

/// Every distinct anchor of the ConfigMap and of every loaded bundle.
pub fn known_anchors(snapshot: &Snapshot) -> Vec<&Certificate> {
    let current = snapshot.trust_roots.found().and_then(|roots| roots.bundle.as_ref());
    let loaded = loaded(snapshot);
    let bundles = current.into_iter().chain(by_bundle(&loaded).into_iter().map(|(bundle, _)| bundle));
    let mut seen = BTreeSet::new();
    bundles.flat_map(|bundle| &bundle.certificates).filter(|anchor| seen.insert(anchor.fingerprint())).collect()
}

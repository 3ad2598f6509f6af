use std::collections::HashMap;

use super::{Serving, by_start, serving};
use crate::{
    pki::{Bundle, Certificate},
    snapshot::{BundleRef, Mesh, PodGroup, Probe, Snapshot, Workload},
};

/// Some pods of one workload that hold the same: the bundle that they verify with and the issuer of their leaf.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// Their workload.
    pub workload: &'a Workload,
    /// How many pods.
    pub pods: u32,
    /// The bundle; `None` where it is not known.
    pub bundle: Option<&'a Bundle>,
    /// The issuer of their leaf first, then what came with it; `None` where it is not known.
    pub issuer: Option<&'a [Certificate]>,
    /// The leaf itself, where one pod showed it.
    pub leaf: Option<&'a Certificate>,
}

/// What every proxy holds: each that answered by itself, the others of its group together. A leaf that nobody showed is
/// known only where its proxy started after identity was proven to sign with one issuer.
pub fn held(snapshot: &Snapshot) -> Vec<Held<'_>> {
    let Some(mesh) = snapshot.mesh.found() else { return Vec::new() };
    let serving = serving(snapshot);
    let mut answers: HashMap<(usize, usize), Vec<&Probe>> = HashMap::new();
    for probe in &snapshot.probes {
        answers.entry((probe.workload, probe.group)).or_default().push(probe);
    }
    let mut all = Vec::new();
    for (index, workload) in mesh.workloads.iter().enumerate() {
        for (place, group) in workload.groups.iter().enumerate() {
            let answers = answers.get(&(index, place)).map_or(&[][..], Vec::as_slice);
            all.extend(of_group(snapshot, mesh, (workload, group), answers, serving.as_ref()));
        }
    }
    all
}

fn of_group<'a>(
    snapshot: &'a Snapshot,
    mesh: &'a Mesh,
    (workload, group): (&'a Workload, &'a PodGroup),
    answers: &[&'a Probe],
    serving: Option<&Serving<'a>>,
) -> Vec<Held<'a>> {
    let by_spec = match group.bundle {
        BundleRef::Literal(index) => mesh.bundles.get(index),
        BundleRef::ConfigMap | BundleRef::Unknown => by_start(snapshot, group).0,
    };
    let young = serving.filter(|serving| serving.is_of_all(group));
    let mut all: Vec<Held<'_>> = Vec::new();
    for admin in answers.iter().filter_map(|probe| probe.answer.as_ref().ok()) {
        let chain = admin.chain.as_deref().ok().filter(|chain| chain.len() > 1);
        all.push(Held {
            workload,
            pods: 1,
            bundle: admin.bundle.as_ref().ok().or(by_spec),
            issuer: chain.map(|chain| &chain[1..]),
            leaf: chain.map(|chain| &chain[0]),
        });
    }
    all.truncate(usize::try_from(group.pods).unwrap_or(usize::MAX));
    let rest = group.pods - u32::try_from(all.len()).unwrap_or(group.pods);
    if rest > 0 {
        let issuer = young.map(|serving| serving.chain);
        all.push(Held { workload, pods: rest, bundle: by_spec, issuer, leaf: None });
    }
    all
}

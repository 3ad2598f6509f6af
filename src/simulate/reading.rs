//! What a reading of the world returns: the same snapshot that a live cluster would give.

use crate::{
    mesh::{Copy, FIELD_MANAGER, ProbeScope},
    pki::{Bundle, Certificate, KeyState},
    snapshot::{
        Admin, BundleRef, Mesh, PodGroup, PodRef, Probe, Snapshot, Source, Unmeshed, Values, Workload as Seen,
        WorkloadRef,
    },
};

use super::{Fault, World, pod::Pod, workload::Workload};

impl World {
    /// Reads the world and asks the proxies in `scope`.
    pub(super) fn read(&self, scope: ProbeScope) -> Snapshot {
        let mut snapshot = self.base.clone();
        snapshot.taken_at = self.seen_now();
        let roots = self.roots_now();
        if let Source::Found(found) = &mut snapshot.trust_roots {
            found.bundle = Some(Bundle::of(roots.value.iter().cloned()));
            found.changed_at = Some(roots.changed_at);
            found.changed_by = roots.is_ours.then(|| FIELD_MANAGER.to_owned());
            found.meta.resource_version = roots.version.to_string();
        }
        if let Source::Found(secret) = &mut snapshot.issuer {
            let chain = &self.issuer.value.chain;
            secret.key = chain.first().map_or(KeyState::Missing, |issuer| KeyState::Present(issuer.public_key()));
            secret.chain = Some(Bundle::of(chain.iter().cloned()));
            secret.ca = secret.ca.is_some().then(|| Bundle::of(roots.value.iter().cloned()));
            secret.changed_at = Some(self.issuer.changed_at);
            secret.changed_by = self.issuer.is_ours.then(|| FIELD_MANAGER.to_owned());
            secret.meta.resource_version = self.issuer.version.to_string();
        }
        for (copy, values) in [(Copy::Config, &mut snapshot.config), (Copy::Overrides, &mut snapshot.overrides)] {
            self.read_copy(copy, values);
        }
        snapshot.identity_events = Source::Found(self.events.clone());
        if let Source::Found(webhooks) = &mut snapshot.webhooks {
            self.read_webhooks(webhooks, scope != ProbeScope::None);
        }
        let (mesh, probes) = self.read_mesh(scope);
        snapshot.mesh = Source::Found(mesh);
        snapshot.probes = probes;
        snapshot
    }

    fn read_copy(&self, copy: Copy, values: &mut Source<Values>) {
        if let (Source::Found(values), Some(kept)) = (values, self.copies.get(&copy)) {
            values.anchors = Some(Bundle::of(kept.value.anchors.iter().cloned()));
            values.issuer = kept.value.issuer.as_ref().map(|chain| Bundle::of(chain.iter().cloned()));
            values.meta.resource_version = kept.version.to_string();
        }
    }

    fn read_mesh(&self, scope: ProbeScope) -> (Mesh, Vec<Probe>) {
        let mut mesh = Mesh::default();
        let mut probes = Vec::new();
        for workload in &self.workloads {
            let bare = workload.pods.iter().filter(|pod| pod.is_bare).count();
            if bare > 0 {
                let WorkloadRef { namespace, kind, name } = workload.key.clone();
                mesh.unmeshed.push(Unmeshed { namespace, kind, name, pods: count(bare) });
            }
            if bare > 0 && bare == workload.pods.len() {
                continue;
            }
            let index = mesh.workloads.len();
            let mut groups: Vec<(BundleRef, Vec<&Pod>)> = Vec::new();
            for pod in workload.pods.iter().filter(|pod| !pod.is_bare) {
                let bundle = match workload.component {
                    Some(_) => BundleRef::ConfigMap,
                    None => BundleRef::Literal(literal(&mut mesh.bundles, &pod.anchors)),
                };
                match groups.iter_mut().find(|(known, _)| *known == bundle) {
                    Some((_, pods)) => pods.push(pod),
                    None => groups.push((bundle, vec![pod])),
                }
            }
            for (at, (_, pods)) in groups.iter().enumerate() {
                let all = scope == ProbeScope::All || (workload.component.is_some() && scope != ProbeScope::None);
                let asked = if all { pods.len() } else { usize::from(scope == ProbeScope::Sample) };
                probes.extend(pods.iter().take(asked).map(|pod| self.probe(workload, (index, at), pod)));
            }
            mesh.workloads.push(self.fold(workload, groups));
        }
        (mesh, probes)
    }

    fn fold(&self, workload: &Workload, groups: Vec<(BundleRef, Vec<&Pod>)>) -> Seen {
        let group = |(bundle, pods): (BundleRef, Vec<&Pod>)| PodGroup {
            bundle,
            pods: count(pods.len()),
            ready: count(pods.iter().filter(|pod| pod.is_ready(self.now)).count()),
            oldest: pods.iter().map(|pod| pod.started).min().unwrap_or(self.now),
            newest: pods.iter().map(|pod| pod.started).max().unwrap_or(self.now),
            names: pods.iter().map(|pod| pod.name.clone()).collect(),
            trouble: Vec::new(),
            admin_port: None,
            identity: workload.identity.clone(),
        };
        Seen {
            namespace: workload.key.namespace.clone(),
            kind: workload.key.kind.clone(),
            name: workload.key.name.clone(),
            component: workload.component.clone(),
            groups: groups.into_iter().map(group).collect(),
        }
    }

    fn probe(&self, workload: &Workload, (index, group): (usize, usize), pod: &Pod) -> Probe {
        let unseen = self.faults.contains(&Fault::Unseen(workload.key.name.clone()));
        let chain = pod.leaf.as_ref().map(|leaf| [std::slice::from_ref(&leaf.certificate), &leaf.chain].concat());
        let answer = if unseen {
            Err("no answer within 5 s".to_owned())
        } else {
            Ok(Admin {
                bundle: Ok(Bundle::of(pod.anchors.iter().cloned())),
                chain: chain.ok_or_else(|| "the proxy has no leaf".to_owned()),
                failed_refreshes: Some(0),
            })
        };
        let pod = PodRef { namespace: workload.key.namespace.clone(), name: pod.name.clone() };
        Probe { pod, workload: index, group, answer }
    }
}

fn literal(bundles: &mut Vec<Bundle>, anchors: &[Certificate]) -> usize {
    let bundle = Bundle::of(anchors.iter().cloned());
    bundles.iter().position(|known| *known == bundle).unwrap_or_else(|| {
        bundles.push(bundle);
        bundles.len() - 1
    })
}

fn count(pods: usize) -> u32 {
    u32::try_from(pods).unwrap_or(u32::MAX)
}

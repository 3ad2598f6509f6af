//! Which pods to ask. Pure: by what the fold of the mesh knows.

use std::{collections::BTreeSet, sync::Arc};

use super::ADMIN_PORT;
use crate::snapshot::{BundleRef, Mesh, PodGroup, PodRef, Workload};

/// A pod to ask, where its group stands, and the name that it should answer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) pod: PodRef,
    pub(super) workload: usize,
    pub(super) group: usize,
    pub(super) identity: Arc<str>,
    pub(super) port: u16,
}

/// The control plane's pods, and one pod for each distinct bundle that others load.
///
/// Of the control plane all that are known by name: it reads the trust roots when it starts, so its
/// replicas may differ although their specs do not.
pub(super) fn control_plane(mesh: &Mesh) -> Vec<Target> {
    let mut best: Vec<(BundleRef, bool, Target)> = Vec::new();
    let mut targets = Vec::new();
    for (at, workload, group) in groups(mesh) {
        if workload.component.is_some() {
            targets.extend(named(at, workload, group, group.names.iter().map(String::as_str)));
            continue;
        }
        let Some(target) = representative(at, workload, group) else { continue };
        let sound = is_sound(group);
        match best.iter_mut().find(|(bundle, ..)| *bundle == group.bundle) {
            None => best.push((group.bundle.clone(), sound, target)),
            Some(found) if sound && !found.1 => *found = (group.bundle.clone(), sound, target),
            Some(_) => {}
        }
    }
    targets.extend(best.into_iter().map(|(_, _, target)| target));
    targets.sort_by_key(|target| (target.workload, target.group));
    targets
}

/// The control plane's pods, and one pod of each group of each workload.
pub(super) fn sample(mesh: &Mesh) -> Vec<Target> {
    groups(mesh)
        .flat_map(|(at, workload, group)| {
            if workload.component.is_some() {
                named(at, workload, group, group.names.iter().map(String::as_str)).collect()
            } else {
                representative(at, workload, group).into_iter().collect::<Vec<_>>()
            }
        })
        .collect()
}

/// A group's place in the mesh: its workload's index and its own.
type Place = (usize, usize);

fn groups(mesh: &Mesh) -> impl Iterator<Item = (Place, &Workload, &PodGroup)> {
    mesh.workloads
        .iter()
        .enumerate()
        .flat_map(|(w, workload)| workload.groups.iter().enumerate().map(move |(g, group)| ((w, g), workload, group)))
}

/// The pod that speaks for its group: the first by name that is not in trouble, else the first.
fn representative(at: Place, workload: &Workload, group: &PodGroup) -> Option<Target> {
    let troubled: BTreeSet<_> = group.trouble.iter().map(|trouble| trouble.pod.as_str()).collect();
    let sound = group.names.iter().find(|name| !troubled.contains(name.as_str()));
    let name = sound.or_else(|| group.names.first())?;
    named(at, workload, group, [name.as_str()]).next()
}

fn is_sound(group: &PodGroup) -> bool {
    group.ready > 0
}

pub(super) fn named<'a>(
    (w, g): Place,
    workload: &'a Workload,
    group: &PodGroup,
    names: impl IntoIterator<Item = &'a str>,
) -> impl Iterator<Item = Target> {
    let identity: Arc<str> = group.identity.as_str().into();
    let namespace = workload.namespace.clone();
    let port = group.admin_port.unwrap_or(ADMIN_PORT);
    names.into_iter().map(move |name| Target {
        pod: PodRef { namespace: namespace.clone(), name: name.to_owned() },
        workload: w,
        group: g,
        identity: identity.clone(),
        port,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::snapshot::PodTrouble;
    use jiff::Timestamp;

    pub(in super::super) fn group(bundle: BundleRef, names: &[&str], ready: u32) -> PodGroup {
        PodGroup {
            bundle,
            pods: u32::try_from(names.len()).unwrap(),
            ready,
            oldest: Timestamp::UNIX_EPOCH,
            newest: Timestamp::UNIX_EPOCH,
            names: names.iter().map(ToString::to_string).collect(),
            trouble: Vec::new(),
            admin_port: None,
            identity: "sa.ns.serviceaccount.identity.linkerd.cluster.local".to_owned(),
        }
    }

    pub(in super::super) fn workload(name: &str, component: Option<&str>, groups: Vec<PodGroup>) -> Workload {
        Workload {
            namespace: "ns".to_owned(),
            kind: "Deployment".to_owned(),
            name: name.to_owned(),
            component: component.map(ToOwned::to_owned),
            groups,
        }
    }

    fn mesh() -> Mesh {
        use BundleRef::{ConfigMap, Literal};
        let mut sick = group(Literal(0), &["web-1", "web-2"], 1);
        sick.trouble.push(PodTrouble {
            pod: "web-1".to_owned(),
            container: None,
            reason: "not ready".to_owned(),
            restarts: 0,
        });
        Mesh {
            workloads: vec![
                workload("down", None, vec![group(Literal(1), &["down-1"], 0)]),
                workload("identity", Some("identity"), vec![group(ConfigMap, &["id-1", "id-2"], 2)]),
                workload("vote", None, vec![group(Literal(0), &["vote-1"], 0), group(Literal(1), &["vote-2"], 1)]),
                workload("web", None, vec![sick, group(Literal(0), &[], 0)]),
            ],
            ..Mesh::default()
        }
    }

    fn names(targets: &[Target]) -> Vec<&str> {
        targets.iter().map(|target| target.pod.name.as_str()).collect()
    }

    #[test]
    fn the_control_plane_and_the_soundest_pod_of_each_bundle() {
        assert_eq!(names(&control_plane(&mesh())), ["id-1", "id-2", "vote-2", "web-2"]);
    }

    #[test]
    fn one_pod_of_each_group() {
        let targets = sample(&mesh());
        assert_eq!(names(&targets), ["down-1", "id-1", "id-2", "vote-1", "vote-2", "web-2"]);
        assert_eq!((targets[4].workload, targets[4].group), (2, 1));
    }

    #[test]
    fn each_is_asked_on_its_own_admin_port() {
        let moved = PodGroup { admin_port: Some(4195), ..group(BundleRef::ConfigMap, &["moved-1"], 1) };
        let usual = group(BundleRef::ConfigMap, &["usual-1"], 1);
        let mesh = Mesh { workloads: vec![workload("web", None, vec![moved, usual])], ..Mesh::default() };
        assert_eq!(sample(&mesh).iter().map(|target| target.port).collect::<Vec<_>>(), [4195, ADMIN_PORT]);
    }

    #[test]
    fn an_empty_mesh_has_nobody_to_ask() {
        assert!(control_plane(&Mesh::default()).is_empty() && sample(&Mesh::default()).is_empty());
    }
}

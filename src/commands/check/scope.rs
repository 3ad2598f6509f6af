use crate::{
    cluster,
    error::Error,
    snapshot::{Probe, Snapshot, Source, Workload},
};

/// Whether there is such a namespace: nothing wrong would be found in one that is not there.
///
/// # Errors
/// When the namespaces are known and it is none of them.
pub(in crate::commands) fn exists(snapshot: &Snapshot, namespace: &str) -> Result<(), Error> {
    let Source::Found(namespaces) = &snapshot.namespaces else { return Ok(()) };
    let known = namespaces.iter().map(|known| &known.name).chain([&snapshot.namespace]).cloned().collect::<Vec<_>>();
    if known.iter().any(|known| known == namespace) {
        return Ok(());
    }
    Err(Error::NoSuchNamespace { name: namespace.to_owned(), near: cluster::nearest(namespace, &known) })
}

/// Leaves only the proxies of `namespace` and of the control plane, without which no proxy can be judged.
pub(super) fn narrow(snapshot: &mut Snapshot, namespace: &str) {
    let Source::Found(mesh) = &mut snapshot.mesh else { return };
    let kept = |workload: &Workload| workload.component.is_some() || workload.namespace == namespace;
    // Probes name workloads by index: where each one goes once the others are gone.
    let mut next = 0..;
    let moved: Vec<Option<usize>> =
        mesh.workloads.iter().map(|workload| if kept(workload) { next.next() } else { None }).collect();
    mesh.workloads.retain(kept);
    mesh.unmeshed.retain(|unmeshed| unmeshed.namespace == namespace);
    snapshot.probes.retain_mut(|Probe { workload, .. }| match moved.get(*workload).copied().flatten() {
        Some(index) => {
            *workload = index;
            true
        }
        None => false,
    });
}

#[cfg(test)]
mod tests {
    use crate::testing::TestMesh;

    use super::*;

    #[test]
    fn the_control_plane_and_one_namespace_are_left_with_their_probes() {
        let mut mesh = TestMesh::healthy();
        mesh.mesh().workloads[3].namespace = "elsewhere".to_owned();
        narrow(&mut mesh.snapshot, "emojivoto");
        let Source::Found(left) = &mesh.snapshot.mesh else { panic!("the mesh is found") };
        let names: Vec<_> = left.workloads.iter().map(|workload| workload.name.as_str()).collect();
        assert_eq!(names, ["linkerd-identity", "linkerd-destination", "linkerd-proxy-injector", "db"]);
        let asked: Vec<_> =
            mesh.snapshot.probes.iter().map(|probe| (probe.workload, probe.pod.name.as_str())).collect();
        assert_eq!(asked.len(), 4);
        assert!(asked.iter().all(|(workload, pod)| pod.starts_with(names[*workload])), "{asked:?}");
    }

    #[test]
    fn a_namespace_that_is_not_there_is_no_healthy_one() {
        let mut mesh = TestMesh::healthy();
        assert!(exists(&mesh.snapshot, "emojivoto").is_ok() && exists(&mesh.snapshot, "linkerd").is_ok());
        let error = exists(&mesh.snapshot, "emojivotto").unwrap_err();
        assert_eq!(error.to_string(), "there is no namespace `emojivotto`; did you mean `emojivoto`?");
        let error = exists(&mesh.snapshot, "linkrd").unwrap_err();
        assert_eq!(error.to_string(), "there is no namespace `linkrd`; did you mean `linkerd`?");
        mesh.snapshot.namespaces = Source::Forbidden("list namespaces".to_owned());
        assert!(exists(&mesh.snapshot, "emojivotto").is_ok(), "what cannot be seen may be there");
    }
}

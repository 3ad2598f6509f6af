use super::*;
use crate::{
    pki::verify::Refusal,
    snapshot::Source,
    testing::{IDENTITY, Recipe, TestMesh, WEB, at, days, now},
};

fn bundle(of: &[&Certificate]) -> Bundle {
    Bundle::of(of.iter().map(|&certificate| certificate.clone()))
}

fn stranger() -> Certificate {
    Recipe::authority("new", -days(1), days(3650)).self_signed().certificate
}

#[test]
fn what_was_not_asked_is_told_by_its_start() {
    let mut mesh = TestMesh::healthy();
    mesh.snapshot.probes.clear();
    let proof = |mesh: &TestMesh| loaded(&mesh.snapshot)[IDENTITY].proof;
    assert_eq!(proof(&mesh), Proof::Started);
    mesh.roots().changed_at = Some(at(-1));
    assert_eq!(proof(&mesh), Proof::StartedBefore);
    assert_eq!(loaded(&mesh.snapshot)[WEB].proof, Proof::Spec, "its spec holds the text");
    mesh.roots().changed_at = None;
    assert_eq!(proof(&mesh), Proof::Unknown);
}

#[test]
fn of_identitys_replicas_the_one_that_lacks_an_anchor_counts() {
    let mut mesh = TestMesh::healthy();
    let (old, new) = (mesh.anchor.certificate.clone(), stranger());
    mesh.roots().bundle = Some(bundle(&[&old, &new]));
    mesh.mesh().workloads[IDENTITY].groups[0].pods = 2;
    let first = mesh.snapshot.probes[0].clone();
    let held = |mesh: &TestMesh| identity_bundle(&mesh.snapshot).map(|bundle| bundle.certificates.len());
    for (one, two) in [(bundle(&[&old, &new]), bundle(&[&old])), (bundle(&[&old]), bundle(&[&old, &new]))] {
        mesh.snapshot.probes.truncate(0);
        for (name, bundle) in [("identity-0", one), ("identity-1", two)] {
            let mut probe = first.clone();
            name.clone_into(&mut probe.pod.name);
            probe.answer.as_mut().unwrap().bundle = Ok(bundle);
            mesh.snapshot.probes.push(probe);
        }
        assert_eq!(held(&mesh), Some(1));
    }
    mesh.snapshot.probes.remove(0);
    mesh.roots().changed_at = Some(at(-1));
    assert_eq!(held(&mesh), None, "the other replica was not seen, and started before the change");
}

#[test]
fn each_of_a_pair_is_named_though_it_is_verified_once() {
    let mut mesh = TestMesh::healthy();
    let other = bundle(&[&stranger()]);
    for probe in &mut mesh.snapshot.probes[WEB..] {
        probe.answer.as_mut().unwrap().bundle = Ok(other.clone());
    }
    let all = refused(&mesh.snapshot, now());
    let [one] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((one.presented.len(), one.by.len(), &one.reason), (5, 2, &Refusal::UnknownIssuer));
    assert_eq!(one.by.iter().map(|by| by.workload.name.as_str()).collect::<Vec<_>>(), ["web", "db"]);
}

#[test]
fn a_leaf_of_a_strangers_issuer_is_not_taken_for_its_neighbours() {
    let mut mesh = TestMesh::healthy();
    let anchor = Recipe::authority("other", -1, days(100)).self_signed();
    let forged = Recipe::leaf("web", -1, 23).signed_by(&anchor).certificate;
    let bundle = bundle(&[&mesh.anchor.certificate]);
    let chain = vec![forged, mesh.issuer.certificate.clone()];
    mesh.probe(WEB, &bundle, chain);
    let all = refused(&mesh.snapshot, now());
    assert_eq!(all.iter().map(|refused| refused.presented.len()).collect::<Vec<_>>(), [1], "{all:?}");
}

/// 500 workloads, each asked once. It has no deadline; with a verification for each pair it takes minutes.
#[test]
fn a_large_mesh_costs_a_verification_for_each_distinct_pair() {
    let mut mesh = TestMesh::healthy();
    let (workload, probe) = (mesh.mesh().workloads[WEB].clone(), mesh.snapshot.probes[WEB].clone());
    for number in 0..500 {
        let index = mesh.mesh().workloads.len();
        let mut next = workload.clone();
        next.name = format!("web-{number}");
        mesh.mesh().workloads.push(next);
        let leaf = mesh.leaf(index, -1, 23);
        let mut asked = probe.clone();
        asked.workload = index;
        asked.answer.as_mut().unwrap().chain = Ok(vec![leaf, mesh.issuer.certificate.clone()]);
        mesh.snapshot.probes.push(asked);
    }
    assert_eq!(refused(&mesh.snapshot, now()).len(), 0);
    assert_eq!(mesh.check().findings, []);
    assert!(matches!(&mesh.snapshot.mesh, Source::Found(mesh) if mesh.workloads.len() == 505));
}

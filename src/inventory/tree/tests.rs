use super::*;
use crate::{
    snapshot::{BundleRef, Source},
    testing::{Authority, ISSUER, Recipe, TestMesh, WEB, days},
};

fn newer() -> (Authority, Authority) {
    let anchor = Recipe::authority("root.linkerd.cluster.local 2", 0, days(3650)).self_signed();
    let issuer = Recipe::authority(&format!("{ISSUER} 2"), 0, days(365)).signed_by(&anchor);
    (anchor, issuer)
}

fn told(groups: &[LeafGroup]) -> Vec<String> {
    let rows = groups.iter().flat_map(|group| {
        let trusts = group.trusts.as_ref().map_or_else(|| "?".to_owned(), |set| set.len().to_string());
        group
            .workloads
            .iter()
            .map(move |one| format!("{} {}/{} trusts {trusts}", one.workload.name, one.proxies, one.of))
    });
    rows.collect()
}

#[test]
fn a_mesh_at_rest_is_one_line_of_descent() {
    let mut mesh = TestMesh::healthy();
    let tree = Tree::of(&mesh.snapshot, &[]);
    let [anchor] = &tree.anchors[..] else { panic!("one anchor") };
    assert_eq!((anchor.mark.as_str(), anchor.in_roots, anchor.loaded_by), ("A", true, 7));
    let [issuer] = &anchor.issuers[..] else { panic!("one issuer") };
    assert!(issuer.in_secret && issuer.signs);
    // One of the two pods of each was asked.
    let asked = ["linkerd-destination 1/1", "linkerd-identity 1/1", "linkerd-proxy-injector 1/1", "web 1/2", "db 1/2"];
    assert_eq!(told(&issuer.leafs), asked.map(|row| format!("{row} trusts 1")));
    assert_eq!(told(&tree.unseen), ["web 1/2 trusts 1", "db 1/2 trusts 1"]);
    assert!(tree.unanchored.is_empty());
    mesh.snapshot.probes.clear();
    let unasked = Tree::of(&mesh.snapshot, &[]);
    assert_eq!(unasked.anchors[0].issuers[0].proxies(), 0, "what was not seen is not guessed");
    assert_eq!(unasked.unseen.iter().map(LeafGroup::proxies).sum::<u64>(), 7);
}

#[test]
fn young_proxies_have_their_leaf_from_the_issuer_that_is_proven_to_sign() {
    let mut mesh = TestMesh::healthy();
    mesh.event(crate::snapshot::IdentityEventKind::IssuerUpdated, 60 * 24 * 10, "");
    let tree = Tree::of(&mesh.snapshot, &[]);
    assert_eq!(tree.anchors[0].issuers[0].proxies(), 7);
    assert!(tree.unseen.is_empty());
}

#[test]
fn pods_of_one_workload_are_told_apart_by_what_they_hold() {
    let mut mesh = TestMesh::healthy();
    let (anchor, _) = newer();
    let both = Bundle::of([mesh.anchor.certificate.clone(), anchor.certificate.clone()]);
    let model = mesh.mesh();
    model.bundles.push(both);
    let mut new = model.workloads[WEB].groups[0].clone();
    (new.pods, new.bundle) = (3, BundleRef::Literal(1));
    model.workloads[WEB].groups.push(new);
    let tree = Tree::of(&mesh.snapshot, &[]);
    assert_eq!(tree.anchors.len(), 2);
    assert!(!tree.anchors[1].in_roots && tree.anchors[1].loaded_by == 3 && tree.anchors[1].issuers.is_empty());
    assert!(told(&tree.unseen).contains(&"web 3/5 trusts 2".to_owned()), "{:?}", told(&tree.unseen));
}

#[test]
fn an_issuer_of_no_known_anchor_has_its_own_root() {
    let mut mesh = TestMesh::healthy();
    let (_, issuer) = newer();
    mesh.set_issuer(&issuer);
    let tree = Tree::of(&mesh.snapshot, &[]);
    assert_eq!(tree.unanchored.len(), 1);
    assert!(tree.unanchored[0].in_secret && tree.unanchored[0].leafs.is_empty());
    assert_eq!(tree.anchors[0].issuers.len(), 1);
}

#[test]
fn what_only_a_copy_holds_is_in_the_tree() {
    let mut mesh = TestMesh::healthy();
    let (anchor, issuer) = newer();
    if let Source::Found(values) = &mut mesh.snapshot.overrides {
        values.anchors = Some(Bundle::of([anchor.certificate.clone()]));
        values.issuer = Some(Bundle::of([issuer.certificate.clone()]));
    }
    let tree = Tree::of(&mesh.snapshot, &[]);
    let node = &tree.anchors[1];
    assert_eq!((node.loaded_by, node.in_roots), (0, false));
    assert_eq!(node.places[0].name, "linkerd-config-overrides");
    assert!(!node.issuers[0].in_secret && !node.issuers[0].signs);
}

#[test]
fn letters_do_not_run_out() {
    assert_eq!([mark(0), mark(25), mark(26)], ["A", "Z", "A1"]);
}

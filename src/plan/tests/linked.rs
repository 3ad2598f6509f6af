//! Linked clusters: what has to be so there before a swap and before a trim.

use std::collections::BTreeSet;

use super::{Scene, walk};
use crate::{
    plan::{Evidence, Next, Request, Standing, Step, Why, gate, next, outlook},
    snapshot::{Link, LinkedCluster, Snapshot, Source},
    testing::TestMesh,
};

/// This mesh, and a linked cluster that is as this one was before.
fn linked(scene: &Scene, link: Option<&str>, there: Result<&Snapshot, &str>) -> Standing {
    let mut snapshot = scene.mesh.snapshot.clone();
    let (namespace, name, target) = ("linkerd-multicluster".to_owned(), "west".to_owned(), "west".to_owned());
    snapshot.links = Source::Found(vec![Link { namespace, name, target }]);
    let seen = there.map(|there| Box::new(there.clone())).map_err(str::to_owned);
    let (context, link) = ("my-west".to_owned(), link.map(str::to_owned));
    snapshot.linked = vec![LinkedCluster { context, link, seen }];
    Standing::of(&snapshot, &[])
}

/// Every step up to the first wait for a linked cluster, and that.
fn up_to_wait(standing: &Standing, request: &Request) -> (Standing, Step) {
    let mut standing = standing.clone();
    loop {
        match next(&standing, request) {
            Next::Do(step @ Step::AwaitLinked { .. }) => return (standing, step),
            Next::Do(step) => standing = standing.after(&step),
            other => panic!("it waits for nobody: {other:?}"),
        }
    }
}

#[test]
fn both_the_swap_and_the_trim_wait_for_a_linked_cluster() {
    let scene = Scene::new();
    let standing = linked(&scene, Some("west"), Ok(&scene.mesh.snapshot));
    assert!(standing.outside.is_empty(), "it was read, so nobody has to answer for it");
    let mut expected: Vec<&str> = super::WHOLE.to_vec();
    expected.insert(11, "await 1 linked: Trim");
    expected.insert(5, "await 1 linked: Extend");
    let (steps, end) = walk(&standing, &scene.request());
    assert_eq!(steps, expected);
    assert!(matches!(end, Next::Done(_)), "{end:?}");
}

#[test]
fn it_says_what_the_linked_cluster_lacks() {
    let scene = Scene::new();
    let standing = linked(&scene, Some("west"), Ok(&scene.mesh.snapshot));
    let (_, step) = up_to_wait(&standing, &scene.request());
    let Step::AwaitLinked { lacks, why: Why::Extend } = step else { panic!("{step:?}") };
    assert_eq!((lacks[0].cluster.as_str(), lacks[0].context.as_str()), ("west", "my-west"));
    assert_eq!(lacks[0].anchor, scene.anchor.certificate);
    assert_eq!(
        lacks[0].to_string(),
        "linked cluster west: its trust roots do not hold that anchor; 5 workloads have not loaded it: \
         linkerd/linkerd-identity Deployment, linkerd/linkerd-destination Deployment, \
         linkerd/linkerd-proxy-injector Deployment and 2 more"
    );
}

#[test]
fn once_it_trusts_the_new_anchor_the_swap_goes_on_and_the_trim_waits_for_its_leafs() {
    let scene = Scene::new();
    let request = scene.request();
    let (mut standing, step) = up_to_wait(&linked(&scene, Some("west"), Ok(&scene.mesh.snapshot)), &request);
    // Somebody extends it: what the first steps of the same rotation make of a mesh like this one.
    let extended =
        outlook(&scene.standing(), &request).steps[..5].iter().fold(scene.standing(), |at, one| at.after(one));
    standing.linked[0].seen = Ok(extended.clone());
    assert!(matches!(next(&standing, &request), Next::Do(Step::Issuer { .. })));
    let Step::AwaitLinked { lacks, .. } = step else { unreachable!() };
    assert!(standing.still_lacking(&lacks).is_empty());

    let (mut standing, step) = up_to_wait(&standing, &request);
    let Step::AwaitLinked { lacks, why: Why::Trim } = step else { panic!("{step:?}") };
    assert_eq!(lacks[0].anchor, scene.mesh.anchor.certificate);
    assert!(matches!(&lacks[0].evidence[..], [Evidence::Issuer, Evidence::Presented(who)] if who.len() == 5));
    let moved = outlook(&extended, &request).steps[..6].iter().fold(extended, |at, one| at.after(one));
    standing.linked[0].seen = Ok(moved);
    assert!(matches!(next(&standing, &request), Next::Do(Step::TrustRoots { why: Why::Trim, .. })));
}

#[test]
fn a_leaf_or_a_bundle_that_could_not_be_seen_there_is_not_fine() {
    let scene = Scene::new();
    let request = scene.request();
    let mut there = scene.mesh.snapshot.clone();
    there.probes.clear();
    let (standing, step) = up_to_wait(&linked(&scene, Some("west"), Ok(&there)), &request);
    let Step::AwaitLinked { lacks, .. } = &step else { unreachable!() };
    assert!(lacks[0].evidence.iter().any(|one| matches!(one, Evidence::Loaded(_) | Evidence::Unseen(_))));
    let (_, step) = up_to_wait(&standing.after(&step), &request);
    assert!(matches!(step, Step::AwaitLinked { why: Why::Trim, .. }));

    let (_, step) = up_to_wait(&linked(&scene, Some("west"), Err("it does not answer")), &request);
    let Step::AwaitLinked { lacks, .. } = step else { unreachable!() };
    assert_eq!(lacks[0].to_string(), "linked cluster west: it does not answer");
    // Pods that may not be listed may hold anything.
    let mut part = scene.mesh.snapshot.clone();
    let Source::Found(mesh) = &mut part.mesh else { unreachable!() };
    mesh.only = vec!["emojivoto".to_owned()];
    let standing = linked(&scene, Some("west"), Ok(&part));
    assert_eq!(standing.linked[0].seen.as_ref().unwrap_err(), "pods outside of emojivoto may not be listed");
}

#[test]
fn a_link_is_read_by_its_name_and_any_other_context_counts_beside_it() {
    let scene = Scene::new();
    // Which Link `my-west` stands for was not said: it counts, and the Link is still to be answered for.
    let standing = linked(&scene, None, Ok(&scene.mesh.snapshot));
    assert_eq!(standing.outside, ["Link linkerd-multicluster/west"]);
    let mut request = scene.request();
    request.answered_for = BTreeSet::from(["Link linkerd-multicluster/west".to_owned()]);
    let (steps, _) = walk(&standing, &request);
    assert!(steps.contains(&"await 1 linked: Extend".to_owned()), "{steps:?}");
    // Whoever answers for the cluster itself has it left out.
    for name in ["west", "my-west", "Link linkerd-multicluster/west"] {
        let standing = linked(&scene, Some("west"), Ok(&scene.mesh.snapshot));
        request.answered_for = BTreeSet::from([name.to_owned()]);
        assert_eq!(walk(&standing, &request).0, super::WHOLE, "{name}");
    }
}

#[test]
fn a_cluster_that_trusts_none_of_these_anchors_is_not_the_linked_one() {
    let scene = Scene::new();
    let standing = linked(&scene, Some("west"), Ok(&TestMesh::healthy().snapshot));
    assert_eq!(standing.strangers(), ["my-west"]);
    assert_eq!(standing.outside, ["Link linkerd-multicluster/west"]);
}

#[test]
fn a_step_that_a_linked_cluster_would_refuse_is_refused_by_the_gate() {
    let scene = Scene::new();
    let (standing, _) = up_to_wait(&linked(&scene, Some("west"), Ok(&scene.mesh.snapshot)), &scene.request());
    let swap = Step::Issuer { chain: vec![scene.issuer.certificate.clone()] };
    let told =
        |step: &Step| -> Vec<String> { gate(&standing, step).unwrap_err().iter().map(ToString::to_string).collect() };
    let told = told(&swap);
    let pair = "any new pod would be refused by emojivoto/web Deployment of linked cluster west";
    assert!(told.contains(&pair.to_owned()), "{told:?}");
    assert!(told.iter().all(|pair| pair.ends_with("of linked cluster west")), "{told:?}");
    let trim = Step::TrustRoots { anchors: vec![scene.anchor.certificate.clone()], why: Why::Trim };
    let broken = gate(&standing, &trim).unwrap_err();
    let pair = "emojivoto/web Deployment of linked cluster west would be refused by any new pod";
    assert!(broken.iter().any(|one| one.to_string() == pair), "{broken:?}");
}

#[test]
fn an_issuer_rotation_waits_for_nobody() {
    let mut scene = Scene::new();
    scene.issuer = crate::testing::Recipe::authority("identity 2", 0, 24).signed_by(&scene.mesh.anchor);
    let mut request = scene.request();
    request.goal = crate::plan::Goal::Issuer;
    let standing = linked(&scene, Some("west"), Ok(&scene.mesh.snapshot));
    let (steps, end) = walk(&standing, &request);
    assert!(!steps.iter().any(|step| step.starts_with("await 1 linked")), "{steps:?}");
    assert!(matches!(end, Next::Done(_)), "{end:?}");
}

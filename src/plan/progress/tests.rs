use super::*;
use crate::{
    mesh::{Obstacle, Rollout},
    pki::Bundle,
    snapshot::{ExternalWorkload, Source},
    testing::{ISSUER, Recipe, WEB, days, planned::Scene},
    trust,
};

fn told(standing: &Standing) -> String {
    let progress = progress(standing);
    let next = match &progress.next {
        Next::Do(step) => match step {
            Step::TrustRoots { anchors, .. } => format!("roots to {}", anchors.len()),
            Step::Copy(copy) => format!("copy {copy:?}"),
            Step::Restart { workloads, .. } => format!("restart {}", workloads.len()),
            other => format!("{other:?}").split_whitespace().next().unwrap_or_default().to_owned(),
        },
        Next::Hold(holds) => format!("hold {}", holds[0].workload),
        Next::Done(_) => "done".to_owned(),
        Next::Refuse(Refusal::NoKeyFor { .. }) => "key".to_owned(),
        Next::Refuse(other) => format!("{other:?}"),
    };
    format!("{:?} {}/{}: {next}", progress.stage, progress.workloads.done, progress.workloads.of)
}

#[test]
fn each_stage_of_an_anchor_rotation_is_told_with_what_comes_next() {
    let way: Vec<String> = Scene::new().way(Goal::Anchor).iter().map(told).collect();
    let expected = [
        "Rest 5/5: done",
        "Extend 0/5: copy Config",
        "Extend 0/5: copy Overrides",
        "Extend 0/5: restart 3",
        "Extend 3/5: restart 2",
        "Ready 5/5: key",
        "Swap 0/5: AwaitIssuer",
        "Refresh 0/5: copy Config",
        "Refresh 0/5: copy Overrides",
        "Refresh 0/5: restart 3",
        "Refresh 3/5: restart 2",
        "Trim 0/5: roots to 1",
        "Trim 0/5: copy Config",
        "Trim 0/5: copy Overrides",
        "Trim 0/5: restart 3",
        "Trim 3/5: restart 2",
        "Rest 5/5: done",
    ];
    assert_eq!(way, expected);
}

#[test]
fn another_issuer_below_the_same_anchor_is_a_rotation_of_the_issuer() {
    let mut scene = Scene::new();
    scene.issuer = Recipe::authority(&format!("{ISSUER} 2"), 0, days(365)).signed_by(&scene.mesh.anchor);
    let way = scene.way(Goal::Issuer);
    let told: Vec<String> = way.iter().map(told).collect();
    assert_eq!(told[0], "Rest 5/5: done");
    assert_eq!(told[1], "Swap 0/5: AwaitIssuer");
    assert!(told[4].starts_with("Refresh 0/5: restart"), "{told:?}");
    assert_eq!(told[told.len() - 1], "Rest 5/5: done");
    assert!(way[1..way.len() - 1].iter().all(|standing| progress(standing).goal == Goal::Issuer));
}

#[test]
fn a_workload_that_only_an_operator_can_replace_is_what_comes_next() {
    let scene = Scene::new();
    let way = scene.way(Goal::Anchor);
    let mut last = way[4].clone();
    let web = last.parties.iter().position(|party| party.who.name == "web").unwrap();
    last.parties[web].obstacle = Some(Obstacle::Paused);
    let rest: Vec<_> = last.parties.iter().map(|party| party.who.clone()).filter(|who| who.name != "web").collect();
    let last = last.after(&Step::Restart { workloads: rest, why: Why::Extend });
    assert_eq!(told(&last), "Extend 4/5: hold emojivoto/web Deployment");
}

#[test]
fn at_the_end_what_cannot_be_restarted_still_trusts_the_old_anchor() {
    let scene = Scene::new();
    let way = scene.way(Goal::Anchor);
    let mut last = way[15].clone();
    let web = last.parties.iter().position(|party| party.who.name == "web").unwrap();
    last.parties[web].obstacle = Some(Obstacle::Bare);
    let rest = last.parties.iter().map(|party| party.who.clone()).filter(|who| who.name != "web").collect();
    let last = last.after(&Step::Restart { workloads: rest, why: Why::Trim });
    assert_eq!(told(&last), "Trim 4/5: done");
    let Next::Done(done) = progress(&last).next else { panic!("nothing is left that a plan could do") };
    assert_eq!(done.trusting_old.len(), 1);
}

#[test]
fn what_verifies_outside_of_the_cluster_stands_before_the_swap() {
    let mut scene = Scene::new();
    let outside = ExternalWorkload { namespace: "vm".to_owned(), name: "legacy".to_owned(), identity: None };
    scene.mesh.snapshot.external_workloads = Source::Found(vec![outside]);
    let ready = &scene.way(Goal::Anchor);
    let ready = progress(&ready[ready.len() - 1]);
    assert_eq!(ready.stage, Position::Ready);
    assert!(matches!(ready.next, Next::Refuse(Refusal::Outside(names)) if names == ["ExternalWorkload vm/legacy"]));
}

#[test]
fn an_anchor_in_use_that_the_roots_lack_is_named() {
    let mut scene = Scene::new();
    scene.mesh.roots().bundle = Some(Bundle::of([scene.anchor.certificate.clone()]));
    scene.mesh.set_issuer(&scene.issuer);
    let progress = progress(&scene.standing());
    assert_eq!(progress.stage, Position::Extend);
    assert_eq!(progress.lacking, [scene.mesh.anchor.certificate]);
    assert_eq!(progress.anchor, Some(scene.anchor.certificate));
}

#[test]
fn proxies_that_do_not_trust_the_anchor_of_the_issuer_are_counted() {
    let mut scene = Scene::new();
    assert_eq!(progress(&scene.standing()).refusing(&trust::held(&scene.mesh.snapshot)), 0);
    scene.mesh.roots().bundle = Some(Bundle::of([scene.anchor.certificate.clone()]));
    scene.mesh.set_issuer(&scene.issuer);
    // Nobody was asked: that leafs of the old issuer are still around is not known, what the specs hold is.
    scene.mesh.snapshot.probes.clear();
    let progress = progress(&scene.standing());
    assert_eq!(progress.stage, Position::Refresh);
    assert_eq!(progress.refusing(&trust::held(&scene.mesh.snapshot)), 4);
}

#[test]
fn without_an_anchor_for_the_issuer_no_stage_is_told() {
    let mut scene = Scene::new();
    scene.mesh.set_issuer(&scene.issuer);
    let progress = progress(&scene.standing());
    assert_eq!((progress.stage, progress.anchor), (Position::Unknown, None));
}

#[test]
fn a_mesh_that_was_not_asked_is_at_rest_and_not_on_its_way() {
    let mut scene = Scene::new();
    scene.mesh.snapshot.probes.clear();
    let progress = progress(&scene.standing());
    assert_eq!(progress.stage, Position::Rest);
    assert!(progress.others.is_empty());
}

#[test]
fn proxies_are_counted_one_by_one() {
    let mut scene = Scene::new();
    let both = Bundle::of([scene.mesh.anchor.certificate.clone(), scene.anchor.certificate.clone()]);
    scene.mesh.roots().bundle = Some(both.clone());
    let mesh = scene.mesh.mesh();
    mesh.bundles.push(both);
    let mut new = mesh.workloads[WEB].groups[0].clone();
    (new.pods, new.bundle) = (3, crate::snapshot::BundleRef::Literal(1));
    mesh.workloads[WEB].groups.push(new);
    let progress = progress(&Standing::of(&scene.mesh.snapshot, &[] as &[Rollout]));
    assert_eq!(progress.stage, Position::Extend);
    assert_eq!(progress.workloads, Count { done: 0, unseen: 0, of: 5 });
    assert_eq!(progress.proxies(&trust::held(&scene.mesh.snapshot)), Count { done: 3, unseen: 0, of: 10 });
}

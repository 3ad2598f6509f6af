//! On the simulation: what is listed of a plan, what is found, and that nothing is changed by it.

use std::collections::BTreeSet;

use super::{About, Report, Row, Verdict, Wanted, verify};
use crate::{
    mesh::{Concern, Mesh as _, Mode, Right},
    plan::outlook,
    simulate::{Fault, example},
    snapshot::WorkloadRef,
    testing::simulated::{Scene, wait},
};

async fn wanted(scene: &Scene, with_key: bool) -> Wanted {
    let (snapshot, standing) = scene.look().await;
    let outlook = outlook(&standing, &scene.request);
    Wanted::of(&outlook, &snapshot, &standing, with_key.then_some(&scene.made.issuer))
}

fn found_in(scene: &Scene) -> Report {
    wait(async { verify(&scene.simulation, &wanted(scene, true).await).await.unwrap() })
}

fn workload(name: &str) -> WorkloadRef {
    let mesh = example().unwrap();
    mesh.mesh.found().unwrap().workloads.iter().find(|one| one.name == name).unwrap().key()
}

fn about(report: &Report, about: About) -> Vec<&Row> {
    report.rows.iter().filter(|row| row.about == about).collect()
}

#[test]
fn a_mesh_that_is_ready_is_found_ready_and_left_as_it_is() {
    let scene = Scene::example();
    let report = found_in(&scene);
    assert!(!report.stops(), "{report:?}");
    assert_eq!(about(&report, About::Writes).len(), 9, "three of the trust roots' rounds of copies, and the issuer");
    assert_eq!(about(&report, About::NewPods)[0].verdict, Verdict::Verified);
    assert_eq!(scene.simulation.world().writes(), 0);
    assert_eq!(scene.simulation.world().notes(), []);
}

#[test]
fn every_right_that_the_run_takes_is_asked_for() {
    let scene = Scene::example();
    let wanted = wait(wanted(&scene, true));
    let on = |verb: &str, resource: &str, name: &str| Right::to(verb, "", resource).within("linkerd").named(name);
    for right in [
        on("patch", "configmaps", "linkerd-identity-trust-roots"),
        on("patch", "configmaps", "linkerd-config"),
        on("patch", "secrets", "linkerd-config-overrides"),
        on("patch", "secrets", "linkerd-identity-issuer"),
        Right::to("create", "coordination.k8s.io", "leases").within("linkerd"),
        Right::to("patch", "apps", "deployments").within("linkerd").named("linkerd-identity"),
        Right::to("patch", "apps", "statefulsets").within("emojivoto").named("db"),
    ] {
        assert!(wanted.rights.contains(&right), "{right}");
    }
}

#[test]
fn a_lacking_right_is_found_before_anything_was_changed() {
    let scene = Scene::example().faulty(&[Fault::Lacks("patch secrets".to_owned())]);
    let report = found_in(&scene);
    let names: BTreeSet<&str> = report.lacking.iter().map(|right| right.name.as_str()).collect();
    assert_eq!(names, BTreeSet::from(["linkerd-config-overrides", "linkerd-identity-issuer"]));
    assert_eq!(report.refused().count(), 2, "the writes that need it are not tried: {report:?}");
    assert_eq!(scene.simulation.world().writes(), 0);
}

#[test]
fn without_the_right_to_note_a_run_goes_on() {
    let report = found_in(&Scene::example().faulty(&[Fault::Lacks("create events".to_owned())]));
    assert!(!report.stops());
    assert!(about(&report, About::Rights).iter().any(|row| matches!(row.verdict, Verdict::Remark(_))));
}

#[test]
fn what_the_cluster_would_not_take_is_told_for_each_write_and_restart() {
    let refuses = |object: &str| Fault::Refuses(object.to_owned());
    let report =
        found_in(&Scene::example().faulty(&[refuses("Secret linkerd-identity-issuer"), refuses("Deployment web")]));
    let refused: Vec<(About, &str)> = report.refused().map(|row| (row.about, row.what.as_str())).collect();
    assert_eq!(
        refused,
        [(About::Writes, "step 6: Secret linkerd-identity-issuer"), (About::Restarts, "emojivoto/web Deployment")]
    );
}

#[test]
fn an_issuer_without_its_key_is_refused() {
    let scene = Scene::example();
    let wanted = wait(wanted(&scene, false));
    assert!(wanted.chains.iter().any(|row| matches!(row.verdict, Verdict::Refused { .. })));
}

#[test]
fn a_quota_a_budget_and_a_partition_stop_and_a_gap_does_not() {
    let scene = Scene::example();
    let gaps = about(&found_in(&scene), About::Rollouts).len();
    assert!(gaps > 0, "the example has a StatefulSet of one pod");
    let quota = Concern::Quota { name: "q".to_owned(), resource: "pods".to_owned(), used: 4, hard: 4 };
    scene.simulation.world().set_concerns(vec![
        (workload("web"), quota),
        (workload("db"), Concern::Evicted),
        (workload("db"), Concern::Budget("db".to_owned())),
        (workload("db"), Concern::Partition(1)),
    ]);
    let report = found_in(&scene);
    assert_eq!(report.refused().count(), 3, "{report:?}");
    assert!(report.refused().all(|row| row.about == About::Rollouts));
    scene.simulation.world().set_faults(vec![Fault::Lacks("create pods/eviction".to_owned())]);
    assert_eq!(found_in(&scene).lacking.len(), 1, "a workload with OnDelete takes one right more");
}

#[test]
fn a_quota_that_pods_fill_while_they_are_replaced_stops_nothing() {
    let scene = Scene::example().faulty(&[Fault::NeverReady("vote".to_owned())]);
    let quota = Concern::Quota { name: "q".to_owned(), resource: "pods".to_owned(), used: 4, hard: 4 };
    scene.simulation.world().set_concerns(vec![(workload("web"), quota)]);
    assert_eq!(found_in(&scene).refused().count(), 1);
    wait(scene.simulation.restart(&workload("vote"), Mode::Do)).unwrap();
    let report = found_in(&scene);
    assert!(!report.stops(), "{report:?}");
    let unsure = about(&report, About::Rollouts);
    let unsure = unsure.iter().filter(|row| matches!(row.verdict, Verdict::NotVerified(_)));
    assert_eq!(unsure.count(), 2, "the quota, and the workload that is in trouble: {report:?}");
}

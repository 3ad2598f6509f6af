//! Selections: who comes last, who is left to somebody else, and what they cannot say.

use std::collections::BTreeMap;

use super::{Scene, WHOLE, told, walk};
use crate::{
    mesh::{Obstacle, Rollout},
    plan::{Next, Request, Selection, Standing, Step, Which, Why, next, outlook},
    snapshot::WorkloadRef,
    testing::WEB,
};

fn place(parts: &str) -> Which {
    let mut parts = parts.split('/').map(ToOwned::to_owned);
    Which::Place { namespace: parts.next().unwrap(), kind: parts.next(), name: parts.next() }
}

fn tier(value: &str) -> Which {
    Which::Labels([("tier".to_owned(), value.to_owned())].into_iter().collect())
}

/// The mesh at rest, with a label on web.
fn labelled(scene: &Scene) -> Standing {
    let web = scene.mesh.snapshot.mesh.found().unwrap().workloads[WEB].key();
    let labels = BTreeMap::from([("tier".to_owned(), "front".to_owned())]);
    let rollout = Rollout {
        workload: web,
        labels,
        obstacle: None,
        wanted: 1,
        updated: 1,
        ready: 1,
        complete: true,
        restarted_at: None,
        trouble: None,
    };
    Standing::of(&scene.mesh.snapshot, &[rollout])
}

fn names(workloads: &[WorkloadRef]) -> Vec<&str> {
    workloads.iter().map(|who| who.name.as_str()).collect()
}

#[test]
fn what_comes_last_is_a_step_of_its_own_in_each_round() {
    let scene = Scene::new();
    for last in [tier("front"), place("emojivoto/deployment"), place("emojivoto/Deployment/web")] {
        let mut request = scene.request();
        request.selection.last = vec![last.clone()];
        let (steps, end) = walk(&labelled(&scene), &request);
        let expected: Vec<String> = WHOLE
            .iter()
            .flat_map(|step| match step.strip_suffix(" web db") {
                Some(why) => vec![format!("{why} db"), format!("{why} web")],
                None => vec![(*step).to_owned()],
            })
            .collect();
        assert_eq!(steps, expected, "{last}");
        assert!(matches!(end, Next::Done(done) if done.trusting_old.is_empty()));
    }
}

#[test]
fn the_control_plane_goes_first_whatever_is_said_of_it() {
    let scene = Scene::new();
    let linkerd = vec![place("linkerd")];
    let mut request = scene.request();
    request.selection = Selection { only: Vec::new(), exclude: linkerd.clone(), last: linkerd.clone() };
    assert_eq!(walk(&scene.standing(), &request).0, WHOLE);
    let check = request.selection.check(&scene.standing()).unwrap_err();
    let told = "--exclude linkerd names the control plane alone, which is always restarted, and first";
    assert_eq!((check.to_string().as_str(), check.control_plane), (told, true));
    let only = Selection { only: linkerd, ..Selection::default() };
    assert_eq!(only.check(&scene.standing()), Ok(()), "the control plane and nothing else makes sense");
}

#[test]
fn what_is_left_out_holds_the_gate_of_each_round_but_the_last() {
    let scene = Scene::new();
    let exclude = Selection { exclude: vec![tier("front")], ..Selection::default() };
    let only = Selection { only: vec![place("emojivoto/StatefulSet")], ..Selection::default() };
    for (selection, obstacle) in [(exclude, Obstacle::Excluded), (only, Obstacle::NotSelected)] {
        let request = Request { selection, ..scene.request() };
        let mut standing = labelled(&scene);
        assert_eq!(request.selection.check(&standing), Ok(()));
        let whole = outlook(&standing, &request);
        assert!(matches!(&whole.end, Next::Done(done) if names(&done.trusting_old) == ["web"]));
        let told: Vec<String> = whole.steps.iter().map(told).collect();
        assert_eq!(told, WHOLE.map(|step| step.replace(" web db", " db")));
        let waits: Vec<_> =
            whole.waits.iter().map(|wait| (wait.after, wait.holds[0].obstacle, wait.holds[0].why)).collect();
        assert_eq!(waits, [(5, obstacle, Why::Extend), (11, obstacle, Why::Refresh)]);
        // The planner itself does not take it for granted.
        for (taken, step) in whole.steps.iter().enumerate() {
            if let Some(wait) = whole.waits.iter().find(|wait| wait.after == taken) {
                assert_eq!(next(&standing, &request), Next::Hold(wait.holds.clone()));
                let workloads: Vec<_> = wait.holds.iter().map(|hold| hold.workload.clone()).collect();
                assert_eq!(names(&workloads), ["web"]);
                standing = standing.after(&Step::Restart { workloads, why: wait.holds[0].why });
            }
            assert_eq!(next(&standing, &request), Next::Do(step.clone()));
            standing = standing.after(step);
        }
    }
}

#[test]
fn a_reason_that_was_there_before_is_kept_and_one_who_is_left_is_not_waited_for() {
    let scene = Scene::new();
    let mut standing = labelled(&scene);
    let web = standing.parties.iter().position(|party| party.who.name == "web").unwrap();
    standing.parties[web].obstacle = Some(Obstacle::Paused);
    let selection = Selection { exclude: vec![place("emojivoto")], ..Selection::default() };
    let seen = standing.clone().selected(&selection);
    let obstacles: Vec<_> = seen.parties.iter().filter_map(|party| party.obstacle).collect();
    assert_eq!(obstacles, [Obstacle::Paused, Obstacle::Excluded]);
    let mut request = Request { selection, ..scene.request() };
    request.leave = seen.parties.iter().filter(|one| one.obstacle.is_some()).map(|one| one.who.clone()).collect();
    assert!(matches!(outlook(&standing, &request).end, Next::Done(_)));
}

#[test]
fn workloads_of_one_namespace_are_restarted_side_by_side() {
    let scene = Scene::new();
    let mut standing = scene.standing();
    let pattern = standing.parties.iter().find(|party| party.who.name == "web").unwrap().clone();
    for (namespace, name) in [("shop", "b"), ("bank", "a"), ("shop", "a")] {
        let who = WorkloadRef { namespace: namespace.to_owned(), name: name.to_owned(), ..pattern.who.clone() };
        standing.parties.insert(0, crate::plan::Party { who, ..pattern.clone() });
    }
    let (steps, _) = walk(&standing, &scene.request());
    assert_eq!(steps[4], "Extend a web db a b");
}

#[test]
fn what_names_nothing_is_told_by_its_flag() {
    let scene = Scene::new();
    for (which, told) in [
        (place("emojivoto/web"), "--last emojivoto/web names no workload with a proxy"),
        (tier("back"), "--last 'tier=back' names no workload with a proxy"),
    ] {
        let selection = Selection { last: vec![place("emojivoto"), which], ..Selection::default() };
        assert_eq!(selection.check(&labelled(&scene)).unwrap_err().to_string(), told);
    }
}

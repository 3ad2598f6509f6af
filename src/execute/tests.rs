//! Runs on the simulation: the whole way, with faults, kills and random meshes.

mod handed_over;
mod linked;
mod notes;
mod random;
mod recover;
mod restore;
mod selection;
mod webhooks;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Stop, Stopper, run};
use crate::{
    event::{Answer, Event, Watch},
    mesh::{IssuerPair, Mesh as _, Obstacle, Rollout},
    plan::{Done, Goal, Materials, Request, Step, Trim, Why},
    simulate::{Fault, Simulation, example},
    testing::simulated::{Scene, wait},
};

/// Keeps what happened.
#[derive(Default)]
struct Log {
    steps: Vec<Step>,
    restarts: usize,
    missed: bool,
    leaves_trims: bool,
}

impl Watch for Log {
    fn notice(&mut self, _: Timestamp, event: &Event) {
        match event {
            Event::Proven(step) => self.steps.push(step.clone()),
            Event::Restarting(_) => self.restarts += 1,
            Event::MissedUpdate => self.missed = true,
            _ => {}
        }
    }

    fn allow(&mut self, step: &Step) -> Result<Answer, Stop> {
        let trims = matches!(step, Step::Restart { why: Why::Trim, .. });
        Ok(if self.leaves_trims && trims { Answer::Skip } else { Answer::GoOn })
    }
}

/// How a scene is run, and what came of it.
impl Scene {
    fn run(&self) -> (Result<Done, Stop>, Log) {
        self.run_with(Some(&self.made.issuer))
    }

    fn run_with(&self, issuer: Option<&IssuerPair>) -> (Result<Done, Stop>, Log) {
        self.run_as(issuer, Log::default())
    }

    fn run_as(&self, issuer: Option<&IssuerPair>, mut log: Log) -> (Result<Done, Stop>, Log) {
        let ended = wait(run(&self.simulation, &self.request, issuer, &self.options, &Stopper::default(), &mut log));
        (ended, log)
    }

    fn is_done(&self) -> bool {
        *self.simulation.world().anchors() == [self.made.anchor.clone()]
    }
}

#[test]
fn an_anchor_is_rotated_without_one_refusal() {
    let scene = Scene::example();
    let (ended, log) = scene.run();
    assert!(ended.unwrap().trusting_old.is_empty());
    assert!(scene.is_done());
    assert_eq!(scene.simulation.world().refused(), []);
    assert_eq!(log.restarts % 3, 0, "three rounds: {}", log.restarts);
    let (again, log) = scene.run();
    assert!(again.is_ok() && log.steps.is_empty());
}

#[test]
fn killed_after_any_write_the_same_command_goes_on() {
    let whole = Scene::example();
    assert!(whole.run().0.is_ok());
    let writes = whole.simulation.world().writes();
    assert!(writes > 20, "{writes}");
    for kill in 1..=writes {
        let scene = Scene::example().faulty(&[Fault::KilledAfter(kill)]);
        let (killed, _) = scene.run();
        assert!(killed.is_err() || kill == writes, "after write {kill}");
        scene.simulation.world().set_faults(Vec::new());
        // The lock of the one that was killed is its own: the same operator on the same machine goes on at once.
        let (ended, _) = scene.run();
        assert!(ended.is_ok(), "after write {kill}: {ended:?}");
        assert!(scene.is_done(), "after write {kill}");
        assert_eq!(scene.simulation.world().refused(), [], "after write {kill}");
    }
}

#[test]
fn without_its_key_a_rotation_under_way_is_finished_once_the_issuer_is_in() {
    let scene = Scene::example().faulty(&[Fault::KilledAfter(20)]);
    assert!(scene.run().0.is_err());
    scene.simulation.world().set_faults(Vec::new());
    let mut lost = Request::new(Goal::Anchor, Materials::default());
    lost.trim = Trim::Now;
    let scene = Scene { request: lost, ..scene };
    let (ended, _) = scene.run_with(None);
    assert!(ended.is_ok(), "{ended:?}");
    assert!(scene.is_done());
}

#[test]
fn an_update_that_identity_misses_is_healed_by_a_restart() {
    let scene = Scene::example().faulty(&[Fault::MissedUpdate]);
    let (ended, log) = scene.run();
    assert!(ended.is_ok(), "{ended:?}");
    assert!(log.missed && scene.is_done());
    assert_eq!(scene.simulation.world().refused(), []);
}

#[test]
fn an_issuer_that_identity_refuses_is_put_back() {
    for faults in [vec![Fault::RefusedIssuer], vec![Fault::RefusedIssuer, Fault::MissedUpdate]] {
        let scene = Scene::example().faulty(&faults);
        let (ended, log) = scene.run();
        assert!(matches!(ended, Err(Stop::IssuerRefused { put_back: true })), "{faults:?}: {ended:?}");
        assert!(!log.steps.iter().any(|step| matches!(step, Step::AwaitIssuer { .. })));
        // Nothing is without a leaf a day later, and the same command goes on once identity is mended.
        scene.simulation.world().pass(SignedDuration::from_hours(30));
        assert_eq!(scene.simulation.world().refused(), [], "{faults:?}");
        scene.simulation.world().set_faults(Vec::new());
        let (ended, _) = scene.run();
        assert!(ended.is_ok(), "{faults:?}: {ended:?}");
        assert!(scene.is_done());
        assert_eq!(scene.simulation.world().refused(), [], "{faults:?}");
    }
}

#[test]
fn a_change_under_the_run_is_planned_with() {
    for write in 1..12 {
        let scene = Scene::example().faulty(&[Fault::ConflictAt(write)]);
        assert!(scene.run().0.is_ok());
        assert!(scene.is_done() && scene.simulation.world().refused().is_empty());
    }
}

#[test]
fn a_rollout_that_never_gets_ready_stops_the_run_with_the_mesh_whole() {
    let scene = Scene::example().faulty(&[Fault::NeverReady("web".to_owned())]);
    let (ended, _) = scene.run();
    assert!(matches!(ended, Err(Stop::Rollout { ref trouble, .. }) if trouble.as_deref() == Some("ImagePullBackOff")));
    assert_eq!(scene.simulation.world().refused(), []);
}

#[test]
fn a_pod_that_cannot_be_seen_is_known_by_its_age() {
    let scene = Scene::example().faulty(&[Fault::Unseen("web".to_owned())]);
    let (ended, _) = scene.run();
    assert!(ended.is_ok(), "{ended:?}");
    assert_eq!(scene.simulation.world().refused(), []);
}

#[test]
fn a_clock_that_is_ahead_changes_nothing() {
    let scene = Scene::example().faulty(&[Fault::ClockAhead(SignedDuration::from_mins(10))]);
    assert!(scene.run().0.is_ok());
    assert_eq!(scene.simulation.world().refused(), []);
}

#[test]
fn a_paused_deployment_holds_the_run_until_it_is_left_out() {
    let snapshot = example().unwrap();
    let web = snapshot.mesh.found().unwrap().workloads.iter().find(|one| one.name == "web").unwrap().key();
    let paused = Rollout {
        workload: web.clone(),
        labels: BTreeMap::new(),
        obstacle: Some(Obstacle::Paused),
        wanted: 2,
        updated: 2,
        ready: 2,
        complete: true,
        restarted_at: None,
        trouble: None,
    };
    let mut scene = Scene::of(&snapshot, &[paused]);
    let (ended, _) = scene.run();
    assert!(matches!(ended, Err(Stop::Held(holds)) if holds[0].workload == web));
    assert_eq!(scene.simulation.world().refused(), []);
    scene.request.leave.insert(web);
    assert_eq!(scene.run().0.unwrap().trusting_old.len(), 1);
}

#[test]
fn patience_moves_leafs_within_a_day_without_that_round() {
    let mut scene = Scene::example();
    scene.request.patient = true;
    scene.options.probe = crate::mesh::ProbeScope::All;
    let begun = scene.simulation.world().now();
    let (ended, log) = scene.run();
    assert!(ended.is_ok(), "{ended:?}");
    let took = scene.simulation.world().now().duration_since(begun);
    assert!(took < SignedDuration::from_hours(18), "{took:#}");
    assert_eq!(log.restarts % 2, 0);
    assert_eq!(scene.simulation.world().refused(), []);
}

#[test]
fn a_trim_that_is_skipped_leaves_the_old_anchor_to_time() {
    let scene = Scene::example();
    let (ended, log) = scene.run_as(Some(&scene.made.issuer), Log { leaves_trims: true, ..Log::default() });
    assert_eq!(ended.unwrap().trusting_old.len(), 10);
    assert!(scene.is_done());
    assert!(!log.steps.iter().any(|step| matches!(step, Step::Restart { why: Why::Trim, .. })));
    assert_eq!(scene.simulation.world().refused(), []);
}

/// An operator who thinks each step over for a minute.
struct Slow<'a> {
    simulation: &'a Simulation,
    asked: Vec<Step>,
    taken: Vec<Step>,
}

impl Watch for Slow<'_> {
    fn notice(&mut self, _: Timestamp, event: &Event) {
        if let Event::Proven(step) = event {
            self.taken.push(step.clone());
        }
    }

    fn allow(&mut self, step: &Step) -> Result<Answer, Stop> {
        self.asked.push(step.clone());
        let minute = std::pin::pin!(self.simulation.pause(std::time::Duration::from_mins(1)));
        // A simulated pause is over at once.
        assert!(minute.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
        Ok(Answer::GoOn)
    }
}

#[test]
fn a_step_that_was_thought_over_is_looked_at_again_and_asked_once() {
    let scene = Scene::example();
    let mut slow = Slow { simulation: &scene.simulation, asked: Vec::new(), taken: Vec::new() };
    let issuer = Some(&scene.made.issuer);
    let stopper = Stopper::default();
    let ended = wait(run(&scene.simulation, &scene.request, issuer, &scene.options, &stopper, &mut slow));
    assert!(ended.is_ok() && scene.is_done());
    // Identity loads the new issuer while the operator thinks about waiting for it: that step is not taken any more.
    slow.asked.retain(|step| !matches!(step, Step::AwaitIssuer { .. }));
    assert_eq!(slow.asked, slow.taken);
    assert_eq!(scene.simulation.world().refused(), []);
}

#[test]
fn two_runs_at_once_are_one() {
    let scene = Scene::example().faulty(&[Fault::KilledAfter(3)]);
    assert!(scene.run().0.is_err());
    scene.simulation.world().set_faults(Vec::new());
    let mut other = scene.options.clone();
    "somebody@else".clone_into(&mut other.holder);
    let scene = Scene { options: other, ..scene };
    assert!(matches!(scene.run().0, Err(Stop::Locked(holder)) if holder.name == "linkerd-certs"));
}

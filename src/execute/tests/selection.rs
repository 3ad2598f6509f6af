//! Runs that restart only some workloads, or some of them last.

use std::time::Duration;

use jiff::Timestamp;

use super::{Log, Scene};
use crate::{
    event::{Answer, Event, Watch},
    execute::{Stop, Stopper, run},
    mesh::{Mesh as _, Mode},
    plan::{Selection, Step, Which, Why},
    simulate::Simulation,
};

fn web() -> Which {
    let (namespace, kind, name) = ("emojivoto".to_owned(), Some("Deployment".to_owned()), Some("web".to_owned()));
    Which::Place { namespace, kind, name }
}

fn scene(selection: Selection) -> Scene {
    let mut scene = Scene::example();
    scene.request.selection = selection;
    scene
}

#[test]
fn what_comes_last_is_restarted_by_itself() {
    let scene = scene(Selection { last: vec![web()], ..Selection::default() });
    let (ended, log) = scene.run();
    assert!(ended.unwrap().trusting_old.is_empty() && scene.is_done());
    assert_eq!(scene.simulation.world().refused(), []);
    let alone = |step: &&Step| matches!(step, Step::Restart { workloads, .. } if workloads.len() == 1 && workloads[0].name == "web");
    assert_eq!(log.steps.iter().filter(alone).count(), 3, "one in each round");
}

/// Somebody who restarts what a run waits for, as soon as it says so.
struct Owner<'a>(&'a Simulation, Log, usize);

impl Watch for Owner<'_> {
    fn notice(&mut self, at: Timestamp, event: &Event) {
        if let Event::Held(holds) = event {
            self.2 += 1;
            for hold in holds {
                let restart = std::pin::pin!(self.0.restart(&hold.workload, Mode::Do));
                // A simulated request is answered at once.
                assert!(restart.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
            }
        }
        self.1.notice(at, event);
    }

    fn allow(&mut self, step: &Step) -> Result<Answer, Stop> {
        self.1.allow(step)
    }
}

#[test]
fn what_is_left_out_is_waited_for_until_its_owner_has_restarted_it() {
    let mut scene = scene(Selection { exclude: vec![web()], ..Selection::default() });
    assert!(matches!(scene.run().0, Err(Stop::Held(holds)) if holds.len() == 1 && holds[0].why == Why::Extend));
    scene.options.hold = Duration::from_mins(10);
    let mut owner = Owner(&scene.simulation, Log::default(), 0);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (issuer, stopper) = (Some(&scene.made.issuer), Stopper::default());
    let ended = runtime.block_on(run(&scene.simulation, &scene.request, issuer, &scene.options, &stopper, &mut owner));
    assert_eq!(ended.unwrap().trusting_old.iter().map(|who| who.name.as_str()).collect::<Vec<_>>(), ["web"]);
    assert_eq!(owner.2, 2, "for the new bundle, and for the new leaf");
    let ours =
        |step: &Step| matches!(step, Step::Restart { workloads, .. } if workloads.iter().any(|who| who.name == "web"));
    assert!(scene.is_done() && !owner.1.steps.iter().any(ours));
    assert_eq!(scene.simulation.world().refused(), []);
    // Without the flag the same command does what is left.
    scene.request.selection = Selection::default();
    assert!(scene.run().0.unwrap().trusting_old.is_empty());
}

//! Two simulated clusters that share an anchor, each rotated by a run of its own that reads the other.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use proptest::{prelude::*, test_runner::RngSeed};

use super::{
    Scene,
    random::{Case, cases, mesh},
};
use crate::{
    event::{Answer, Event, Watch},
    execute::{Options, Stop, Stopper, run},
    mesh::ProbeScope,
    plan::{Done, Refusal, Request, Step, Why},
    simulate::{Fault, Made, Refused, Simulation, example},
    snapshot::Snapshot,
};

/// Two clusters, linked with each other.
struct Pair {
    here: Arc<Simulation>,
    there: Arc<Simulation>,
    made: Made,
    request: Request,
    options: Options,
    /// Refusals between the two, as far as they were seen.
    refused: Mutex<Vec<Refused>>,
}

/// Looks from one cluster to the other at each event.
struct Across<'a> {
    pair: &'a Pair,
    /// What somebody does when the run waits for the linked cluster.
    meanwhile: Option<Box<dyn FnMut() + 'a>>,
    steps: Vec<Step>,
}

impl Watch for Across<'_> {
    fn notice(&mut self, _: Timestamp, event: &Event) {
        self.pair.look_across();
        match event {
            Event::Waiting(what) if what.starts_with("linked cluster") => {
                self.meanwhile.iter_mut().for_each(|meanwhile| meanwhile());
            }
            Event::Proven(step) => self.steps.push(step.clone()),
            _ => {}
        }
    }

    fn allow(&mut self, _: &Step) -> Result<Answer, Stop> {
        Ok(Answer::GoOn)
    }
}

impl Pair {
    fn of(snapshot: &Snapshot) -> Self {
        let Scene { simulation, made, request, options } = Scene::of(snapshot, &[]);
        let twin = simulation.world().twin().unwrap();
        let (here, there) = (Arc::new(simulation), Arc::new(Simulation::new(twin)));
        here.link("west", &there);
        there.link("east", &here);
        Self { here, there, made, request, options, refused: Mutex::default() }
    }

    fn look_across(&self) {
        let refused = self.here.world().refused_across(&self.there.world());
        self.refused.lock().unwrap().extend(refused);
    }

    fn run_on(
        &self,
        mesh: &Simulation,
        hold: Duration,
        meanwhile: Option<Box<dyn FnMut() + '_>>,
    ) -> Result<Done, Stop> {
        let options = Options { hold, ..self.options.clone() };
        let mut watch = Across { pair: self, meanwhile, steps: Vec::new() };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let stopper = Stopper::default();
        runtime.block_on(run(mesh, &self.request, Some(&self.made.issuer), &options, &stopper, &mut watch))
    }

    fn rotate(&self, mesh: &Simulation) -> Result<Done, Stop> {
        self.run_on(mesh, Duration::ZERO, None)
    }

    /// Whether no live proxy ever refused another, within a cluster or across.
    fn is_whole(&self) -> bool {
        let across = self.refused.lock().unwrap().is_empty();
        across && self.here.world().refused().is_empty() && self.there.world().refused().is_empty()
    }

    fn is_done(&self) -> bool {
        [&self.here, &self.there].into_iter().all(|one| *one.world().anchors() == [self.made.anchor.clone()])
    }
}

fn waits_for(ended: &Result<Done, Stop>) -> Option<Why> {
    let Err(Stop::Refused(refusal)) = ended else { return None };
    let Refusal::Linked(lacks) = &**refusal else { return None };
    lacks.first().map(|lack| lack.why)
}

#[test]
fn two_clusters_are_rotated_in_turns() {
    let pair = Pair::of(&example().unwrap());
    let ended = pair.rotate(&pair.here);
    assert_eq!(waits_for(&ended), Some(Why::Extend), "{ended:?}");
    assert_eq!(pair.here.world().anchors().len(), 2);
    // This one is extended, so the other one may swap; but it may not drop what comes from here.
    let ended = pair.rotate(&pair.there);
    assert_eq!(waits_for(&ended), Some(Why::Trim), "{ended:?}");
    let ended = pair.rotate(&pair.here);
    assert!(ended.is_ok(), "{ended:?}");
    assert!(pair.rotate(&pair.there).is_ok());
    assert!(pair.is_done() && pair.is_whole(), "{:?}", pair.refused);
}

#[test]
fn a_run_that_waits_goes_on_once_the_linked_cluster_was_rotated() {
    let pair = Pair::of(&example().unwrap());
    let (other, mut turns) = (&pair, 0);
    let meanwhile = || {
        turns += 1;
        if turns == 1 {
            // A run there, in a thread of its own as in a process of its own.
            std::thread::scope(|scope| {
                let ended = scope.spawn(|| waits_for(&other.rotate(&other.there))).join().unwrap();
                assert_eq!(ended, Some(Why::Trim));
            });
        }
    };
    let ended = pair.run_on(&pair.here, Duration::from_mins(5), Some(Box::new(meanwhile)));
    assert!(ended.is_ok(), "{ended:?}");
    assert!(pair.rotate(&pair.there).is_ok());
    assert!(pair.is_done() && pair.is_whole());
}

/// The witness that these tests rest on sees what a plan would do that does not look there.
#[test]
fn without_a_look_there_the_linked_cluster_would_refuse_the_new_leafs() {
    let mut pair = Pair::of(&example().unwrap());
    pair.request.answered_for.insert("west".to_owned());
    assert!(pair.rotate(&pair.here).is_ok());
    assert!(pair.here.world().refused().is_empty() && !pair.is_whole());
}

#[test]
fn a_linked_cluster_that_cannot_be_read_any_more_is_not_fine() {
    let Pair { here, there, made, request, options, refused } = Pair::of(&example().unwrap());
    drop(there);
    let there = Arc::new(Simulation::new(here.world().twin().unwrap()));
    let pair = Pair { here, there, made, request, options, refused };
    let ended = pair.rotate(&pair.here);
    let Err(Stop::Refused(refusal)) = &ended else { panic!("{ended:?}") };
    assert!(matches!(&**refusal, Refusal::Linked(lacks) if lacks[0].to_string().ends_with("it does not answer")));
}

/// Runs on both clusters in some order, some of them killed, until both are done.
fn survive(case: &Case, order: &[bool]) -> Result<(), String> {
    let mut pair = Pair::of(&mesh(case));
    pair.options.probe = if case.all { ProbeScope::All } else { ProbeScope::Sample };
    pair.options.at_once = case.at_once;
    let mut kills = case.kills.iter();
    // Two turns each are enough where none of them is killed.
    let turns = order.iter().copied().chain([true, false].into_iter().cycle().take(4 + 2 * case.kills.len()));
    let mut last = Vec::new();
    for turn in turns {
        let mesh = if turn { &pair.here } else { &pair.there };
        let mut faults: Vec<Fault> = case.missed.then_some(Fault::MissedUpdate).into_iter().collect();
        let writes = mesh.world().writes();
        faults.extend(kills.next().map(|kill| Fault::KilledAfter(writes + kill)));
        mesh.world().set_faults(faults);
        let ended = pair.rotate(mesh);
        mesh.world().set_faults(Vec::new());
        if !pair.is_whole() {
            return Err(format!("refused across: {:?}", pair.refused));
        }
        last.push(format!("{ended:?}"));
    }
    if pair.is_done() { Ok(()) } else { Err(format!("not done: {last:?}")) }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("LINKERD_CERTS_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(16),
        rng_seed: RngSeed::Fixed(4),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_the_order_and_the_kills_no_proxy_refuses_one_of_the_other_cluster(
        case in cases(),
        order in prop::collection::vec(any::<bool>(), 0..4),
    ) {
        prop_assert_eq!(survive(&case, &order), Ok(()));
    }
}

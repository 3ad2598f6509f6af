//! Bringing meshes back in which nothing is signed any more.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use proptest::prelude::*;

use super::{
    Log,
    random::{Case, cases, config, mesh},
};
use crate::{
    execute::{Options, Stop, Stopper, run},
    mesh::{IssuerPair, Mesh as _, ProbeScope},
    plan::{self, Ailment, Done, Goal, Materials, Need, Request, Standing, Step},
    simulate::{Broken, Fault, Remedy, Simulation, World, example},
    snapshot::{Snapshot, WorkloadRef},
    testing::simulated::wait,
};

const YEAR: SignedDuration = SignedDuration::from_hours(24 * 365);
/// A mesh that is down, and what there is to bring it back with.
struct Down {
    simulation: Simulation,
    remedy: Remedy,
    request: Request,
    need: Need,
    ailments: Vec<Ailment>,
}

impl Down {
    fn by(broken: Broken, has_keys: bool) -> Self {
        Self::of(&example().unwrap(), broken, has_keys)
    }

    fn of(snapshot: &Snapshot, broken: Broken, has_keys: bool) -> Self {
        let mut world = World::of(snapshot, &[]).unwrap();
        world.break_by(broken).unwrap();
        Self::with(Simulation::new(world), has_keys)
    }

    fn with(simulation: Simulation, has_keys: bool) -> Self {
        let standing = standing(&simulation);
        let (need, ailments) = (plan::need(&standing), plan::ailments(&standing));
        let remedy = simulation.world().remedy(&need, has_keys, (YEAR * 10, YEAR)).unwrap();
        let issuer = remedy.issuer.as_ref().map(|pair| pair.chain.clone());
        let materials = Materials { anchor: Some(remedy.anchor.clone()), issuer };
        let request = Request::new(Goal::Recover, materials);
        Self { simulation, remedy, request, need, ailments }
    }

    fn recover(&self) -> (Result<Done, Stop>, Log) {
        let (issuer, mut log): (Option<&IssuerPair>, _) = (self.remedy.issuer.as_ref(), Log::default());
        let (options, stopper) = (Options::default(), Stopper::default());
        let ended = wait(run(&self.simulation, &self.request, issuer, &options, &stopper, &mut log));
        (ended, log)
    }

    fn working(&self) -> BTreeSet<(WorkloadRef, WorkloadRef)> {
        self.simulation.world().working()
    }
}

fn standing(simulation: &Simulation) -> Standing {
    wait(async {
        let snapshot = simulation.observe(ProbeScope::Sample).await.unwrap();
        Standing::of(&snapshot, &simulation.rollouts(&[]).await.unwrap())
    })
}

/// Everything is in order: each pair works, now and in two days, and nothing is left to mend.
fn is_whole(down: &Down, what: &str) {
    let workloads = down.simulation.world().size();
    assert_eq!(down.working().len(), workloads * workloads, "{what}");
    assert_eq!(plan::ailments(&standing(&down.simulation)), [], "{what}");
    wait(down.simulation.pause(std::time::Duration::from_hours(48)));
    assert_eq!(down.working().len(), workloads * workloads, "{what}, two days later");
    assert_eq!(down.simulation.world().anchors(), std::slice::from_ref(&down.remedy.anchor), "{what}");
}

#[test]
fn every_broken_mesh_comes_back_with_the_anchors_key_and_without() {
    for broken in Broken::ALL {
        for has_keys in [true, false] {
            let what = format!("{broken:?}, keys {has_keys}");
            let down = Down::by(broken, has_keys);
            assert_ne!(down.ailments, [], "{what}");
            let (ended, log) = down.recover();
            let done = ended.unwrap_or_else(|stop| panic!("{what}: {stop:?} after {:?}", log.steps));
            assert_eq!(done, Done::default(), "{what}");
            is_whole(&down, &what);
            let (again, log) = down.recover();
            assert!(again.is_ok() && log.steps.is_empty(), "{what}: {:?}", log.steps);
        }
    }
}

#[test]
fn what_it_takes_is_told_from_the_mesh_alone() {
    let need = |broken| Down::by(broken, true).need;
    assert!(matches!(need(Broken::IssuerExpired), Need::Issuer(_)));
    assert!(matches!(need(Broken::IdentityDown), Need::Issuer(_)));
    assert!(matches!(need(Broken::PrematureIssuer), Need::Issuer(_)));
    assert!(matches!(need(Broken::AnchorExpired), Need::Anchor(_)));
    assert!(matches!(need(Broken::BothExpired), Need::Anchor(_)));
    assert!(matches!(need(Broken::TrimmedTooEarly), Need::Nothing(_)));
}

/// An anchor signed anew with its own key is the same to whoever trusts it, so no pair is refused on the way, though
/// everything is restarted.
#[test]
fn with_its_key_an_expired_anchor_comes_back_without_a_refusal() {
    let down = Down::by(Broken::AnchorExpired, true);
    let before = down.working();
    assert!(!before.is_empty(), "leafs are still valid");
    assert!(down.recover().0.is_ok());
    assert_eq!(down.simulation.world().refused(), []);
    is_whole(&down, "renewed");
}

#[test]
fn where_nothing_lives_everything_is_restarted_once_at_most() {
    for (broken, has_keys) in [(Broken::IssuerExpired, true), (Broken::BothExpired, true), (Broken::BothExpired, false)]
    {
        let down = Down::by(broken, has_keys);
        let (ended, log) = down.recover();
        assert!(ended.is_ok());
        // What asks for a leaf at the right moment gets one by itself.
        assert!(log.restarts <= down.simulation.world().size(), "{broken:?}, {:?}", log.steps);
    }
}

#[test]
fn nothing_but_identity_is_restarted_before_identity_signs() {
    for broken in [Broken::IssuerExpired, Broken::BothExpired, Broken::IdentityDown] {
        let (_, log) = Down::by(broken, false).recover();
        let first = log.steps.iter().find_map(|step| match step {
            Step::Restart { workloads, .. } => Some(workloads.clone()),
            _ => None,
        });
        let names: Vec<String> = first.unwrap_or_default().into_iter().map(|one| one.name).collect();
        assert_eq!(names, ["linkerd-identity"], "{broken:?}");
    }
}

#[test]
fn killed_after_any_write_the_same_command_goes_on() {
    for broken in [Broken::AnchorExpired, Broken::BothExpired, Broken::PrematureIssuer] {
        let whole = Down::by(broken, false);
        let begun = whole.simulation.world().writes();
        assert!(whole.recover().0.is_ok());
        let writes = whole.simulation.world().writes() - begun;
        for kill in 1..writes {
            let what = format!("{broken:?} after write {kill}");
            let down = Down::by(broken, false);
            let at = down.simulation.world().writes() + kill;
            down.simulation.world().set_faults(vec![Fault::KilledAfter(at)]);
            assert!(down.recover().0.is_err(), "{what}");
            down.simulation.world().set_faults(Vec::new());
            // What was made is forgotten with the process: the next run finds or makes its own.
            let again = Down::with(down.simulation, false);
            let ended = again.recover().0;
            assert_eq!(ended.map_err(|stop| format!("{what}: {stop:?}")), Ok(Done::default()));
            is_whole(&again, &what);
        }
    }
}

#[test]
fn a_healthy_mesh_has_no_ailment() {
    let world = World::of(&example().unwrap(), &[]).unwrap();
    let down = Down::with(Simulation::new(world), false);
    assert_eq!(down.ailments, []);
    assert!(matches!(down.need, Need::Nothing(_)));
    let (ended, log) = down.recover();
    assert_eq!(log.steps, []);
    assert!(ended.is_ok());
}

/// How a mesh can be that goes down, and what goes wrong while it is brought back.
#[derive(Clone, Debug)]
struct Fall {
    case: Case,
    broken: Broken,
    has_keys: bool,
    /// Hours that pass before anybody notices.
    hours: i64,
    /// These cannot be restarted.
    bare: BTreeSet<usize>,
}

fn falls() -> impl Strategy<Value = Fall> {
    let broken = (0..Broken::ALL.len()).prop_map(|index| Broken::ALL[index]);
    let bare = prop_oneof![2 => Just(BTreeSet::new()), 1 => prop::collection::btree_set(0_usize..5, 1..3)];
    let drawn = (cases(), broken, any::<bool>(), prop_oneof![2 => Just(0_i64), 1 => 0_i64..3], bare);
    drawn.prop_map(|(case, broken, has_keys, hours, bare)| Fall { case, broken, has_keys, hours, bare })
}

impl Fall {
    fn is(workload: &WorkloadRef, of: impl Fn(usize) -> bool) -> bool {
        workload.name.strip_prefix('w').and_then(|number| number.parse().ok()).is_some_and(of)
    }

    fn never_ready(&self) -> Option<usize> {
        self.case.never_ready.map(|index| index % self.case.workloads.len())
    }

    /// Two worlds in which the same has happened.
    fn worlds(&self) -> (World, World) {
        let mut world = World::of(&mesh(&self.case), &[]).unwrap();
        world.bind(|workload| Self::is(workload, |number| self.bare.contains(&number)));
        world.break_by(self.broken).unwrap();
        world.pass(SignedDuration::from_hours(self.hours));
        let twin = world.twin().unwrap();
        (world, twin)
    }

    fn faults(&self) -> Vec<Fault> {
        let named = |index: &usize| format!("w{}", index % self.case.workloads.len());
        let mut faults: Vec<Fault> = self.case.never_ready.iter().map(named).map(Fault::NeverReady).collect();
        faults.extend(self.case.unseen.iter().map(named).map(Fault::Unseen));
        faults.extend(self.case.missed.then_some(Fault::MissedUpdate));
        faults
    }

    fn survive(&self) -> Result<(), String> {
        let (world, mut alone) = self.worlds();
        let mut simulation = Simulation::new(world);
        let mut at = simulation.world().writes();
        for kill in &self.case.kills {
            at += kill;
            let conflict = self.case.conflict.map(Fault::ConflictAt);
            let faults = self.faults().into_iter().chain([Fault::KilledAfter(at)]).chain(conflict);
            simulation.world().set_faults(faults.collect());
            let down = Down::with(simulation, self.has_keys);
            let _ = down.recover();
            simulation = down.simulation;
        }
        simulation.world().set_faults(self.faults());
        let down = Down::with(simulation, self.has_keys);
        let (ended, log) = down.recover();
        let is_stated = match &ended {
            Err(Stop::Rollout { workload, .. }) => Self::is(workload, |number| Some(number) == self.never_ready()),
            Ok(_) | Err(Stop::Refused(_) | Stop::Held(_)) => true,
            // It cannot be seen whether a restart brought it back.
            Err(Stop::NoEffect(_)) => self.case.unseen.is_some(),
            Err(_) => false,
        };
        if !is_stated {
            return Err(format!("it ended as {ended:?} after {:?}", log.steps));
        }
        down.simulation.world().mend();
        down.simulation.world().pass(SignedDuration::from_hours(25));
        let until = down.simulation.world().now().duration_since(alone.now());
        alone.pass(until);
        let (working, untouched) = (down.working(), alone.working());
        if let Some(lost) = untouched.difference(&working).next() {
            return Err(format!(
                "{lost:?} would work a day later if nothing had been done; ended as {ended:?}, {:?}",
                log.steps
            ));
        }
        let is_bare = |workload: &WorkloadRef| Self::is(workload, |number| self.bare.contains(&number));
        let missing =
            down.pairs().into_iter().find(|pair| !working.contains(pair) && !is_bare(&pair.0) && !is_bare(&pair.1));
        match (ended, missing) {
            (Ok(_), Some(missing)) => Err(format!("{missing:?} does not work, steps {:?}", log.steps)),
            _ => Ok(()),
        }
    }
}

impl Down {
    fn pairs(&self) -> Vec<(WorkloadRef, WorkloadRef)> {
        let all = wait(self.simulation.rollouts(&[])).unwrap();
        let names: Vec<WorkloadRef> = all.into_iter().map(|one| one.workload).collect();
        names.iter().flat_map(|one| names.iter().map(move |other| (one.clone(), other.clone()))).collect()
    }
}

/// Each of them lives through two days twice.
fn fewer(config: ProptestConfig) -> ProptestConfig {
    ProptestConfig { cases: config.cases.div_ceil(4), ..config }
}

proptest! {
    #![proptest_config(fewer(config()))]

    #[test]
    fn a_recovery_ends_whole_or_in_a_stated_refusal_and_never_worse_than_before(fall in falls()) {
        prop_assert_eq!(fall.survive(), Ok(()));
    }
}

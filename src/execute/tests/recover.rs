//! Bringing meshes back in which nothing is signed any more.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::Log;
use crate::{
    execute::{Options, Stop, Stopper, run},
    mesh::{IssuerPair, Mesh as _, ProbeScope},
    plan::{self, Ailment, Done, Goal, Materials, Need, Request, Standing, Step},
    simulate::{Broken, Fault, Remedy, Simulation, World, example},
    snapshot::{Snapshot, WorkloadRef},
    testing::simulated::wait,
};

const YEAR: SignedDuration = SignedDuration::from_hours(24 * 365);
const ALL: [Broken; 6] = [
    Broken::IssuerExpired,
    Broken::AnchorExpired,
    Broken::BothExpired,
    Broken::IdentityDown,
    Broken::TrimmedTooEarly,
    Broken::PrematureIssuer,
];

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
    assert_eq!(*down.simulation.world().anchors(), [down.remedy.anchor.clone()], "{what}");
}

#[test]
fn every_broken_mesh_comes_back_with_the_anchors_key_and_without() {
    for broken in ALL {
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
    for broken in ALL {
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

//! Webhook certificates renewed on the simulation: the whole way, with faults, kills and random beginnings.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use proptest::{prelude::*, test_runner::RngSeed};

use super::Log;
use crate::{
    execute::{Options, Stop, Stopper, run},
    mesh::{Admission, Mesh as _, Mode, ServerPair},
    pki::Bundle,
    plan::{
        Done, Goal, Materials, Request,
        webhooks::{Certified, Renewal},
    },
    simulate::{Fault, Simulation, World, example},
    snapshot::{FailurePolicy, ServiceRef, Snapshot, Source, Webhook},
    testing::simulated::wait,
};

const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);

/// A simulated mesh, and what its webhooks' servers are to serve.
struct Scene {
    simulation: Simulation,
    pairs: Vec<ServerPair>,
    request: Request,
    options: Options,
}

fn webhooks(snapshot: &mut Snapshot) -> &mut Vec<Webhook> {
    let Source::Found(webhooks) = &mut snapshot.webhooks else { unreachable!("the example has webhooks") };
    webhooks
}

impl Scene {
    /// The example `days` before its webhooks' certificates end; negative: after it.
    fn near_the_end(days: i64, policy: FailurePolicy) -> Self {
        Self::of(&example().unwrap(), Some(days), policy)
    }

    fn of(snapshot: &Snapshot, days: Option<i64>, policy: FailurePolicy) -> Self {
        let mut world = World::of(snapshot, &[]).unwrap();
        if let Some(days) = days {
            world.age_servers(SignedDuration::from_hours(24 * days)).unwrap();
        }
        world.set_failure_policy(policy);
        let services: Vec<ServiceRef> = snapshot.webhooks.items().iter().map(Webhook::of).collect();
        let pairs = world.make_servers(services, YEAR).unwrap();
        let request = request(&pairs, true);
        Self { simulation: Simulation::new(world), pairs, request, options: Options::default() }
    }

    fn faulty(self, faults: &[Fault]) -> Self {
        self.simulation.world().set_faults(faults.to_vec());
        self
    }

    fn run(&self) -> (Result<Done, Stop>, Log) {
        let mut log = Log::default();
        let keys = self.pairs.as_slice();
        let ended = wait(run(&self.simulation, &self.request, keys, &self.options, &Stopper::default(), &mut log));
        (ended, log)
    }

    /// The same command again: it makes certificates of its own.
    fn run_again(&mut self) -> (Result<Done, Stop>, Log) {
        let services: Vec<ServiceRef> = self.pairs.iter().map(|pair| pair.of.clone()).collect();
        self.pairs = self.simulation.world().make_servers(services, YEAR).unwrap();
        self.request = request(&self.pairs, self.request.renewal.anyway);
        self.run()
    }

    /// Whether each server serves one certificate that its caBundles hold alone, and can be called.
    fn is_renewed(&self) -> bool {
        let world = self.simulation.world();
        let alone = |pair: &ServerPair| {
            let chain = world.server_chain(&pair.of).unwrap();
            let soon = world.now() + SignedDuration::from_hours(300 * 24);
            let bundles = world.server_bundles(&pair.of);
            chain[0].lifetime().contains(soon) && bundles.iter().all(|bundle| *bundle == [chain[0].clone()])
        };
        world.is_callable() && self.pairs.iter().all(alone)
    }
}

fn request(pairs: &[ServerPair], anyway: bool) -> Request {
    let certified = |pair: &ServerPair| Certified { chain: pair.pair.chain.clone(), authority: pair.authority.clone() };
    let servers: BTreeMap<_, _> = pairs.iter().map(|pair| (pair.of.clone(), Some(certified(pair)))).collect();
    Request { renewal: Renewal { servers, anyway }, ..Request::new(Goal::Webhooks, Materials::default()) }
}

#[test]
fn webhooks_are_renewed_without_a_call_that_fails() {
    for policy in [FailurePolicy::Ignore, FailurePolicy::Fail] {
        let scene = Scene::near_the_end(20, policy);
        let (ended, log) = scene.run();
        assert!(ended.is_ok(), "{ended:?}");
        assert!(scene.is_renewed());
        assert_eq!(scene.simulation.world().uncalled(), []);
        assert_eq!(log.restarts, 0, "servers reload by themselves");
        let (again, log) = scene.run();
        assert!(again.is_ok() && log.steps.is_empty(), "{:?}", log.steps);
    }
}

#[test]
fn expired_certificates_are_renewed_in_one_go() {
    for policy in [FailurePolicy::Ignore, FailurePolicy::Fail] {
        let scene = Scene::near_the_end(-2, policy);
        let refused = wait(scene.simulation.admission()).unwrap();
        assert_eq!(matches!(refused, Admission::Refused(_)), policy == FailurePolicy::Fail);
        assert!(scene.run().0.is_ok());
        assert!(scene.is_renewed());
        assert!(matches!(wait(scene.simulation.admission()).unwrap(), Admission::Proxy(_)));
    }
}

#[test]
fn killed_after_any_write_the_same_command_ends_well() {
    let whole = Scene::near_the_end(20, FailurePolicy::Fail);
    assert!(whole.run().0.is_ok());
    let writes = whole.simulation.world().writes();
    assert!(writes >= 9, "{writes}");
    for kill in 1..=writes {
        let mut scene = Scene::near_the_end(20, FailurePolicy::Fail).faulty(&[Fault::KilledAfter(kill)]);
        assert!(scene.run().0.is_err());
        scene.simulation.world().set_faults(Vec::new());
        let (ended, _) = scene.run_again();
        assert!(ended.is_ok(), "after write {kill}: {ended:?}");
        assert!(scene.is_renewed(), "after write {kill}");
        assert_eq!(scene.simulation.world().uncalled(), [], "after write {kill}");
    }
}

#[test]
fn a_server_that_does_not_reload_is_restarted_and_others_are_not() {
    let missed = Fault::MissedReload("linkerd-sp-validator".to_owned());
    let scene = Scene::near_the_end(20, FailurePolicy::Fail).faulty(&[missed]);
    let (ended, log) = scene.run();
    assert!(ended.is_ok(), "{ended:?}");
    assert!(scene.is_renewed());
    assert_eq!(log.restarts, 1);
    assert_eq!(scene.simulation.world().uncalled(), []);
}

#[test]
fn a_bundle_that_does_not_verify_a_good_certificate_is_healed_with_that_certificate() {
    let mut snapshot = example().unwrap();
    let stranger = crate::testing::Recipe::leaf("stranger", -1, 1000).self_signed().certificate;
    for webhook in webhooks(&mut snapshot) {
        webhook.ca_bundle = Some(Bundle::of([stranger.clone()]));
    }
    let mut scene = Scene::of(&snapshot, None, FailurePolicy::Ignore);
    scene.request.renewal.anyway = false;
    let before = scene.simulation.world().server_chain(&scene.pairs[0].of).unwrap().to_vec();
    assert!(!scene.simulation.world().is_callable());
    assert!(scene.run().0.is_ok());
    assert!(scene.is_renewed());
    assert_eq!(scene.simulation.world().server_chain(&scene.pairs[0].of).unwrap(), before);
}

#[test]
fn pods_that_come_up_while_injection_is_broken_are_bare_or_none_and_a_restart_mends_them() {
    for policy in [FailurePolicy::Ignore, FailurePolicy::Fail] {
        let scene = Scene::near_the_end(-2, policy);
        let snapshot = wait(scene.simulation.observe(crate::mesh::ProbeScope::Sample)).unwrap();
        let web = snapshot.mesh.found().unwrap().workloads.iter().find(|one| one.name == "web").unwrap().key();
        wait(scene.simulation.restart(&web, Mode::Do)).unwrap();
        wait(scene.simulation.pause(std::time::Duration::from_secs(30)));
        let unmeshed = || {
            let snapshot = wait(scene.simulation.observe(crate::mesh::ProbeScope::Sample)).unwrap();
            snapshot.mesh.found().unwrap().unmeshed.clone()
        };
        assert_eq!(unmeshed().is_empty(), policy == FailurePolicy::Fail, "{:?}", unmeshed());
        assert!(scene.run().0.is_ok());
        wait(scene.simulation.restart(&web, Mode::Do)).unwrap();
        wait(scene.simulation.pause(std::time::Duration::from_mins(1)));
        assert_eq!(unmeshed(), []);
    }
}

/// How webhooks and a day can be.
#[derive(Clone, Debug)]
struct Case {
    days: i64,
    fails: bool,
    anyway: bool,
    /// Of each webhook whether its caBundle holds something else, and whether its pods serve something else.
    bundles: Vec<u8>,
    kills: Vec<u32>,
    conflict: Option<u32>,
    missed: Vec<usize>,
    unready: bool,
}

fn cases() -> impl Strategy<Value = Case> {
    let days = prop_oneof![Just(300_i64), Just(30), Just(2), Just(-3)];
    let faults = (
        prop::collection::vec(1_u32..12, 0..4),
        prop::option::of(1_u32..9),
        prop::collection::vec(0_usize..3, 0..3),
        prop::bool::weighted(0.15),
    );
    let bundles = prop::collection::vec(0_u8..4, 3);
    (days, any::<bool>(), any::<bool>(), bundles, faults).prop_map(
        |(days, fails, anyway, bundles, (kills, conflict, missed, unready))| Case {
            days,
            fails,
            anyway,
            bundles,
            kills,
            conflict,
            missed,
            unready,
        },
    )
}

fn snapshot(case: &Case) -> Snapshot {
    let mut snapshot = example().unwrap();
    let stranger = crate::testing::Recipe::leaf("stranger", -9000, 90_000).self_signed().certificate;
    for (webhook, how) in webhooks(&mut snapshot).iter_mut().zip(&case.bundles) {
        let own = webhook.ca_bundle.clone().unwrap();
        webhook.ca_bundle = match how {
            0 => None,
            1 => Some(Bundle::of([stranger.clone()])),
            2 => Some(Bundle::of(own.certificates.into_iter().chain([stranger.clone()]))),
            _ => Some(own),
        };
    }
    snapshot
}

fn holds(case: &Case) -> Result<(), TestCaseError> {
    let policy = if case.fails { FailurePolicy::Fail } else { FailurePolicy::Ignore };
    let mut scene = Scene::of(&snapshot(case), Some(case.days), policy);
    scene.request.renewal.anyway = case.anyway;
    let names = ["linkerd-proxy-injector", "linkerd-sp-validator", "linkerd-policy-validator"];
    let mut lasting: Vec<Fault> =
        case.missed.iter().map(|&index| Fault::MissedReload(names[index].to_owned())).collect();
    if case.unready {
        lasting.push(Fault::NeverReady("linkerd-destination".to_owned()));
    }
    for kill in &case.kills {
        let writes = scene.simulation.world().writes();
        let once = [Some(Fault::KilledAfter(writes + kill)), case.conflict.map(|at| Fault::ConflictAt(writes + at))];
        scene.simulation.world().set_faults(lasting.iter().cloned().chain(once.into_iter().flatten()).collect());
        let _ = scene.run_again();
        let uncalled = scene.simulation.world().uncalled().to_vec();
        prop_assert_eq!(uncalled, []);
    }
    scene.simulation.world().set_faults(lasting);
    let (ended, _) = scene.run_again();
    let uncalled = scene.simulation.world().uncalled().to_vec();
    prop_assert_eq!(uncalled, []);
    match ended {
        Ok(_) => {
            prop_assert!(scene.simulation.world().is_callable());
        }
        Err(Stop::Rollout { .. }) if case.unready => {}
        Err(other) => prop_assert!(false, "{other:?}"),
    }
    if case.anyway && !case.unready {
        prop_assert!(scene.is_renewed());
    }
    Ok(())
}

#[test]
fn however_it_begins_and_is_cut_off_no_call_fails_that_worked() {
    let config = ProptestConfig {
        cases: std::env::var("LINKERD_CERTS_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(48),
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(case in cases())| holds(&case)?);
}

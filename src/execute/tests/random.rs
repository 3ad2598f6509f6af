//! Random meshes, random faults, kills at random moments; what must hold in all of them.

use std::collections::BTreeSet;

use proptest::{prelude::*, test_runner::RngSeed};

use super::{Log, Scene};
use crate::{
    execute::Stop,
    mesh::{Mesh as _, Mode, ProbeScope, Write},
    plan::{Done, Hold, Refusal, Selection, Step, Trim, Which},
    simulate::{Fault, example},
    snapshot::{PodGroup, Snapshot, Source, Workload},
};

const KINDS: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];

/// How a mesh and a day can be.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is drawn by itself")]
pub(super) struct Case {
    pub(super) workloads: Vec<(u8, u32)>,
    replicas: u32,
    pub(super) kills: Vec<u32>,
    pub(super) conflict: Option<u32>,
    pub(super) missed: bool,
    pub(super) unseen: Option<usize>,
    pub(super) never_ready: Option<usize>,
    lazy: bool,
    pub(super) all: bool,
    pub(super) at_once: usize,
    /// These come after all others.
    last: BTreeSet<usize>,
    /// These are left to their owners, by name or because the others are named.
    left: BTreeSet<usize>,
    by_others: bool,
}

pub(super) fn cases() -> impl Strategy<Value = Case> {
    let faults = (
        prop::collection::vec(1_u32..40, 0..4),
        prop::option::of(1_u32..30),
        any::<bool>(),
        prop::option::of(0_usize..4),
        prop::option::weighted(0.2, 0_usize..4),
    );
    let choices = (any::<bool>(), any::<bool>(), 1_usize..9);
    let few = || prop_oneof![2 => Just(BTreeSet::new()), 1 => prop::collection::btree_set(0_usize..5, 1..4)];
    let selection = (few(), few(), any::<bool>());
    (prop::collection::vec((0_u8..3, 1_u32..4), 1..6), 1_u32..4, faults, choices, selection).prop_map(
        |(
            workloads,
            replicas,
            (kills, conflict, missed, unseen, never_ready),
            (lazy, all, at_once),
            (last, left, by_others),
        )| Case {
            workloads,
            replicas,
            kills,
            conflict,
            missed,
            unseen,
            never_ready,
            lazy,
            all,
            at_once,
            last,
            left,
            by_others,
        },
    )
}

pub(super) fn mesh(case: &Case) -> Snapshot {
    let mut snapshot = example().unwrap();
    let Source::Found(mesh) = &mut snapshot.mesh else { unreachable!("the example has a mesh") };
    let pattern = mesh.workloads.iter().find(|one| one.name == "web").unwrap().clone();
    mesh.workloads.retain(|one| one.component.is_some());
    for one in &mut mesh.workloads {
        resize(&mut one.groups[0], &one.name, case.replicas);
    }
    for (number, (kind, pods)) in case.workloads.iter().enumerate() {
        let name = format!("w{number}");
        let kind = KINDS[usize::from(*kind)].to_owned();
        let mut workload = Workload { name: name.clone(), kind, ..pattern.clone() };
        resize(&mut workload.groups[0], &name, *pods);
        mesh.workloads.push(workload);
    }
    snapshot
}

fn resize(group: &mut PodGroup, name: &str, pods: u32) {
    (group.pods, group.ready) = (pods, pods);
    group.names = (0..pods).map(|number| format!("{name}-{number}")).collect();
}

fn selection(case: &Case) -> Selection {
    let which = |(number, (kind, _)): (usize, &(u8, u32))| Which::Place {
        namespace: "emojivoto".to_owned(),
        kind: Some(KINDS[usize::from(*kind)].to_owned()),
        name: Some(format!("w{number}")),
    };
    let those = |these: &dyn Fn(&usize) -> bool| -> Vec<Which> {
        case.workloads.iter().enumerate().filter(|(number, _)| these(number)).map(which).collect()
    };
    let last = those(&|number| case.last.contains(number));
    let others = those(&|number| !case.left.contains(number));
    if case.by_others && !others.is_empty() {
        return Selection { only: others, exclude: Vec::new(), last };
    }
    Selection { only: Vec::new(), exclude: those(&|number| case.left.contains(number)), last }
}

/// Whether a run restarted what it should, and in the order in which it should.
fn in_order(case: &Case, log: &Log) -> Result<(), String> {
    let named = |set: &BTreeSet<usize>, name: &str| set.iter().any(|number| name == format!("w{number}"));
    for step in &log.steps {
        let Step::Restart { workloads, .. } = step else { continue };
        let last = workloads.iter().filter(|who| named(&case.last, &who.name)).count();
        let left = workloads.iter().any(|who| named(&case.left, &who.name));
        if left || (last > 0 && last < workloads.len()) || !workloads.is_sorted() {
            return Err(format!("restarted so: {workloads:?}"));
        }
    }
    Ok(())
}

/// What is left to its owner is a stated end, as often as the owner has to restart it.
fn is_left(case: &Case, ended: &Result<Done, Stop>) -> bool {
    let by_choice = |holds: &[Hold]| holds.iter().all(|hold| hold.obstacle.is_by_choice());
    !case.left.is_empty() && matches!(ended, Err(Stop::Held(holds)) if by_choice(holds))
}

/// The owners do what the run waits for.
fn restart_by_owners(scene: &Scene, ended: &Result<Done, Stop>) {
    let Err(Stop::Held(holds)) = ended else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        for hold in holds {
            scene.simulation.restart(&hold.workload, Mode::Do).await.unwrap();
        }
        scene.simulation.pause(std::time::Duration::from_mins(2)).await;
    });
}

/// A hold before the swap and one before the trim; one more for a proxy that cannot be seen, whose leaf is in doubt again
/// when identity was restarted for the trim; and the end.
const MOST_RUNS: usize = 4;

/// Runs until the end, or a refusal that is stated, through every kill; returns what went wrong.
fn survive(case: &Case) -> Result<(), String> {
    let mut scene = Scene::of(&mesh(case), &[]);
    scene.request.trim = if case.lazy { Trim::Lazy } else { Trim::Now };
    scene.options.probe = if case.all { ProbeScope::All } else { ProbeScope::Sample };
    scene.options.at_once = case.at_once;
    scene.request.selection = selection(case);
    let named = |index: &usize| format!("w{}", index % case.workloads.len());
    let mut lasting: Vec<Fault> = Vec::new();
    lasting.extend(case.missed.then_some(Fault::MissedUpdate));
    lasting.extend(case.unseen.as_ref().map(named).map(Fault::Unseen));
    let broken = case.never_ready.as_ref().map(named).map(Fault::NeverReady);
    let mut at = 0;
    for kill in &case.kills {
        at += kill;
        let mut faults = lasting.clone();
        faults.extend(broken.clone());
        faults.push(Fault::KilledAfter(at));
        faults.extend(case.conflict.map(Fault::ConflictAt));
        scene.simulation.world().set_faults(faults);
        let (_, log) = scene.run();
        whole(&scene, "while killed")?;
        in_order(case, &log)?;
    }
    if let Some(broken) = broken {
        scene.simulation.world().set_faults([lasting.clone(), vec![broken]].concat());
        let (ended, _) = scene.run();
        whole(&scene, "with a rollout that never gets ready")?;
        if !matches!(ended, Err(Stop::Rollout { .. }) | Ok(_))
            && !is_about_the_unseen(case, &ended)
            && !is_left(case, &ended)
        {
            return Err(format!("not a stated end: {ended:?}"));
        }
        // Somebody mends the image; the pods that never got ready come up.
        scene.simulation.world().mend();
    }
    scene.simulation.world().set_faults(lasting);
    for _ in 0..MOST_RUNS {
        let (ended, log) = scene.run();
        whole(&scene, "at the end")?;
        in_order(case, &log)?;
        match ended {
            Ok(_) if scene.is_done() => return Ok(()),
            other if is_about_the_unseen(case, &other) => return Ok(()),
            other if is_left(case, &other) => restart_by_owners(&scene, &other),
            other => return Err(format!("it ended as {other:?}")),
        }
        whole(&scene, "after a restart by an owner")?;
    }
    Err("it is held again and again".to_owned())
}

/// A proxy that nobody can see and that is not known to be young is a stated refusal.
pub(super) fn is_about_the_unseen(case: &Case, ended: &Result<Done, Stop>) -> bool {
    let breaks = matches!(ended, Err(Stop::Refused(refusal)) if matches!(**refusal, Refusal::Breaks(..)));
    case.unseen.is_some() && breaks
}

pub(super) fn whole(scene: &Scene, when: &str) -> Result<(), String> {
    let world = scene.simulation.world();
    let refused = world.refused();
    if refused.is_empty() { Ok(()) } else { Err(format!("{when}: {refused:?}")) }
}

/// A run of all tests tries the same cases each time; `LINKERD_CERTS_SEEDS` tries so many new ones.
pub(super) fn config() -> ProptestConfig {
    let asked: Option<u32> = std::env::var("LINKERD_CERTS_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    let (cases, rng_seed) = asked.map_or((60, RngSeed::Fixed(1)), |cases| (cases, RngSeed::Random));
    ProptestConfig { cases, rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_live_proxy_ever_refuses_another_and_every_run_ends(case in cases()) {
        prop_assert_eq!(survive(&case), Ok(()));
    }
}

/// What a planner without gates would do: the classic mistake of trimming as soon as identity signs with the new issuer,
/// before leafs have moved. The witness that all of these tests rest on sees it.
#[test]
fn a_planner_that_trims_before_its_gate_is_caught() {
    // Extended, restarted and swapped as it should be.
    let scene = Scene::example().faulty(&[Fault::KilledAfter(14)]);
    assert!(scene.run().0.is_err());
    scene.simulation.world().set_faults(Vec::new());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mesh = &scene.simulation;
        mesh.pause(std::time::Duration::from_mins(2)).await;
        assert_eq!(mesh.world().refused(), []);
        let snapshot = mesh.observe(ProbeScope::None).await.unwrap();
        let against = snapshot.trust_roots.found().unwrap().meta.resource_version.clone();
        let anchors = vec![scene.made.anchor.clone()];
        mesh.write(&Write::TrustRoots { anchors, against }, Mode::Do).await.unwrap();
        mesh.pause(std::time::Duration::from_mins(2)).await;
        assert_eq!(mesh.world().refused(), [], "nothing has loaded it yet");
        let all = mesh.rollouts(&[]).await.unwrap();
        let web = all.into_iter().map(|one| one.workload).find(|one| one.name == "web").unwrap();
        mesh.restart(&web, Mode::Do).await.unwrap();
        mesh.pause(std::time::Duration::from_mins(2)).await;
        let refused = mesh.world().refused().to_vec();
        assert!(refused.iter().any(|pair| pair.refuses == web && pair.presents != web), "{refused:?}");
    });
}

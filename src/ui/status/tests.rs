//! What an operator sees in each stage of a rotation, on the simulated mesh.

use console::measure_text_width;
use insta::assert_snapshot;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::{
    event::{self, Event, Watch},
    execute::{self, Options, Stop, Stopper},
    mesh::{Mesh as _, Obstacle, ProbeScope, Rollout},
    pki::Bundle,
    plan::{self, Goal, Materials, Request, Standing, Step},
    simulate::{Fault, Simulation, World, example},
    snapshot::{BundleRef, LinkedCluster, Snapshot},
    testing::{Recipe, TestMesh, WEB, days, simulated::wait},
    trust,
};

struct Silent;

impl Watch for Silent {
    fn notice(&mut self, _: Timestamp, _: &Event) {}

    fn allow(&mut self, _: &Step) -> Result<event::Answer, Stop> {
        Ok(event::Answer::GoOn)
    }
}

/// The built-in example with what its rollouts say, after a rotation that was killed after so many writes.
fn killed(writes: u32, scope: ProbeScope) -> (Snapshot, Vec<Rollout>) {
    rotated(writes, scope, &[], false)
}

/// The same where some workloads cannot be restarted, which are left as they are or waited for.
fn rotated(writes: u32, scope: ProbeScope, rollouts: &[Rollout], leave: bool) -> (Snapshot, Vec<Rollout>) {
    let mut world = World::of(&example().unwrap(), rollouts).unwrap();
    let year = SignedDuration::from_hours(24 * 365);
    let made = world.make(Goal::Anchor, year * 10, year).unwrap();
    let materials = Materials { anchor: Some(made.anchor.clone()), issuer: Some(made.issuer.chain.clone()) };
    world.set_faults(vec![Fault::KilledAfter(writes)]);
    let simulation = Simulation::new(world);
    let mut request = Request::new(Goal::Anchor, materials);
    if leave {
        request.leave = rollouts.iter().map(|rollout| rollout.workload.clone()).collect();
    }
    wait(async {
        let options = Options::default();
        let _ =
            execute::run(&simulation, &request, Some(&made.issuer), &options, &Stopper::default(), &mut Silent).await;
        simulation.world().set_faults(Vec::new());
        (simulation.observe(scope).await.unwrap(), simulation.rollouts(&[]).await.unwrap())
    })
}

fn answer<'a>(snapshot: &'a Snapshot, rollouts: &[Rollout]) -> Answer<'a> {
    let standing = Standing::of(snapshot, rollouts);
    let progress = plan::progress(&standing);
    let held = trust::held(snapshot);
    Answer {
        snapshot,
        tree: Tree::of(snapshot, rollouts),
        proxies: progress.proxies(&held),
        refusing: progress.refusing(&held),
        progress,
        owned: plan::owned(snapshot),
        outside: standing.outside,
        linked: standing.linked,
        hidden: Vec::new(),
        thresholds: Thresholds::default(),
        namespace: None,
    }
}

#[test]
fn what_was_seen_of_a_linked_cluster_is_said() {
    let mut mesh = TestMesh::healthy();
    let there = Box::new(mesh.snapshot.clone());
    let linked = |seen| LinkedCluster { context: "west".to_owned(), link: None, seen };
    mesh.snapshot.linked = vec![linked(Ok(there)), linked(Err("its API server does not answer".to_owned()))];
    let tree = answer(&mesh.snapshot, &[]).tree(plain(120));
    let lines: Vec<&str> = tree.lines().filter(|line| line.starts_with("Linked")).collect();
    assert_eq!(lines.len(), 2, "{tree}");
    assert!(lines[0].starts_with("Linked  west: every proxy there trusts anchor A ("), "{lines:?}");
    assert_eq!(lines[1], "Linked  west: its API server does not answer");
}

fn plain(width: usize) -> Look {
    Look { width, color: false }
}

/// Keys are made anew in each test, so fingerprints differ: words of eight hexadecimal digits, or of 64.
fn masked(text: &str) -> String {
    let mut out = String::new();
    let mut digits = String::new();
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_digit() || ('a'..='f').contains(&c) {
            digits.push(c);
            continue;
        }
        let alone = !c.is_ascii_alphanumeric() && !out.ends_with(|c: char| c.is_ascii_alphanumeric());
        let whole = alone && [8, 64].contains(&digits.len());
        out += &if whole { "x".repeat(8) } else { digits.clone() };
        digits.clear();
        out.push(c);
    }
    out.pop();
    out
}

/// Both widths, with what must hold of every screen.
fn shown(name: &str, answer: &Answer<'_>) {
    for width in [80, 120] {
        let text = answer.tree(plain(width));
        assert!(text.lines().all(|line| measure_text_width(line) <= width), "{text}");
        assert_eq!(console::strip_ansi_codes(&answer.tree(Look { width, color: true })), text);
        assert_snapshot!(format!("{name}_{width}"), masked(&text));
    }
}

fn obstructed(name: &str, obstacle: Obstacle) -> Rollout {
    let workload =
        example().unwrap().mesh.found().unwrap().workloads.iter().find(|one| one.name == name).unwrap().key();
    Rollout {
        workload,
        labels: std::collections::BTreeMap::new(),
        obstacle: Some(obstacle),
        wanted: 2,
        updated: 2,
        ready: 2,
        complete: true,
        restarted_at: None,
        trouble: None,
    }
}

#[test]
fn each_stage_of_a_rotation() {
    let stages =
        [("rest", 0), ("extending", 8), ("swapping", 14), ("refreshing", 20), ("trimming", 36), ("done", 39 + 10)];
    for (name, writes) in stages {
        let (snapshot, rollouts) = killed(writes, ProbeScope::All);
        shown(name, &answer(&snapshot, &rollouts));
    }
}

#[test]
fn ready_to_swap_it_says_whose_key_that_takes() {
    let (snapshot, rollouts) = killed(13, ProbeScope::All);
    let (mut standing, outlook) = {
        let standing = Standing::of(&snapshot, &rollouts);
        let outlook = plan::outlook(&standing, &Request::new(Goal::Anchor, Materials::default()));
        (standing, outlook)
    };
    for step in &outlook.steps {
        standing = standing.after(step);
    }
    let mut answer = answer(&snapshot, &rollouts);
    answer.progress = plan::progress(&standing);
    let short = masked(&answer.short());
    let mut lines = short.lines();
    assert_eq!(
        lines.next(),
        Some("stage READY TO SWAP: every proxy has loaded anchor B (xxxxxxxx), and the issuer is not yet one of it")
    );
    assert_eq!(
        lines.next(),
        Some(
            "next the issuer is swapped for one of anchor B (xxxxxxxx): that takes its key, with which the same \
             `rotate-anchor` goes on"
        )
    );
}

#[test]
fn a_sample_leaves_leafs_unseen_and_says_so() {
    let (snapshot, rollouts) = killed(20, ProbeScope::Sample);
    shown("sample", &answer(&snapshot, &rollouts));
}

#[test]
fn without_any_answer_nothing_is_guessed() {
    let snapshot = example().unwrap();
    shown("unasked", &answer(&snapshot, &[]));
}

#[test]
fn what_only_an_operator_can_replace_is_named() {
    let rollouts = [obstructed("web", Obstacle::Paused), obstructed("db", Obstacle::InjectedByHand)];
    let (snapshot, rollouts) = rotated(99, ProbeScope::All, &rollouts, false);
    shown("held", &answer(&snapshot, &rollouts));
}

#[test]
fn a_stale_pod_after_the_trim_is_an_alarm() {
    let (snapshot, rollouts) = rotated(99, ProbeScope::All, &[obstructed("web", Obstacle::Paused)], true);
    shown("stale", &answer(&snapshot, &rollouts));
}

#[test]
fn the_other_forms() {
    let (snapshot, rollouts) = killed(20, ProbeScope::All);
    let answer = answer(&snapshot, &rollouts);
    assert_snapshot!("wide_80", masked(&answer.wide(plain(80))));
    assert_snapshot!("short", masked(&answer.short()));
    assert_snapshot!("json", masked(&serde_json::to_string_pretty(&answer.document()).unwrap()));
}

/// A mesh of 500 workloads: 480 that are alike, some that lag behind, and one that nobody can restart.
fn large() -> TestMesh {
    let mut mesh = TestMesh::healthy();
    let newer = Recipe::authority("root.linkerd.cluster.local 2", 0, days(3650)).self_signed().certificate;
    let both = Bundle::of([mesh.anchor.certificate.clone(), newer]);
    mesh.roots().bundle = Some(both.clone());
    let issuer = mesh.issuer.certificate.clone();
    let leaf = mesh.leaf(WEB, -1, 23);
    let model = mesh.mesh();
    model.bundles.push(both.clone());
    let like = model.workloads[WEB].clone();
    model.workloads.truncate(WEB);
    for number in 0..500 {
        let mut one = like.clone();
        one.namespace = format!("team-{}", number % 12);
        one.name = format!("service-{number:03}");
        one.groups[0].names = vec![format!("{}-0", one.name)];
        one.groups[0].bundle = BundleRef::Literal(usize::from(number % 100 != 7));
        if number == 250 {
            "Job".clone_into(&mut one.kind);
        }
        model.workloads.push(one);
    }
    mesh.snapshot.probes.truncate(WEB);
    for index in WEB..WEB + 500 {
        mesh.probe(index, &both, vec![leaf.clone(), issuer.clone()]);
        let bundle =
            if (index - WEB) % 100 == 7 { Bundle::of([mesh.anchor.certificate.clone()]) } else { both.clone() };
        for name in ["-0", "-1"] {
            let mut probe = mesh.snapshot.probes[mesh.snapshot.probes.len() - 1].clone();
            probe.pod.name += name;
            probe.answer.as_mut().unwrap().bundle = Ok(bundle.clone());
            mesh.snapshot.probes.push(probe);
        }
        let at = mesh.snapshot.probes.len() - 3;
        mesh.snapshot.probes.remove(at);
    }
    mesh
}

#[test]
fn five_hundred_workloads_are_few_lines() {
    let mesh = large();
    let answer = answer(&mesh.snapshot, &[]);
    shown("large", &answer);
    let wide = answer.wide(plain(80));
    assert!((0..500).all(|number| wide.contains(&format!("service-{number:03}"))));
    assert_eq!(answer.short().lines().filter(|line| line.starts_with("workload ")).count(), 503);
}

#[test]
fn a_short_answer_stays_as_it_is_while_nothing_happens() {
    let mut mesh = TestMesh::healthy();
    let before = answer(&mesh.snapshot, &[]).short();
    mesh.snapshot.taken_at += SignedDuration::from_hours(49);
    assert_eq!(answer(&mesh.snapshot, &[]).short(), before);
    mesh.mesh().workloads[WEB].groups[0].pods = 3;
    assert_ne!(answer(&mesh.snapshot, &[]).short(), before);
}

/// Text as nobody should write it.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[a-z0-9-]{0,253}", "[ `\u{1b}\u{9b}\r\n\t\u{202e}x]{0,60}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn everything_fits(names in prop::collection::vec(text(), 6), width in 40_usize..160, hours in -100_000_i32..100_000) {
        let mut mesh = TestMesh::healthy();
        for (workload, name) in mesh.mesh().workloads.iter_mut().zip(&names) {
            workload.name.clone_from(name);
            workload.namespace.clone_from(&names[5]);
            workload.kind.clone_from(&names[0]);
        }
        mesh.snapshot.namespace.clone_from(&names[1]);
        mesh.snapshot.cluster.context = Some(names[2].clone());
        mesh.snapshot.taken_at += SignedDuration::from_hours(hours.into());
        let mut answer = answer(&mesh.snapshot, &[]);
        answer.hidden.clone_from(&names);
        answer.outside.clone_from(&names);
        for shown in [answer.tree(plain(width)), answer.wide(plain(width))] {
            for line in shown.lines() {
                prop_assert!(measure_text_width(line) <= width, "{line:?}");
            }
            prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
        }
        prop_assert!(!answer.short().chars().any(|c| c.is_control() && c != '\n'));
    }
}

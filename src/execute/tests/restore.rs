//! The way back: from every point of a rotation, killed at every point of its own.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use proptest::prelude::*;

use super::{
    Log, Scene,
    random::{Case, cases, config, is_about_the_unseen, mesh, whole},
};
use crate::{
    execute::{Stop, run},
    mesh::{IssuerPair, Mesh as _, ProbeScope},
    pki::Certificate,
    plan::{self, Done, Goal, Materials, Request, Standing, Step, Target},
    simulate::{Fault, example},
    snapshot::Snapshot,
};

/// A mesh, an anchor and issuer to rotate it to, and what a backup of it held before.
struct Saved {
    scene: Scene,
    anchors: Vec<Certificate>,
    issuer: IssuerPair,
}

impl Saved {
    /// With an anchor that is a month old, as one is that somebody wants back.
    fn new() -> Self {
        let mut snapshot = example().unwrap();
        snapshot.taken_at += SignedDuration::from_hours(24 * 30);
        Self::of(&snapshot)
    }

    fn of(snapshot: &Snapshot) -> Self {
        Self::now(Scene::of(snapshot, &[]))
    }

    /// What a backup that is taken now holds.
    fn now(scene: Scene) -> Self {
        let world = scene.simulation.world();
        let (anchors, issuer) = (world.anchors().to_vec(), world.issuer().clone());
        drop(world);
        Self { scene, anchors, issuer }
    }

    /// The anchor that the backup's issuer is under.
    fn anchor(&self) -> &Certificate {
        self.anchors.iter().find(|anchor| crate::pki::verify::leads_to(&self.issuer.chain, anchor)).unwrap()
    }

    fn request(&self) -> Request {
        let anchor = self.anchor().clone();
        let keep = self.anchors.iter().filter(|one| **one != anchor).map(Certificate::fingerprint).collect();
        let materials = Materials { anchor: Some(anchor), issuer: Some(self.issuer.chain.clone()) };
        Request { keep, ..Request::new(Goal::Back, materials) }
    }

    /// Restores, killed after so many writes of its own where that is said.
    fn restore(&self, kill: Option<u32>) -> (Result<Done, Stop>, Log) {
        let faults = kill.map(|kill| Fault::KilledAfter(self.scene.simulation.world().writes() + kill));
        self.restore_with(faults.into_iter().collect())
    }

    fn restore_with(&self, faults: Vec<Fault>) -> (Result<Done, Stop>, Log) {
        self.scene.simulation.world().set_faults(faults);
        let ended = self.go(&self.request(), &self.issuer);
        self.scene.simulation.world().set_faults(Vec::new());
        ended
    }

    /// A new rotation to an anchor that nobody saw before; and that anchor.
    fn rotate_anew(&self, force: bool) -> (Result<Done, Stop>, Certificate) {
        let year = SignedDuration::from_hours(24 * 365);
        let made = self.scene.simulation.world().make(Goal::Anchor, year * 10, year).unwrap();
        let materials = Materials { anchor: Some(made.anchor.clone()), issuer: Some(made.issuer.chain.clone()) };
        let request = Request { force, ..Request::new(Goal::Anchor, materials) };
        (self.go(&request, &made.issuer).0, made.anchor)
    }

    /// Whether the mesh looks as if it were on its way somewhere.
    fn is_under_way(&self) -> bool {
        matches!(plan::target(&self.standing(), &BTreeSet::new()), Some(Target::Towards(_)))
    }

    fn standing(&self) -> Standing {
        let snapshot = runtime().block_on(self.scene.simulation.observe(ProbeScope::All)).unwrap();
        Standing::of(&snapshot, &[])
    }

    fn go(&self, request: &Request, issuer: &IssuerPair) -> (Result<Done, Stop>, Log) {
        let Scene { simulation, options, .. } = &self.scene;
        let mut log = Log::default();
        let stopper = crate::execute::Stopper::default();
        let ended = runtime().block_on(run(simulation, request, Some(issuer), options, &stopper, &mut log));
        (ended, log)
    }

    fn rotated(self, kill: u32) -> Self {
        self.scene.simulation.world().set_faults(vec![Fault::KilledAfter(kill)]);
        let _ = self.scene.run();
        self.scene.simulation.world().set_faults(Vec::new());
        self
    }

    /// Whether sources and proxies are as the backup, and nobody refused anybody on the way.
    fn is_back(&self) -> bool {
        let standing = self.standing();
        let same = |one: &Certificate| self.anchors.contains(one);
        let proxies = standing
            .parties
            .iter()
            .all(|party| party.trusts_just(&standing.roots) && party.presents(&self.issuer.chain[0]));
        let anchor = std::slice::from_ref(self.anchor());
        let roots = standing.roots.iter().all(same) && anchor.iter().all(|one| standing.roots.contains(one));
        roots && proxies && standing.issuer == self.issuer.chain && self.scene.simulation.world().refused().is_empty()
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

fn writes_of_a_rotation() -> u32 {
    let saved = Saved::new();
    assert!(saved.scene.run().0.is_ok());
    saved.scene.simulation.world().writes()
}

#[test]
fn from_every_point_of_a_rotation_the_old_anchor_comes_back() {
    for kill in 1..=writes_of_a_rotation() {
        let saved = Saved::new().rotated(kill);
        let (ended, _) = saved.restore(None);
        assert!(ended.is_ok(), "after write {kill}: {ended:?}");
        assert!(saved.is_back(), "after write {kill}: {:?}", saved.scene.simulation.world().refused());
    }
}

#[test]
fn killed_at_every_point_of_its_own_it_goes_on() {
    let whole = writes_of_a_rotation();
    for (begun, at) in (1..=whole).step_by(7).zip(0..) {
        // Another phase for each point of the rotation, so that all points of the way back are met.
        for kill in (1 + at % 5..=whole).step_by(5) {
            let saved = Saved::new().rotated(begun);
            let (killed, _) = saved.restore(Some(kill));
            let (ended, _) = saved.restore(None);
            assert!(ended.is_ok(), "after write {begun}, then {kill} ({killed:?}): {ended:?}");
            assert!(saved.is_back(), "after write {begun}, then {kill}");
        }
    }
}

#[test]
fn of_a_rotation_that_has_only_extended_nothing_is_left_to_do_but_to_trim() {
    let saved = Saved::new().rotated(6);
    assert_eq!(saved.scene.simulation.world().anchors().len(), 2);
    let (ended, log) = saved.restore(None);
    assert!(ended.is_ok() && saved.is_back(), "{ended:?}");
    assert!(!log.steps.iter().any(|step| matches!(step, Step::Issuer { .. })), "{:?}", log.steps);
}

#[test]
fn put_back_already_it_does_nothing() {
    let saved = Saved::new();
    let (ended, log) = saved.restore(None);
    assert!(ended.is_ok() && log.steps.is_empty() && saved.is_back());
}

#[test]
fn an_issuer_comes_back_under_its_anchor() {
    let saved = Saved::new();
    let year = SignedDuration::from_hours(24 * 365);
    let made = saved.scene.simulation.world().make(Goal::Issuer, year, year).unwrap();
    let materials = Materials { anchor: None, issuer: Some(made.issuer.chain.clone()) };
    assert!(saved.go(&Request::new(Goal::Issuer, materials), &made.issuer).0.is_ok());
    assert!(!saved.is_back());
    let (ended, log) = saved.restore(None);
    assert!(ended.is_ok() && saved.is_back(), "{ended:?}");
    assert!(!log.steps.iter().any(|step| matches!(step, Step::TrustRoots { .. })), "{:?}", log.steps);
}

#[test]
fn a_backup_of_two_anchors_leads_to_that_of_its_issuer_and_keeps_the_other() {
    let begun = Saved::new().rotated(6);
    let saved = Saved::now(begun.scene);
    assert_eq!(saved.anchors.len(), 2);
    assert!(saved.scene.run().0.is_ok());
    let (ended, _) = saved.restore(None);
    assert!(ended.is_ok() && saved.is_back(), "{ended:?}");
    assert_eq!(saved.scene.simulation.world().anchors().len(), 2);
}

#[test]
fn after_it_a_rotation_is_a_plain_new_one() {
    let saved = Saved::new();
    assert!(saved.scene.run().0.is_ok());
    assert!(saved.restore(None).0.is_ok());
    let (ended, new) = saved.rotate_anew(false);
    assert!(ended.is_ok(), "{ended:?}");
    assert_eq!(*saved.scene.simulation.world().anchors(), [new]);
    assert_eq!(saved.scene.simulation.world().refused(), []);
}

#[test]
fn an_anchor_of_today_that_was_restored_is_rotated_when_that_is_insisted_on() {
    let saved = Saved::of(&example().unwrap());
    assert!(saved.scene.run().0.is_ok());
    assert!(saved.restore(None).0.is_ok() && saved.is_back());
    assert!(saved.rotate_anew(false).0.is_ok() && saved.is_back());
    let (ended, new) = saved.rotate_anew(true);
    assert!(ended.is_ok());
    assert_eq!(*saved.scene.simulation.world().anchors(), [new]);
    assert_eq!(saved.scene.simulation.world().refused(), []);
}

#[test]
fn a_rotation_in_the_middle_of_it_takes_no_dropped_anchor_for_one_to_come() {
    let mut ends = Vec::new();
    for kill in (1..=writes_of_a_rotation()).step_by(3) {
        let saved = Saved::new();
        assert!(saved.scene.run().0.is_ok());
        let _ = saved.restore(Some(kill));
        // As a command does that finds a rotation under way: it makes an anchor only where the mesh rests.
        let ended = if saved.is_under_way() {
            saved.go(&Request::new(Goal::Anchor, Materials::default()), &saved.issuer).0
        } else {
            saved.rotate_anew(false).0
        };
        assert!(ended.is_ok(), "after write {kill}: {ended:?}");
        assert_eq!(saved.scene.simulation.world().refused(), [], "after write {kill}");
        let anchors = saved.scene.simulation.world().anchors().to_vec();
        ends.push(match anchors.as_slice() {
            [one] if *one == saved.scene.made.anchor => "the rotation's",
            [one] if one == saved.anchor() => "the restore's",
            [_] => "a new one",
            _ => "several",
        });
        // Whatever was done since: the backup can still be put back.
        assert!(saved.restore(None).0.is_ok() && saved.is_back(), "after write {kill}");
    }
    ends.dedup();
    assert_eq!(ends, ["the rotation's", "the restore's", "a new one"]);
}

/// A rotation and a restore, both with kills and faults, on a mesh of any shape.
fn survive(case: &Case) -> Result<(), String> {
    let mut snapshot = mesh(case);
    snapshot.taken_at += SignedDuration::from_hours(24 * 30);
    let mut saved = Saved::of(&snapshot);
    saved.scene.options.probe = if case.all { ProbeScope::All } else { ProbeScope::Sample };
    saved.scene.options.at_once = case.at_once;
    let mut kills = case.kills.iter();
    let mut saved = match kills.next() {
        Some(kill) => saved.rotated(*kill),
        None => saved.rotated(u32::MAX),
    };
    saved.scene.options.probe = if case.all { ProbeScope::All } else { ProbeScope::Sample };
    let unseen = case.unseen.map(|index| Fault::Unseen(format!("w{}", index % case.workloads.len())));
    let mut lasting: Vec<Fault> = unseen.into_iter().collect();
    lasting.extend(case.missed.then_some(Fault::MissedUpdate));
    for kill in kills {
        let mut faults = lasting.clone();
        faults.push(Fault::KilledAfter(saved.scene.simulation.world().writes() + kill));
        faults.extend(case.conflict.map(Fault::ConflictAt));
        let _ = saved.restore_with(faults);
        whole(&saved.scene, "while killed")?;
    }
    let (ended, _) = saved.restore_with(lasting);
    whole(&saved.scene, "at the end")?;
    match ended {
        Ok(_) if saved.is_back() => Ok(()),
        other if is_about_the_unseen(case, &other) => Ok(()),
        // Where identity was not restarted since its Secret last changed, the age of a pod proves nothing of its leaf.
        Err(Stop::NoEffect(step)) if case.unseen.is_some() && matches!(*step, Step::Restart { .. }) => Ok(()),
        other => Err(format!("it ended as {other:?}")),
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn on_any_mesh_through_any_kills_no_proxy_refuses_another_on_the_way_back(case in cases()) {
        prop_assert_eq!(survive(&case), Ok(()));
    }
}

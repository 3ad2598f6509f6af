//! Runs over objects that somebody else writes: what is handed over is waited for, with the lock kept.

use std::{path::Path, time::Duration};

use futures::FutureExt as _;

use super::{Log, Scene, wait};
use crate::{
    execute::{Options, Stop, Stopper, run},
    handover::Handover,
    mesh::{Fault, Mesh as _, Mode, ProbeScope},
    pki::Bundle,
    plan::{Done, Step},
};

/// Longer than a lock lasts that nobody renews.
const HOLD: Duration = Duration::from_mins(10);

impl Scene {
    /// Runs with files that `owner` is told of.
    fn hand_over(&self, stopper: &Stopper, owner: impl FnMut(&Path) + Send) -> (Result<Done, Stop>, Log) {
        let folder = tempfile::tempdir().unwrap();
        let handover = Handover::new(&self.simulation, folder.path().to_owned(), owner);
        let options = Options { hold: HOLD, ..self.options.clone() };
        let mut log = Log::default();
        let issuer = Some(&self.made.issuer);
        let ended = wait(run(&handover, &self.request, issuer, &options, stopper, &mut log));
        (ended, log)
    }

    /// What a Helm release does that is given these values: it renders the copies as well.
    fn apply(&self, file: &Path) {
        let now = |step: &Step| {
            let snapshot = self.simulation.observe(ProbeScope::None).now_or_never().unwrap().unwrap();
            let roots = snapshot.trust_roots.found().and_then(|roots| roots.bundle.clone()).unwrap();
            let write = super::super::write_of(step, &snapshot, &roots.certificates, Some(&self.made.issuer)).unwrap();
            self.simulation.write(&write, Mode::Do).now_or_never().unwrap().unwrap();
        };
        let anchors = Bundle::parse(&std::fs::read_to_string(file).unwrap()).certificates;
        if file.to_string_lossy().ends_with("issuer.values.yaml") {
            now(&Step::Issuer { chain: self.made.issuer.chain.clone() });
        } else {
            now(&Step::TrustRoots { anchors, why: crate::plan::Why::Extend });
        }
        for copy in [crate::mesh::Copy::Config, crate::mesh::Copy::Overrides] {
            now(&Step::Copy(copy));
        }
    }

    fn took(&self, since: jiff::Timestamp) -> Duration {
        self.simulation.now().duration_since(since).unsigned_abs()
    }
}

#[test]
fn an_owner_who_applies_what_is_handed_over_rotates_the_mesh() {
    let scene = Scene::example();
    let mut files = 0;
    let (ended, _) = scene.hand_over(&Stopper::default(), |file| {
        files += 1;
        scene.apply(file);
    });
    assert!(ended.is_ok(), "{ended:?}");
    assert!(scene.is_done());
    assert_eq!(files, 3, "both anchors, the issuer, the new anchor");
    assert_eq!(scene.simulation.world().refused(), []);
}

#[test]
fn an_owner_who_does_nothing_is_waited_for_and_told_once() {
    let scene = Scene::example();
    let (begun, mut files) = (scene.simulation.now(), 0);
    let (ended, log) = scene.hand_over(&Stopper::default(), |_| files += 1);
    assert!(matches!(ended, Err(Stop::Fault(Fault::HandedOver(_)))), "{ended:?}");
    assert!(scene.took(begun) >= HOLD && log.steps.is_empty());
    assert_eq!(files, 1);
}

#[test]
fn asked_to_end_a_run_waits_for_no_owner() {
    let scene = Scene::example();
    let (begun, stopper) = (scene.simulation.now(), Stopper::default());
    let (ended, _) = scene.hand_over(&stopper, |_| stopper.stop());
    assert!(matches!(ended, Err(Stop::Asked)), "{ended:?}");
    assert!(scene.took(begun) < Duration::from_secs(30));
}

#[test]
fn who_waits_for_an_owner_keeps_the_lock() {
    let scene = Scene::example();
    let begun = scene.simulation.now();
    let (ended, _) = scene.hand_over(&Stopper::default(), |_| {
        let _ = scene.simulation.unlock(&scene.options.holder).now_or_never();
        let _ = scene.simulation.lock("somebody@else").now_or_never();
    });
    assert!(matches!(ended, Err(Stop::Locked(ref holder)) if holder.name == "somebody@else"), "{ended:?}");
    assert!(scene.took(begun) < Duration::from_secs(30), "the lock is asked for all the time that it is waited");
}

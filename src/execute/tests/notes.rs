//! What is put on the identity controller while a plan is carried out.

use super::Scene;
use crate::{execute::Stop, simulate::Fault};

fn reasons(scene: &Scene) -> Vec<String> {
    scene.simulation.world().notes().iter().map(|(reason, _)| reason.clone()).collect()
}

#[test]
fn each_stage_is_noted_once_when_it_is_reached() {
    let scene = Scene::example();
    assert!(scene.run().0.is_ok());
    let whole = [
        "TrustAnchorRotationStarted",
        "TrustBundleExtended",
        "IssuerSwapped",
        "LeafsRefreshed",
        "TrustBundleTrimmed",
        "RotationFinished",
    ];
    assert_eq!(reasons(&scene), whole);
    let world = scene.simulation.world();
    let message = |reason: &str| world.notes().iter().find(|(known, _)| known == reason).unwrap().1.clone();
    assert!(message("TrustAnchorRotationStarted").starts_with("linkerd-certs rotates the trust anchor"));
    assert!(message("TrustBundleExtended").contains(" and root.linkerd.cluster.local "));
    let trimmed = message("TrustBundleTrimmed");
    assert!(!trimmed.contains(" and ") && trimmed.contains(&scene.made.anchor.fingerprint().short()), "{trimmed}");
}

#[test]
fn nothing_to_do_is_not_noted() {
    let scene = Scene::example();
    assert!(scene.run().0.is_ok());
    let before = reasons(&scene).len();
    assert!(scene.run().0.is_ok());
    assert_eq!(reasons(&scene).len(), before);
}

#[test]
fn a_stop_is_noted_with_its_reason() {
    let scene = Scene::example().faulty(&[Fault::NeverReady("web".to_owned())]);
    assert!(matches!(scene.run().0, Err(Stop::Rollout { .. })));
    assert_eq!(reasons(&scene), ["TrustAnchorRotationStarted", "RotationStopped"]);
    let message = scene.simulation.world().notes()[1].1.clone();
    assert!(message.contains("emojivoto/web Deployment did not get ready") && message.contains("goes on"), "{message}");
}

#[test]
fn a_run_that_was_killed_notes_nothing_more_and_the_next_says_where_it_begins() {
    let scene = Scene::example().faulty(&[Fault::KilledAfter(14)]);
    assert!(scene.run().0.is_err());
    assert_eq!(reasons(&scene).first().map(String::as_str), Some("TrustAnchorRotationStarted"));
    assert!(!reasons(&scene).contains(&"RotationStopped".to_owned()));
    let before = reasons(&scene).len();
    scene.simulation.world().set_faults(Vec::new());
    assert!(scene.run().0.is_ok());
    let begun = scene.simulation.world().notes()[before].clone();
    assert!(begun.0 == "TrustAnchorRotationStarted" && begun.1.contains("from stage swap on"), "{begun:?}");
    assert_eq!(reasons(&scene).last().map(String::as_str), Some("RotationFinished"));
}

#[test]
fn a_write_that_is_refused_in_the_middle_stops_with_the_mesh_whole() {
    let scene = Scene::example().faulty(&[Fault::Refuses("Secret linkerd-identity-issuer".to_owned())]);
    assert!(matches!(scene.run().0, Err(Stop::Fault(_))));
    assert_eq!(reasons(&scene).last().map(String::as_str), Some("RotationStopped"));
    assert_eq!(scene.simulation.world().refused(), []);
}

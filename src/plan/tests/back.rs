//! The way back to an anchor and issuer that were here before.

use super::{Scene, told, walk};
use crate::plan::{Goal, Materials, Next, Refusal, Request, Step, Why, gate, next, outlook};

/// What a backup of the mesh at rest would give.
fn back(scene: &Scene) -> Request {
    let materials = Materials {
        anchor: Some(scene.mesh.anchor.certificate.clone()),
        issuer: Some(vec![scene.mesh.issuer.certificate.clone()]),
    };
    Request::new(Goal::Back, materials)
}

#[test]
fn from_every_point_of_a_rotation_and_of_the_way_back_it_leads_to_the_same_end() {
    let scene = Scene::new();
    let request = back(&scene);
    for (passed, begun) in scene.way(Goal::Anchor).into_iter().enumerate() {
        let whole = outlook(&begun, &request);
        assert!(matches!(whole.end, Next::Done(_)), "after {passed} steps: {:?}", whole.end);
        let mut standing = begun;
        for (walked, step) in whole.steps.iter().enumerate() {
            assert_eq!(next(&standing, &request), Next::Do(step.clone()), "after {passed} steps, then {walked}");
            standing = standing.after(step);
        }
        assert_eq!(standing.roots, std::slice::from_ref(&scene.mesh.anchor.certificate));
        assert_eq!(standing.issuer, std::slice::from_ref(&scene.mesh.issuer.certificate));
    }
}

#[test]
fn after_a_whole_rotation_it_is_a_whole_rotation() {
    let scene = Scene::new();
    let end = scene.way(Goal::Anchor).pop().unwrap();
    let (there, _) = walk(&scene.standing(), &scene.request());
    let (back, _) = walk(&end, &back(&scene));
    assert_eq!(there, back);
}

#[test]
fn before_the_swap_only_the_newer_anchor_goes() {
    let scene = Scene::new();
    let extended = scene.way(Goal::Anchor).swap_remove(5);
    let (steps, _) = walk(&extended, &back(&scene));
    assert_eq!(steps[..3], ["Trim roots to 1", "copy Config", "copy Overrides"]);
    assert!(!steps.contains(&"issuer".to_owned()), "{steps:?}");
}

#[test]
fn once_the_issuer_is_back_a_rotation_takes_the_newer_anchor_for_left_over() {
    let scene = Scene::new();
    let mut standing = scene.way(Goal::Anchor).pop().unwrap();
    let is_trim = |step: &Step| matches!(step, Step::TrustRoots { why: Why::Trim, .. });
    while let Next::Do(step) = next(&standing, &back(&scene)) {
        if is_trim(&step) {
            break;
        }
        standing = standing.after(&step);
    }
    assert_eq!(standing.roots.len(), 2, "all but the trim is done");
    assert!(!standing.is_to_come(&scene.anchor.certificate));
    let another = Scene::new();
    let (steps, end) = walk(&standing, &another.request());
    assert_eq!(steps[0], "Trim roots to 1");
    assert!(matches!(end, Next::Done(_)));
}

#[test]
fn a_leaf_that_could_not_be_seen_keeps_the_newer_anchor_in_the_bundle() {
    let scene = Scene::new();
    let mut standing = scene.way(Goal::Anchor).pop().unwrap();
    while let Next::Do(step) = next(&standing, &back(&scene)) {
        if told(&step) == "Trim roots to 1" {
            break;
        }
        standing = standing.after(&step);
    }
    // It may be one of the newer issuer, though everything that was seen is back.
    standing.parties[3].presents = vec![crate::plan::Presents::Unseen];
    let early = Step::TrustRoots { anchors: vec![scene.mesh.anchor.certificate.clone()], why: Why::Trim };
    assert!(gate(&standing, &early).is_err());
}

#[test]
fn an_issuer_that_is_under_another_anchor_leads_nowhere() {
    let scene = Scene::new();
    let mut request = back(&scene);
    request.materials.anchor = Some(scene.anchor.certificate.clone());
    assert!(matches!(next(&scene.standing(), &request), Next::Refuse(Refusal::Unfit(_))));
}

//! Plans on a small mesh: the whole walk, every place to pick it up, and what must be refused.

mod back;
mod linked;
mod selection;

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::{
    Goal, Hold, Materials, Next, Presents, Refusal, Request, Standing, Step, Trim, Trusts, Why, gate, next, outlook,
    steps,
};
use crate::{
    mesh::{Obstacle, Rollout},
    pki::Bundle,
    snapshot::{ExternalWorkload, Source},
    testing::{ISSUER, Recipe, WEB, days, planned::Scene},
};

/// A step in few words, for comparing.
fn told(step: &Step) -> String {
    match step {
        Step::TrustRoots { anchors, why } => format!("{why:?} roots to {}", anchors.len()),
        Step::Copy(copy) => format!("copy {copy:?}"),
        Step::Issuer { .. } => "issuer".to_owned(),
        Step::AwaitIssuer { .. } => "await issuer".to_owned(),
        Step::Restart { workloads, why } => {
            let names: Vec<_> = workloads.iter().map(|workload| workload.name.as_str()).collect();
            format!("{why:?} {}", names.join(" "))
        }
        Step::AwaitLinked { lacks, why } => format!("await {} linked: {why:?}", lacks.len()),
        Step::AwaitLeafs { workloads } => format!("await {} leafs", workloads.len()),
        Step::Webhook(act) => act.word().to_owned(),
    }
}

fn walk(standing: &Standing, request: &Request) -> (Vec<String>, Next) {
    let outlook = outlook(standing, request);
    (outlook.steps.iter().map(told).collect(), outlook.end)
}

const WHOLE: [&str; 16] = [
    "Extend roots to 2",
    "copy Config",
    "copy Overrides",
    "Extend linkerd-destination linkerd-identity linkerd-proxy-injector",
    "Extend web db",
    "issuer",
    "await issuer",
    "copy Config",
    "copy Overrides",
    "Refresh linkerd-destination linkerd-identity linkerd-proxy-injector",
    "Refresh web db",
    "Trim roots to 1",
    "copy Config",
    "copy Overrides",
    "Trim linkerd-destination linkerd-identity linkerd-proxy-injector",
    "Trim web db",
];

#[test]
fn an_anchor_rotation_is_walked_in_order() {
    let scene = Scene::new();
    let (steps, end) = walk(&scene.standing(), &scene.request());
    assert_eq!(steps, WHOLE);
    assert!(matches!(end, Next::Done(done) if done.trusting_old.is_empty()), "{steps:?}");
}

#[test]
fn from_every_step_on_the_rest_is_the_same() {
    let scene = Scene::new();
    let request = scene.request();
    let mut standing = scene.standing();
    let (whole, _) = walk(&standing, &request);
    for begun in 0..whole.len() {
        let (rest, _) = walk(&standing, &request);
        assert_eq!(rest, whole[begun..], "after {begun} steps");
        let Next::Do(step) = next(&standing, &request) else { panic!("{begun} steps are not all") };
        standing = standing.after(&step);
    }
}

#[test]
fn run_again_after_its_end_it_does_nothing_even_with_another_anchor() {
    let scene = Scene::new();
    let first = outlook(&scene.standing(), &scene.request());
    let end = first.steps.iter().fold(scene.standing(), |standing, step| standing.after(step));
    for request in [scene.request(), Scene::new().request()] {
        assert!(matches!(next(&end, &request), Next::Done(done) if done.trusting_old.is_empty()));
    }
}

#[test]
fn a_rotation_under_way_needs_a_key_for_its_anchor() {
    let scene = Scene::new();
    let begun = scene.standing().after(&match next(&scene.standing(), &scene.request()) {
        Next::Do(step) => step,
        other => panic!("{other:?}"),
    });
    let (_, end) = walk(&begun, &Request { materials: Materials::default(), ..scene.request() });
    assert_eq!(end, Next::Refuse(Refusal::NoKeyFor { anchor: scene.anchor.certificate }));
}

#[test]
fn in_place_of_an_anchor_whose_key_is_lost_another_is_brought_in() {
    let scene = Scene::new();
    let mut begun = outlook(&scene.standing(), &scene.request()).steps[..4]
        .iter()
        .fold(scene.standing(), |at, step| at.after(step));
    let request = Request { materials: Scene::new().request().materials, ..scene.request() };
    let (steps, end) = walk(&begun, &request);
    assert_eq!(steps.first().map(String::as_str), Some("Extend roots to 3"));
    assert!(matches!(end, Next::Done(_)), "{steps:?}");
    assert!(steps.contains(&"Trim roots to 1".to_owned()));
    // One that somebody else put there is theirs.
    begun.roots_are_ours = false;
    assert_eq!(walk(&begun, &request).1, Next::Refuse(Refusal::NoKeyFor { anchor: scene.anchor.certificate }));
}

#[test]
fn an_old_anchor_left_in_the_bundle_goes_however_long_ago_that_was_unless_it_is_kept() {
    let scene = Scene::new();
    let steps = outlook(&scene.standing(), &scene.request()).steps;
    let trim = steps.iter().position(|step| matches!(step, Step::TrustRoots { why: Why::Trim, .. })).unwrap();
    let mut left = steps[..trim].iter().fold(scene.standing(), |at, step| at.after(step));
    left.at += SignedDuration::from_hours(days(5));
    left.roots_are_ours = false;
    let (rest, _) = walk(&left, &scene.request());
    assert_eq!(rest, WHOLE[trim..]);
    let mut later = Scene::new();
    later.anchor = Recipe::authority("root.linkerd.cluster.local 3", days(5), days(3655)).self_signed();
    later.issuer = Recipe::authority(&format!("{ISSUER} 3"), days(5), days(370)).signed_by(&later.anchor);
    let mut request = later.request();
    request.keep.insert(scene.mesh.anchor.certificate.fingerprint());
    let (whole, end) = walk(&left, &request);
    assert!(
        whole.contains(&"Extend roots to 3".to_owned()) && whole.contains(&"Trim roots to 2".to_owned()),
        "{whole:?}"
    );
    assert!(matches!(end, Next::Done(_)));
}

#[test]
fn through_refusals_it_goes_only_where_there_are_some_and_on_an_explicit_word() {
    let scene = Scene::new();
    // web alone was moved to the new pair, by hand and at once: it and the others refuse each other.
    let mut standing = scene.standing();
    let (anchor, issuer) = (scene.anchor.certificate.clone(), scene.issuer.certificate.clone());
    standing.roots = vec![anchor.clone()];
    standing.issuer = vec![issuer.clone()];
    standing.serving = Some(vec![issuer.clone()]);
    standing.identity_trusts = Trusts::Anchors(vec![anchor.clone()]);
    let web = standing.parties.iter_mut().find(|party| party.who.name == "web").unwrap();
    web.trusts = vec![Trusts::Anchors(vec![anchor])];
    web.presents = vec![Presents::Issuer(vec![issuer])];
    let mut request = scene.request();
    assert!(matches!(walk(&standing, &request).1, Next::Refuse(Refusal::Breaks(..))));
    request.accept_refusals = true;
    assert!(matches!(walk(&standing, &request).1, Next::Done(_)));
    let early = Step::Issuer { chain: vec![scene.issuer.certificate.clone()] };
    assert!(gate(&scene.standing(), &early).is_err());
    assert!(!gate::is_broken(&scene.standing()), "a whole mesh is not broken by that word");
}

#[test]
fn where_the_issuer_came_before_the_restarts_identity_is_restarted_last() {
    let scene = Scene::new();
    let mut standing = scene.standing();
    standing.serving = Some(standing.issuer.clone());
    standing.roots.push(scene.anchor.certificate.clone());
    standing.issuer = vec![scene.issuer.certificate.clone()];
    let (steps, end) = walk(&standing, &scene.request());
    let restarts: Vec<_> = steps.iter().filter(|step| step.starts_with("Extend") || *step == "await issuer").collect();
    assert_eq!(
        restarts,
        ["Extend linkerd-destination linkerd-proxy-injector", "Extend web db", "Extend linkerd-identity"]
    );
    assert!(matches!(end, Next::Done(_)), "{end:?}");
    // The same where the new anchor is in no bundle, but in hand.
    standing.roots.pop();
    let (steps, end) = walk(&standing, &scene.request());
    assert_eq!(steps[0], "Extend roots to 2");
    assert!(matches!(end, Next::Done(_)), "{end:?}");
}

#[test]
fn nothing_is_taken_from_what_is_outside_without_an_answer() {
    let scene = Scene::new();
    let steps = outlook(&scene.standing(), &scene.request()).steps;
    let trim = steps.iter().position(|step| matches!(step, Step::TrustRoots { why: Why::Trim, .. })).unwrap();
    let mut left = steps[..trim].iter().fold(scene.standing(), |at, step| at.after(step));
    left.outside = vec!["Link linkerd-multicluster/west".to_owned()];
    assert_eq!(walk(&left, &scene.request()).1, Next::Refuse(Refusal::Outside(left.outside.clone())));
}

#[test]
fn trimming_before_leafs_have_moved_is_refused_by_the_gate() {
    let scene = Scene::new();
    let (request, mut standing) = (scene.request(), scene.standing());
    loop {
        let Next::Do(step) = next(&standing, &request) else { panic!("no refresh") };
        if matches!(step, Step::Restart { why: Why::Refresh, .. }) {
            break;
        }
        standing = standing.after(&step);
    }
    let early = Step::TrustRoots { anchors: vec![scene.anchor.certificate.clone()], why: Why::Trim };
    let broken = gate(&standing, &early).unwrap_err();
    assert!(broken.iter().any(|pair| pair.to_string() == "emojivoto/web Deployment would be refused by any new pod"));
}

#[test]
fn an_issuer_that_somebody_would_refuse_is_refused_by_the_gate() {
    let scene = Scene::new();
    let early = Step::Issuer { chain: vec![scene.issuer.certificate.clone()] };
    let told = |standing: &Standing| -> Vec<String> {
        gate(standing, &early).unwrap_err().iter().map(ToString::to_string).collect()
    };
    assert_eq!(told(&scene.standing()), ["the issuer in the Secret would be refused by the identity controller"]);
    let mut restarted = scene.standing();
    restarted.identity_trusts = Trusts::Anchors(vec![scene.anchor.certificate.clone()]);
    let told = told(&restarted);
    assert!(told.contains(&"any new pod would be refused by emojivoto/db StatefulSet".to_owned()), "{told:?}");
}

#[test]
fn what_cannot_be_restarted_holds_the_swap_but_not_the_trim() {
    let scene = Scene::new();
    let web = scene.mesh.snapshot.mesh.found().unwrap().workloads[WEB].key();
    let paused = Rollout {
        workload: web.clone(),
        labels: BTreeMap::new(),
        obstacle: Some(Obstacle::Paused),
        wanted: 2,
        updated: 2,
        ready: 2,
        complete: true,
        restarted_at: None,
        trouble: None,
    };
    let standing = Standing::of(&scene.mesh.snapshot, &[paused]);
    let (steps, end) = walk(&standing, &scene.request());
    assert_eq!(steps.last().map(String::as_str), Some("Extend db"));
    assert_eq!(end, Next::Hold(vec![Hold { workload: web.clone(), obstacle: Obstacle::Paused, why: Why::Extend }]));

    let mut request = scene.request();
    request.leave.insert(web.clone());
    let (_, end) = walk(&standing, &request);
    assert!(matches!(end, Next::Done(done) if done.trusting_old == [web]));
}

#[test]
fn a_lazy_trim_restarts_nobody_and_says_who_still_trusts_the_old_anchor() {
    let scene = Scene::new();
    let mut request = scene.request();
    request.trim = Trim::Lazy;
    let (steps, end) = walk(&scene.standing(), &request);
    assert_eq!(steps[steps.len() - 3..], ["Trim roots to 1", "copy Config", "copy Overrides"]);
    assert!(matches!(end, Next::Done(done) if done.trusting_old.len() == 5));
}

#[test]
fn patience_waits_for_leafs_instead_of_restarting() {
    let scene = Scene::new();
    let mut request = scene.request();
    request.patient = true;
    let (steps, _) = walk(&scene.standing(), &request);
    assert!(steps.contains(&"await 5 leafs".to_owned()), "{steps:?}");
    assert!(!steps.iter().any(|step| step.starts_with("Refresh")));
}

#[test]
fn outside_verifiers_are_answered_for_by_name() {
    let mut scene = Scene::new();
    let vm = ExternalWorkload { namespace: "vm".to_owned(), name: "one".to_owned(), identity: None };
    scene.mesh.snapshot.external_workloads = Source::Found(vec![vm]);
    let mut request = scene.request();
    let (_, end) = walk(&scene.standing(), &request);
    assert_eq!(end, Next::Refuse(Refusal::Outside(vec!["ExternalWorkload vm/one".to_owned()])));
    request.answered_for.insert("ExternalWorkload vm/one".to_owned());
    assert!(matches!(walk(&scene.standing(), &request).1, Next::Done(_)));
}

#[test]
fn a_pod_that_could_not_be_seen_counts_as_old() {
    let mut scene = Scene::new();
    // All else has moved to the new pair; one proxy of web was not asked, and started before the swap.
    let both = Bundle::of([scene.mesh.anchor.certificate.clone(), scene.anchor.certificate.clone()]);
    scene.mesh.roots().bundle = Some(both.clone());
    scene.mesh.mesh().bundles[0] = both.clone();
    let issuer = std::mem::replace(&mut scene.mesh.issuer, Recipe::authority("unused", 0, 1).self_signed());
    scene.mesh.issuer = Recipe::authority(&format!("{ISSUER} 3"), 0, days(365)).signed_by(&scene.anchor);
    drop(issuer);
    let new = scene.mesh.issuer.certificate.clone();
    scene.mesh.secret().chain = Some(Bundle::of([new.clone()]));
    for workload in 0..scene.mesh.mesh().workloads.len() {
        let leaf = scene.mesh.leaf(workload, 0, 24);
        scene.mesh.probe(workload, &both, vec![leaf, new.clone()]);
    }
    let standing = scene.standing();
    let trim = Step::TrustRoots { anchors: vec![scene.anchor.certificate.clone()], why: Why::Trim };
    let broken = gate(&standing, &trim).unwrap_err();
    assert!(broken.iter().any(|pair| pair.to_string().starts_with("emojivoto/web")), "{broken:?}");
    let Next::Do(step) = next(&standing, &scene.request()) else { panic!("there is more to do") };
    assert_eq!(told(&step), "copy Config");
}

#[test]
fn an_issuer_rotation_leaves_the_anchors_alone() {
    let mut scene = Scene::new();
    scene.issuer = Recipe::authority(&format!("{ISSUER} 2"), 0, days(365)).signed_by(&scene.mesh.anchor);
    let mut request = scene.request();
    request.goal = Goal::Issuer;
    let (steps, end) = walk(&scene.standing(), &request);
    let expected = [
        "issuer",
        "await issuer",
        "copy Config",
        "copy Overrides",
        "Refresh linkerd-destination linkerd-identity linkerd-proxy-injector",
        "Refresh web db",
    ];
    assert_eq!(steps, expected);
    assert!(matches!(end, Next::Done(_)));
}

#[test]
fn a_planner_that_trims_first_would_be_caught() {
    // The order alone, without the gate, never names a step that the gate refuses; so a wrong order is a refusal and no
    // outage. Here the order is wrong on purpose.
    let scene = Scene::new();
    let request = scene.request();
    let wrong = Step::TrustRoots { anchors: vec![scene.anchor.certificate.clone()], why: Why::Trim };
    assert!(gate(&scene.standing(), &wrong).is_err());
    let mut standing = scene.standing();
    while let Ok(Next::Do(step)) = steps::decide(&standing, &request) {
        assert!(gate(&standing, &step).is_ok(), "{}", told(&step));
        standing = standing.after(&step);
    }
}

#[test]
fn an_issuer_that_ends_within_a_leafs_lifetime_is_not_brought_in() {
    let mut scene = Scene::new();
    scene.issuer = Recipe::authority(&format!("{ISSUER} 2"), 0, 12).signed_by(&scene.mesh.anchor);
    let mut request = scene.request();
    request.goal = Goal::Issuer;
    assert!(matches!(next(&scene.standing(), &request), Next::Refuse(Refusal::Breaks(Step::Issuer { .. }, _))));
}

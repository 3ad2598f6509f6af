//! What an operator reads before and while a rotation goes, on the built-in mesh.

#[path = "../../../tests/common/steady.rs"]
mod steady;

use self::steady::steady;
use super::{change::change, due, explain::explain, progress, stopped, walk::Walk};
use crate::{
    event::{Event, Looked},
    execute::Stop,
    mesh::Mesh as _,
    plan::{Cause, Due, Evidence, Goal, Lack, Materials, Reach, Refusal, Request, Standing, Step, Why, outlook},
    simulate::{Made, Simulation, World, example},
    snapshot::{IssuerScheme, WorkloadRef},
    testing::{ISSUER, ROOT, Recipe, days, now},
    ui::{Look, error, run::Undo},
};
use jiff::SignedDuration;

/// A rotation of the built-in mesh, seen step by step.
struct Scene {
    standing: Standing,
    request: Request,
    steps: Vec<Step>,
}

impl Scene {
    fn new(goal: Goal) -> Self {
        let mut world = World::of(&example().unwrap(), &[]).unwrap();
        let (anchor, issuer) = (SignedDuration::from_hours(days(3650)), SignedDuration::from_hours(days(365)));
        let Made { anchor, issuer } = world.make(goal, anchor, issuer).unwrap();
        let materials = Materials { anchor: Some(anchor), issuer: Some(issuer.chain) };
        let request = Request::new(goal, materials);
        let simulation = Simulation::new(world);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let snapshot = runtime.block_on(simulation.observe(crate::mesh::ProbeScope::All)).unwrap();
        let standing = Standing::of(&snapshot, &[]);
        let steps = outlook(&standing, &request).steps;
        Self { standing, request, steps }
    }

    fn looked(&self, standing: &Standing) -> Looked {
        Looked {
            namespace: "linkerd".to_owned(),
            scheme: IssuerScheme::Linkerd,
            roots: standing.roots.clone(),
            issuer: standing.issuer.clone(),
            reach: Reach::of(standing, &self.request),
        }
    }

    /// What `see` makes of each step just before it is taken; each restart takes 10 s.
    fn each(&self, mut see: impl FnMut(&Step, &Looked, &Walk) -> String) -> String {
        let mut walk = Walk::new(4);
        let mut standing = self.standing.clone();
        let mut out = String::new();
        for step in &self.steps {
            let looked = self.looked(&standing);
            walk.notice(&Event::Looked(Box::new(looked.clone())));
            if standing.roots == self.standing.roots && walk.present().is_none() {
                walk.notice(&Event::Planned(outlook(&standing, &self.request)));
            }
            out += &see(step, &looked, &walk);
            walk.notice(&Event::Begun(step.clone()));
            if let Step::Restart { workloads, .. } = step {
                for workload in workloads {
                    walk.notice(&Event::Restarted(workload.clone(), std::time::Duration::from_secs(10)));
                }
            }
            walk.notice(&Event::Proven(step.clone()));
            standing = standing.after(step);
        }
        out
    }
}

fn look(width: usize) -> Look {
    Look { width, color: false }
}

fn fits(text: &str, width: usize) {
    let widest = text.lines().max_by_key(|line| console::measure_text_width(line)).unwrap_or_default();
    assert!(console::measure_text_width(widest) <= width, "{widest}");
}

#[test]
fn every_step_is_explained() {
    let scene = Scene::new(Goal::Anchor);
    for width in [80, 120] {
        let text = scene.each(|step, _, walk| explain(step, walk, look(width)) + "\n");
        fits(&text, width);
        insta::assert_snapshot!(format!("explained_{width}"), steady(&text));
    }
    let scene = Scene::new(Goal::Issuer);
    insta::assert_snapshot!("explained_issuer_80", steady(&scene.each(|step, _, walk| explain(step, walk, look(80)))));
}

#[test]
fn every_change_is_shown_without_its_key() {
    let scene = Scene::new(Goal::Anchor);
    for width in [80, 120] {
        let text = scene.each(|step, seen, _| format!("{}---\n", change(step, seen, 4, look(width))));
        fits(&text, width);
        assert!(!text.contains("PRIVATE KEY"));
        insta::assert_snapshot!(format!("changes_{width}"), steady(&text));
    }
}

#[test]
fn certificates_are_shown_in_the_scheme_of_the_secret() {
    let scene = Scene::new(Goal::Anchor);
    let looked = Looked { scheme: IssuerScheme::Kubernetes, ..scene.looked(&scene.standing) };
    let issuer = scene.steps.iter().find(|step| matches!(step, Step::Issuer { .. })).unwrap();
    insta::assert_snapshot!("change_kubernetes_tls", steady(&change(issuer, &looked, 4, look(80))));
}

#[test]
fn bars_fill_as_the_mesh_moves() {
    let scene = Scene::new(Goal::Anchor);
    for width in [40, 80, 120] {
        let drawn = |walk: &Walk| {
            let lines = progress::bars(walk, look(width)).join("\n");
            format!("{lines}\n* {}\n\n", progress::present(walk, look(width)))
        };
        let text = scene.each(|step, _, walk| match step {
            Step::Restart { workloads, .. } if workloads.len() > 1 => drawn(walk),
            _ => String::new(),
        });
        fits(&text, width);
        insta::assert_snapshot!(format!("bars_{width}"), steady(&text));
    }
}

#[test]
fn many_namespaces_are_folded_and_a_restart_counts_at_once() {
    let scene = Scene::new(Goal::Issuer);
    let mut looked = scene.looked(&scene.standing);
    let pattern = looked.reach.parties[0].clone();
    for number in 1..=9 {
        let who = WorkloadRef { namespace: format!("team-{number}"), ..pattern.who.clone() };
        looked.reach.parties.push(crate::plan::PartyReach { who, pods: 100 + number, ..pattern.clone() });
    }
    let last = looked.reach.parties.last().unwrap().who.clone();
    let step = Step::Restart { workloads: vec![last.clone()], why: Why::Refresh };
    let mut walk = Walk::new(8);
    walk.notice(&Event::Looked(Box::new(looked)));
    walk.notice(&Event::Planned(crate::plan::Outlook {
        steps: vec![step.clone()],
        waits: Vec::new(),
        end: crate::plan::Next::Done(crate::plan::Done::default()),
    }));
    walk.notice(&Event::Begun(step));
    walk.notice(&Event::Restarted(last, std::time::Duration::from_secs(3)));
    let text = progress::bars(&walk, look(80)).join("\n");
    fits(&text, 80);
    insta::assert_snapshot!("bars_folded_80", steady(&text));
}

#[test]
fn what_is_due_is_said_with_its_reason() {
    let anchor = Recipe::authority(ROOT, -days(3600), days(50)).self_signed().certificate;
    let issuer = Recipe::authority(ISSUER, -days(315), days(50)).self_signed().certificate;
    let over = Recipe::authority(ROOT, -days(3653), -days(3)).self_signed().certificate;
    let dues = [
        Due::Finish { goal: Goal::Anchor, towards: anchor.clone() },
        Due::Finish { goal: Goal::Issuer, towards: issuer.clone() },
        Due::Rotate { goal: Goal::Anchor, why: Cause::AnchorNearEnd(anchor.clone()) },
        Due::Rotate { goal: Goal::Issuer, why: Cause::IssuerNearEnd(issuer.clone()) },
        Due::Rotate { goal: Goal::Anchor, why: Cause::NoKeyForIssuer(issuer) },
        Due::Rotate { goal: Goal::Anchor, why: Cause::Asked },
        Due::Rotate { goal: Goal::Issuer, why: Cause::Asked },
        Due::Nothing { next: Goal::Issuer, from: now() + SignedDuration::from_hours(days(240)) },
        Due::Expired { goal: Goal::Anchor, certificate: over },
        Due::Unknown,
    ];
    for width in [80, 120] {
        let text: String = dues.iter().map(|one| due(one, now(), look(width)) + "\n").collect();
        fits(&text, width);
        insta::assert_snapshot!(format!("due_{width}"), steady(&text));
    }
}

#[test]
fn a_stop_that_was_asked_for_says_how_to_go_on_and_how_to_go_back() {
    let folder = std::path::Path::new("/home/me/.local/state/linkerd-certs/20261121T120000Z");
    let text = |undo| error::render_with("", &stopped(&Stop::Asked, undo), look(80));
    insta::assert_snapshot!("asked_80", text(Undo::Restore(folder)) + "\n" + &text(Undo::Rehearsed));
}

#[test]
fn what_a_linked_cluster_lacks_is_said_with_what_to_do_there() {
    let workload = |name: &str| WorkloadRef {
        namespace: "emojivoto".to_owned(),
        kind: "Deployment".to_owned(),
        name: name.to_owned(),
    };
    let lack = |why: Why, evidence: Vec<Evidence>| Lack {
        cluster: "west".to_owned(),
        context: "west-admin".to_owned(),
        why,
        anchor: Recipe::authority(&format!("{ROOT} 2"), 0, days(3650)).self_signed().certificate,
        evidence,
    };
    let loaded = Evidence::Loaded(["web", "emoji", "voting", "vote"].map(workload).to_vec());
    let extend = lack(Why::Extend, vec![Evidence::Roots, loaded, Evidence::Unseen(vec![workload("agent")])]);
    let trim = lack(Why::Trim, vec![Evidence::Issuer, Evidence::Presented(vec![workload("web")])]);
    let gone =
        lack(Why::Extend, vec![Evidence::Unread("the API server of context `west-admin` does not answer".to_owned())]);
    let scene = Scene::new(Goal::Anchor);
    for width in [80, 120] {
        let mut text = String::new();
        for lack in [&extend, &trim, &gone] {
            let stop = Stop::Refused(Box::new(Refusal::Linked(vec![lack.clone()])));
            text += &(error::render_with("", &stopped(&stop, Undo::Nothing), look(width)) + "\n");
            let step = Step::AwaitLinked { lacks: vec![lack.clone()], why: lack.why };
            text += &explain(&step, &Walk::new(8), look(width));
            text += &(change(&step, &scene.looked(&scene.standing), 8, look(width)) + "\n");
        }
        let print = extend.anchor.fingerprint().to_string();
        let text = text.replace(&trim.anchor.fingerprint().to_string(), &"0".repeat(print.len()));
        insta::assert_snapshot!(format!("linked_{width}"), steady(&text));
    }
}

#[test]
fn a_way_back_has_both_bars_and_a_restart_says_which_namespace_it_has_come_to() {
    let scene = Scene::new(Goal::Anchor);
    let mut looked = scene.looked(&scene.standing);
    looked.reach.goal = Goal::Back;
    let mut workloads: Vec<WorkloadRef> = looked.reach.parties.iter().map(|party| party.who.clone()).collect();
    workloads.sort();
    let step = Step::Restart { workloads: workloads.clone(), why: Why::Extend };
    let mut walk = Walk::new(8);
    walk.notice(&Event::Looked(Box::new(looked)));
    let end = crate::plan::Next::Done(crate::plan::Done::default());
    walk.notice(&Event::Planned(crate::plan::Outlook { steps: vec![step.clone()], waits: Vec::new(), end }));
    walk.notice(&Event::Begun(step));
    let drawn = |walk: &Walk| {
        format!("{}\n* {}\n", progress::bars(walk, look(80)).join("\n"), progress::present(walk, look(80)))
    };
    let mut text = drawn(&walk);
    for workload in workloads.iter().take(8) {
        walk.notice(&Event::Restarted(workload.clone(), std::time::Duration::from_secs(10)));
    }
    text += &drawn(&walk);
    fits(&text, 80);
    insta::assert_snapshot!("bars_back_80", steady(&text));
}

#[test]
fn what_a_selection_makes_of_a_plan_is_said_under_it() {
    let scene = Scene::new(Goal::Anchor);
    let place = |kind: &str, name: Option<&str>| crate::plan::Which::Place {
        namespace: "emojivoto".to_owned(),
        kind: Some(kind.to_owned()),
        name: name.map(ToOwned::to_owned),
    };
    let none = crate::plan::Selection::default();
    assert_eq!(super::selection(&none, &scene.standing, look(80)), "");
    let (last, exclude) = (vec![place("StatefulSet", None)], vec![place("Deployment", Some("web"))]);
    let named = crate::plan::Selection { exclude, last, ..none.clone() };
    let only = crate::plan::Selection { only: vec![place("Deployment", None)], ..none };
    for width in [80, 120] {
        let text = [&named, &only].map(|one| super::selection(one, &scene.standing, look(width))).join("\n");
        fits(&text, width);
        insta::assert_snapshot!(format!("selected_{width}"), text);
    }
}

//! Why a run ended, with evidence and what to do.

use std::path::Path;

use crate::{
    error::Told,
    execute::Stop,
    mesh::Obstacle,
    plan::{Hold, Refusal},
    snapshot::WorkloadRef,
};

use super::{dry_run, linked, step::title};

const AGAIN: &str = "run the same command again: it goes on where the mesh is";

/// More holds than this are counted.
const MOST_HOLDS: usize = 20;

/// How to go back to what was there before a run.
#[derive(Clone, Copy, Debug)]
pub enum Undo<'a> {
    /// Nothing was changed.
    Nothing,
    /// What was there was saved in this folder.
    Restore(&'a Path),
    /// It was a rehearsal.
    Rehearsed,
}

/// A stop in the words and lines of a person.
pub fn stopped(stop: &Stop, undo: Undo<'_>) -> Told {
    let (evidence, mut hints): (Vec<String>, Vec<String>) = match stop {
        Stop::Asked => (
            vec!["The mesh is whole: every step leaves it so, whatever comes after it.".to_owned()],
            vec![match undo {
                Undo::Rehearsed => {
                    "on a live mesh the same command goes on from here; `restore` undoes what was done".to_owned()
                }
                Undo::Restore(_) | Undo::Nothing => AGAIN.to_owned(),
            }],
        ),
        Stop::Refused(refusal) => (refused(refusal), instead(refusal)),
        Stop::Held(holds) => (self::holds(holds, MOST_HOLDS), vec![held(holds).to_owned()]),
        Stop::Unready(report) => (dry_run::refused(report), dry_run::instead(report)),
        Stop::Rollout { .. } => (
            vec!["the mesh is whole: old and new pods accept each other".to_owned()],
            vec!["mend the workload, then run the same command again: it goes on where the mesh is".to_owned()],
        ),
        Stop::IssuerRefused { put_back } => issuer_refused(*put_back),
        Stop::NotServed { service, pods } => {
            let still = "the API server still accepts what they serve: every caBundle verifies it".to_owned();
            let log = format!("look at these pods in namespace {} and at their log", service.namespace);
            (pods.iter().cloned().chain([still]).collect(), vec![log, AGAIN.to_owned()])
        }
        Stop::NotCalled { why, .. } => {
            let whole = "nothing was taken from its caBundle since it was last called".to_owned();
            (vec![why.clone(), whole], vec!["`check` says what else is wrong with it".to_owned(), AGAIN.to_owned()])
        }
        Stop::NotRenewed { said, .. } => (
            said.clone(),
            vec!["`kubectl describe` the Certificate and its CertificateRequest".to_owned(), AGAIN.to_owned()],
        ),
        _ => (Vec::new(), vec![AGAIN.to_owned()]),
    };
    if let Undo::Restore(folder) = undo {
        hints.push(self::undo(folder));
    }
    let what = match stop {
        Stop::Asked => "Stopped as asked.".to_owned(),
        Stop::Refused(refusal) if matches!(**refusal, Refusal::Linked(_)) => {
            "a linked cluster is not ready for the next step".to_owned()
        }
        other => other.to_string(),
    };
    Told { what, evidence, hints }
}

/// How to go back to what was saved in `folder`.
pub fn undo(folder: &Path) -> String {
    format!("to undo it instead: `restore {}`", shell_words::quote(&folder.to_string_lossy()))
}

fn issuer_refused(put_back: bool) -> (Vec<String>, Vec<String>) {
    let evidence = if put_back {
        "everything goes on with the issuer before; proxies trust both anchors"
    } else {
        "identity goes on with the issuer that it has loaded; the Secret holds the new one"
    };
    let mut next = vec!["`check` and the log of Deployment linkerd-identity say why".to_owned()];
    if !put_back {
        next.push("the backup of the run that wrote it holds the issuer before: `restore` puts it back".to_owned());
    }
    next.push("then run the same command again: it goes on where the mesh is".to_owned());
    (vec![evidence.to_owned()], next)
}

/// What to do about holds; of those that were left out on purpose nothing is to be mended.
fn held(holds: &[Hold]) -> &'static str {
    if holds.iter().all(|hold| hold.obstacle.is_by_choice()) {
        "`kubectl rollout restart` each of them, then run the same command again; --hold TIME waits for that instead"
    } else {
        "see to them, then run the same command again; or leave them out by name"
    }
}

/// The first few holds, a line each, and how many more there are: a selection may leave out hundreds.
pub(super) fn holds(holds: &[Hold], most: usize) -> Vec<String> {
    let more = holds.len().checked_sub(most).filter(|more| *more > 0);
    let more = more.map(|more| format!("and {more} more, which `status -o wide` lists"));
    let lines = |one: &Hold| {
        let commands = commands(one).into_iter().map(|command| format!("  {command}"));
        [hold(one)].into_iter().chain(commands).collect::<Vec<_>>()
    };
    holds.iter().take(most).flat_map(lines).chain(more).collect()
}

/// A hold in one line.
fn hold(hold: &Hold) -> String {
    format!("{}: {}", hold.workload, obstacle(hold.obstacle))
}

/// Why a restart would not help, and what does.
pub fn obstacle(obstacle: Obstacle) -> &'static str {
    match obstacle {
        Obstacle::Paused => "its Deployment is paused",
        Obstacle::InjectedByHand => "its proxy stands in its own template: inject it anew and apply it",
        Obstacle::Bare => "a pod without a controller: delete it and make it again",
        Obstacle::Job => "a Job runs to its end: wait for it, or delete it and make it again",
        Obstacle::Unknown => "its controller is not known here: replace its pods",
        Obstacle::Excluded => "left out by --exclude: restart it now, or run again without that",
        Obstacle::NotSelected => "not among those of --only: restart it now, or run again without that",
    }
}

/// The commands that bring new pods where a restart by us would not; they are for whoever made the pods.
pub fn commands(hold: &Hold) -> Vec<String> {
    let WorkloadRef { namespace, kind, name } = &hold.workload;
    let kind = kind.to_lowercase();
    let rollout = |verb: &str| format!("kubectl rollout {verb} {kind}/{name} -n {namespace}");
    match hold.obstacle {
        Obstacle::Paused => ["resume", "restart", "status", "pause"].map(rollout).to_vec(),
        Obstacle::Bare => vec![
            format!("kubectl delete pod {name} -n {namespace}"),
            "kubectl apply -f FILE   # what the pod was made from, not what `kubectl get -o yaml` shows".to_owned(),
        ],
        // Its controller makes another from the template, which holds no proxy yet.
        Obstacle::Job => {
            vec![format!(
                "kubectl delete pods -n {namespace} -l batch.kubernetes.io/job-name={name}   # its work begins anew"
            )]
        }
        Obstacle::InjectedByHand => vec![format!(
            "kubectl get {kind} {name} -n {namespace} -o yaml | linkerd uninject - | linkerd inject --manual - | kubectl apply -f -"
        )],
        Obstacle::Excluded | Obstacle::NotSelected => vec![rollout("restart")],
        Obstacle::Unknown => Vec::new(),
    }
}

fn refused(refusal: &Refusal) -> Vec<String> {
    match refusal {
        Refusal::Unseen(what) | Refusal::Unfit(what) => vec![what.clone()],
        Refusal::NoKeyFor { anchor } | Refusal::AnchorRotation { anchor } => {
            vec![format!("the mesh is on its way to anchor `{}` ({})", anchor.name(), anchor.fingerprint().short())]
        }
        Refusal::Linked(lacks) => linked::evidence(lacks),
        Refusal::Outside(names) | Refusal::Owned { objects: names, .. } => names.clone(),
        Refusal::Breaks(step, pairs) => {
            let first = pairs.iter().take(5).map(ToString::to_string);
            let more = pairs.len().checked_sub(5).filter(|more| *more > 0).map(|more| format!("and {more} more pairs"));
            [format!("it would be: {}", title(step))].into_iter().chain(first).chain(more).collect()
        }
    }
}

fn instead(refusal: &Refusal) -> Vec<String> {
    let one = match refusal {
        Refusal::Linked(lacks) => return linked::instead(lacks),
        Refusal::NoKeyFor { .. } => "bring that anchor's key, or an issuer that it signed",
        Refusal::AnchorRotation { .. } => "finish it with `rotate-anchor` first",
        Refusal::Outside(_) => {
            "give them the new anchor, then say so by name with --answer-for; a linked cluster can be read instead, with \
             --linked-context"
        }
        Refusal::Owned { takes_values: true, .. } => {
            "--emit DIR writes the values for each stage and waits until they have arrived; --edit-owned writes here all \
             the same"
        }
        Refusal::Owned { .. } => "make the change where these objects come from",
        Refusal::Breaks(..) => {
            "`check` says what stands in the way; where proxies refuse each other already, --accept-refusals goes on"
        }
        Refusal::Unseen(_) | Refusal::Unfit(_) => "`check` says more",
    };
    vec![one.to_owned()]
}

use crate::{
    mesh::Copy,
    pki::{Bundle, Certificate},
    plan::{Lack, Step, Wait, Why},
    snapshot::WorkloadRef,
};

use super::webhook;

/// The stage that a step belongs to.
pub(super) fn stage(step: &Step) -> &'static str {
    match step {
        Step::TrustRoots { why, .. } | Step::Restart { why, .. } => why.stage().word(),
        Step::Copy(_) => "copy",
        Step::Issuer { .. } | Step::AwaitIssuer { .. } => "swap",
        Step::AwaitLinked { .. } => "gate",
        Step::AwaitLeafs { .. } => "refresh",
        Step::Webhook(act) => act.word(),
    }
}

/// The stage in which somebody else is waited for.
pub(super) fn stage_of_wait(wait: &Wait) -> &'static str {
    wait.holds.first().map_or("", |hold| hold.why.stage().word())
}

/// What somebody else has to do, in one sentence.
pub(super) fn wait(wait: &Wait) -> String {
    let workloads: Vec<WorkloadRef> = wait.holds.iter().map(|hold| hold.workload.clone()).collect();
    let why = wait.holds.first().map_or("", |hold| reason(hold.why));
    format!("somebody else restarts {}{why}", names(&workloads))
}

/// A step in one sentence.
pub fn title(step: &Step) -> String {
    match step {
        Step::TrustRoots { anchors, why: Why::Trim } => {
            format!("ConfigMap linkerd-identity-trust-roots keeps {}", all(anchors))
        }
        Step::TrustRoots { anchors, .. } => {
            format!("ConfigMap linkerd-identity-trust-roots holds {}", all(anchors))
        }
        Step::Copy(copy) => format!("{} follows, so that the next `linkerd upgrade` keeps it", copied(*copy)),
        Step::Issuer { chain } => format!("Secret linkerd-identity-issuer holds {}", all(&chain[..chain.len().min(1)])),
        Step::AwaitIssuer { .. } => "wait until identity signs with it".to_owned(),
        Step::Restart { workloads, why } => format!("restart {}{}", names(workloads), reason(*why)),
        Step::AwaitLinked { lacks, why } => linked(lacks, *why),
        Step::AwaitLeafs { workloads } => {
            format!("wait until the proxies of {} have renewed their leafs", names(workloads))
        }
        Step::Webhook(act) => webhook::title(act),
    }
}

/// A step in a few words, of which `done` workloads have been restarted.
pub(super) fn brief(step: &Step, done: usize) -> String {
    match step {
        Step::TrustRoots { .. } => "write ConfigMap linkerd-identity-trust-roots".to_owned(),
        Step::Copy(copy) => format!("write {}", copied(*copy)),
        Step::Issuer { .. } => "write Secret linkerd-identity-issuer".to_owned(),
        Step::AwaitIssuer { .. } => "wait for identity to load it".to_owned(),
        Step::Restart { workloads, .. } if workloads.len() == 1 => format!("restart {}", names(workloads)),
        Step::Restart { workloads, .. } => format!("restart workloads, {done} of {}", workloads.len()),
        Step::AwaitLinked { lacks, .. } => format!("wait for {}", clusters(lacks)),
        Step::AwaitLeafs { workloads } => format!("wait for the leafs of {} workloads", workloads.len()),
        Step::Webhook(act) => webhook::brief(act),
    }
}

/// What linked clusters are waited for.
fn linked(lacks: &[Lack], why: Why) -> String {
    let anchors = Bundle::of(lacks.iter().map(|lack| lack.anchor.clone())).each_once();
    match why {
        Why::Extend => format!("wait until {} trusts {}", clusters(lacks), all(&anchors)),
        Why::Refresh | Why::Trim | Why::Mend => {
            format!("wait until nothing in {} comes from {} any more", clusters(lacks), all(&anchors))
        }
    }
}

fn clusters(lacks: &[Lack]) -> String {
    let mut names: Vec<&str> = lacks.iter().map(|lack| lack.cluster.as_str()).collect();
    names.dedup();
    let noun = if names.len() == 1 { "linked cluster" } else { "each linked cluster of" };
    format!("{noun} {}", names.join(", "))
}

fn copied(copy: Copy) -> &'static str {
    copy.object()
}

fn reason(why: Why) -> &'static str {
    match why {
        Why::Extend => ", which shall trust the new anchor beside the old",
        Why::Refresh => ", whose leafs shall come from the new issuer",
        Why::Trim => ", which shall no longer trust the old anchor",
        Why::Mend => ", to come back with a leaf and a bundle that work",
    }
}

fn all(certificates: &[Certificate]) -> String {
    let named = |one: &Certificate| format!("`{}` ({})", one.name(), one.fingerprint().short());
    certificates.iter().map(named).collect::<Vec<_>>().join(" and ")
}

/// A few names, or how many there are.
pub(super) fn names(workloads: &[WorkloadRef]) -> String {
    const SOME: usize = 4;
    let name = |workload: &WorkloadRef| format!("{}/{}", workload.namespace, workload.name);
    match workloads.len() {
        0..=SOME => workloads.iter().map(name).collect::<Vec<_>>().join(", "),
        many => {
            let first: Vec<_> = workloads.iter().take(SOME - 1).map(name).collect();
            format!("{} and {} more", first.join(", "), many - first.len())
        }
    }
}

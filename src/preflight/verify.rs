//! Asks over the port for what is wanted. Nothing is changed by it.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    mesh::{Admission, Concern, Fault, Mesh, Mode, Right, Rollout, Write},
    pki::Bundle,
    snapshot::WorkloadRef,
};

use super::{About, Report, Row, Verdict, Wanted, rights};

/// How many requests run at once.
const AT_ONCE: usize = 8;

/// Verifies what is wanted.
///
/// # Errors
/// When the mesh cannot be asked at all.
pub async fn verify<M: Mesh>(mesh: &M, wanted: &Wanted) -> Result<Report, Fault> {
    let workloads: Vec<WorkloadRef> = wanted.restarts.iter().cloned().collect();
    let concerns = match mesh.concerns(&workloads).await {
        Ok(concerns) => Ok(concerns),
        Err(Fault::Lost(error)) => return Err(Fault::Lost(error)),
        Err(fault) => Err(fault.to_string()),
    };
    let known = concerns.as_ref().map(|concerns| concerns.of.as_slice()).unwrap_or_default();
    let evictions = known.iter().filter(|(_, concern)| *concern == Concern::Evicted);
    let evictions = evictions.map(|(who, _)| Right::to("create", "", "pods").of("eviction").within(&who.namespace));
    let wanted_rights: BTreeSet<Right> = wanted.rights.iter().cloned().chain(evictions).collect();
    let mut report = Report::default();
    match rights::lacking(mesh, &wanted_rights).await {
        Ok(lacking) => report.lacking = lacking,
        Err(Fault::Lost(error)) => return Err(Fault::Lost(error)),
        Err(fault) => {
            let what = format!("all {} that the run takes", wanted_rights.len());
            report.rows.push(Row::new(About::Rights, what, Verdict::NotVerified(fault.to_string())));
        }
    }
    if report.rows.is_empty() {
        report.rows.extend(of_rights(&report.lacking, wanted_rights.len()));
    }
    report.rows.extend(of_notes(mesh, wanted).await?);
    report.rows.extend(wanted.chains.iter().cloned());
    report.rows.extend(writes(mesh, wanted, &report.lacking).await?);
    report.rows.extend(restarts(mesh, &workloads, &report.lacking).await?);
    if let Some(bundle) = &wanted.new_pods {
        report.rows.push(new_pods(mesh, bundle).await?);
    }
    if !workloads.is_empty() {
        report.rows.extend(rollouts(mesh, &workloads, known).await?);
        let unseen = match &concerns {
            Ok(concerns) => concerns.unseen.clone(),
            Err(why) => vec![why.clone()],
        };
        let unseen = unseen.into_iter().map(|why| Verdict::NotVerified(format!("not to be seen: {why}")));
        report.rows.extend(unseen.map(|verdict| Row::new(About::Rollouts, "strategies, quotas and budgets", verdict)));
    }
    Ok(report)
}

fn of_rights(lacking: &[Right], all: usize) -> Vec<Row> {
    if lacking.is_empty() {
        return vec![Row::new(About::Rights, format!("all {all} that the run takes"), Verdict::Verified)];
    }
    let row = |right: &Right| {
        let verdict = Verdict::refused("you lack this right", "have the missing rights granted");
        Row::new(About::Rights, right.to_string(), verdict)
    };
    lacking.iter().map(row).collect()
}

/// Without notes a run goes on all the same.
async fn of_notes<M: Mesh>(mesh: &M, wanted: &Wanted) -> Result<Option<Row>, Fault> {
    let rights: BTreeSet<Right> = Right::to_note(&wanted.namespace).into_iter().collect();
    let missing = match rights::lacking(mesh, &rights).await {
        Ok(missing) => missing.into_iter().next(),
        Err(Fault::Lost(error)) => return Err(Fault::Lost(error)),
        Err(_) => None,
    };
    let row = |right: Right| {
        let verdict = Verdict::Remark("you lack this right: the run leaves no events in the cluster".to_owned());
        Row::new(About::Rights, right.to_string(), verdict)
    };
    Ok(missing.map(row))
}

async fn writes<M: Mesh>(mesh: &M, wanted: &Wanted, lacking: &[Right]) -> Result<Vec<Row>, Fault> {
    let tried: Vec<_> =
        wanted.writes.iter().map(|(number, write)| one_write(mesh, *number, write, wanted, lacking)).collect();
    stream::iter(tried).buffered(AT_ONCE).try_collect().await
}

async fn one_write<M: Mesh>(
    mesh: &M,
    number: usize,
    write: &Write,
    wanted: &Wanted,
    lacking: &[Right],
) -> Result<Row, Fault> {
    let what = format!("step {number}: {}", write.object());
    let missing = Right::to_write(write, &wanted.namespace).into_iter().find(|right| lacking.contains(right));
    let verdict = match missing {
        Some(right) => untried(&right),
        None => {
            answered(mesh.write(write, Mode::Try).await, "make the cluster take it: `kubectl get` shows the object")?
        }
    };
    Ok(Row::new(About::Writes, what, verdict))
}

/// One row for all that would be taken, and one for each other.
async fn restarts<M: Mesh>(mesh: &M, workloads: &[WorkloadRef], lacking: &[Right]) -> Result<Vec<Row>, Fault> {
    let tried: Vec<_> = workloads.iter().map(|workload| one_restart(mesh, workload, lacking)).collect();
    let rows: Vec<Row> = stream::iter(tried).buffered(AT_ONCE).try_collect().await?;
    let (taken, others): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| row.verdict == Verdict::Verified);
    let all = (!taken.is_empty())
        .then(|| Row::new(About::Restarts, format!("restart annotation of {}", many(taken.len())), Verdict::Verified));
    Ok(all.into_iter().chain(others).collect())
}

async fn one_restart<M: Mesh>(mesh: &M, workload: &WorkloadRef, lacking: &[Right]) -> Result<Row, Fault> {
    let missing = Right::to_restart(workload).into_iter().find(|right| lacking.contains(right));
    let verdict = match missing {
        Some(right) => untried(&right),
        None => answered(
            mesh.restart(workload, Mode::Try).await,
            "make the cluster take it, or leave the workload out with --leave",
        )?,
    };
    Ok(Row::new(About::Restarts, workload.to_string(), verdict))
}

fn untried(right: &Right) -> Verdict {
    Verdict::NotVerified(format!("not tried: you may not {right}"))
}

/// What the answer to a dry run means.
fn answered(answer: Result<(), Fault>, instead: &str) -> Result<Verdict, Fault> {
    match answer {
        Ok(()) => Ok(Verdict::Verified),
        Err(Fault::Lost(error)) => Err(Fault::Lost(error)),
        // An old webhook may say so of itself (kubernetes, apiserver, admission/plugin/webhook/errors).
        Err(Fault::Refused(message)) if message.contains("does not support dry run") => {
            Ok(Verdict::NotVerified(message))
        }
        // A run would read it again and plan with what it finds.
        Err(fault @ Fault::Conflict(_)) => Ok(Verdict::NotVerified(format!("{fault} meanwhile"))),
        Err(fault) => Ok(Verdict::refused(fault.to_string(), instead)),
    }
}

async fn new_pods<M: Mesh>(mesh: &M, bundle: &Bundle) -> Result<Row, Fault> {
    let verdict = match mesh.admission().await {
        Ok(Admission::Proxy(given)) if given.same_set(bundle) => Verdict::Verified,
        Ok(Admission::Proxy(_)) => {
            Verdict::NotVerified("the injector does not hand out what the trust roots hold yet".to_owned())
        }
        Ok(Admission::Bare) => Verdict::refused(
            "new pods would come up without a proxy: the injector's webhook is not called or does not answer",
            "`check` says what is wrong with the webhook",
        ),
        Ok(Admission::Refused(message)) => {
            Verdict::refused(format!("new pods would be refused: {message}"), "make room for a pod there")
        }
        Err(Fault::Lost(error)) => return Err(Fault::Lost(error)),
        Err(fault) => Verdict::refused(fault.to_string(), "let a pod be tried: the run tries one before each restart"),
    };
    Ok(Row::new(About::NewPods, "what the injector gives to a new pod", verdict))
}

/// What may keep workloads from rolling, each thing once with all that it is about.
async fn rollouts<M: Mesh>(
    mesh: &M,
    workloads: &[WorkloadRef],
    concerns: &[(WorkloadRef, Concern)],
) -> Result<Vec<Row>, Fault> {
    let rolling: Vec<Rollout> = match mesh.rollouts(&[]).await {
        Ok(rollouts) => rollouts.into_iter().filter(|rollout| !rollout.complete).collect(),
        Err(Fault::Lost(error)) => return Err(Fault::Lost(error)),
        Err(fault) => {
            let verdict = Verdict::NotVerified(fault.to_string());
            return Ok(vec![Row::new(About::Rollouts, many(workloads.len()), verdict)]);
        }
    };
    let mut found: BTreeMap<(u8, String), (Vec<String>, Verdict)> = BTreeMap::new();
    let mut add = |who: &WorkloadRef, verdict: Verdict| {
        let rank = match verdict {
            Verdict::Refused { .. } => 0,
            Verdict::NotVerified(_) => 1,
            Verdict::Remark(_) | Verdict::Verified => 2,
        };
        let text = verdict.text().unwrap_or_default().to_owned();
        found.entry((rank, text)).or_insert_with(|| (Vec::new(), verdict)).0.push(who.to_string());
    };
    for (who, concern) in concerns {
        add(who, judged(concern, rolling.iter().any(|one| one.workload.namespace == who.namespace)));
    }
    for rollout in rolling.iter().filter(|one| workloads.contains(&one.workload)) {
        // What is wrong with its pods may be what a restart heals, so it stops nothing.
        let text = match &rollout.trouble {
            Some(trouble) => format!("it is in trouble already: {trouble}"),
            None => "it is replacing its pods already, or not all of them are ready".to_owned(),
        };
        add(&rollout.workload, Verdict::NotVerified(text));
    }
    if found.is_empty() {
        return Ok(vec![Row::new(About::Rollouts, many(workloads.len()), Verdict::Verified)]);
    }
    let row = |(who, verdict): (Vec<String>, Verdict)| Row::new(About::Rollouts, some(&who), verdict);
    Ok(found.into_values().map(row).collect())
}

/// What a concern comes to. While pods are replaced `nearby`, as after a run that was killed, they fill a quota and use
/// up a budget themselves.
fn judged(concern: &Concern, nearby: bool) -> Verdict {
    match (concern.remedy(), concern) {
        (Some(_), Concern::Quota { .. } | Concern::Budget(_)) if nearby => {
            Verdict::NotVerified(format!("{concern}, while pods are being replaced there"))
        }
        (Some(remedy), _) => Verdict::refused(concern.to_string(), remedy),
        (None, _) => Verdict::Remark(concern.to_string()),
    }
}

fn many(number: usize) -> String {
    if number == 1 { "1 workload".to_owned() } else { format!("{number} workloads") }
}

/// A few names, and how many there are beside them.
fn some(names: &[String]) -> String {
    const SOME: usize = 5;
    let first = names.iter().take(SOME).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(SOME) {
        Some(more) if more > 0 => format!("{first} and {more} more"),
        _ => first,
    }
}

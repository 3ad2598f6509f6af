//! Replaces the pods of workloads, some at once, and waits until all are ready.

use std::{collections::VecDeque, time::Duration};

use jiff::Timestamp;

use crate::{
    event::{Event, Watch},
    mesh::{Admission, Mesh, Mode, Rollout},
    pki::Bundle,
    plan::Why,
    snapshot::WorkloadRef,
};

use super::{
    Stop,
    run::{Look, Run},
};

/// Between two looks at rollouts.
const LOOK: Duration = Duration::from_millis(500);
/// How long the injector may take to hand out what the trust roots hold.
const ADMISSION: Duration = Duration::from_secs(90);

/// One workload that is rolling.
struct Rolling {
    workload: WorkloadRef,
    since: Timestamp,
}

/// Restarts `workloads`, first proving that new pods will get the bundle that they should.
pub(super) async fn restart<M: Mesh, W: Watch>(
    run: &mut Run<'_, M, W>,
    workloads: &[WorkloadRef],
    why: Why,
    look: &Look,
) -> Result<(), Stop> {
    let own = |workload: &WorkloadRef| {
        let party = look.standing.parties.iter().find(|party| party.who == *workload);
        party.is_some_and(|party| party.component.is_some())
    };
    // The control plane's own proxies read the ConfigMap; all others get what the injector gives them.
    if why != Why::Refresh && !workloads.iter().all(own) {
        admission(run, &Bundle::of(look.standing.roots.iter().cloned())).await?;
    }
    let mut waiting: VecDeque<&WorkloadRef> = workloads.iter().collect();
    let mut rolling: Vec<Rolling> = Vec::new();
    let mut late: Option<Stop> = None;
    while !(waiting.is_empty() && rolling.is_empty()) {
        while rolling.len() < run.options.at_once.max(1) {
            let Some(workload) = waiting.pop_front() else { break };
            run.go_on().await?;
            run.mesh.restart(workload, Mode::Do).await?;
            run.tell(&Event::Restarting(workload.clone()));
            rolling.push(Rolling { workload: workload.clone(), since: run.mesh.now() });
        }
        run.mesh.pause(LOOK).await;
        let asked: Vec<WorkloadRef> = rolling.iter().map(|one| one.workload.clone()).collect();
        let rollouts = run.mesh.rollouts(&asked).await?;
        if let Some(stop) = settle(run, &mut rolling, &rollouts) {
            // In a rotation nothing is lost by stopping here. Where everything is down, the others are brought back.
            if why != Why::Mend {
                return Err(stop);
            }
            late.get_or_insert(stop);
        }
    }
    late.map_or(Ok(()), Err)
}

/// Takes out what is complete, and what is late; says of the first late one why. A workload that is gone needs nothing
/// more.
fn settle<M: Mesh, W: Watch>(
    run: &mut Run<'_, M, W>,
    rolling: &mut Vec<Rolling>,
    rollouts: &[Rollout],
) -> Option<Stop> {
    let now = run.mesh.now();
    let mut late = None;
    rolling.retain(|one| {
        let took = now.duration_since(one.since).unsigned_abs();
        let rollout = rollouts.iter().find(|rollout| rollout.workload == one.workload);
        if rollout.is_none_or(|rollout| rollout.complete) {
            run.tell(&Event::Restarted(one.workload.clone(), took));
            return false;
        }
        let is_late = took >= run.options.rollout_deadline;
        if is_late && late.is_none() {
            let trouble = rollout.and_then(|rollout| rollout.trouble.clone());
            late = Some(Stop::Rollout { workload: one.workload.clone(), after: run.options.rollout_deadline, trouble });
        }
        !is_late
    });
    late
}

/// Waits until the injector would give a new pod this bundle.
async fn admission<M: Mesh, W: Watch>(run: &mut Run<'_, M, W>, bundle: &Bundle) -> Result<(), Stop> {
    let begun = run.mesh.now();
    loop {
        let answer = run.mesh.admission().await?;
        match &answer {
            Admission::Proxy(given) if given.same_set(bundle) => return Ok(()),
            Admission::Proxy(_) => {}
            Admission::Bare => {
                let why = "the proxy injector would leave new pods without a proxy: its webhook is not called or does \
                           not answer; `check` says why";
                return Err(Stop::Admission(why.to_owned()));
            }
            Admission::Refused(message) => {
                return Err(Stop::Admission(format!("new pods would be refused: {message}")));
            }
        }
        if run.mesh.now().duration_since(begun).unsigned_abs() >= ADMISSION {
            let what = "the proxy injector to hand out the new trust bundle".to_owned();
            return Err(Stop::TooLong { what, after: ADMISSION });
        }
        run.tell(&Event::Waiting("the proxy injector to see the new trust bundle".to_owned()));
        run.mesh.pause(Duration::from_secs(2)).await;
        run.go_on().await?;
    }
}

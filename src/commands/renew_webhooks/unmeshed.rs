//! Pods that came up without a proxy while injection was broken: named, and restarted where that is wished.

use std::time::Duration;

use crate::{
    cluster::LiveMesh,
    error::Error,
    execute::Stop,
    exit::ExitStatus,
    mesh::{Admission, Mesh as _, Mode},
    snapshot::{Snapshot, Unmeshed, WorkloadRef},
    ui::{Ui, webhooks as show},
};

use super::Settings;

/// Between two looks at rollouts.
const LOOK: Duration = Duration::from_secs(1);

/// What is to become of them.
pub(super) struct Wish {
    /// Nobody is asked.
    unattended: bool,
    /// They are restarted without a question.
    restart: bool,
    dry: bool,
    deadline: Duration,
}

impl Settings {
    pub(super) fn unmeshed(&self) -> Wish {
        Wish {
            unattended: self.run.is_unattended(),
            restart: self.restart_unmeshed,
            dry: self.run.is_dry_run(),
            deadline: self.run.rollout_deadline(),
        }
    }
}

/// Names them with what to do, and does it where that is wished.
pub(super) async fn see_to(wish: &Wish, mesh: &LiveMesh, snapshot: &Snapshot, ui: &Ui) -> Result<ExitStatus, Error> {
    let unmeshed = snapshot.mesh.found().map(|mesh| mesh.unmeshed.as_slice()).unwrap_or_default();
    if unmeshed.is_empty() {
        return Ok(ExitStatus::Fine);
    }
    ui.data(&show::unmeshed(unmeshed, ui.stdout()))?;
    let can: Vec<WorkloadRef> = unmeshed.iter().filter(|one| can_restart(one)).map(workload).collect();
    if wish.dry || can.is_empty() {
        return Ok(ExitStatus::Fine);
    }
    let asks = !wish.restart && !wish.unattended && ui.can_ask();
    if !(wish.restart || asks && ui.confirm("Restart them now?")?) {
        return Ok(ExitStatus::Fine);
    }
    if !matches!(mesh.admission().await?, Admission::Proxy(_)) {
        let why = "new pods would come up without a proxy again, or not at all: `check` says why".to_owned();
        ui.stopped(&Stop::Admission(why));
        return Ok(ExitStatus::Gate);
    }
    restart(mesh, &can, wish.deadline, ui).await
}

async fn restart(mesh: &LiveMesh, workloads: &[WorkloadRef], deadline: Duration, ui: &Ui) -> Result<ExitStatus, Error> {
    let begun = mesh.now();
    for workload in workloads {
        mesh.restart(workload, Mode::Do).await?;
        ui.say(&format!("restarting {workload}"));
    }
    loop {
        mesh.pause(LOOK).await;
        let rollouts = mesh.rollouts(workloads).await?;
        let Some(late) = rollouts.iter().find(|rollout| !rollout.complete) else { break };
        if mesh.now().duration_since(begun).unsigned_abs() >= deadline {
            let (workload, trouble) = (late.workload.clone(), late.trouble.clone());
            ui.stopped(&Stop::Rollout { workload, after: deadline, trouble });
            return Ok(ExitStatus::Gate);
        }
    }
    ui.data("Their pods are new and have proxies.\n")?;
    Ok(ExitStatus::Fine)
}

fn can_restart(one: &Unmeshed) -> bool {
    matches!(one.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet")
}

fn workload(one: &Unmeshed) -> WorkloadRef {
    WorkloadRef { namespace: one.namespace.clone(), kind: one.kind.clone(), name: one.name.clone() }
}

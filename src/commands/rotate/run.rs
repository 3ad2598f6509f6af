//! The run itself: from the first lock to what is said at its end.

use std::{path::PathBuf, time::Duration};

use crate::{
    commands::interrupt::Interrupts,
    error::Error,
    execute::{self, Stop, Stopper},
    exit::ExitStatus,
    mesh::Mesh,
    plan::{Done, Goal, Request},
    ui::{
        Ui,
        recover::left as show_left,
        run::{self as show, Guide, Undo},
    },
};

use super::{Settings, holder, materials::Gathered, record::Recorder, told::Told};

/// A lock that an ended run of the same person left behind runs out within this.
const LOCK_PATIENCE: Duration = Duration::from_secs(45);

/// Everything that a run takes, once it was allowed.
pub(super) struct Ready<'a> {
    pub(super) request: Request,
    pub(super) gathered: Gathered,
    pub(super) saved: PathBuf,
    /// What is said at the end to be committed elsewhere.
    pub(super) to_commit: Vec<String>,
    pub(super) recorder: Recorder<'a>,
}

/// Carries the plan out.
pub(super) async fn run<M: Mesh>(
    settings: &Settings,
    mesh: &M,
    ready: Ready<'_>,
    interrupts: &mut Interrupts,
    ui: &Ui,
) -> Result<ExitStatus, Error> {
    let Ready { request, gathered, saved, to_commit, mut recorder } = ready;
    let options = settings.options(holder::own());
    let stopper = Stopper::default();
    let begun = mesh.now();
    let guide = Guide::new(ui, settings.common.run.interactive, options.at_once, stopper.clone());
    let mut told = Told::new(ui, begun, guide);
    let ended = loop {
        let mut watch = (&mut told, &mut recorder);
        let running = Box::pin(execute::run(mesh, &request, gathered.keys(), &options, &stopper, &mut watch));
        let Some(ended) = interrupts.guard(running, &stopper, ui).await else {
            told.end();
            if settings.goal != Goal::Webhooks {
                ui.say(&show::undo(&saved));
            }
            return Ok(ExitStatus::Interrupted);
        };
        match ended {
            // A run that was killed left its lock behind.
            Err(Stop::Locked(holder)) if holder::has_ended(&holder) => {
                mesh.unlock(&holder.name).await?;
            }
            Err(Stop::Locked(holder))
                if holder::is_own(&holder) && mesh.now().duration_since(begun).unsigned_abs() < LOCK_PATIENCE =>
            {
                let soon = async {
                    mesh.pause(Duration::from_secs(3)).await;
                    Ok(())
                };
                interrupts.or(soon).await?;
            }
            other => break other,
        }
    };
    told.end();
    recorder.end(mesh.now(), &ended);
    for line in &to_commit {
        ui.say(line);
    }
    let took = crate::findings::span(mesh.now().duration_since(begun));
    match ended {
        Ok(done) if settings.goal == Goal::Recover => return recovered(&done, &took, ui),
        Ok(done) if done.trusting_old.is_empty() => ui.data(&format!("Done in {took}.\n"))?,
        Ok(done) => {
            let names: Vec<String> = done.trusting_old.iter().map(ToString::to_string).collect();
            ui.data(&format!("Done in {took}. These still trust more than the new anchor: {}.\n", names.join(", ")))?;
        }
        Err(stop) => {
            // Both certificates are accepted until the end: there is nothing to undo.
            let is_renewal = settings.goal == Goal::Webhooks;
            ui.stopped_with(&stop, if is_renewal { Undo::Nothing } else { Undo::Restore(&saved) });
            let asked = matches!(stop, Stop::Asked);
            return Ok(if asked { ExitStatus::Interrupted } else { ExitStatus::Gate });
        }
    }
    Ok(ExitStatus::Fine)
}

/// The end of a recovery: what is whole, and what only the operator can bring back.
fn recovered(done: &Done, took: &str, ui: &Ui) -> Result<ExitStatus, Error> {
    if done.left.is_empty() {
        ui.data(&format!("Done in {took}: identity signs, and every pair of workloads works.\n"))?;
        return Ok(ExitStatus::Fine);
    }
    ui.data(&format!("Done in {took}, but for these, which cannot be restarted from here:\n"))?;
    ui.data(&show_left(done, ui.stdout()))?;
    Ok(ExitStatus::Warnings)
}

/// Where a run keeps what it saves, unless told otherwise.
pub(super) fn state_folder() -> Option<PathBuf> {
    let own = std::env::var_os("XDG_STATE_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    own.or_else(|| std::env::home_dir().map(|home| home.join(".local/state"))).map(|state| state.join("linkerd-certs"))
}

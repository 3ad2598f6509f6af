//! `rotate-anchor` and `rotate-issuer`: from what the mesh is, over a plan that is shown and allowed, to a run.

mod backup;
mod materials;
mod told;

use std::{path::PathBuf, time::Duration};

use jiff::Timestamp;
use tokio::signal::ctrl_c;

use crate::{
    cli::{RotateAnchorArgs, RotateArgs, RotateIssuerArgs, TrimArg},
    cluster::{Cluster, Connect, LiveMesh, Observe},
    error::Error,
    execute::{self, Options, Stop, Stopper},
    mesh::{Mesh as _, ProbeScope},
    plan::{self, Goal, Next, Refusal, Request, Standing, Trim},
    snapshot::Snapshot,
    ui::{Ui, run as show},
};

use self::{
    materials::{AnchorKey, Lifetimes},
    told::Told,
};
use super::{ExitStatus, observe::connect};

pub(super) use self::materials::Gathered;

/// A lock that an ended run of the same person left behind runs out within this.
const LOCK_PATIENCE: Duration = Duration::from_secs(45);

/// What a rotation needs to know.
#[derive(Debug)]
pub(super) struct Settings {
    goal: Goal,
    key: AnchorKey,
    lifetimes: Lifetimes,
    trim: Trim,
    common: RotateArgs,
    connect: Connect,
    now: Timestamp,
}

impl Settings {
    /// The settings of `rotate-anchor`.
    pub(super) fn of_anchor(arguments: RotateAnchorArgs, now: Timestamp) -> Self {
        let key = arguments.anchor_key_out.map_or(AnchorKey::Discard, AnchorKey::Out);
        let trim = if arguments.trim == TrimArg::Lazy { Trim::Lazy } else { Trim::Now };
        Self { trim, ..Self::of(Goal::Anchor, key, Some(arguments.anchor_lifetime), arguments.common, now) }
    }

    /// The settings of `rotate-issuer`.
    pub(super) fn of_issuer(arguments: RotateIssuerArgs, now: Timestamp) -> Self {
        let key = AnchorKey::Present { file: arguments.anchor_key, password: arguments.anchor_key_password_file };
        Self::of(Goal::Issuer, key, None, arguments.common, now)
    }

    /// The settings of `restore`, which brings its own certificates.
    pub(super) fn of_restore(common: RotateArgs, now: Timestamp) -> Self {
        Self::of(Goal::Back, AnchorKey::Discard, None, common, now)
    }

    fn of(
        goal: Goal,
        key: AnchorKey,
        anchor: Option<crate::cli::LifetimeArg>,
        common: RotateArgs,
        now: Timestamp,
    ) -> Self {
        // A certificate holds whole seconds.
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let issuer = common.issuer_lifetime.from(now);
        let lifetimes = Lifetimes { anchor: anchor.map_or(issuer, |anchor| anchor.from(now)), issuer };
        Self { goal, key, lifetimes, trim: Trim::Now, connect: connect(&common.cluster), common, now }
    }

    fn options(&self, holder: String) -> Options {
        let all = self.common.patient || self.common.probe == crate::cli::ProbeArg::All;
        Options {
            probe: if all { ProbeScope::All } else { ProbeScope::Sample },
            at_once: self.common.max_parallel.max(1),
            hold: self.common.hold,
            holder,
            ..Options::default()
        }
    }

    /// What is asked of the planner.
    pub(super) fn request(&self, gathered: &Gathered) -> Request {
        Request {
            trim: self.trim,
            patient: self.common.patient,
            leave: self.common.leave.iter().cloned().collect(),
            answered_for: self.common.answer_for.iter().cloned().collect(),
            force: self.common.force,
            keep: gathered.kept().clone(),
            ..Request::new(self.goal, gathered.materials())
        }
    }
}

/// Rotates.
pub(super) async fn rotate(settings: Settings, ui: &Ui) -> Result<ExitStatus, Error> {
    let mesh = reach(&settings, ui).await?;
    let (snapshot, standing) = look(&mesh, ui).await?;
    if let Some(refusal) = refused_beforehand(&snapshot) {
        ui.stopped(&Stop::Refused(Box::new(refusal)));
        return Ok(ExitStatus::Gate);
    }
    let gathered = materials::gather(&settings, &snapshot, &standing, ui)?;
    carry_out(&settings, &mesh, &standing, &gathered, ui).await
}

/// Shows the plan, asks, and carries it out.
pub(super) async fn carry_out(
    settings: &Settings,
    mesh: &LiveMesh,
    standing: &Standing,
    gathered: &Gathered,
    ui: &Ui,
) -> Result<ExitStatus, Error> {
    let request = settings.request(gathered);
    let outlook = plan::outlook(standing, &request);
    if outlook.steps.is_empty() && matches!(outlook.end, Next::Done(_)) {
        ui.data("Nothing to do: what was wanted is so already. --force rotates all the same.\n")?;
        return Ok(ExitStatus::Fine);
    }
    ui.data(&format!("The plan\n{}", show::plan(&outlook, ui.stdout())))?;
    match &outlook.end {
        Next::Refuse(refusal) => {
            ui.stopped(&Stop::Refused(Box::new(refusal.clone())));
            return Ok(ExitStatus::Gate);
        }
        Next::Hold(holds) => ui.stopped(&Stop::Held(holds.clone())),
        Next::Do(_) | Next::Done(_) => {}
    }
    if settings.common.dry_run {
        return Ok(ExitStatus::Fine);
    }
    if !settings.common.yes && !ui.confirm("Go on?")? {
        return Ok(ExitStatus::Interrupted);
    }
    gathered.keep(&outlook)?;
    let saved = backup::save(mesh, settings.common.backup_dir.as_deref(), settings.now).await?;
    ui.say(&format!("saved what may be touched in {}", saved.display()));
    run(settings, mesh, &request, gathered, ui).await
}

/// Finds the control plane.
pub(super) async fn reach(settings: &Settings, ui: &Ui) -> Result<LiveMesh, Error> {
    let _progress = ui.progress("looking for the control plane");
    let cluster = Cluster::connect(&settings.connect).await?;
    let what = Observe {
        control_plane_namespace: settings.common.cluster.linkerd_namespace.clone(),
        probe: ProbeScope::None,
        ..Observe::default()
    };
    let namespace = Box::pin(cluster.observe(&what, settings.now)).await?.namespace;
    Ok(LiveMesh::new(cluster, namespace))
}

/// Reads the mesh.
pub(super) async fn look(mesh: &LiveMesh, ui: &Ui) -> Result<(Snapshot, Standing), Error> {
    let _progress = ui.progress("reading the mesh");
    let snapshot = Box::pin(mesh.observe(ProbeScope::Sample)).await.map_err(|fault| Error::Stopped(fault.into()))?;
    let rollouts = mesh.rollouts(&[]).await.map_err(|fault| Error::Stopped(fault.into()))?;
    let standing = Standing::of(&snapshot, &rollouts);
    Ok((snapshot, standing))
}

/// What no plan can work with: sources that are hidden, and objects that somebody else would write back.
pub(super) fn refused_beforehand(snapshot: &Snapshot) -> Option<Refusal> {
    let owned = plan::owned(snapshot);
    if !owned.is_empty() {
        return Some(Refusal::Owned(owned));
    }
    let hidden = [
        ("ConfigMap linkerd-identity-trust-roots", snapshot.trust_roots.hidden()),
        ("Secret linkerd-identity-issuer", snapshot.issuer.hidden()),
        ("ConfigMap linkerd-config", snapshot.config.hidden()),
        ("Secret linkerd-config-overrides", snapshot.overrides.hidden()),
        ("the pods", snapshot.mesh.hidden()),
    ];
    let first = hidden.into_iter().find_map(|(what, why)| Some(format!("{what} cannot be read: {}", why?)));
    first.map(Refusal::Unseen)
}

async fn run(
    settings: &Settings,
    mesh: &LiveMesh,
    request: &Request,
    gathered: &Gathered,
    ui: &Ui,
) -> Result<ExitStatus, Error> {
    let person = backup::person();
    let options = settings.options(format!("{person}/{}", std::process::id()));
    let stopper = Stopper::default();
    let mut told = Told::new(ui, mesh.now());
    let begun = mesh.now();
    let ended = loop {
        let mut running = Box::pin(execute::run(mesh, request, gathered.issuer(), &options, &stopper, &mut told));
        let ended = tokio::select! {
            ended = &mut running => ended,
            _ = ctrl_c() => {
                stopper.stop();
                ui.say("Stopping at the next safe place.");
                running.await
            }
        };
        match ended {
            // A run of the same person on the same machine that was killed left its lock behind.
            Err(Stop::Locked(holder))
                if holder.name.starts_with(&format!("{person}/"))
                    && mesh.now().duration_since(begun).unsigned_abs() < LOCK_PATIENCE =>
            {
                mesh.pause(Duration::from_secs(3)).await;
            }
            other => break other,
        }
    };
    let took = crate::findings::span(mesh.now().duration_since(begun));
    match ended {
        Ok(done) if done.trusting_old.is_empty() => ui.data(&format!("Done in {took}.\n"))?,
        Ok(done) => {
            let names: Vec<String> = done.trusting_old.iter().map(ToString::to_string).collect();
            ui.data(&format!("Done in {took}. These still trust more than the new anchor: {}.\n", names.join(", ")))?;
        }
        Err(Stop::Asked) => {
            ui.stopped(&Stop::Asked);
            return Ok(ExitStatus::Interrupted);
        }
        Err(stop) => {
            ui.stopped(&stop);
            return Ok(ExitStatus::Gate);
        }
    }
    Ok(ExitStatus::Fine)
}

/// Where a run keeps what it saves, unless told otherwise.
fn state_folder() -> Option<PathBuf> {
    let own = std::env::var_os("XDG_STATE_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    own.or_else(|| std::env::home_dir().map(|home| home.join(".local/state"))).map(|state| state.join("linkerd-certs"))
}

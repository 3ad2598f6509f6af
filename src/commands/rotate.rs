//! `rotate`, `rotate-anchor` and `rotate-issuer`: from what the mesh is, over a plan that is shown and allowed, to a run.

mod backup;
mod due;
mod materials;
mod place;
mod told;

use std::{ops::ControlFlow, path::PathBuf, time::Duration};

use jiff::Timestamp;

use crate::{
    cli::{DueArg, RotateAnchorArgs, RotateArgs, RotateDueArgs, RotateIssuerArgs, RotatedAnchorArgs, TrimArg},
    cluster::{Cluster, Connect, LiveMesh, Observe},
    error::Error,
    execute::{self, Options, Stop, Stopper},
    mesh::{Mesh as _, ProbeScope},
    plan::{self, Goal, Next, Refusal, Request, Standing, Trim},
    snapshot::Snapshot,
    ui::{
        Ui,
        run::{self as show, Guide, Undo},
    },
};

pub(super) use self::place::suggestion;
use self::{
    due::Wanted,
    materials::{AnchorKey, Gathered, Lifetimes},
    told::Told,
};
use super::{ExitStatus, interrupt::Interrupts, observe::connect};

/// A lock that an ended run of the same person left behind runs out within this.
const LOCK_PATIENCE: Duration = Duration::from_secs(45);

/// What a rotation needs to know.
#[derive(Debug)]
pub(super) struct Settings {
    /// What is to be new; of `rotate`, once that is decided.
    goal: Goal,
    /// What `rotate` decides by.
    wanted: Option<Wanted>,
    key: AnchorKey,
    /// Whether nobody said what becomes of a new anchor's key.
    place_is_open: bool,
    /// Whether what is left to do takes a key.
    needs_key: bool,
    lifetimes: Lifetimes,
    trim: Trim,
    common: RotateArgs,
    connect: Connect,
    now: Timestamp,
}

impl Settings {
    /// The settings of `rotate`.
    pub(super) fn of_due(arguments: RotateDueArgs, now: Timestamp) -> Self {
        let RotateDueArgs { due, anchor_key, anchor_key_password_file, anchor, common } = arguments;
        let asked = due.map(|due| if due == DueArg::Anchor { Goal::Anchor } else { Goal::Issuer });
        let anchor_key = anchor_key.map(|file| (file, anchor_key_password_file));
        Self { wanted: Some(Wanted { asked, anchor_key }), ..Self::of_new_anchor(anchor, common, now) }
    }

    /// The settings of `rotate-anchor`.
    pub(super) fn of_anchor(arguments: RotateAnchorArgs, now: Timestamp) -> Self {
        Self::of_new_anchor(arguments.anchor, arguments.common, now)
    }

    fn of_new_anchor(anchor: RotatedAnchorArgs, common: RotateArgs, now: Timestamp) -> Self {
        let place_is_open = anchor.anchor_key_out.is_none() && !anchor.discard_anchor_key;
        let key = anchor.anchor_key_out.map_or(AnchorKey::Discard, AnchorKey::Out);
        let trim = if anchor.trim == TrimArg::Lazy { Trim::Lazy } else { Trim::Now };
        Self { place_is_open, trim, ..Self::of(Goal::Anchor, key, Some(anchor.anchor_lifetime), common, now) }
    }

    /// The settings of `rotate-issuer`.
    pub(super) fn of_issuer(arguments: RotateIssuerArgs, now: Timestamp) -> Self {
        let key = AnchorKey::Present { file: arguments.anchor_key, password: arguments.anchor_key_password_file };
        Self::of(Goal::Issuer, key, None, arguments.common, now)
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
        Self {
            goal,
            wanted: None,
            key,
            place_is_open: false,
            needs_key: true,
            lifetimes,
            trim: Trim::Now,
            connect: connect(&common.cluster),
            common,
            now,
        }
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

    fn request(&self, gathered: &Gathered) -> Request {
        Request {
            trim: self.trim,
            patient: self.common.patient,
            leave: self.common.leave.iter().cloned().collect(),
            answered_for: self.common.answer_for.iter().cloned().collect(),
            force: self.common.force,
            ..Request::new(self.goal, gathered.materials())
        }
    }
}

/// Everything that a run takes, once it was allowed.
struct Ready {
    mesh: LiveMesh,
    request: Request,
    gathered: Gathered,
    saved: PathBuf,
}

/// Rotates.
pub(super) async fn rotate(mut settings: Settings, ui: &Ui) -> Result<ExitStatus, Error> {
    if settings.common.interactive && !ui.can_ask() {
        return Err(Error::NotInteractive);
    }
    let nobody_says = settings.wanted.is_none() && settings.place_is_open && !settings.common.dry_run;
    if nobody_says && (settings.common.yes || !ui.can_ask()) {
        return Err(Error::NoPlaceForKey);
    }
    let mut interrupts = Interrupts::new()?;
    match interrupts.or(Box::pin(prepare(&mut settings, ui))).await? {
        ControlFlow::Continue(ready) => run(&settings, &ready, &mut interrupts, ui).await,
        ControlFlow::Break(status) => Ok(status),
    }
}

/// Reads the mesh, shows the plan and asks; the status where that is all there is to do.
async fn prepare(settings: &mut Settings, ui: &Ui) -> Result<ControlFlow<ExitStatus, Ready>, Error> {
    let mesh = reach(settings, ui).await?;
    let (snapshot, standing) = {
        let _progress = ui.progress("reading the mesh");
        look(&mesh).await?
    };
    if let Some(refusal) = refused_beforehand(&snapshot) {
        ui.stopped(&Stop::Refused(Box::new(refusal)));
        return Ok(ControlFlow::Break(ExitStatus::Gate));
    }
    if let Some(wanted) = settings.wanted.take()
        && !due::decide(settings, &wanted, &standing, ui)?
    {
        return Ok(ControlFlow::Break(ExitStatus::Fine));
    }
    place::ask(settings, &standing, ui)?;
    let gathered =
        if settings.needs_key { materials::gather(settings, &snapshot, &standing, ui)? } else { Gathered::default() };
    let request = settings.request(&gathered);
    let outlook = plan::outlook(&standing, &request);
    if outlook.steps.is_empty() && matches!(outlook.end, Next::Done(_)) {
        ui.data("Nothing to do: what was wanted is so already. --force rotates all the same.\n")?;
        return Ok(ControlFlow::Break(ExitStatus::Fine));
    }
    ui.data(&format!("The plan\n{}", show::plan(&outlook, ui.stdout())))?;
    match &outlook.end {
        Next::Refuse(refusal) => {
            ui.stopped(&Stop::Refused(Box::new(refusal.clone())));
            return Ok(ControlFlow::Break(ExitStatus::Gate));
        }
        Next::Hold(holds) => ui.stopped(&Stop::Held(holds.clone())),
        Next::Do(_) | Next::Done(_) => {}
    }
    if settings.common.dry_run {
        return Ok(ControlFlow::Break(ExitStatus::Fine));
    }
    let question = if settings.common.interactive { "Begin? Each step is asked for." } else { "Go on?" };
    if !settings.common.yes && !ui.confirm(question)? {
        return Ok(ControlFlow::Break(ExitStatus::Interrupted));
    }
    gathered.keep(&outlook)?;
    let saved = backup::save(&mesh, settings.common.backup_dir.as_deref(), settings.now).await?;
    ui.say(&format!("saved what may be touched in {}", saved.display()));
    Ok(ControlFlow::Continue(Ready { mesh, request, gathered, saved }))
}

async fn reach(settings: &Settings, ui: &Ui) -> Result<LiveMesh, Error> {
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

async fn look(mesh: &LiveMesh) -> Result<(Snapshot, Standing), Error> {
    let snapshot = Box::pin(mesh.observe(ProbeScope::Sample)).await.map_err(|fault| Error::Stopped(fault.into()))?;
    let rollouts = mesh.rollouts(&[]).await.map_err(|fault| Error::Stopped(fault.into()))?;
    let standing = Standing::of(&snapshot, &rollouts);
    Ok((snapshot, standing))
}

/// What no plan can work with: sources that are hidden, and objects that somebody else would write back.
fn refused_beforehand(snapshot: &Snapshot) -> Option<Refusal> {
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

async fn run(settings: &Settings, ready: &Ready, interrupts: &mut Interrupts, ui: &Ui) -> Result<ExitStatus, Error> {
    let Ready { mesh, request, gathered, saved } = ready;
    let person = backup::person();
    let options = settings.options(format!("{person}/{}", std::process::id()));
    let stopper = Stopper::default();
    let begun = mesh.now();
    let guide = Guide::new(ui, settings.common.interactive, options.at_once, stopper.clone());
    let mut told = Told::new(ui, begun, guide);
    let ended = loop {
        let running = Box::pin(execute::run(mesh, request, gathered.issuer(), &options, &stopper, &mut told));
        let Some(ended) = interrupts.guard(running, &stopper, ui).await else {
            told.end();
            ui.say(&show::undo(saved));
            return Ok(ExitStatus::Interrupted);
        };
        match ended {
            // A run of the same person on the same machine that was killed left its lock behind.
            Err(Stop::Locked(holder))
                if holder.name.starts_with(&format!("{person}/"))
                    && mesh.now().duration_since(begun).unsigned_abs() < LOCK_PATIENCE =>
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
    let took = crate::findings::span(mesh.now().duration_since(begun));
    match ended {
        Ok(done) if done.trusting_old.is_empty() => ui.data(&format!("Done in {took}.\n"))?,
        Ok(done) => {
            let names: Vec<String> = done.trusting_old.iter().map(ToString::to_string).collect();
            ui.data(&format!("Done in {took}. These still trust more than the new anchor: {}.\n", names.join(", ")))?;
        }
        Err(stop) => {
            ui.stopped_with(&stop, Undo::Restore(saved));
            let asked = matches!(stop, Stop::Asked);
            return Ok(if asked { ExitStatus::Interrupted } else { ExitStatus::Gate });
        }
    }
    Ok(ExitStatus::Fine)
}

/// Where a run keeps what it saves, unless told otherwise.
fn state_folder() -> Option<PathBuf> {
    let own = std::env::var_os("XDG_STATE_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    own.or_else(|| std::env::home_dir().map(|home| home.join(".local/state"))).map(|state| state.join("linkerd-certs"))
}

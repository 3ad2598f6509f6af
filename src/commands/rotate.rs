//! `rotate`, `rotate-anchor` and `rotate-issuer`: from what the mesh is, over a plan that is shown and allowed, to a run.

mod backup;
mod due;
mod holder;
mod materials;
mod owned;
mod place;
mod preflight;
mod record;
mod run;
mod settings;
mod told;

use std::ops::ControlFlow;

use crate::{
    cluster::{Cluster, LinkedCluster, LiveMesh},
    error::Error,
    execute::Stop,
    exit::ExitStatus,
    mesh::{Mesh as _, ProbeScope},
    plan::{self, Next, Refusal, Standing},
    snapshot::Snapshot,
    ui::{Ui, run as show},
};

use self::run::{Ready, run, state_folder};
pub(super) use self::{
    materials::{Gathered, remedy, request},
    place::suggestion,
    settings::Settings,
};
use super::{interrupt::Interrupts, observe::link};

/// Rotates.
pub(super) async fn rotate(mut settings: Settings, ui: &Ui) -> Result<ExitStatus, Error> {
    if settings.common.run.interactive && !ui.can_ask() {
        return Err(Error::NotInteractive);
    }
    let nobody_says = settings.wanted.is_none() && settings.place_is_open && !settings.common.run.dry_run;
    if nobody_says && (settings.common.run.yes || !ui.can_ask()) {
        return Err(Error::NoPlaceForKey);
    }
    let mut interrupts = Interrupts::new()?;
    let seen = match interrupts.or(Box::pin(prepare(&mut settings, ui))).await? {
        ControlFlow::Continue(seen) => seen,
        ControlFlow::Break(status) => return Ok(status),
    };
    let (look, gathered) = seen;
    carry_out(&settings, &look, gathered, &mut interrupts, ui).await
}

/// A mesh and one look at it.
pub(super) struct Look {
    pub(super) mesh: LiveMesh,
    pub(super) snapshot: Snapshot,
    pub(super) standing: Standing,
}

/// Reads the mesh and gathers what a plan takes; the status where there is nothing to plan.
async fn prepare(settings: &mut Settings, ui: &Ui) -> Result<ControlFlow<ExitStatus, (Look, Gathered)>, Error> {
    let mesh = reach(settings, ui).await?;
    let look = look(mesh, ui).await?;
    settings.check_selection(&look.standing)?;
    if let Some(text) = materials::request(settings, &look.snapshot)? {
        ui.data(&text)?;
        return Ok(ControlFlow::Break(ExitStatus::Fine));
    }
    if let Some(refusal) = refused_beforehand(settings, &look, ui) {
        ui.stopped(&Stop::Refused(Box::new(refusal)));
        return Ok(ControlFlow::Break(ExitStatus::Gate));
    }
    if let Some(wanted) = settings.wanted.take()
        && !due::decide(settings, &wanted, &look.standing, ui)?
    {
        return Ok(ControlFlow::Break(ExitStatus::Fine));
    }
    place::ask(settings, &look.standing, ui)?;
    let gathered = if settings.needs_key {
        materials::gather(settings, &look.snapshot, &look.standing, ui)?
    } else {
        Gathered::default()
    };
    Ok(ControlFlow::Continue((look, gathered)))
}

/// Shows the plan, verifies it, asks, and carries it out.
pub(super) async fn carry_out(
    settings: &Settings,
    look: &Look,
    gathered: Gathered,
    interrupts: &mut Interrupts,
    ui: &Ui,
) -> Result<ExitStatus, Error> {
    let ready = match interrupts.or(Box::pin(allow(settings, look, gathered, ui))).await? {
        ControlFlow::Continue(ready) => ready,
        ControlFlow::Break(status) => return Ok(status),
    };
    match owned::handover(settings, look, ui)? {
        Some(handover) => Box::pin(run(settings, &handover, ready, interrupts, ui)).await,
        None => Box::pin(run(settings, &look.mesh, ready, interrupts, ui)).await,
    }
}

async fn allow<'a>(
    settings: &Settings,
    look: &Look,
    gathered: Gathered,
    ui: &'a Ui,
) -> Result<ControlFlow<ExitStatus, Ready<'a>>, Error> {
    let Look { mesh, snapshot, standing } = look;
    let request = settings.request(&gathered);
    let outlook = plan::outlook(standing, &request);
    if outlook.is_done() {
        ui.data("Nothing to do: what was wanted is so already. --force rotates all the same.\n")?;
        return Ok(ControlFlow::Break(ExitStatus::Fine));
    }
    let selected = show::selection(&request.selection, standing, ui.stdout());
    ui.data(&format!("The plan\n{}{selected}", show::plan(&outlook, ui.stdout())))?;
    match &outlook.end {
        Next::Refuse(refusal) => {
            ui.stopped(&Stop::Refused(Box::new(refusal.clone())));
            return Ok(ControlFlow::Break(ExitStatus::Gate));
        }
        Next::Hold(holds) => ui.stopped(&Stop::Held(holds.clone())),
        Next::Do(_) | Next::Done(_) => {}
    }
    let report = preflight::verify(settings, mesh, (snapshot, standing), &outlook, &gathered, ui).await?;
    if settings.common.run.dry_run {
        return preflight::show(&report, ui).map(ControlFlow::Break);
    }
    if report.stops() {
        ui.stopped(&Stop::Unready(Box::new(report)));
        return Ok(ControlFlow::Break(ExitStatus::Gate));
    }
    let question = if settings.common.run.interactive { "Begin? Each step is asked for." } else { "Go on?" };
    if !settings.common.run.yes && !ui.confirm(question)? {
        return Ok(ControlFlow::Break(ExitStatus::Interrupted));
    }
    gathered.keep(&outlook)?;
    let saved = backup::save(mesh, settings.common.run.backup_dir.as_deref(), settings.now).await?;
    ui.say(&format!("saved what may be touched in {}", saved.display()));
    let to_commit = owned::to_commit(settings, look, &outlook, gathered.issuer(), &saved)?;
    let recorder = record::begin(settings, mesh, (snapshot, standing), &outlook, &saved, &report, ui);
    Ok(ControlFlow::Continue(Ready { request, gathered, saved, to_commit, recorder }))
}

/// Finds the control plane.
pub(super) async fn reach(settings: &Settings, ui: &Ui) -> Result<LiveMesh, Error> {
    let _progress = ui.progress("looking for the control plane");
    let cluster = Cluster::connect(&settings.connect).await?;
    let namespace = cluster.control_plane(settings.common.cluster.linkerd_namespace.as_deref()).await?;
    let linked = linked(settings, &cluster, &namespace).await?;
    Ok(LiveMesh::new(cluster, namespace).linked_with(linked))
}

/// Reaches the linked clusters that were named, as whom this one is reached.
async fn linked(settings: &Settings, own: &Cluster, namespace: &str) -> Result<Vec<LinkedCluster>, Error> {
    let mut linked = Vec::new();
    for named in &settings.common.run.linked {
        let one = link(&settings.connect, named).await?;
        if one.is_same_as(own, namespace) {
            return Err(Error::LinkedToItself(one.context().to_owned()));
        }
        linked.push(one);
    }
    Ok(linked)
}

/// Reads the mesh.
pub(super) async fn look(mesh: LiveMesh, ui: &Ui) -> Result<Look, Error> {
    let _progress = ui.progress("reading the mesh");
    let snapshot = Box::pin(mesh.observe(ProbeScope::Sample)).await?;
    let rollouts = mesh.rollouts(&[]).await?;
    let standing = Standing::of(&snapshot, &rollouts);
    Ok(Look { mesh, snapshot, standing })
}

/// What no plan can work with: sources that are hidden, and objects that somebody else would write back.
pub(super) fn refused_beforehand(settings: &Settings, look: &Look, ui: &Ui) -> Option<Refusal> {
    let snapshot = &look.snapshot;
    if let Some(refusal) = owned::refused(settings, snapshot, ui) {
        return Some(refusal);
    }
    if let Some(context) = look.standing.strangers().first() {
        return Some(Refusal::Unfit(format!(
            "the cluster of context {context} trusts none of this mesh's anchors, so it is not one that is linked with it"
        )));
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

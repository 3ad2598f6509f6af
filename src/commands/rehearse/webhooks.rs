//! A renewal of webhook certificates, on a simulated mesh.

use jiff::SignedDuration;

use crate::{
    cli::RehearseRenewal,
    commands::{interrupt::Interrupts, renew_webhooks},
    error::Error,
    execute::{self, Options, Stop, Stopper},
    exit::ExitStatus,
    mesh::{Mesh as _, ProbeScope, Rollout},
    pki::Thresholds,
    plan::{Goal, Materials, Request, Selection, Standing, Trim, webhooks::Renewal},
    simulate::{NoLikeness, Simulation, World},
    snapshot::Snapshot,
    ui::{
        Ui,
        run::{Guide, Undo},
        webhooks as show,
    },
};

use super::{Model, Settings, Told};

/// As the charts make them.
const LIFETIME: SignedDuration = SignedDuration::from_hours(365 * 24);
/// How long those of the built-in mesh have left.
const LEFT: SignedDuration = SignedDuration::from_hours(12 * 24);

impl Settings {
    /// The settings of a rehearsed renewal.
    pub(super) fn of_renewal(arguments: RehearseRenewal) -> Self {
        let RehearseRenewal { all, on, faults, cluster } = arguments;
        let interactive = on.interactive;
        Self {
            goal: Goal::Webhooks,
            model: Model::of(on, cluster),
            state: None,
            has_keys: false,
            faults,
            trim: Trim::Now,
            patient: false,
            selection: Selection::default(),
            leave: std::collections::BTreeSet::new(),
            interactive,
            options: Options::default(),
            all,
        }
    }
}

pub(super) async fn rehearse(
    settings: &Settings,
    snapshot: &Snapshot,
    rollouts: &[Rollout],
    ui: &Ui,
) -> Result<ExitStatus, Error> {
    let not_signed = |error| Error::NoRehearsal(NoLikeness::NotSigned(error));
    let mut world = World::of(snapshot, rollouts).map_err(Error::NoRehearsal)?;
    if matches!(settings.model, Model::Example) {
        world.age_servers(LEFT).map_err(not_signed)?;
    }
    let simulation = Simulation::new(world);
    let seen = simulation.observe(ProbeScope::Sample).await.map_err(|fault| Error::Stopped(fault.into()))?;
    let standing = Standing::of(&seen, rollouts);
    ui.data(&show::table(&standing.webhooks, standing.at, &Thresholds::default(), ui.stdout()))?;
    let chosen = renew_webhooks::choose(&standing.webhooks, &[], settings.all, standing.at)?;
    if chosen.is_empty() {
        ui.data(&format!("\n{}\n", show::nothing_due(&standing.webhooks, standing.at)))?;
        return Ok(ExitStatus::Fine);
    }
    ui.data("\n")?;
    let services: Vec<_> = chosen.iter().map(|server| server.service.clone()).collect();
    let stopper = Stopper::default();
    let guide = Guide::new(ui, settings.interactive, settings.options.at_once, stopper.clone());
    let begun = simulation.now();
    let mut told = Told { ui, begun, selected: String::new(), planned: false, failed: None, guide };
    simulation.world().set_faults(settings.faults.clone());
    let mut interrupts = settings.interactive.then(Interrupts::new).transpose()?;
    let ended = loop {
        let made = simulation.world().make_servers(services.clone(), LIFETIME).map_err(not_signed)?;
        let renewal = Renewal::with(&made, settings.all);
        let request = Request { renewal, ..Request::new(Goal::Webhooks, Materials::default()) };
        let running = execute::run(&simulation, &request, made.as_slice(), &settings.options, &stopper, &mut told);
        let ended = match &mut interrupts {
            Some(interrupts) => match Box::pin(interrupts.guard(running, &stopper, ui)).await {
                Some(ended) => ended,
                None => return Ok(ExitStatus::Interrupted),
            },
            None => Box::pin(running).await,
        };
        if !simulation.world().is_killed() {
            break ended;
        }
        ui.data("\nkilled, as asked; the same command again:\n\n")?;
        simulation.world().revive();
    };
    told.guide.end();
    if let Some(error) = told.failed {
        return Err(error);
    }
    let world = simulation.world();
    let took = crate::findings::span(world.now().duration_since(begun));
    let uncalled: Vec<String> = world.uncalled().iter().map(|one| one.service.to_string()).collect();
    let whole = match uncalled.as_slice() {
        [] => "no call of a webhook failed that had worked before".to_owned(),
        some => format!("calls failed that had worked before: {}", some.join(", ")),
    };
    let what = if ended.is_ok() { "done in" } else { "stopped after" };
    ui.data(&format!("\n{what} {took} of simulated time: {whole}\n"))?;
    match ended {
        Ok(_) if uncalled.is_empty() => Ok(ExitStatus::Fine),
        Ok(_) => Ok(ExitStatus::Critical),
        Err(stop) => {
            ui.stopped_with(&stop, Undo::Nothing);
            Ok(if matches!(stop, Stop::Asked) { ExitStatus::Interrupted } else { ExitStatus::Gate })
        }
    }
}

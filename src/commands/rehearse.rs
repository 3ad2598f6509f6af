//! `rehearse`: a rotation on a simulated mesh, through the same planner and the same runs as on a live one.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};

use crate::{
    cli::{ProbeArg, Rehearsal, RehearseArgs, RehearseRotation, TrimArg},
    error::Error,
    event::{Event, Watch},
    execute::{self, Options, Stop, Stopper},
    mesh::{Mesh as _, ProbeScope},
    plan::{Done, Goal, Materials, Request, Step, Trim},
    simulate::{Fault, Made, Simulation, World, example},
    ui::{Ui, run as show},
};

use super::{ExitStatus, observe};

/// Ten years and one, as `generate` makes them.
const ANCHOR: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);
const ISSUER: SignedDuration = SignedDuration::from_hours(365 * 24);

/// What a rehearsal needs to know.
#[derive(Debug)]
pub(super) struct Settings {
    goal: Goal,
    snapshot: Option<PathBuf>,
    faults: Vec<Fault>,
    trim: Trim,
    patient: bool,
    options: Options,
}

impl Settings {
    /// The settings that the arguments mean.
    pub(super) fn resolve(arguments: RehearseArgs) -> Self {
        let (goal, RehearseRotation { snapshot, faults, trim, patient, max_parallel, probe }) = match arguments.what {
            Rehearsal::RotateAnchor(rotation) => (Goal::Anchor, rotation),
            Rehearsal::RotateIssuer(rotation) => (Goal::Issuer, rotation),
        };
        let probe = if probe == ProbeArg::All || patient { ProbeScope::All } else { ProbeScope::Sample };
        Self {
            goal,
            snapshot,
            faults,
            trim: if trim == TrimArg::Lazy { Trim::Lazy } else { Trim::Now },
            patient,
            options: Options { probe, at_once: max_parallel.max(1), ..Options::default() },
        }
    }
}

/// Rehearses, and says how it went.
pub(super) async fn rehearse(settings: Settings, ui: &Ui) -> Result<ExitStatus, Error> {
    let snapshot = settings.snapshot.as_deref().map_or_else(example, observe::read_file)?;
    let mut world = World::of(&snapshot, &[]).map_err(Error::NoRehearsal)?;
    let made = world.make(settings.goal, ANCHOR, ISSUER).map_err(Error::NoRehearsal)?;
    let Made { anchor, issuer } = made;
    let materials = Materials { anchor: Some(anchor), issuer: Some(issuer.chain.clone()) };
    let request = Request { trim: settings.trim, patient: settings.patient, ..Request::new(settings.goal, materials) };
    world.set_faults(settings.faults.clone());
    let simulation = Simulation::new(world);
    let mut told = Told { ui, begun: simulation.now(), planned: false, failed: None };
    let stopper = Stopper::default();
    let mut ended = execute::run(&simulation, &request, Some(&issuer), &settings.options, &stopper, &mut told).await;
    if simulation.world().is_killed() {
        ui.data("\nkilled, as asked; the same command again:\n\n")?;
        simulation.world().revive();
        ended = execute::run(&simulation, &request, Some(&issuer), &settings.options, &stopper, &mut told).await;
    }
    if let Some(error) = told.failed {
        return Err(error);
    }
    conclude(&simulation, told.begun, ended, ui)
}

fn conclude(
    simulation: &Simulation,
    begun: Timestamp,
    ended: Result<Done, Stop>,
    ui: &Ui,
) -> Result<ExitStatus, Error> {
    let world = simulation.world();
    let took = crate::findings::span(world.now().duration_since(begun));
    let refused = world.refused().len();
    let whole = match refused {
        0 => "no proxy refused another at any moment".to_owned(),
        pairs => format!("{pairs} pairs of proxies refused each other"),
    };
    let result = match &ended {
        Ok(done) if done.trusting_old.is_empty() => format!("done in {took} of simulated time: {whole}"),
        Ok(done) => format!(
            "done in {took} of simulated time: {whole}; {} workloads still trust the old anchor, which signs nothing now",
            done.trusting_old.len()
        ),
        Err(_) => format!("stopped after {took} of simulated time: {whole}"),
    };
    ui.data(&format!("\n{result}\n"))?;
    match ended {
        Ok(_) if refused == 0 => Ok(ExitStatus::Fine),
        Ok(_) => Ok(ExitStatus::Critical),
        Err(stop) => {
            ui.stopped(&stop);
            Ok(ExitStatus::Gate)
        }
    }
}

/// Shows what happens as it happens.
struct Told<'a> {
    ui: &'a Ui,
    begun: Timestamp,
    planned: bool,
    failed: Option<Error>,
}

impl Watch for Told<'_> {
    fn notice(&mut self, at: Timestamp, event: &Event) {
        let look = self.ui.stdout();
        let text = match event {
            Event::Planned(outlook) if !self.planned => {
                self.planned = true;
                format!("The plan\n{}\nWhat happens\n", show::plan(outlook, look))
            }
            other => show::line(other, at, self.begun, look).unwrap_or_default(),
        };
        if let Err(error) = self.ui.data(&text) {
            self.failed.get_or_insert(error);
        }
    }

    fn allow(&mut self, _: &Step) -> Result<(), Stop> {
        Ok(())
    }
}

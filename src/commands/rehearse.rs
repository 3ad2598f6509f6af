//! `rehearse`: a rotation on a simulated mesh, through the same planner and the same runs as on a live one.

mod recovery;
mod webhooks;

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use jiff::{SignedDuration, Timestamp};

use crate::{
    cli::{ClusterArgs, ProbeArg, Rehearsal, RehearseArgs, RehearseRotation, RehearseRun, RehearsedOn, TrimArg},
    cluster::{Cluster, Connect, LiveMesh},
    error::Error,
    event::{Answer, Event, Watch},
    execute::{self, Keys, Options, Stop, Stopper},
    exit::ExitStatus,
    mesh::{Mesh as _, Mode, ProbeScope, Rollout},
    plan::{Done, Goal, Materials, Request, Selection, Standing, Step, Trim, webhooks::Renewal},
    simulate::{Broken, Fault, Remedy, Simulation, World, example},
    snapshot::{Snapshot, WorkloadRef},
    ui::{
        Ui,
        run::{self as show, Guide, Undo},
    },
};

use self::recovery::Brought;
use super::{interrupt::Interrupts, observe, rotate};

/// Ten years and one, as `generate` makes them.
const ANCHOR: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);
const ISSUER: SignedDuration = SignedDuration::from_hours(365 * 24);
/// How long owners take to restart what is left to them.
const OWNERS: Duration = Duration::from_mins(1);
/// So often they do: in two rounds, and in two more where a fault keeps a proxy from being seen or getting ready.
const MOST_OWNERS: u32 = 4;

/// The mesh that the simulated one is a likeness of.
#[derive(Debug)]
enum Model {
    /// The one that is built in.
    Example,
    /// A saved one.
    Saved(PathBuf),
    /// The live one, and the control plane's namespace where it was named.
    Live(Connect, Option<String>),
}

/// What a rehearsal needs to know.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct Settings {
    goal: Goal,
    model: Model,
    /// What has happened to the mesh before.
    state: Option<Broken>,
    /// Whether the keys of the mesh's anchors are at hand.
    has_keys: bool,
    faults: Vec<Fault>,
    trim: Trim,
    patient: bool,
    selection: Selection,
    leave: BTreeSet<WorkloadRef>,
    interactive: bool,
    options: Options,
    /// Of webhook certificates: whether all are renewed, or those that are due.
    all: bool,
}

impl Settings {
    /// The settings that the arguments mean.
    pub(super) fn resolve(arguments: RehearseArgs) -> Self {
        let rotation = |goal, rotation: RehearseRotation| Self {
            trim: if rotation.trim == TrimArg::Lazy { Trim::Lazy } else { Trim::Now },
            patient: rotation.patient,
            ..Self::of(goal, rotation.run, rotation.patient)
        };
        match arguments.what {
            Rehearsal::RotateAnchor(anchor) => rotation(Goal::Anchor, anchor),
            Rehearsal::RotateIssuer(issuer) => rotation(Goal::Issuer, issuer),
            Rehearsal::RecoverExpired(recovery) => {
                let settings = Self::of(Goal::Recover, recovery.run, false);
                // The built-in mesh is healthy until something happens to it.
                let usual = matches!(settings.model, Model::Example).then_some(Broken::IssuerExpired);
                Self { state: recovery.state.or(usual), has_keys: !recovery.without_anchor_key, ..settings }
            }
            Rehearsal::RenewWebhooks(renewal) => Self::of_renewal(renewal),
        }
    }

    fn of(goal: Goal, run: RehearseRun, looks_at_all: bool) -> Self {
        let interactive = run.on.interactive;
        let all = run.probe == ProbeArg::All || looks_at_all;
        let probe = if all { ProbeScope::All } else { ProbeScope::Sample };
        Self {
            goal,
            model: Model::of(run.on, run.cluster),
            state: None,
            has_keys: false,
            faults: run.faults,
            trim: Trim::Now,
            patient: false,
            selection: run.selection.selection(),
            leave: run.leave.into_iter().collect(),
            interactive,
            all: false,
            options: Options { probe, at_once: run.max_parallel.max(1), ..Options::default() },
        }
    }

    /// What is asked of the planner.
    fn request(&self, materials: Materials) -> Request {
        Request {
            trim: self.trim,
            patient: self.patient,
            selection: self.selection.clone(),
            leave: self.leave.clone(),
            ..Request::new(self.goal, materials)
        }
    }
}

impl Model {
    fn of(on: RehearsedOn, cluster: ClusterArgs) -> Self {
        match on.snapshot {
            Some(file) => Self::Saved(file),
            None if on.live || cluster.names_one() => Self::Live(observe::connect(&cluster), cluster.linkerd_namespace),
            None => Self::Example,
        }
    }

    /// The mesh, and how its workloads roll where that is known.
    async fn read(&self, probe: ProbeScope, ui: &Ui) -> Result<(Snapshot, Vec<Rollout>), Error> {
        let (connect, namespace) = match self {
            Self::Example => return Ok((example()?, Vec::new())),
            Self::Saved(file) => return Ok((observe::read_file(file)?, Vec::new())),
            Self::Live(connect, namespace) => (connect, namespace.as_deref()),
        };
        let _progress = ui.progress("reading the mesh");
        let reading = async {
            let cluster = Cluster::connect(connect).await?;
            let namespace = cluster.control_plane(namespace).await?;
            let mesh = LiveMesh::new(cluster, namespace);
            Ok((mesh.observe(probe).await?, mesh.rollouts(&[]).await?))
        };
        Interrupts::new()?.or(Box::pin(reading)).await
    }
}

/// Rehearses, and says how it went.
pub(super) async fn rehearse(settings: Settings, ui: &Ui) -> Result<ExitStatus, Error> {
    if settings.interactive && !ui.can_ask() {
        return Err(Error::NotInteractive);
    }
    let (snapshot, rollouts) = settings.model.read(settings.options.probe, ui).await?;
    if settings.goal == Goal::Webhooks {
        return Box::pin(webhooks::rehearse(&settings, &snapshot, &rollouts, ui)).await;
    }
    let standing = Standing::of(&snapshot, &rollouts);
    settings.selection.check(&standing)?;
    let mut world = World::of(&snapshot, &rollouts).map_err(Error::NoRehearsal)?;
    if let Some(state) = settings.state {
        world.break_by(state).map_err(Error::NoRehearsal)?;
    }
    let simulation = Simulation::new(world);
    let brought = match settings.goal {
        Goal::Recover => match recovery::remedy(&settings, &simulation, ui).await? {
            Some(brought) => brought,
            None => return Ok(ExitStatus::Fine),
        },
        goal => {
            let made = simulation.world().make(goal, ANCHOR, ISSUER).map_err(Error::NoRehearsal)?;
            let remedy = Remedy { anchor: made.anchor, issuer: Some(made.issuer) };
            Brought { remedy, servers: Vec::new() }
        }
    };
    let issuer = brought.remedy.issuer.as_ref();
    let materials =
        Materials { anchor: Some(brought.remedy.anchor.clone()), issuer: issuer.map(|pair| pair.chain.clone()) };
    let request = Request { renewal: Renewal::with(&brought.servers, false), ..settings.request(materials) };
    let keys = Keys { issuer, servers: &brought.servers };
    let before = simulation.world().working().len();
    simulation.world().set_faults(settings.faults.clone());
    let mut interrupts = settings.interactive.then(Interrupts::new).transpose()?;
    if settings.interactive && settings.goal == Goal::Anchor {
        ask_for_place(&simulation, ui)?;
    }
    let stopper = Stopper::default();
    let guide = Guide::new(ui, settings.interactive, settings.options.at_once, stopper.clone());
    let selected = show::selection(&settings.selection, &standing, ui.stdout());
    let mut told = Told { ui, begun: simulation.now(), selected, planned: false, failed: None, guide };
    let mut owners = 0;
    let ended = loop {
        let running = execute::run(&simulation, &request, keys, &settings.options, &stopper, &mut told);
        let ended = match &mut interrupts {
            Some(interrupts) => match Box::pin(interrupts.guard(running, &stopper, ui)).await {
                Some(ended) => ended,
                None => return Ok(ExitStatus::Interrupted),
            },
            None => running.await,
        };
        if owners < MOST_OWNERS && restarted_by_owners(&simulation, &ended, ui).await? {
            owners += 1;
            continue;
        }
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
    if settings.goal == Goal::Recover {
        return recovery::recovered(&simulation, before, told.begun, ended, ui);
    }
    conclude(&simulation, told.begun, ended, ui)
}

fn stopped(stop: &Stop, ui: &Ui) -> ExitStatus {
    ui.stopped_with(stop, Undo::Rehearsed);
    if matches!(stop, Stop::Asked) { ExitStatus::Interrupted } else { ExitStatus::Gate }
}

/// Restarts what a selection leaves to its owners, where that is all that the run waits for; whether it was.
async fn restarted_by_owners(simulation: &Simulation, ended: &Result<Done, Stop>, ui: &Ui) -> Result<bool, Error> {
    let Err(Stop::Held(holds)) = ended else { return Ok(false) };
    if !holds.iter().all(|hold| hold.obstacle.is_by_choice()) {
        return Ok(false);
    }
    for hold in holds {
        simulation.restart(&hold.workload, Mode::Do).await.map_err(|fault| Error::Stopped(fault.into()))?;
    }
    simulation.pause(OWNERS).await;
    ui.data("\nstopped there, and restarted by its owner; the same command again:\n\n")?;
    Ok(true)
}

/// Asks what a live rotation would ask as well; nothing is written.
fn ask_for_place(simulation: &Simulation, ui: &Ui) -> Result<(), Error> {
    let place = ui.key_place(&rotate::suggestion(simulation.now()), |file| Ok(PathBuf::from(file)))?;
    match place {
        Some(file) => ui.say(&format!("A rehearsal writes no file; a rotation would write {} now.", file.display())),
        None => ui.say("It would be gone at the end of the rotation."),
    }
    Ok(())
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
        Ok(done) => {
            let trusting = match done.trusting_old.len() {
                1 => "1 workload still trusts".to_owned(),
                many => format!("{many} workloads still trust"),
            };
            format!("done in {took} of simulated time: {whole}; {trusting} the old anchor, which signs nothing now")
        }
        Err(_) => format!("stopped after {took} of simulated time: {whole}"),
    };
    ui.data(&format!("\n{result}\n"))?;
    match ended {
        Ok(_) if refused == 0 => Ok(ExitStatus::Fine),
        Ok(_) => Ok(ExitStatus::Critical),
        Err(stop) => Ok(stopped(&stop, ui)),
    }
}

/// Shows what happens as it happens.
struct Told<'a> {
    ui: &'a Ui,
    begun: Timestamp,
    /// What the selection makes of the plan.
    selected: String,
    planned: bool,
    failed: Option<Error>,
    guide: Guide<'a>,
}

impl Watch for Told<'_> {
    fn notice(&mut self, at: Timestamp, event: &Event) {
        let look = self.ui.stdout();
        let text = match event {
            Event::Planned(outlook) if !self.planned => {
                self.planned = true;
                format!("The plan\n{}{}\nWhat happens\n", show::plan(outlook, look), self.selected)
            }
            other if self.guide.has_said(other) => String::new(),
            other => show::line(other, at, self.begun, look).unwrap_or_default(),
        };
        if let Err(error) = self.ui.data(&text) {
            self.failed.get_or_insert(error);
        }
        self.guide.notice(event);
    }

    fn allow(&mut self, step: &Step) -> Result<Answer, Stop> {
        self.guide.allow(step)
    }
}

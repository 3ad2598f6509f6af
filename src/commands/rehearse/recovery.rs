//! A recovery, on a simulated mesh.

use jiff::Timestamp;

use crate::{
    error::Error,
    execute::Stop,
    exit::ExitStatus,
    findings,
    mesh::{Mesh as _, ServerPair},
    pki::Thresholds,
    plan::{self, Done, Standing},
    simulate::{NoLikeness, Remedy, Simulation},
    ui::{
        Ui,
        recover::{fits, left, way, wrong},
    },
};

use super::{ANCHOR, ISSUER, Settings, stopped};

/// What brings a mesh back, and its webhooks with it.
pub(super) struct Brought {
    pub(super) remedy: Remedy,
    pub(super) servers: Vec<ServerPair>,
}

/// What brings the mesh back, after it was said what is wrong with it; `None` where nothing is.
pub(super) async fn remedy(settings: &Settings, simulation: &Simulation, ui: &Ui) -> Result<Option<Brought>, Error> {
    let fault = |fault| Error::Stopped(Stop::from(fault));
    let snapshot = simulation.observe(settings.options.probe).await.map_err(fault)?;
    let standing = Standing::of(&snapshot, &simulation.rollouts(&[]).await.map_err(fault)?);
    let (now, thresholds) = (snapshot.taken_at, Thresholds::default());
    let report = findings::check(&snapshot, &findings::Settings { now, thresholds });
    if plan::ailments(&standing).is_empty() {
        ui.data(&fits(&standing, &report, ui.stdout()))?;
        return Ok(None);
    }
    let need = plan::need(&standing);
    let remedy = simulation.world().remedy(&need, settings.has_keys, (ANCHOR, ISSUER)).map_err(Error::NoRehearsal)?;
    ui.data(&wrong(&report, &standing, ui.stdout()))?;
    ui.data(&way(&standing, &need, Some(&remedy.anchor), settings.options.at_once, ui.stdout()))?;
    let broken: Vec<_> = plan::webhooks::broken(&standing).into_iter().collect();
    let servers = simulation.world().make_servers(broken, ISSUER);
    let servers = servers.map_err(|error| Error::NoRehearsal(NoLikeness::NotSigned(error)))?;
    Ok(Some(Brought { remedy, servers }))
}

/// How a recovery went: what works now that did not.
pub(super) fn recovered(
    simulation: &Simulation,
    before: usize,
    begun: Timestamp,
    ended: Result<Done, Stop>,
    ui: &Ui,
) -> Result<ExitStatus, Error> {
    let (now, after, all) = {
        let mut world = simulation.world();
        (world.now(), world.working().len(), world.size() * world.size())
    };
    let took = findings::span(now.duration_since(begun));
    let word = if ended.is_ok() { "done in" } else { "stopped after" };
    let pairs = format!("of {all} pairs of workloads {before} worked before, and {after} do now");
    ui.data(&format!("\n{word} {took} of simulated time: {pairs}\n"))?;
    match ended {
        Ok(done) if done.left.is_empty() => Ok(ExitStatus::Fine),
        Ok(done) => {
            ui.data(&left(&done, ui.stdout()))?;
            Ok(ExitStatus::Warnings)
        }
        Err(stop) => Ok(stopped(&stop, ui)),
    }
}

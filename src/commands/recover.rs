//! `recover-expired`: what has brought the mesh down, and the shortest safe way back.

mod by_owner;

use jiff::{SignedDuration, Timestamp};

use crate::{
    cli::RecoverArgs,
    error::Error,
    execute::Stop,
    exit::ExitStatus,
    findings,
    mesh::ServerPair,
    pki::Thresholds,
    plan::{self, Need, Refusal, webhooks::Keeper},
    ui::{
        Ui,
        recover::{fits, way, without_key, wrong},
    },
};

use super::{
    interrupt::Interrupts,
    renew_webhooks,
    rotate::{self, Gathered, Look},
};

/// As the charts make webhooks' certificates.
const WEBHOOK: SignedDuration = SignedDuration::from_hours(365 * 24);

/// What `recover-expired` needs to know.
#[derive(Debug)]
pub(super) struct Settings {
    run: rotate::Settings,
    now: Timestamp,
}

impl Settings {
    /// The settings that the arguments mean at the moment `now`.
    pub(super) fn resolve(arguments: RecoverArgs, now: Timestamp) -> Self {
        // A certificate holds whole seconds.
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        Self { run: rotate::Settings::of_recovery(arguments, now), now }
    }
}

/// Brings a mesh back.
pub(super) async fn recover(mut settings: Settings, ui: &Ui) -> Result<ExitStatus, Error> {
    if settings.run.is_interactive() && !ui.can_ask() {
        return Err(Error::NotInteractive);
    }
    let mut interrupts = Interrupts::new()?;
    let look = interrupts.or(Box::pin(look(&settings, ui))).await?;
    settings.run.check_selection(&look.standing)?;
    let report = findings::check(
        &look.snapshot,
        &findings::Settings { now: look.snapshot.taken_at, thresholds: Thresholds::default() },
    );
    if plan::ailments(&look.standing).is_empty() {
        ui.data(&fits(&look.standing, &report, ui.stdout()))?;
        return Ok(ExitStatus::Fine);
    }
    ui.data(&wrong(&report, &look.standing, ui.stdout()))?;
    let look = if settings.run.leaves_to_owner(&look.snapshot) {
        settings.run.leave_to_owner();
        match interrupts.or(Box::pin(by_owner::renew(&settings, look, ui))).await? {
            Ok(look) => look,
            Err(ended) => return Ok(ended),
        }
    } else {
        look
    };
    if let Some(refusal) = rotate::refused_beforehand(&settings.run, &look, ui) {
        let is_owned = matches!(refusal, Refusal::Owned { .. });
        ui.stopped(&Stop::Refused(Box::new(refusal)));
        if is_owned {
            ui.say("  hint: --break-glass writes here at once, and says what has to be committed there afterwards");
        }
        return Ok(ExitStatus::Gate);
    }
    if let Some(text) = rotate::request(&settings.run, &look.snapshot)? {
        ui.data(&text)?;
        return Ok(ExitStatus::Fine);
    }
    let need = plan::need(&look.standing);
    let gathered = gather(&mut settings, &look, &need, ui)?.with_servers(servers(&mut settings, &look)?);
    ui.data(&way(&look.standing, &need, gathered.anchor(), settings.run.at_once(), ui.stdout()))?;
    rotate::carry_out(&settings.run, &look, gathered, &mut interrupts, ui).await
}

async fn look(settings: &Settings, ui: &Ui) -> Result<Look, Error> {
    let mesh = rotate::reach(&settings.run, ui).await?;
    rotate::look(mesh, ui).await
}

/// What the way back takes. Where nobody said where a new anchor's key goes, it is asked for.
fn gather(settings: &mut Settings, look: &Look, need: &Need, ui: &Ui) -> Result<Gathered, Error> {
    match rotate::remedy(&settings.run, &look.snapshot, &look.standing, ui) {
        Err(Error::NoRemedy(_)) if settings.run.may_ask(ui) => {
            ui.say(&without_key(need));
            settings.run.ask_for_place(ui)?;
            rotate::remedy(&settings.run, &look.snapshot, &look.standing, ui)
        }
        other => other,
    }
}

/// New certificates for the control plane's webhooks that the API server cannot call: with them in the way no new pod gets
/// a proxy, or none comes up at all.
fn servers(settings: &mut Settings, look: &Look) -> Result<Vec<ServerPair>, Error> {
    let broken = plan::webhooks::broken(&look.standing);
    let servers: Vec<_> = look.standing.webhooks.iter().filter(|server| broken.contains(&server.service)).collect();
    let made = servers.iter().filter(|server| server.keeper == Keeper::Nobody);
    let pairs = made.map(|server| renew_webhooks::as_charts(server, WEBHOOK, settings.now));
    let pairs = pairs.collect::<Result<Vec<_>, _>>()?;
    settings.run.set_renewal(renew_webhooks::renewal(&servers, &pairs, false));
    Ok(pairs)
}

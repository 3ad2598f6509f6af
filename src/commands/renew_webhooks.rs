//! `renew-webhooks`: what there is of webhooks, which of them are due, and their certificates renewed without a gap.

mod choose;
mod make;
mod unmeshed;

use jiff::{SignedDuration, Timestamp};

use crate::{
    cli::{RenewWebhooksArgs, ServerSourceArgs},
    error::Error,
    execute::Stop,
    exit::ExitStatus,
    mesh::ServerPair,
    pki::Thresholds,
    plan::{
        self, Next, Refusal,
        webhooks::{Renewal, Server},
    },
    ui::{Ui, webhooks as show},
};

pub(super) use self::{choose::choose, make::as_charts};
use super::{
    interrupt::Interrupts,
    rotate::{self, Gathered, Look},
};

/// What a renewal needs to know.
#[derive(Debug)]
pub(super) struct Settings {
    names: Vec<String>,
    all: bool,
    lifetime: SignedDuration,
    source: ServerSourceArgs,
    restart_unmeshed: bool,
    run: rotate::Settings,
    now: Timestamp,
}

impl Settings {
    /// The settings that the arguments mean at the moment `now`.
    pub(super) fn resolve(arguments: RenewWebhooksArgs, now: Timestamp) -> Self {
        let RenewWebhooksArgs { names, all, webhook_lifetime, restart_unmeshed, source, run, cluster } = arguments;
        // A certificate holds whole seconds.
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let lifetime = webhook_lifetime.from(now);
        let force = run.force;
        let run = rotate::Settings::of_webhooks(run.into(), force, cluster, now);
        Self { names, all, lifetime, source, restart_unmeshed, run, now }
    }

    fn is_anyway(&self) -> bool {
        self.all || !self.names.is_empty()
    }
}

/// Renews.
pub(super) async fn renew(mut settings: Settings, ui: &Ui) -> Result<ExitStatus, Error> {
    if settings.run.is_interactive() && !ui.can_ask() {
        return Err(Error::NotInteractive);
    }
    let mut interrupts = Interrupts::new()?;
    let reading = async {
        let mesh = rotate::reach(&settings.run, ui).await?;
        rotate::look(mesh, ui).await
    };
    let look = interrupts.or(Box::pin(reading)).await?;
    if let Some(why) = look.snapshot.webhooks.hidden() {
        let refusal = Refusal::Unseen(format!("webhook configurations and APIServices cannot be read: {why}"));
        ui.stopped(&Stop::Refused(Box::new(refusal)));
        return Ok(ExitStatus::Gate);
    }
    let servers = &look.standing.webhooks;
    let chosen = choose(servers, &settings.names, settings.all, look.standing.at)?;
    ui.data(&show::table(servers, look.standing.at, &Thresholds::default(), ui.stdout()))?;
    if chosen.is_empty() {
        ui.data(&format!("\n{}\n", show::nothing_due(servers, look.standing.at)))?;
        return unmeshed::see_to(&settings.unmeshed(), &look.mesh, &look.snapshot, ui).await;
    }
    let pairs = make::certificates(&settings, &chosen, ui)?;
    settings.run.set_renewal(renewal(&chosen, &pairs, settings.is_anyway()));
    let gathered = Gathered::of_servers(pairs);
    let outlook = plan::outlook(&look.standing, &settings.run.request(&gathered));
    if outlook.is_done() {
        ui.data("\nNothing to do: they were renewed within the last day. --force renews them all the same.\n")?;
        return unmeshed::see_to(&settings.unmeshed(), &look.mesh, &look.snapshot, ui).await;
    }
    for line in show::owners(&chosen) {
        ui.data(&show::paragraph(&line, ui.stdout()))?;
    }
    ui.data("\n")?;
    let ended = rotate::carry_out(&settings.run, &look, gathered, &mut interrupts, ui).await?;
    if ended != ExitStatus::Fine || settings.run.is_dry_run() || matches!(outlook.end, Next::Refuse(_)) {
        return Ok(ended);
    }
    after(&settings, look, ui).await
}

/// What is left to do once every webhook is called.
async fn after(settings: &Settings, look: Look, ui: &Ui) -> Result<ExitStatus, Error> {
    let look = rotate::look(look.mesh, ui).await?;
    unmeshed::see_to(&settings.unmeshed(), &look.mesh, &look.snapshot, ui).await
}

/// What is asked of the planner: these servers, with what was made or brought for them.
pub(super) fn renewal(servers: &[&Server], pairs: &[ServerPair], anyway: bool) -> Renewal {
    let certified = |server: &&Server| {
        let pair = pairs.iter().find(|pair| pair.of == server.service);
        (server.service.clone(), pair.map(Into::into))
    };
    Renewal { servers: servers.iter().map(certified).collect(), anyway }
}

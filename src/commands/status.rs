//! `status`: the PKI as a tree, where a rotation stands, and what comes next; once, or again and again.

mod watch;

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    cli::{LinkedArg, ProbeArg, StatusArgs, StatusFormat},
    cluster::{Cluster, LinkedCluster, LiveMesh, Observe},
    error::Error,
    exit::ExitStatus,
    inventory::Tree,
    mesh::{Mesh as _, ProbeScope, Rollout},
    pki::Thresholds,
    plan::{self, Next, Position, Refusal, Standing},
    snapshot::Snapshot,
    trust,
    ui::{Look, Ui, status::Answer},
};

use super::{
    check::scope,
    interrupt::Interrupts,
    observe::{Origin, link, read_file},
};

/// What `status` needs to know.
#[derive(Debug)]
pub(super) struct Settings {
    origin: Origin,
    namespace: Option<String>,
    format: StatusFormat,
    /// Whether every proxy is asked where some leave a rotation in doubt.
    asks_all_in_doubt: bool,
    /// Linked clusters that are looked at as well.
    linked: Vec<LinkedArg>,
    /// How long to wait between two looks, where there shall be more than one.
    every: Option<Duration>,
}

impl Settings {
    /// The settings that the arguments mean.
    pub(super) fn resolve(arguments: StatusArgs) -> Self {
        Self {
            namespace: arguments.part.namespace.clone(),
            format: arguments.output,
            every: arguments.watch.then_some(arguments.interval),
            asks_all_in_doubt: arguments.probe.is_none(),
            linked: arguments.linked,
            origin: Origin::resolve(
                arguments.snapshot,
                arguments.cluster,
                arguments.part.namespace,
                arguments.probe.unwrap_or(ProbeArg::Sample),
            ),
        }
    }
}

/// Reads and answers.
pub(super) async fn status(settings: Settings, ui: &Ui) -> Result<ExitStatus, Error> {
    if let Some(every) = settings.every {
        return watch::watch(&settings, every, ui).await;
    }
    let seen = {
        let _progress = ui.progress("reading the mesh");
        let reading = async { Box::pin(Source::open(&settings).await?.read()).await };
        Interrupts::new()?.or(reading).await?
    };
    ui.data(&shown(&seen, &settings, ui.stdout())?)?;
    Ok(ExitStatus::Fine)
}

/// What is looked at, connected once.
enum Source<'a> {
    File(&'a std::path::Path),
    Cluster { cluster: Box<Cluster>, linked: Vec<LinkedCluster>, observe: &'a Observe, asks_all_in_doubt: bool },
}

/// One look at the mesh.
struct Seen {
    snapshot: Snapshot,
    rollouts: Vec<Rollout>,
    /// Why rollouts could not be read, where they could not.
    no_rollouts: Option<String>,
}

impl<'a> Source<'a> {
    async fn open(settings: &'a Settings) -> Result<Self, Error> {
        let asks_all_in_doubt = settings.asks_all_in_doubt;
        match &settings.origin {
            Origin::File(file) => Ok(Self::File(file)),
            Origin::Cluster(connect, observe) => {
                let cluster = Box::new(Cluster::connect(connect).await?);
                let mut linked = Vec::new();
                for named in &settings.linked {
                    linked.push(link(connect, named).await?);
                }
                Ok(Self::Cluster { cluster, linked, observe, asks_all_in_doubt })
            }
        }
    }

    async fn read(&self) -> Result<Seen, Error> {
        let (cluster, linked, observe, asks_all_in_doubt) = match self {
            Self::File(file) => {
                return Ok(Seen { snapshot: read_file(file)?, rollouts: Vec::new(), no_rollouts: None });
            }
            Self::Cluster { cluster, linked, observe, asks_all_in_doubt } => {
                (cluster, linked, *observe, *asks_all_in_doubt)
            }
        };
        let seen = look(cluster, linked, observe).await?;
        if asks_all_in_doubt && is_in_doubt(&seen) {
            return look(cluster, linked, &Observe { probe: ProbeScope::All, ..observe.clone() }).await;
        }
        Ok(seen)
    }
}

async fn look(cluster: &Cluster, linked: &[LinkedCluster], observe: &Observe) -> Result<Seen, Error> {
    let now = Timestamp::now();
    let snapshot = Box::pin(LinkedCluster::observe(cluster, linked, observe, now)).await?;
    let workloads = snapshot.mesh.found().map_or(&[][..], |mesh| &mesh.workloads);
    let workloads: Vec<_> = workloads.iter().map(crate::snapshot::Workload::key).collect();
    if workloads.is_empty() {
        return Ok(Seen { snapshot, rollouts: Vec::new(), no_rollouts: None });
    }
    let mesh = LiveMesh::new(cluster.clone(), snapshot.namespace.clone());
    // What only workloads say is a part of the answer that the rest does not depend on.
    let (rollouts, no_rollouts) = match mesh.rollouts(&workloads).await {
        Ok(rollouts) => (rollouts, None),
        Err(fault) => (Vec::new(), Some(fault.to_string())),
    };
    Ok(Seen { snapshot, rollouts, no_rollouts })
}

/// Whether some proxy was not seen that a rotation under way depends on: what is not seen counts as old, so after a
/// sample alone the mesh would look less safe than it is.
fn is_in_doubt(seen: &Seen) -> bool {
    let progress = plan::progress(&Standing::of(&seen.snapshot, &seen.rollouts));
    let held = trust::held(&seen.snapshot);
    match (progress.stage, &progress.next) {
        (Position::Rest | Position::Unknown, _) => false,
        (_, Next::Refuse(Refusal::Breaks(..)) | Next::Hold(_)) => held.iter().any(|held| held.issuer.is_none()),
        _ => progress.proxies(&held).unseen > 0,
    }
}

/// The answer in the form that was asked for.
fn shown(seen: &Seen, settings: &Settings, look: Look) -> Result<String, Error> {
    with_answer(seen, settings.namespace.as_deref(), |answer| match settings.format {
        StatusFormat::Tree => Ok(answer.tree(look)),
        StatusFormat::Wide => Ok(answer.wide(look)),
        StatusFormat::Short => Ok(answer.short()),
        StatusFormat::Json => crate::ui::json(&answer.document()),
        StatusFormat::Yaml => crate::ui::yaml(&answer.document()),
    })
}

/// What the mesh is, without anything that changes although nothing happens.
fn essence(seen: &Seen, settings: &Settings) -> Result<String, Error> {
    with_answer(seen, settings.namespace.as_deref(), |answer| Ok(answer.short()))
}

/// Concludes from what was seen. The stage is that of the whole mesh, also where only a part of it is shown.
fn with_answer<T>(
    seen: &Seen,
    namespace: Option<&str>,
    then: impl FnOnce(&Answer<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let snapshot = &seen.snapshot;
    let standing = Standing::of(snapshot, &seen.rollouts);
    let progress = plan::progress(&standing);
    let held = trust::held(snapshot);
    let mut tree = Tree::of(snapshot, &seen.rollouts);
    if let Some(namespace) = namespace {
        scope::exists(snapshot, namespace)?;
        tree.narrow(namespace);
    }
    then(&Answer {
        snapshot,
        tree,
        proxies: progress.proxies(&held),
        refusing: progress.refusing(&held),
        progress,
        owned: plan::owned(snapshot),
        outside: standing.outside,
        linked: standing.linked,
        hidden: hidden(seen),
        thresholds: Thresholds::default(),
        namespace,
    })
}

/// What could not be read, as far as the answer would say more with it.
fn hidden(seen: &Seen) -> Vec<String> {
    let snapshot = &seen.snapshot;
    let sources = [
        ("ConfigMap linkerd-identity-trust-roots", snapshot.trust_roots.hidden()),
        ("Secret linkerd-identity-issuer", snapshot.issuer.hidden()),
        ("the pods", snapshot.mesh.hidden()),
        ("how workloads replace their pods", seen.no_rollouts.as_deref()),
        ("ConfigMap linkerd-config", snapshot.config.hidden()),
        ("Secret linkerd-config-overrides", snapshot.overrides.hidden()),
    ];
    sources.into_iter().filter_map(|(what, why)| Some(format!("{what} cannot be read: {}", why?))).collect()
}

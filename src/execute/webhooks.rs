//! The steps towards new webhook certificates: each write, the wait until it is served, and the proof that the API server
//! calls what serves it.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    event::{Event, Watch},
    mesh::{Fault, Mesh, ProbeScope, Proof, Write},
    pki::Certificate,
    plan::{
        Standing, Step, Why,
        webhooks::{Act, Caller, Keeper},
    },
    snapshot::{ServerPod, ServiceRef, Snapshot, WorkloadRef},
};

use super::{
    Keys, Stop, restart,
    run::{Look, Run},
};

/// How long the kubelet may take to bring a changed Secret into a pod, and its server to load it: the kubelet looks every
/// minute, with some jitter, and its cache may be as old again.
const RELOAD: Duration = Duration::from_secs(100);
/// How long new pods may take to serve what their Secret holds: they have it from their start.
const STARTED: Duration = Duration::from_secs(30);
/// How long the API server may take to call a server again that it could not: an `APIService` is tried every 30 s.
const CALLED: Duration = Duration::from_mins(1);
/// How long cert-manager may take.
const RENEWED: Duration = Duration::from_mins(3);
/// Before this, what cert-manager says may still be about what was before.
const HEARD: Duration = Duration::from_secs(10);
/// Between two looks.
const LOOK: Duration = Duration::from_secs(2);

/// Takes one step.
pub(super) async fn take<M: Mesh, W: Watch>(
    run: &mut Run<'_, M, W>,
    step: &Step,
    act: &Act,
    look: &Look,
    keys: Keys<'_>,
) -> Result<(), Stop> {
    match act {
        Act::Bundle { .. } | Act::Secret { .. } | Act::Ask { .. } => {
            let Some(write) = write_of(act, &look.snapshot, keys) else {
                return Err(Stop::NoEffect(Box::new(step.clone())));
            };
            run.write(&write).await?;
            run.proofs.extend(act.writes_for().map(|service| (service.clone(), false)));
            run.tell(&Event::Written(write.object()));
            Ok(())
        }
        Act::AwaitServed { of } => await_served(run, of, look).await,
        Act::AwaitRenewed { of } => await_renewed(run, of, look).await,
        Act::Prove { of } => prove(run, of, look).await,
    }
}

/// What an act writes, against the versions that `snapshot` read.
pub(super) fn write_of(act: &Act, snapshot: &Snapshot, keys: Keys<'_>) -> Option<Write> {
    match act {
        Act::Bundle { of, anchors, .. } => {
            let same = |one: &&crate::snapshot::Webhook| one.meta.name == of.name && of.kind == one.kind.into();
            let against = snapshot.webhooks.items().iter().find(same)?.meta.resource_version.clone();
            Some(Write::CaBundle { of: of.clone(), anchors: anchors.clone(), against })
        }
        Act::Secret { of, secret: (namespace, name), chain } => {
            let pair = keys.servers.iter().find(|pair| pair.of == *of && pair.pair.chain == *chain)?.clone();
            let held = snapshot.webhooks.items().iter().find(|one| one.of() == *of)?.secret.found()?;
            let against = held.meta.resource_version.clone();
            Some(Write::Server { namespace: namespace.clone(), name: name.clone(), pair, against })
        }
        Act::Ask { certificate: (namespace, name), .. } => {
            Some(Write::Renewal { namespace: namespace.clone(), name: name.clone() })
        }
        Act::AwaitServed { .. } | Act::AwaitRenewed { .. } | Act::Prove { .. } => None,
    }
}

/// Waits until every pod serves what its Secret holds. What has not reloaded it by then is restarted, the control plane's
/// own first: an extension's new pods need the injector.
async fn await_served<M: Mesh, W: Watch>(run: &mut Run<'_, M, W>, of: &[ServiceRef], look: &Look) -> Result<(), Stop> {
    for service in of {
        run.tell(&Event::Waiting(format!("each pod of Service {service} to serve its new certificate")));
    }
    let mut left = until_served(run, of, look, RELOAD).await?;
    if left.is_empty() {
        return Ok(());
    }
    let own = |service: &ServiceRef| look.standing.webhook_server(service).is_some_and(|one| one.is_control_plane);
    for (is_own, why) in [(true, Why::Refresh), (false, Why::Extend)] {
        let mut stale: BTreeSet<WorkloadRef> = BTreeSet::new();
        for (service, pods) in left.iter().filter(|(service, _)| own(service) == is_own) {
            run.tell(&Event::MissedReload(service.to_string()));
            let held = held(&look.standing, service);
            stale.extend(pods.iter().filter(|pod| !serves(pod, held)).filter_map(|pod| pod.workload.clone()));
        }
        let stale: Vec<WorkloadRef> = stale.into_iter().collect();
        restart::restart(run, &stale, why, look).await?;
    }
    let late: Vec<ServiceRef> = left.into_iter().map(|(service, _)| service).collect();
    left = until_served(run, &late, look, STARTED).await?;
    left.into_iter().next().map_or(Ok(()), |(service, pods)| {
        let held = held(&look.standing, &service);
        let pods = pods.iter().filter(|pod| !serves(pod, held)).map(told).collect();
        Err(Stop::NotServed { service, pods })
    })
}

/// What does not serve its Secret's certificate within `patience`, with the pods as they were seen last.
async fn until_served<M: Mesh, W: Watch>(
    run: &mut Run<'_, M, W>,
    of: &[ServiceRef],
    look: &Look,
    patience: Duration,
) -> Result<Vec<(ServiceRef, Vec<ServerPod>)>, Stop> {
    let begun = run.mesh.now();
    loop {
        let mut left = Vec::new();
        for service in of {
            let held = held(&look.standing, service);
            // That no pod is ready yet is no answer, and passes.
            let pods = match run.mesh.served(service).await {
                Ok(pods) => pods,
                Err(Fault::Failed(_)) => Vec::new(),
                Err(fault) => return Err(fault.into()),
            };
            if pods.is_empty() || !pods.iter().all(|pod| serves(pod, held)) {
                left.push((service.clone(), pods));
            }
        }
        if left.is_empty() || run.mesh.now().duration_since(begun).unsigned_abs() >= patience {
            return Ok(left);
        }
        run.mesh.pause(LOOK).await;
        run.go_on().await?;
    }
}

fn held<'a>(standing: &'a Standing, service: &ServiceRef) -> Option<&'a Certificate> {
    standing.webhook_server(service)?.certificate()
}

fn serves(pod: &ServerPod, held: Option<&Certificate>) -> bool {
    held.is_some() && pod.chain.as_ref().is_ok_and(|chain| chain.first() == held)
}

fn told(pod: &ServerPod) -> String {
    match &pod.chain {
        Ok(chain) => match chain.first() {
            Some(first) => {
                format!("pod {} serves `{}` ({})", pod.name, first.name(), first.fingerprint().short())
            }
            None => format!("pod {} serves nothing", pod.name),
        },
        Err(why) => format!("pod {}: {why}", pod.name),
    }
}

/// Has the API server call each of these servers, from everything that calls it.
async fn prove<M: Mesh, W: Watch>(run: &mut Run<'_, M, W>, of: &[ServiceRef], look: &Look) -> Result<(), Stop> {
    for service in of {
        let Some(server) = look.standing.webhook_server(service) else { continue };
        for hook in &server.hooks {
            let caller = hook.caller(server);
            let name = server.name();
            let accepted = server
                .pods
                .iter()
                .all(|pod| pod.serves.as_ref().is_some_and(|chain| hook.accepts(chain, &name, look.standing.at)));
            prove_one(run, &caller, accepted).await?;
        }
        run.proofs.insert(service.clone(), true);
    }
    Ok(())
}

async fn prove_one<M: Mesh, W: Watch>(run: &mut Run<'_, M, W>, caller: &Caller, accepted: bool) -> Result<(), Stop> {
    let begun = run.mesh.now();
    let what = caller.reference();
    loop {
        let why = match run.mesh.prove(caller).await? {
            Proof::Called(shown) => {
                run.tell(&Event::Called(format!("{what}: {shown}")));
                return Ok(());
            }
            Proof::Untried if accepted => {
                let shown = "no dry run is known that only it answers; what each of its pods serves verifies against \
                             caBundle as the API server verifies it";
                run.tell(&Event::Called(format!("{what}: {shown}")));
                return Ok(());
            }
            Proof::Untried => "its caBundle does not verify what its pods serve".to_owned(),
            Proof::NotCalled(why) => why,
        };
        if run.mesh.now().duration_since(begun).unsigned_abs() >= CALLED {
            return Err(Stop::NotCalled { what, why });
        }
        run.tell(&Event::Waiting(format!("the API server to call {what}")));
        run.mesh.pause(LOOK).await;
        run.go_on().await?;
    }
}

/// Waits until cert-manager has made the certificates that it was asked for, and its injector has put what verifies them
/// where it belongs.
async fn await_renewed<M: Mesh, W: Watch>(run: &mut Run<'_, M, W>, of: &[ServiceRef], look: &Look) -> Result<(), Stop> {
    let begun = run.mesh.now();
    run.tell(&Event::Waiting("cert-manager to renew".to_owned()));
    loop {
        let snapshot = run.mesh.observe(ProbeScope::None).await?;
        let standing = Standing::of(&snapshot, &[]);
        let waited = run.mesh.now().duration_since(begun).unsigned_abs();
        let mut waiting = false;
        for server in of.iter().filter_map(|service| standing.webhook_server(service)) {
            let Keeper::CertManager { certificate, asked, trouble, .. } = &server.keeper else { continue };
            let same = server.certificate() == held(&look.standing, &server.service);
            let accepted = server.secret.as_ref().is_ok_and(|held| server.is_accepted(&held.chain, standing.at));
            if !same && accepted && !asked {
                continue;
            }
            waiting = true;
            let failed = same && !asked && waited >= HEARD;
            if failed || waited >= RENEWED {
                let certificate = certificate.as_ref().map(|(namespace, name)| format!("{namespace}/{name}"));
                let certificate = certificate.unwrap_or_else(|| format!("of Service {}", server.service));
                return Err(Stop::NotRenewed { certificate, said: trouble.clone() });
            }
        }
        if !waiting {
            return Ok(());
        }
        run.mesh.pause(LOOK).await;
        run.go_on().await?;
    }
}

//! The proof of the swap: identity says that it loaded the new issuer, or is restarted and starts with it. Where it
//! refuses the issuer, the one before is put back.

use std::time::Duration;

use crate::{
    event::{Event, Watch},
    mesh::{Fault, Mesh, ProbeScope, Write},
    pki::Certificate,
    plan::{Party, Step, Why, gate},
    snapshot::{IdentityEventKind, Snapshot},
    trust,
};

use super::{
    Stop, restart,
    run::{Look, Run},
};

/// How long to wait for identity to notice by itself. The kubelet may take a minute to mount the change, a restart takes
/// less, and identity's own leaf has to move to the new issuer anyway.
const PATIENCE: Duration = Duration::from_secs(15);
/// The same where nothing is to be restarted.
const MUCH_PATIENCE: Duration = Duration::from_mins(2);
/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// Waits for identity to sign with `chain`; restarts it where it missed the change.
pub(super) async fn await_issuer<M: Mesh, W: Watch>(
    run: &mut Run<'_, M, W>,
    chain: &[Certificate],
    look: &Look,
) -> Result<(), Stop> {
    run.tell(&Event::Waiting("identity to load the new issuer".to_owned()));
    let begun = run.mesh.now();
    let patience = if run.options.patient { MUCH_PATIENCE } else { PATIENCE };
    let mut snapshot = look.snapshot.clone();
    loop {
        if trust::serving(&snapshot).is_some_and(|serving| serving.chain.first() == chain.first()) {
            return Ok(());
        }
        if refused(&snapshot) {
            return Err(put_back(run, chain, look).await?);
        }
        if run.mesh.now().duration_since(begun).unsigned_abs() >= patience {
            break;
        }
        run.mesh.pause(LOOK).await;
        run.go_on().await?;
        snapshot = run.mesh.observe(run.options.probe).await?;
    }
    run.tell(&Event::MissedUpdate);
    let identity = look.standing.parties.iter().find(|party| party.component.as_deref() == Some("identity"));
    let Some(Party { who, .. }) = identity else {
        return Err(Stop::NoEffect(Box::new(Step::AwaitIssuer { chain: chain.to_vec() })));
    };
    match restart::restart(run, std::slice::from_ref(who), Why::Refresh, look).await {
        // It does not start with the new issuer; its old pods still sign with the one before.
        Err(Stop::Rollout { trouble, .. }) => {
            let stop = put_back(run, chain, look).await?;
            run.tell(&Event::Waiting(trouble.unwrap_or_else(|| format!("{who} to be looked at"))));
            Err(stop)
        }
        other => other,
    }
}

/// Puts back the issuer that this run replaced, where the mesh as it was read allows that.
async fn put_back<M: Mesh, W: Watch>(
    run: &mut Run<'_, M, W>,
    chain: &[Certificate],
    look: &Look,
) -> Result<Stop, Stop> {
    let safe = |before: &[Certificate]| gate(&look.standing, &Step::Issuer { chain: before.to_vec() }).is_ok();
    let Some(pair) = run.issuer_before.take().filter(|before| safe(&before.chain)) else {
        return Ok(Stop::IssuerRefused { put_back: false });
    };
    let snapshot = run.mesh.observe(ProbeScope::None).await?;
    let secret = snapshot.issuer.found();
    let present = secret.and_then(|secret| secret.chain.as_ref()?.first());
    if present != chain.first() {
        return Err(Stop::Fault(Fault::Conflict("Secret linkerd-identity-issuer".to_owned())));
    }
    let (anchors, issuer) = (look.standing.roots.clone(), pair.chain.first().map(Certificate::fingerprint));
    let against = secret.map(|secret| secret.meta.resource_version.clone()).unwrap_or_default();
    run.write(&Write::Issuer { pair, anchors, against }).await?;
    if let Some(issuer) = issuer {
        run.tell(&Event::PutBack(issuer));
    }
    Ok(Stop::IssuerRefused { put_back: true })
}

/// Whether identity said after the Secret's last change that it skipped it, and nothing better since.
fn refused(snapshot: &Snapshot) -> bool {
    let changed = snapshot.issuer.found().and_then(|secret| secret.changed_at);
    let last =
        snapshot.identity_events.items().iter().rev().find(|event| {
            matches!(event.kind, IdentityEventKind::IssuerUpdated | IdentityEventKind::IssuerUpdateSkipped)
        });
    last.zip(changed)
        .is_some_and(|(event, changed)| event.kind == IdentityEventKind::IssuerUpdateSkipped && event.at > changed)
}

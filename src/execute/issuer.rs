//! The proof of the swap: identity says that it loaded the new issuer, or is restarted and starts with it.

use std::time::Duration;

use crate::{
    event::{Event, Watch},
    mesh::Mesh,
    pki::Certificate,
    plan::{Step, Why},
    snapshot::{IdentityEventKind, Snapshot},
    trust,
};

use super::{
    Stop, restart,
    run::{Look, Run},
};

/// Identity looks at a changed Secret within 10 s; the kubelet may take its time to mount it.
const PATIENCE: Duration = Duration::from_secs(30);
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
    let mut snapshot = look.snapshot.clone();
    loop {
        if trust::serving(&snapshot).is_some_and(|serving| serving.chain.first() == chain.first()) {
            return Ok(());
        }
        if refused(&snapshot) {
            return Err(Stop::IssuerRefused);
        }
        if run.mesh.now().duration_since(begun).unsigned_abs() >= PATIENCE {
            break;
        }
        run.mesh.pause(LOOK).await;
        run.go_on().await?;
        snapshot = run.mesh.observe(run.options.probe).await?;
    }
    run.tell(&Event::MissedUpdate);
    let identity = look.standing.parties.iter().find(|party| party.component.as_deref() == Some("identity"));
    let Some(identity) = identity else {
        return Err(Stop::NoEffect(Box::new(Step::AwaitIssuer { chain: chain.to_vec() })));
    };
    restart::restart(run, std::slice::from_ref(&identity.who), Why::Refresh, look).await
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

//! Where cert-manager writes the issuer: it is asked to renew, and what follows that is restarted.

use std::time::Duration;

use crate::{
    cluster::LiveMesh,
    error::Error,
    execute::Stop,
    exit::ExitStatus,
    mesh::{Mesh as _, Mode, ProbeScope, Write},
    plan::{self, Need, Standing},
    snapshot::Snapshot,
    ui::Ui,
};

use super::{Look, Settings, rotate};

/// How long cert-manager may take for one Certificate, and trust-manager to hand on an anchor.
const RENEWED: Duration = Duration::from_mins(3);
/// Before this, what cert-manager says may still be about what was before.
const HEARD: Duration = Duration::from_secs(10);
/// Between two looks.
const LOOK: Duration = Duration::from_secs(2);

/// Has cert-manager make what the mesh lacks, and looks again. `Err` is how it ended before that.
pub(super) async fn renew(settings: &Settings, look: Look, ui: &Ui) -> Result<Result<Look, ExitStatus>, Error> {
    let certificates = plan::certificates_to_renew(&look.snapshot);
    if certificates.is_empty() || matches!(plan::need(&look.standing), Need::Nothing(_)) {
        return Ok(Ok(look));
    }
    let names: Vec<String> = certificates.iter().map(|(namespace, name)| format!("{namespace}/{name}")).collect();
    ui.data(&format!("cert-manager writes the issuer, so it is asked to renew {}.\n", names.join(", then ")))?;
    let write =
        |(namespace, name): &(String, String)| Write::Renewal { namespace: namespace.clone(), name: name.clone() };
    if settings.run.is_dry_run() {
        for certificate in &certificates {
            look.mesh.write(&write(certificate), Mode::Try).await?;
        }
        ui.data("It would take that; what follows depends on what it makes. Nothing was changed.\n")?;
        return Ok(Err(ExitStatus::Fine));
    }
    if !settings.run.is_unattended() && !ui.confirm("Go on?")? {
        return Ok(Err(ExitStatus::Interrupted));
    }
    for certificate in &certificates {
        ui.say(&format!("asking cert-manager to renew {}/{}", certificate.0, certificate.1));
        look.mesh.write(&write(certificate), Mode::Do).await?;
        if let Err(stop) = renewed(&look.mesh, &look.snapshot, certificate).await? {
            ui.stopped(&stop);
            return Ok(Err(ExitStatus::Gate));
        }
    }
    if let Err(stop) = arrived(&look.mesh, &look.snapshot).await? {
        ui.stopped(&stop);
        return Ok(Err(ExitStatus::Gate));
    }
    Ok(Ok(rotate::look(look.mesh, ui).await?))
}

/// Waits until a Certificate has another end than before.
async fn renewed(
    mesh: &LiveMesh,
    before: &Snapshot,
    (namespace, name): &(String, String),
) -> Result<Result<(), Stop>, Error> {
    let end = |snapshot: &Snapshot| {
        snapshot.cert_manager.certificate(namespace, name).and_then(|one| Some((one.not_after?, one.revision)))
    };
    let begun = mesh.now();
    loop {
        let snapshot = mesh.observe(ProbeScope::None).await?;
        let issuing = snapshot.cert_manager.is_issuing(namespace, name);
        if end(&snapshot) != end(before) && !issuing {
            return Ok(Ok(()));
        }
        let waited = mesh.now().duration_since(begun).unsigned_abs();
        if waited >= RENEWED || (waited >= HEARD && !issuing) {
            let said = snapshot.cert_manager.trouble(namespace, name);
            return Ok(Err(Stop::NotRenewed { certificate: format!("{namespace}/{name}"), said }));
        }
        mesh.pause(LOOK).await;
    }
}

/// Waits until the Secret holds an issuer that the trust roots vouch for: trust-manager hands on an anchor by itself.
async fn arrived(mesh: &LiveMesh, before: &Snapshot) -> Result<Result<(), Stop>, Error> {
    let begun = mesh.now();
    loop {
        let snapshot = mesh.observe(ProbeScope::None).await?;
        let standing = Standing::of(&snapshot, &[]);
        let is_new = standing.issuer.first() != Standing::of(before, &[]).issuer.first();
        let is_trusted = matches!(plan::need(&standing), Need::Nothing(anchor) if standing.roots.contains(&anchor));
        if is_new && is_trusted {
            return Ok(Ok(()));
        }
        if mesh.now().duration_since(begun).unsigned_abs() >= RENEWED {
            let what = "the renewed issuer, with its anchor in the trust roots,".to_owned();
            return Ok(Err(Stop::TooLong { what, after: RENEWED }));
        }
        mesh.pause(LOOK).await;
    }
}

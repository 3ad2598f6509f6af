//! States of the trust bundle and the anchors in it.

use super::Stage;
use super::steps::bundle;
use crate::error::Result;
use crate::install::Pki;
use crate::trust::{DAY, Life, YEAR};

pub(super) async fn extended(stage: &Stage) -> Result<()> {
    extend(stage).await.map(drop)
}

/// A rotation by hand as the guides have it, left in the middle of its first restarts.
pub(super) async fn half_loaded(stage: &Stage) -> Result<()> {
    extend(stage).await?;
    stage.mesh.restart(&["identity", "destination", "proxy-injector"]).await?;
    stage.mesh.ready().await?;
    stage.roll("deployment/web").await
}

/// The same, left when identity had taken the issuer and one workload had been restarted since.
pub(super) async fn half_refreshed(stage: &Stage) -> Result<()> {
    swap(stage).await?;
    stage.roll("deployment/web").await
}

/// The same but for its last stage: what can be restarted was restarted twice.
pub(super) async fn untrimmed(stage: &Stage) -> Result<()> {
    swap(stage).await?;
    stage.restart_all().await
}

/// The same but for the last restarts.
pub(super) async fn trimmed_unloaded(stage: &Stage) -> Result<()> {
    let new = swap(stage).await?;
    stage.restart_all().await?;
    stage.mesh.set_bundle(&bundle(&[&new.anchor])).await
}

async fn extend(stage: &Stage) -> Result<Pki> {
    let new = Pki::usual()?;
    stage.mesh.set_bundle(&bundle(&[&stage.pki.anchor, &new.anchor])).await?;
    stage.mesh.keep_next(&new)?;
    Ok(new)
}

async fn swap(stage: &Stage) -> Result<Pki> {
    let new = extend(stage).await?;
    stage.restart_all().await?;
    stage.set_issuer(&new.issuer.crt(), &new.issuer.key()?).await?;
    stage.event("IssuerUpdated").await?;
    Ok(new)
}

/// Everything swapped in one go; the control plane and web restart, the others keep the old anchor and leafs.
pub(super) async fn trimmed(stage: &Stage) -> Result<()> {
    let new = Pki::usual()?;
    stage.mesh.set_bundle(&bundle(&[&new.anchor])).await?;
    stage.set_issuer(&new.issuer.crt(), &new.issuer.key()?).await?;
    stage.event("IssuerUpdateSkipped").await?;
    stage.mesh.restart(&["identity", "destination", "proxy-injector"]).await?;
    stage.mesh.ready().await?;
    stage.roll("deployment/web").await?;
    stage.mesh.keep_next(&new)
}

pub(super) async fn garbage(stage: &Stage) -> Result<()> {
    let anchor = stage.pki.anchor.crt();
    let broken = "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";
    let text = format!("# anchors of the platform team\n{anchor}{broken}<<<<<<< HEAD\n");
    stage.mesh.set_bundle(&text).await
}

/// An anchor that ends soon, with an issuer that outlives it: leafs are not cut short by its end.
pub(super) fn short_anchor(soon: i64) -> Result<Pki> {
    Pki::lasting(Life::aged(10 * YEAR - soon, soon), Life::of(YEAR))
}

/// Go's verifier minds the anchor's own end, so identity refuses the next leaf; rustls in the proxies does not.
pub(super) async fn wait_for_anchor(stage: &Stage) -> Result<()> {
    stage.pass(stage.pki.anchor.end()).await;
    stage.delete_pods("web").await?;
    stage.event("IssuerValidationFailed").await
}

/// Ten years less 40 days old; the issuer ends with it and is young.
pub(super) fn old_anchor() -> Result<Pki> {
    Pki::lasting(Life::aged(10 * YEAR - 40 * DAY, 40 * DAY), Life::aged(DAY, 39 * DAY))
}

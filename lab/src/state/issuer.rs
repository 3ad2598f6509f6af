//! States of the identity issuer.

use super::Stage;
use super::steps::bundle;
use crate::error::Result;
use crate::install::{NAMESPACE, Pki};
use crate::trust::{self, DAY, HOUR, Life, YEAR};

/// An expired issuer is put in the Secret and the control plane restarted: the new identity does not start on it, and
/// the rollout keeps the old one, which signs from memory.
pub(super) async fn expired(stage: &Stage) -> Result<()> {
    let expired = trust::issuer(trust::ISSUER, Life::aged(2 * DAY, -HOUR), &stage.pki.anchor)?;
    stage.set_issuer(&expired.crt(), &expired.key()?).await?;
    stage.mesh.restart(&["identity", "destination", "proxy-injector"]).await?;
    for component in ["destination", "proxy-injector"] {
        stage.mesh.rolled_out(component).await?;
    }
    stage.event("IssuerUpdateSkipped").await?;
    stage
        .pod(NAMESPACE, "a crash-looping identity", |pod| {
            let statuses = pod["status"]["containerStatuses"].as_array().map(Vec::as_slice).unwrap_or_default();
            statuses.iter().any(|status| status["name"] == "identity" && status["restartCount"].as_u64() > Some(0))
        })
        .await
}

/// An issuer that ends soon; leafs end with it.
pub(super) fn short(soon: i64) -> Result<Pki> {
    Pki::lasting(Life::of(YEAR), Life::of(soon))
}

/// The issuer really runs out; what is established goes on, and what restarts stays without a leaf.
pub(super) async fn wait_for_end(stage: &Stage) -> Result<()> {
    stage.pass(stage.pki.issuer.end()).await;
    stage.delete_pods("web").await?;
    stage.event("IssuerValidationFailed").await
}

/// Anchor and issuer that end soon, at the same moment.
pub(super) fn short_both(soon: i64) -> Result<Pki> {
    Pki::lasting(Life::aged(10 * YEAR - soon, soon), Life::of(soon))
}

/// Both really run out, and a restarted web gets no leaf.
pub(super) async fn both_ended(stage: &Stage) -> Result<()> {
    stage.pass(stage.pki.issuer.end()).await;
    stage.delete_pods("web").await?;
    stage.event("IssuerValidationFailed").await
}

/// The same without a restart: the leafs end with the issuer, and the proxies' own requests for others are refused.
pub(super) async fn wait_for_both(stage: &Stage) -> Result<()> {
    stage.pass(stage.pki.issuer.end()).await;
    stage.event("IssuerValidationFailed").await
}

/// The second half of a rotation begun before identity was restarted.
pub(super) async fn premature(stage: &Stage) -> Result<()> {
    let new = Pki::usual()?;
    stage.mesh.set_bundle(&bundle(&[&stage.pki.anchor, &new.anchor])).await?;
    swap(stage, &new).await
}

pub(super) async fn premature_unextended(stage: &Stage) -> Result<()> {
    swap(stage, &Pki::usual()?).await
}

async fn swap(stage: &Stage, new: &Pki) -> Result<()> {
    stage.set_issuer(&new.issuer.crt(), &new.issuer.key()?).await?;
    stage.mesh.keep_next(new)?;
    stage.event("IssuerUpdateSkipped").await
}

pub(super) fn old() -> Result<Pki> {
    Pki::lasting(Life::of(10 * YEAR), Life::aged(355 * DAY, 10 * DAY))
}

/// Subject of the anchor on both (linkerd2#5350).
pub(super) async fn same_subject(stage: &Stage) -> Result<()> {
    let issuer = trust::issuer(trust::ANCHOR, Life::of(YEAR), &stage.pki.anchor)?;
    stage.set_issuer(&issuer.crt(), &issuer.key()?).await?;
    stage.event("IssuerUpdated").await
}

pub(super) async fn mismatched(stage: &Stage) -> Result<()> {
    let other = Pki::usual()?.issuer;
    let issuer = trust::issuer(trust::ISSUER, Life::of(YEAR), &stage.pki.anchor)?;
    stage.set_issuer(&issuer.crt(), &other.key()?).await?;
    stage.event("IssuerUpdateSkipped").await
}

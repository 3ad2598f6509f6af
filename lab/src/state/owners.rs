//! States of a mesh that somebody else owns: a Helm release, the CLI's overrides, cert-manager.

use super::Stage;
use super::steps::bundle;
use crate::error::Result;
use crate::install::Pki;
use crate::install::external::{self, Generation};
use crate::trust::{self, DAY, HOUR, Life, YEAR};

/// The bundle is extended by hand before anything has started, so that everything loads it, and only the values that
/// the next `helm upgrade` or `linkerd upgrade` starts from know nothing of it.
pub(super) async fn extended_and_loaded(stage: &Stage) -> Result<()> {
    let new = trust::anchor(trust::ANCHOR, Life::of(10 * YEAR))?;
    stage.mesh.set_bundle(&bundle(&[&stage.pki.anchor, &new])).await?;
    // Whatever the first pods have read, the ones that stay have read this.
    stage.mesh.restart(&["identity", "destination", "proxy-injector"]).await
}

pub(super) fn external() -> Result<Pki> {
    external::pki(0, 0)
}

/// At the age where the guide's `renewBefore` renews the anchor, with an issuer that is due within the hour.
pub(super) fn external_old() -> Result<Pki> {
    external::pki(61 * DAY, 22 * HOUR)
}

/// What the documented set-up does by itself 60 days after its installation: a new anchor, the Bundle with both, and
/// an issuer signed by the new one, all without a restart of identity.
pub(super) async fn anchor_renewed(stage: &Stage) -> Result<()> {
    let new = external::pki(0, 0)?;
    let generation =
        Generation { anchor: (&new.anchor, 2), previous: &stage.pki.anchor, issuer: (&new.issuer, &new.anchor, 2) };
    external::renew(&stage.mesh.kube, generation).await?;
    stage.event("IssuerUpdateSkipped").await?;
    stage.mesh.keep(&new)
}

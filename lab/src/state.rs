//! Named states of a mesh, each reached as an operator would reach it, starting from a clean install.

use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::install::{Mesh, Mode, Pki};
use crate::workloads;

mod issuer;
mod neighbours;
mod owners;
mod steps;
mod trust;
mod webhooks;

/// A step of a state: what is done to a mesh that was installed with these certificates.
type Step = for<'a> fn(&'a Stage) -> std::pin::Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// Seconds in which control plane and workloads come up on two free cores, with some to spare.
const SOON: i64 = 60;
/// The same on a machine that is busy otherwise.
const LATER: i64 = 240;

/// One named state.
#[derive(Clone, Copy)]
pub struct State {
    /// Its name.
    pub name: &'static str,
    /// What is true in it, in one line.
    pub about: &'static str,
    /// How the mesh is installed, unless the caller says otherwise.
    pub mode: Mode,
    pki: fn() -> Result<Pki>,
    /// Certificates of which one ends after so many seconds, in place of `pki`.
    ending: Option<fn(i64) -> Result<Pki>>,
    /// Done after the control plane is applied, before its pods are awaited.
    early: Option<Step>,
    /// Done with everything in place and ready.
    steps: Option<Step>,
}

/// What the steps work on.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) mesh: Mesh,
    pub(crate) pki: Pki,
}

impl State {
    const fn new(name: &'static str, about: &'static str) -> Self {
        Self { name, about, mode: Mode::Cli, pki: Pki::usual, ending: None, early: None, steps: None }
    }

    const fn mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    const fn pki(self, pki: fn() -> Result<Pki>) -> Self {
        Self { pki, ..self }
    }

    const fn ending(self, pki: fn(i64) -> Result<Pki>) -> Self {
        Self { ending: Some(pki), ..self }
    }

    const fn early(self, step: Step) -> Self {
        Self { early: Some(step), ..self }
    }

    const fn then(self, step: Step) -> Self {
        Self { steps: Some(step), ..self }
    }
}

/// Wraps an async function as a [`Step`].
macro_rules! step {
    ($step:path) => {
        |stage| Box::pin($step(stage))
    };
}

/// All states.
pub const ALL: &[State] = &[
    State::new("healthy", "nothing is wrong; traffic flows"),
    State::new("extended-not-restarted", "a second anchor in the ConfigMap; nothing has loaded it")
        .then(step!(trust::extended)),
    State::new("trimmed-too-early", "anchor and issuer replaced at once; only web and the control plane follow")
        .then(step!(trust::trimmed)),
    State::new("refreshed-not-trimmed", "a rotation by hand that was left before its last stage")
        .then(step!(trust::untrimmed)),
    State::new("extended-half-restarted", "a rotation by hand that was left in the middle of its first restarts")
        .then(step!(trust::half_loaded)),
    State::new(
        "swapped-half-refreshed",
        "a rotation by hand that was left when one workload had a leaf of the new issuer",
    )
    .then(step!(trust::half_refreshed)),
    State::new("trimmed-not-restarted", "a rotation by hand that was left before its last restarts")
        .then(step!(trust::trimmed_unloaded)),
    State::new("garbage-in-bundle", "the ConfigMap holds text and a broken block beside the anchor")
        .then(step!(trust::garbage)),
    State::new("anchor-expired", "the only anchor has run out under a running mesh; a restarted web gets no leaf")
        .ending(trust::short_anchor)
        .then(step!(trust::wait_for_anchor)),
    State::new("anchor-near-end", "the anchor of ten years has 40 days left").pki(trust::old_anchor),
    State::new(
        "issuer-expired",
        "an expired issuer in the Secret and a restarted control plane: old identity beside a crash-looping one",
    )
    .then(step!(issuer::expired)),
    State::new("dead-issuer", "the issuer ran out under a running mesh; a restarted web gets no leaf")
        .ending(issuer::short)
        .then(step!(issuer::wait_for_end)),
    State::new("anchor-and-issuer-expired", "both ran out under a running mesh; a restarted web gets no leaf")
        .ending(issuer::short_both)
        .then(step!(issuer::both_ended)),
    State::new(
        "premature-issuer",
        "an issuer under an anchor that identity has not loaded; the old one goes on from memory",
    )
    .then(step!(issuer::premature)),
    State::new("premature-issuer-unextended", "the same, and the new anchor is in no bundle either")
        .then(step!(issuer::premature_unextended)),
    State::new("issuer-near-end", "the issuer of one year has ten days left").pki(issuer::old),
    State::new("same-subject", "anchor and issuer have the same subject").then(step!(issuer::same_subject)),
    State::new("key-mismatch", "the issuer Secret's key belongs to another certificate")
        .then(step!(issuer::mismatched)),
    State::new("webhooks-expired", "all three webhook certificates have expired").then(step!(webhooks::expired)),
    State::new("webhook-mismatch", "the injector has a new certificate that the caBundle does not verify")
        .then(step!(webhooks::mismatch)),
    State::new(
        "unmeshed-pods",
        "web came up without proxies while the injector's caBundle was wrong; the caBundle is right again",
    )
    .then(step!(webhooks::unmeshed)),
    State::new("dead-mesh-webhooks", "anchor, issuer and all webhook certificates have expired; new pods come up bare")
        .ending(issuer::short_both)
        .then(step!(webhooks::dead)),
    State::new("dead-mesh-webhooks-fail", "the same with failurePolicy Fail: no pod comes up")
        .ending(issuer::short_both)
        .then(step!(webhooks::dead_and_fail)),
    State::new("viz", "an extension's webhook (tap-injector) and API service (tap), near their end")
        .then(step!(webhooks::viz)),
    State::new("ha", "three replicas, disruption budgets, webhooks that have to answer; nothing is wrong")
        .mode(Mode::Ha),
    State::new("helm", "a Helm release; nothing is wrong").mode(Mode::Helm),
    State::new(
        "helm-drift",
        "a Helm release whose ConfigMap was extended by hand and loaded; the release's values are old",
    )
    .mode(Mode::Helm)
    .early(step!(owners::extended_and_loaded)),
    State::new(
        "overrides-drift",
        "a CLI install whose ConfigMap was extended by hand and loaded; the overrides are old",
    )
    .early(step!(owners::extended_and_loaded)),
    State::new("external-ca", "cert-manager and trust-manager own the certificates; nothing is wrong")
        .mode(Mode::ExternalCa)
        .pki(owners::external),
    State::new(
        "external-ca-anchor-renewed",
        "cert-manager renewed anchor and issuer; identity has not loaded the anchor",
    )
    .mode(Mode::ExternalCa)
    .pki(owners::external_old)
    .then(step!(owners::anchor_renewed)),
    State::new("two-control-planes", "a second control plane in linkerd-two, without pods")
        .then(step!(neighbours::second)),
    State::new("neighbours", "an ExternalWorkload and a multicluster Link share the anchor")
        .then(step!(neighbours::outside)),
    State::new(
        "forbidden",
        "healthy, with kubeconfigs of a user who may read only some of it and of one who may read nothing",
    )
    .then(step!(neighbours::poor_users)),
];

/// The state of this name.
pub fn find(name: &str) -> Result<&'static State> {
    ALL.iter().find(|state| state.name == name).ok_or_else(|| {
        let names: Vec<_> = ALL.iter().map(|state| state.name).collect();
        Error::Refused(format!("there is no state `{name}`; the states are {}", names.join(", ")))
    })
}

/// Brings a mesh into a state: a clean install with workloads, then the state's own steps. Says how long it took.
pub async fn set(mesh: &Mesh, name: &str, mode: Option<Mode>) -> Result<Duration> {
    let begun = Instant::now();
    let wanted = find(name)?;
    let stage = match wanted.ending {
        None => wanted.install(mesh, mode, wanted.pki).await?,
        Some(pki) => match wanted.install(mesh, mode, || pki(SOON)).await {
            // On a busy machine the certificate can end before everything is up.
            Err(Error::Timeout { .. } | Error::Command { .. } | Error::Kube { .. }) => {
                wanted.install(mesh, mode, || pki(LATER)).await?
            }
            other => other?,
        },
    };
    if let Some(steps) = wanted.steps {
        timed("the state is reached", steps(&stage)).await?;
    }
    Ok(begun.elapsed())
}

/// Does something and says how long it took.
async fn timed<T>(what: &str, does: impl Future<Output = Result<T>>) -> Result<T> {
    let begun = Instant::now();
    let done = does.await?;
    tracing::info!("{what} after {:.1} s", begun.elapsed().as_secs_f32());
    Ok(done)
}

impl State {
    /// A clean install with workloads, everything ready.
    async fn install(&self, mesh: &Mesh, mode: Option<Mode>, pki: impl Fn() -> Result<Pki>) -> Result<Stage> {
        timed("what was there is gone", mesh.uninstall()).await?;
        // From here on its time runs.
        let stage = Stage { mesh: mesh.clone(), pki: pki()? };
        timed("the control plane is applied", async {
            mesh.render(mode.unwrap_or(self.mode), &stage.pki, true).await?;
            if let Some(early) = self.early {
                early(&stage).await?;
            }
            Ok(())
        })
        .await?;
        timed("the control plane is ready", mesh.ready()).await?;
        timed("the workloads are ready", workloads::apply(&mesh.kube)).await?;
        Ok(stage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = ALL.iter().map(|state| state.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}

//! Objects that somebody else writes, such as a Helm release: what a plan would write to them goes into files for their
//! owner. Everything else goes through.
//!
//! A side of the port in front of another one, so that planner, gates and proofs are the same as ever; a write is done
//! when the cluster holds it. Whoever writes waits for that, and keeps the lock meanwhile: here nothing is waited for.

mod files;

use std::{
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use jiff::Timestamp;
use secrecy::zeroize::Zeroizing;

use crate::{
    keyfile,
    mesh::{
        Admission, Concerns, Copy, Fault, Holder, IssuerPair, Mesh, Mode, ProbeScope, Proof, Right, Rollout, Write,
    },
    pki::{Bundle, Certificate},
    plan::webhooks::Caller,
    snapshot::{ServerPod, ServiceRef, Snapshot, Source, Values, WorkloadRef},
};

/// Is called with each file that waits for its owner.
type Tell<'a> = Box<dyn FnMut(&Path) + Send + 'a>;

/// A mesh whose certificates are written by somebody else.
pub struct Handover<'a, M> {
    mesh: &'a M,
    folder: PathBuf,
    waiting: Mutex<Waiting<'a>>,
}

/// The file that waits for its owner, and who is told of it, once.
struct Waiting<'a> {
    file: Option<PathBuf>,
    tell: Tell<'a>,
}

impl<'a, M: Mesh> Handover<'a, M> {
    /// Hands over through files in `folder`, which exists, and calls `tell` with each that waits for its owner.
    pub fn new(mesh: &'a M, folder: PathBuf, tell: impl FnMut(&Path) + Send + 'a) -> Self {
        Self { mesh, folder, waiting: Mutex::new(Waiting { file: None, tell: Box::new(tell) }) }
    }

    fn hand_over(&self, write: &Write) -> Result<Option<PathBuf>, Fault> {
        let Some(text) = files::values(write) else { return Ok(None) };
        let failed = |error: keyfile::Error| Fault::Failed(error.to_string());
        let file = files::place(&self.folder, write, &text);
        if !file.exists() {
            keyfile::write_secret(&file, &text).map_err(failed)?;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if waiting.file.as_ref() != Some(&file) {
            (waiting.tell)(&file);
            waiting.file = Some(file.clone());
        }
        Ok(Some(file))
    }
}

/// Values for the chart that say what the mesh is to hold: these anchors, and the issuer with its key.
pub fn values(anchors: &[Certificate], issuer: Option<&IssuerPair>) -> Zeroizing<String> {
    let against = String::new;
    let roots = Write::TrustRoots { anchors: anchors.to_vec(), against: against() };
    let issuer = issuer.map(|pair| Write::Issuer { pair: pair.clone(), anchors: Vec::new(), against: against() });
    let mut text = Zeroizing::new(String::new());
    for part in [Some(roots), issuer].iter().flatten().filter_map(files::values) {
        text.push_str(&part);
    }
    text
}

impl<M: Mesh> Mesh for Handover<'_, M> {
    fn now(&self) -> Timestamp {
        self.mesh.now()
    }

    async fn pause(&self, time: Duration) {
        self.mesh.pause(time).await;
    }

    async fn observe(&self, scope: ProbeScope) -> Result<Snapshot, Fault> {
        self.mesh.observe(scope).await
    }

    async fn rollouts(&self, of: &[WorkloadRef]) -> Result<Vec<Rollout>, Fault> {
        self.mesh.rollouts(of).await
    }

    async fn write(&self, write: &Write, mode: Mode) -> Result<(), Fault> {
        // The charts make webhook certificates at each upgrade anew: nobody hands them over.
        if matches!(write, Write::CaBundle { .. } | Write::Server { .. } | Write::Renewal { .. }) {
            return self.mesh.write(write, mode).await;
        }
        if mode == Mode::Try {
            return Ok(());
        }
        let file = self.hand_over(write)?;
        if holds(&self.mesh.observe(ProbeScope::None).await?, write) {
            return Ok(());
        }
        Err(Fault::HandedOver(file.map_or_else(
            || format!("{} does not follow", write.object()),
            |file| format!("{} does not hold what is in {}", write.object(), file.display()),
        )))
    }

    async fn issuer(&self) -> Result<IssuerPair, Fault> {
        self.mesh.issuer().await
    }

    async fn restart(&self, workload: &WorkloadRef, mode: Mode) -> Result<(), Fault> {
        self.mesh.restart(workload, mode).await
    }

    async fn concerns(&self, of: &[WorkloadRef]) -> Result<Concerns, Fault> {
        self.mesh.concerns(of).await
    }

    async fn admission(&self) -> Result<Admission, Fault> {
        self.mesh.admission().await
    }

    async fn served(&self, service: &ServiceRef) -> Result<Vec<ServerPod>, Fault> {
        self.mesh.served(service).await
    }

    async fn prove(&self, caller: &Caller) -> Result<Proof, Fault> {
        self.mesh.prove(caller).await
    }

    async fn may(&self, rights: &[Right]) -> Result<Vec<Right>, Fault> {
        self.mesh.may(rights).await
    }

    async fn lock(&self, name: &str) -> Result<Option<Holder>, Fault> {
        self.mesh.lock(name).await
    }

    async fn unlock(&self, name: &str) -> Result<(), Fault> {
        self.mesh.unlock(name).await
    }

    async fn export(&self) -> Result<Vec<serde_json::Value>, Fault> {
        self.mesh.export().await
    }

    async fn note(&self, reason: &str, message: &str) {
        self.mesh.note(reason, message).await;
    }
}

/// Whether the cluster holds what `write` would have written.
fn holds(snapshot: &Snapshot, write: &Write) -> bool {
    let same = |bundle: Option<&Bundle>, anchors: &[Certificate]| {
        bundle.is_some_and(|bundle| bundle.same_set(&Bundle::of(anchors.iter().cloned())))
    };
    match write {
        Write::TrustRoots { anchors, .. } => {
            same(snapshot.trust_roots.found().and_then(|roots| roots.bundle.as_ref()), anchors)
        }
        Write::Issuer { pair, .. } => {
            let chain = snapshot.issuer.found().and_then(|secret| secret.chain.as_ref());
            chain.and_then(Bundle::first) == pair.chain.first()
        }
        Write::Copy { copy, anchors, .. } => {
            let source: &Source<Values> = match copy {
                Copy::Config => &snapshot.config,
                Copy::Overrides => &snapshot.overrides,
            };
            same(source.found().and_then(|values| values.anchors.as_ref()), anchors)
        }
        Write::CaBundle { .. } | Write::Server { .. } | Write::Renewal { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        mesh::Fault,
        simulate::{Simulation, World, example},
    };

    #[tokio::test]
    async fn what_is_owned_is_handed_over_and_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let snapshot = example().unwrap();
        let simulation = Simulation::new(World::of(&snapshot, &[]).unwrap());
        let anchors = simulation.world().anchors().to_vec();
        let told = Mutex::new(Vec::new());
        let tell = |file: &Path| told.lock().unwrap().push(file.to_owned());
        let handover = Handover::new(&simulation, folder.path().to_owned(), tell);

        let same = Write::TrustRoots { anchors: anchors.clone(), against: "1".to_owned() };
        handover.write(&same, Mode::Do).await.unwrap();
        let none = Write::TrustRoots { anchors: Vec::new(), against: "1".to_owned() };
        let refused = handover.write(&none, Mode::Do).await;
        assert!(matches!(refused, Err(Fault::HandedOver(why)) if why.contains("2-trust-roots.values.yaml")));
        assert!(handover.write(&none, Mode::Do).await.is_err(), "it waits still, and is not told of again");
        assert_eq!(*simulation.world().anchors(), anchors, "nothing was written");
        let files = told.lock().unwrap().clone();
        assert_eq!(files.len(), 2);
        let text = std::fs::read_to_string(&files[0]).unwrap();
        assert!(text.contains("identityTrustAnchorsPEM: |\n  -----BEGIN CERTIFICATE-----\n"), "{text}");
        // Asked for again, the same text is the same file.
        handover.write(&same, Mode::Do).await.unwrap();
        assert_eq!(told.lock().unwrap()[2], files[0]);
    }
}

//! The live side of the port: each method does what it says, on a real API server with real pods.

mod admission;
mod around;
mod preflight;
mod rollouts;
mod writes;

use std::time::{Duration, Instant};

use linkerd_certs::{
    cluster::LiveMesh,
    mesh::{Mesh as _, ProbeScope, Rollout},
    pki::Certificate,
    snapshot::{Snapshot, WorkloadRef},
};

use crate::harness::{Result, Target, mesh, pool};

/// The cluster, made healthy where it is not; each test puts back what it changes.
async fn target() -> Result<Target> {
    let target = Target::any().await?;
    if !Target::is_given() {
        if !pool::is_kept() {
            lab::state::set(&mesh().await?, "healthy", None).await?;
        }
        // One that fails puts nothing back; the next then fails as well, or begins anew where it was told to.
        pool::keep(true);
    }
    Ok(target)
}

async fn snapshot(mesh: &LiveMesh) -> Result<Snapshot> {
    Ok(mesh.observe(ProbeScope::None).await?)
}

/// An anchor that nothing else has to do with.
fn another_anchor() -> Result<Certificate> {
    let key = rcgen::KeyPair::generate()?;
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, "root.another.cluster.local");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    Ok(Certificate::parse(params.self_signed(&key)?.der())?)
}

fn workload(namespace: &str, kind: &str, name: &str) -> WorkloadRef {
    WorkloadRef { namespace: namespace.to_owned(), kind: kind.to_owned(), name: name.to_owned() }
}

/// Asks for the rollout until it is as wanted.
async fn until(mesh: &LiveMesh, of: &WorkloadRef, mut wanted: impl FnMut(&Rollout) -> bool) -> Result<Rollout> {
    let begun = Instant::now();
    loop {
        let rollouts = mesh.rollouts(std::slice::from_ref(of)).await?;
        let rollout = rollouts.first().ok_or_else(|| format!("{of} is gone"))?.clone();
        if wanted(&rollout) {
            return Ok(rollout);
        }
        if begun.elapsed() > Duration::from_mins(2) {
            return Err(format!("{rollout:?}").into());
        }
        mesh.pause(Duration::from_millis(500)).await;
    }
}

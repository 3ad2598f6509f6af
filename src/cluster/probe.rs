//! What proxies and webhook servers say of themselves, asked through the API server's port-forward.
//!
//! A spec says what a proxy was given; only the proxy knows what it loaded and presents. Each pod is asked on the admin
//! port, over one connection where that is enough: a TLS handshake for the proxy's own name shows its chain, and then
//! `/env.json` its bundle and `/metrics` its failed refreshes. Nothing here fails a check: what could not be had is a
//! text in its place.

mod admin;
mod choose;
mod every;
mod handshake;
mod known;
mod round;
mod served;
mod tunnel;

use std::time::Duration;

use self::{known::Known, round::Round};
use super::client::Cluster;
use crate::{
    mesh::ProbeScope,
    snapshot::{Mesh, Probe},
};

pub(crate) use self::served::{ask_servers, served};

/// The proxy's admin port where nothing says another (linkerd2-proxy, linkerd/app/src/env.rs, `DEFAULT_ADMIN_LISTEN_ADDR`).
pub(super) const ADMIN_PORT: u16 = 4191;

/// How many pods are asked at once: each costs a connection and its buffers.
const AT_ONCE: usize = 64;

/// How long one pod may take.
const PER_POD: Duration = Duration::from_secs(5);

/// How long the handshake may take of it, so that a proxy that hangs in TLS can still say what it has loaded.
const PER_HANDSHAKE: Duration = Duration::from_secs(2);

/// How long all of them may take together.
const ALTOGETHER: Duration = Duration::from_mins(2);

fn too_long() -> String {
    format!("no answer within {} s", PER_POD.as_secs())
}

/// Asks the pods of `mesh` that `scope` selects, in the order of workloads, groups and names.
///
/// Where port-forwarding is forbidden in a namespace, one probe of it says so and the rest are left out.
pub(crate) async fn probe(cluster: &Cluster, mesh: &Mesh, control_plane_ns: &str, scope: ProbeScope) -> Vec<Probe> {
    let targets = match scope {
        ProbeScope::None => return Vec::new(),
        ProbeScope::ControlPlane => choose::control_plane(mesh),
        ProbeScope::Sample => choose::sample(mesh),
        ProbeScope::All => every::pod(cluster, mesh, control_plane_ns).await,
    };
    tracing::debug!(pods = targets.len(), "probing");
    Round::new(cluster, Known::of(&mesh.bundles)).ask_all(targets).await
}

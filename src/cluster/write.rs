//! The live side of the port [`Mesh`]: each change is as small as it can be, names the version that it was planned
//! against, and is made as field manager `linkerd-certs`.
//!
//! - `request`: one request to the API server, and what its refusal means
//! - `trust_roots`, `issuer`, `copies`: the objects that a plan writes; `values` edits YAML text in place
//! - `webhooks`: what the certificates of webhooks' servers take
//! - `rollouts`, `restart`: workloads and their pods
//! - `admission`: what a new pod would get
//! - `lock`, `export`, `note`: what surrounds a run
//!
//! A private key is wiped from every buffer of this room after use. Those of the HTTP client and the TLS stack are out
//! of its reach.

mod admission;
mod copies;
mod export;
mod issuer;
mod lock;
mod note;
mod request;
mod restart;
mod rollouts;
mod secret;
mod trust_roots;
mod values;
mod webhooks;

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use jiff::Timestamp;
use tokio::sync::OnceCell;

use crate::{
    mesh::{Admission, Concerns, Fault, Holder, IssuerPair, Mesh, Mode, ProbeScope, Proof, Right, Rollout, Write},
    plan::webhooks::Caller,
    snapshot::{ServerPod, ServiceRef, Snapshot, WorkloadRef},
};

use self::restart::Replaced;
use super::{Cluster, LinkedCluster, Observe};

pub(in crate::cluster) use request::Place;

/// A live control plane, as a plan acts on it.
pub struct LiveMesh {
    cluster: Cluster,
    namespace: String,
    /// Clusters that are read with it.
    linked: Vec<LinkedCluster>,
    /// Workloads that were restarted here. Where their update strategy is `OnDelete`, pods are replaced one by one, each time
    /// that somebody asks how far they are.
    restarting: Mutex<BTreeMap<WorkloadRef, Replaced>>,
    /// The uid of Deployment linkerd-identity, which `kubectl describe` finds notes by.
    identity: OnceCell<String>,
}

impl LiveMesh {
    /// The control plane in `namespace` of a cluster that answered.
    pub fn new(cluster: Cluster, namespace: impl Into<String>) -> Self {
        let namespace = namespace.into();
        Self { cluster, namespace, linked: Vec::new(), restarting: Mutex::default(), identity: OnceCell::new() }
    }

    /// The same, with clusters that share trust with it and are read whenever it is.
    #[must_use]
    pub fn linked_with(self, linked: Vec<LinkedCluster>) -> Self {
        Self { linked, ..self }
    }

    /// The cluster that it is in.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The control plane's namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }
}

impl Mesh for LiveMesh {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    async fn observe(&self, scope: ProbeScope) -> Result<Snapshot, Fault> {
        let what =
            Observe { control_plane_namespace: Some(self.namespace.clone()), probe: scope, ..Observe::default() };
        // Where no proxy is asked, an object is looked for, and that is one of this cluster.
        let linked = if scope == ProbeScope::None { &[][..] } else { &self.linked };
        Ok(LinkedCluster::observe(&self.cluster, linked, &what, self.now()).await?)
    }

    async fn rollouts(&self, of: &[WorkloadRef]) -> Result<Vec<Rollout>, Fault> {
        self.read_rollouts(of).await
    }

    async fn concerns(&self, of: &[WorkloadRef]) -> Result<Concerns, Fault> {
        self.read_concerns(of).await
    }

    async fn write(&self, write: &Write, mode: Mode) -> Result<(), Fault> {
        match write {
            Write::TrustRoots { anchors, against } => self.write_trust_roots(anchors, against, mode).await,
            Write::Issuer { pair, anchors, against } => self.write_issuer(pair, anchors, against, mode).await,
            Write::Copy { copy, anchors, against } => self.write_copy(*copy, anchors, against, mode).await,
            Write::CaBundle { of, anchors, against } => self.write_bundle(of, anchors, against, mode).await,
            Write::Server { namespace, name, pair, against } => {
                self.write_server((namespace, name), pair, against, mode).await
            }
            Write::Renewal { namespace, name, .. } => self.ask_for_renewal(namespace, name, mode).await,
        }
    }

    async fn issuer(&self) -> Result<IssuerPair, Fault> {
        self.read_issuer().await
    }

    async fn restart(&self, workload: &WorkloadRef, mode: Mode) -> Result<(), Fault> {
        self.start_restart(workload, mode).await
    }

    async fn admission(&self) -> Result<Admission, Fault> {
        self.admit().await
    }

    async fn served(&self, service: &ServiceRef) -> Result<Vec<ServerPod>, Fault> {
        self.ask_servers(service).await
    }

    async fn prove(&self, caller: &Caller) -> Result<Proof, Fault> {
        self.try_call(caller).await
    }

    async fn may(&self, rights: &[Right]) -> Result<Vec<Right>, Fault> {
        self.lacking(rights).await
    }

    async fn lock(&self, name: &str) -> Result<Option<Holder>, Fault> {
        self.take_lock(name).await
    }

    async fn unlock(&self, name: &str) -> Result<(), Fault> {
        self.give_lock_back(name).await
    }

    async fn export(&self) -> Result<Vec<serde_json::Value>, Fault> {
        self.export_all().await
    }

    async fn note(&self, reason: &str, message: &str) {
        self.put_note(reason, message).await;
    }
}

//! The port: the only way from a plan to a cluster. It speaks of anchors, issuers and workloads, not of HTTP, so that a
//! live run, a dry run, a rehearsal and a test read the same.
//!
//! Two sides: `cluster` with kube, `simulate` in memory. Time belongs to the port as well: a simulated hour takes no time.

mod concern;
mod fault;
mod right;
mod rollout;
mod write;

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    pki::Bundle,
    plan::webhooks::Caller,
    snapshot::{ServerPod, ServiceRef, Snapshot, WorkloadRef},
};

pub use concern::{Concern, Concerns};
pub use fault::Fault;
pub use right::Right;
pub use rollout::{Obstacle, Rollout};
pub use write::{Copy, FIELD_MANAGER, IssuerPair, Mode, ServerPair, Write};

/// Which proxies to ask what they have loaded and present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProbeScope {
    /// None.
    None,
    /// The control plane's, and one pod for each distinct bundle.
    #[default]
    ControlPlane,
    /// The control plane's, and one pod for each group of each workload.
    Sample,
    /// All.
    All,
}

/// What a pod would get from the proxy injector, by a dry-run admission.
#[derive(Clone, Debug, PartialEq)]
pub enum Admission {
    /// A proxy with this trust bundle.
    Proxy(Bundle),
    /// No proxy: the injector was not called or did nothing.
    Bare,
    /// No pod: the request was refused, with this message.
    Refused(String),
}

/// Whether the API server calls a webhook's server, by a dry run of something that the server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It does; the text says what shows it.
    Called(String),
    /// It does not, or gets no answer; the text says what came instead.
    NotCalled(String),
    /// Nothing is known that this server answers, so that it cannot be tried.
    Untried,
}

/// Who holds the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Who, as they named themselves: `user@host`.
    pub name: String,
    /// Since when.
    pub since: Timestamp,
    /// When they last said so.
    pub renewed: Timestamp,
}

/// One control plane and its proxies, as far as a plan needs to act on them.
///
/// No method tries again by itself: what a fault means is decided by the executor, which reads the mesh anew first.
pub trait Mesh: Sync {
    /// The time, by the clock of whoever runs the plan.
    fn now(&self) -> Timestamp;

    /// Lets time pass.
    fn pause(&self, time: Duration) -> impl Future<Output = ()> + Send;

    /// Reads everything, and asks the proxies in `scope`.
    fn observe(&self, scope: ProbeScope) -> impl Future<Output = Result<Snapshot, Fault>> + Send;

    /// How each of these workloads rolls its pods over, and whether it is doing so; of all workloads that have a proxy
    /// where the list is empty. Workloads that no longer exist are left out.
    fn rollouts(&self, of: &[WorkloadRef]) -> impl Future<Output = Result<Vec<Rollout>, Fault>> + Send;

    /// What is worth knowing before these workloads are restarted: whether their strategies, quotas and budgets let them.
    /// It is asked once, before a run; [`Self::rollouts`], which is asked all the time, need not carry it.
    fn concerns(&self, of: &[WorkloadRef]) -> impl Future<Output = Result<Concerns, Fault>> + Send;

    /// Changes one object, or only asks the API server whether it would take the change.
    fn write(&self, write: &Write, mode: Mode) -> impl Future<Output = Result<(), Fault>> + Send;

    /// What the issuer Secret holds, with its key: to put it back where what follows it is refused.
    fn issuer(&self) -> impl Future<Output = Result<IssuerPair, Fault>> + Send;

    /// Starts to replace the pods of a workload.
    fn restart(&self, workload: &WorkloadRef, mode: Mode) -> impl Future<Output = Result<(), Fault>> + Send;

    /// What a new pod in an injected namespace would get.
    fn admission(&self) -> impl Future<Output = Result<Admission, Fault>> + Send;

    /// What each ready pod behind a webhook's Service serves, asked by a handshake.
    fn served(&self, service: &ServiceRef) -> impl Future<Output = Result<Vec<ServerPod>, Fault>> + Send;

    /// Whether the API server calls the server that `caller` names: for a known webhook by a dry run that only its server
    /// answers in that way.
    fn prove(&self, caller: &Caller) -> impl Future<Output = Result<Proof, Fault>> + Send;

    /// Which of these rights the user lacks.
    fn may(&self, rights: &[Right]) -> impl Future<Output = Result<Vec<Right>, Fault>> + Send;

    /// Takes the lock, or keeps it where it is held by the same name. `Ok(Some)` is somebody else who holds it.
    fn lock(&self, name: &str) -> impl Future<Output = Result<Option<Holder>, Fault>> + Send;

    /// Gives the lock back.
    fn unlock(&self, name: &str) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Every object that a plan may touch, as the API server returns it, for the backup. Holds private keys.
    fn export(&self) -> impl Future<Output = Result<Vec<serde_json::Value>, Fault>> + Send;

    /// Puts a note on Deployment linkerd-identity as a Kubernetes Event. A lost note is no fault.
    fn note(&self, reason: &str, message: &str) -> impl Future<Output = ()> + Send;
}

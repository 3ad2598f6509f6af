use std::time::Duration;

use crate::{
    mesh::{Fault, Holder},
    plan::{Hold, Refusal, Step},
    preflight::Report,
    snapshot::{ServiceRef, WorkloadRef},
};

/// Why a run ended before its goal. The mesh is as safe as it was in each case, and the same command goes on.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// Somebody else is at it.
    #[error("{} holds the lock since {}", .0.name, .0.since)]
    Locked(Holder),
    /// The planner refuses.
    #[error("the next step is refused")]
    Refused(Box<Refusal>),
    /// Something was found beforehand that would stop the run half way.
    #[error("nothing was changed: the run would stop half way")]
    Unready(Box<Report>),
    /// Workloads that only an operator can replace.
    #[error("{} to be seen to first", have(.0.len()))]
    Held(Vec<Hold>),
    /// A workload did not become ready with its new pods.
    #[error("{workload} did not get ready within {} s{}", after.as_secs(), said(trouble.as_deref()))]
    Rollout {
        /// Which.
        workload: WorkloadRef,
        /// The deadline.
        after: Duration,
        /// What its pods say.
        trouble: Option<String>,
    },
    /// New pods would not get what they need.
    #[error("{0}")]
    Admission(String),
    /// Identity does not load the new issuer.
    #[error("identity refused the new issuer{}", if *put_back { ", and the one before was put back" } else { "" })]
    IssuerRefused {
        /// Whether the one before was put back: not where an earlier run wrote the new one.
        put_back: bool,
    },
    /// Pods of a webhook's server go on serving another certificate than their Secret holds.
    #[error("Service {service} does not serve its new certificate")]
    NotServed {
        /// The Service.
        service: ServiceRef,
        /// Each pod, and what it does instead.
        pods: Vec<String>,
    },
    /// The API server does not call a webhook's server, or gets no answer.
    #[error("the API server was not seen to call {what}")]
    NotCalled {
        /// What it should have called.
        what: String,
        /// What came instead.
        why: String,
    },
    /// cert-manager was asked for a certificate and has made none.
    #[error("cert-manager has not renewed Certificate {certificate}")]
    NotRenewed {
        /// Namespace and name.
        certificate: String,
        /// What it says of that.
        said: Vec<String>,
    },
    /// Something took too long; the text says what was waited for.
    #[error("{what} took longer than {} s", after.as_secs())]
    TooLong {
        /// What was waited for.
        what: String,
        /// The deadline.
        after: Duration,
    },
    /// A step was taken and did not have its effect.
    #[error("a step was taken, and the mesh is not what it should be after it")]
    NoEffect(Box<Step>),
    /// The mesh changed under us over and over.
    #[error("{0} was changed by somebody else again and again")]
    Contended(String),
    /// The mesh could not be read or written.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// Nothing could be kept for later: no backup, no record.
    #[error("{0}")]
    Files(String),
    /// The operator asked for it.
    #[error("stopped as asked")]
    Asked,
}

fn have(many: usize) -> String {
    if many == 1 { "1 workload has".to_owned() } else { format!("{many} workloads have") }
}

fn said(trouble: Option<&str>) -> String {
    trouble.map(|trouble| format!(": {trouble}")).unwrap_or_default()
}

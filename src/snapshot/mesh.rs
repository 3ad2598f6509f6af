use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::pki::{Bundle, Certificate};

/// Every pod with a proxy of this control plane, folded: the number of pods does not change its size.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mesh {
    /// The distinct trust bundles that pods name literally; a [`BundleRef::Literal`] points in here.
    pub bundles: Vec<Bundle>,
    /// Workloads by namespace, kind and name.
    pub workloads: Vec<Workload>,
    /// The only namespaces whose pods could be listed; empty where all could be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// Pods without a proxy in namespaces or with annotations that ask for one.
    pub unmeshed: Vec<Unmeshed>,
}

/// The owner of some pods: a Deployment, StatefulSet, DaemonSet, Job, or a bare pod itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workload {
    /// Namespace.
    pub namespace: String,
    /// Kind: `Deployment`, `StatefulSet`, `DaemonSet`, `Job`, `Pod`, or an unknown owner's kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// `identity`, `destination` or `proxy-injector` for the control plane's own.
    pub component: Option<String>,
    /// Its pods by what they load.
    pub groups: Vec<PodGroup>,
}

/// Which workload.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadRef {
    /// Namespace.
    pub namespace: String,
    /// Kind, as in [`Workload::kind`].
    pub kind: String,
    /// Name.
    pub name: String,
}

/// Pods of one workload that load the same bundle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodGroup {
    /// What they load, by their spec.
    pub bundle: BundleRef,
    /// How many.
    pub pods: u32,
    /// How many of them are ready.
    pub ready: u32,
    /// When the proxy of the oldest started (its pod's creation where the start is not known).
    pub oldest: Timestamp,
    /// When the proxy of the newest started.
    pub newest: Timestamp,
    /// Names of the first few, in order of their names.
    pub names: Vec<String>,
    /// The first few that are in trouble.
    pub trouble: Vec<PodTrouble>,
    /// Their proxies' admin port, where it is not 4191.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_port: Option<u16>,
    /// Identity of their proxies, `<sa>.<ns>.serviceaccount.identity.<control-plane-ns>.<trust-domain>`.
    pub identity: String,
}

/// Where a proxy's trust bundle comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "from", content = "index", rename_all = "camelCase")]
pub enum BundleRef {
    /// The pod's spec holds the text: an index into [`Mesh::bundles`].
    Literal(usize),
    /// The spec refers to the ConfigMap; what was loaded is what it held when the container started.
    ConfigMap,
    /// The proxy container sets no bundle that can be recognised.
    Unknown,
}

/// A pod that is not ready, and what its status says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodTrouble {
    /// The pod.
    pub pod: String,
    /// The container that is in trouble, where one is.
    pub container: Option<String>,
    /// Such as `CrashLoopBackOff`, `Error`, `not ready`, `Pending`.
    pub reason: String,
    /// How often that container was restarted.
    pub restarts: u32,
}

/// A pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodRef {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// Pods that should have a proxy and have none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unmeshed {
    /// Namespace.
    pub namespace: String,
    /// Kind of the owner.
    pub kind: String,
    /// Name of the owner.
    pub name: String,
    /// How many pods.
    pub pods: u32,
}

/// What one proxy answered on its admin port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// The pod that was asked.
    pub pod: PodRef,
    /// Its workload, as an index into [`Mesh::workloads`], and the group within.
    pub workload: usize,
    /// Index into [`Workload::groups`].
    pub group: usize,
    /// What it said, or why it said nothing.
    pub answer: Result<Admin, String>,
}

/// What a proxy has loaded and presents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Admin {
    /// The bundle from `/env.json`, or why it could not be had.
    pub bundle: Result<Bundle, String>,
    /// The chain it presents, leaf first, or why it presents none (a proxy without a leaf fails the handshake).
    pub chain: Result<Vec<Certificate>, String>,
    /// Refreshes that failed since its start, by its metrics.
    pub failed_refreshes: Option<u64>,
}

/// A namespace and what it says of injection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Namespace {
    /// Name.
    pub name: String,
    /// Annotation `linkerd.io/inject`.
    pub inject: Option<String>,
    /// Label `linkerd.io/extension`.
    pub extension: Option<String>,
    /// Whether the API server leaves its pods to themselves, by the injector webhook's `namespaceSelector`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_injected: bool,
}

/// A workload of mesh expansion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExternalWorkload {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `spec.meshTLS.identity`.
    pub identity: Option<String>,
}

/// A multicluster Link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `spec.targetClusterName`.
    pub target: String,
}

impl Mesh {
    /// The control plane's workload with this component label.
    pub fn component(&self, component: &str) -> Option<&Workload> {
        self.workloads.iter().find(|workload| workload.component.as_deref() == Some(component))
    }

    /// How many pods have a proxy.
    pub fn pods(&self) -> u64 {
        self.workloads.iter().map(|workload| u64::from(workload.pods())).sum()
    }
}

impl Workload {
    /// How many pods it has.
    pub fn pods(&self) -> u32 {
        self.groups.iter().map(|group| group.pods).sum()
    }

    /// Its namespace, name and kind, such as `emojivoto/web Deployment`.
    pub fn reference(&self) -> String {
        self.key().to_string()
    }

    /// Which workload it is.
    pub fn key(&self) -> WorkloadRef {
        WorkloadRef { namespace: self.namespace.clone(), kind: self.kind.clone(), name: self.name.clone() }
    }
}

impl fmt::Display for WorkloadRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} {}", self.namespace, self.name, self.kind)
    }
}

//! What was observed of one mesh at one moment: every source as it was found, nothing concluded yet.
//!
//! A snapshot is plain data. `cluster` makes it from a live API server, `-o snapshot` writes it as JSON, `--snapshot`
//! reads it back; the rules in `findings` see no other input. It never holds a private key.

mod cert_manager;
mod identity;
mod linked;
mod mesh;
mod object;
mod source;
mod values;
mod webhook;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::pki::Bundle;

pub use cert_manager::{
    CaSecret, CertManager, CertManagerCertificate, CertManagerIssuer, CertificateRequest, Condition, TrustBundle,
    condition,
};
pub use identity::{IdentityEvent, IdentityEventKind, IssuerScheme, IssuerSecret};
pub use linked::LinkedCluster;
pub use mesh::{
    Admin, BundleRef, ExternalWorkload, Link, Mesh, Namespace, PodGroup, PodRef, PodTrouble, Probe, Unmeshed, Workload,
    WorkloadRef,
};
pub use object::{Meta, Owner};
pub use source::Source;
pub use values::{HelmRelease, Values};
pub use webhook::{FailurePolicy, ServerPod, ServiceRef, TlsSecret, Webhook, WebhookKind};

/// The version of the snapshot format; a reader refuses any other.
pub const SCHEMA_VERSION: u32 = 1;

/// Everything that was read of one control plane and the proxies that belong to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// When reading began, by the reader's clock.
    pub taken_at: Timestamp,
    /// Where it was read.
    pub cluster: Cluster,
    /// Namespace of the control plane that this is about.
    pub namespace: String,
    /// Namespaces of other control planes in the same cluster.
    #[serde(default)]
    pub other_control_planes: Vec<String>,
    /// ConfigMap `linkerd-identity-trust-roots`, key `ca-bundle.crt`: what new proxies and identity load.
    pub trust_roots: Source<TrustRoots>,
    /// ConfigMap `linkerd-config`, key `values`.
    pub config: Source<Values>,
    /// Secret `linkerd-config-overrides`: what the next `linkerd upgrade` starts from.
    pub overrides: Source<Values>,
    /// The Helm release of the control plane: what the next `helm upgrade` starts from.
    pub helm: Source<HelmRelease>,
    /// Secret `linkerd-identity-issuer`.
    pub issuer: Source<IssuerSecret>,
    /// Events of the identity controller, oldest first.
    pub identity_events: Source<Vec<IdentityEvent>>,
    /// What cert-manager and trust-manager manage here.
    pub cert_manager: CertManager,
    /// Webhooks and APIServices of Linkerd and its extensions.
    pub webhooks: Source<Vec<Webhook>>,
    /// Namespaces, with what they say of injection.
    pub namespaces: Source<Vec<Namespace>>,
    /// Proxies in pods, folded into workloads.
    pub mesh: Source<Mesh>,
    /// What proxies answered when they were asked.
    #[serde(default)]
    pub probes: Vec<Probe>,
    /// Mesh expansion: workloads outside the cluster that trust the anchor.
    pub external_workloads: Source<Vec<ExternalWorkload>>,
    /// Multicluster links to clusters that share the anchor.
    pub links: Source<Vec<Link>>,
    /// Clusters that share trust with this one, as far as they were to be read too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub linked: Vec<LinkedCluster>,
    /// Parts of the sources above that could not be read, where other parts of the same source could.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden_parts: Vec<HiddenPart>,
}

/// A kind of object that could not be read, of a source that is found in several kinds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HiddenPart {
    /// The kind as an RBAC rule names it, such as `clusterissuers.cert-manager.io`.
    pub resource: String,
    /// Why it could not be read.
    pub why: Source<()>,
}

/// The cluster a snapshot was read from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// Name of the kubeconfig context, where there was one.
    pub context: Option<String>,
    /// Version that the API server reports, such as `v1.34.4`.
    pub version: Option<String>,
    /// How far the API server's clock is ahead of the reader's, in seconds.
    pub clock_ahead_seconds: Option<i64>,
}

/// The trust bundle's ConfigMap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrustRoots {
    /// The ConfigMap itself.
    pub meta: Meta,
    /// Its key `ca-bundle.crt`; `None` where the key is missing.
    pub bundle: Option<Bundle>,
    /// When that key was last written, by the object's managed fields.
    pub changed_at: Option<Timestamp>,
    /// The field manager that wrote it then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<String>,
}

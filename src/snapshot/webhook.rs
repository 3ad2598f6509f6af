use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::pki::{Bundle, Certificate, KeyState};

use super::{Meta, Source, WorkloadRef};

/// One webhook or aggregated API of Linkerd or an extension, with the certificate behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    /// The webhook configuration or APIService.
    pub meta: Meta,
    /// What the API server does with it.
    pub kind: WebhookKind,
    /// The webhook's own name within its configuration; the APIService's name for an APIService.
    pub name: String,
    /// Namespace of the Service behind it.
    pub service_namespace: String,
    /// The Service behind it.
    pub service: String,
    /// The Service's port as the API server calls it.
    pub port: u16,
    /// `caBundle`: what the API server verifies the served certificate with. `None` where it is empty.
    pub ca_bundle: Option<Bundle>,
    /// What becomes of a request when the webhook cannot be called; `None` for an APIService.
    pub failure_policy: Option<FailurePolicy>,
    /// For an APIService: its condition Available, and the message where it is not True.
    pub available: Option<Result<(), String>>,
    /// cert-manager's `inject-ca-from` or `inject-ca-from-secret` annotation, where there is one.
    pub injects_ca_from: Option<String>,
    /// The Secret that its server mounts.
    pub secret: Source<TlsSecret>,
    /// The chain that a pod behind the Service presented when asked: of a pod that presents another than the Secret
    /// holds, where there is one.
    pub served: Option<Result<Vec<Certificate>, String>>,
    /// What each ready pod behind the Service presented when asked; empty where none was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<ServerPod>,
}

/// A ready pod behind a webhook's Service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerPod {
    /// Its name; its namespace is the Service's.
    pub name: String,
    /// What replaces it when it goes.
    pub workload: Option<WorkloadRef>,
    /// The chain that it presented, or why it presented none.
    pub chain: Result<Vec<Certificate>, String>,
}

/// A Service that the API server calls, and the port that it calls it on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceRef {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Port.
    pub port: u16,
}

/// Which kind of extension point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WebhookKind {
    /// Changes objects: the proxy injector, the tap injector.
    Mutating,
    /// Refuses objects: the policy and profile validators.
    Validating,
    /// Serves an API: tap.
    ApiService,
}

/// `failurePolicy` of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailurePolicy {
    /// The request goes on as if there were no webhook.
    Ignore,
    /// The request is refused.
    Fail,
}

/// A Secret of type `kubernetes.io/tls`, without its key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsSecret {
    /// The Secret itself.
    pub meta: Meta,
    /// `tls.crt`; `None` where it is missing.
    pub chain: Option<Bundle>,
    /// `tls.key`, as the public key it belongs to.
    pub key: KeyState,
    /// Whether that key is in SEC 1, which not every server reads.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub key_is_sec1: bool,
    /// When its data was last written, by the object's managed fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
    /// The field manager that wrote it then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<String>,
}

impl Webhook {
    /// The name by which the API server verifies the served certificate.
    pub fn server_name(&self) -> String {
        self.of().server_name()
    }

    /// What the API server calls.
    pub fn of(&self) -> ServiceRef {
        ServiceRef { namespace: self.service_namespace.clone(), name: self.service.clone(), port: self.port }
    }
}

impl ServiceRef {
    /// The name by which the API server verifies what is served.
    pub fn server_name(&self) -> String {
        format!("{}.{}.svc", self.name, self.namespace)
    }
}

impl fmt::Display for ServiceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

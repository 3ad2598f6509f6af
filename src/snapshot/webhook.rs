use serde::{Deserialize, Serialize};

use crate::pki::{Bundle, Certificate, KeyState};

use super::{Meta, Source};

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
    /// The chain that a pod behind the Service presented when asked.
    pub served: Option<Result<Vec<Certificate>, String>>,
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
}

impl Webhook {
    /// The name by which the API server verifies the served certificate.
    pub fn server_name(&self) -> String {
        format!("{}.{}.svc", self.service, self.service_namespace)
    }
}

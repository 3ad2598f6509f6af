use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Which object something was read from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    /// Kind, such as `ConfigMap`.
    pub kind: String,
    /// Namespace; empty for cluster-scoped kinds.
    #[serde(default)]
    pub namespace: String,
    /// Name.
    pub name: String,
    /// The version that was read; a write is made against it.
    #[serde(default)]
    pub resource_version: String,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// Who manages it, by its labels and annotations, the strongest claim first.
    #[serde(default)]
    pub owners: Vec<Owner>,
}

impl Meta {
    /// `Kind namespace/name`, as messages name it.
    pub fn reference(&self) -> String {
        if self.namespace.is_empty() {
            format!("{} {}", self.kind, self.name)
        } else {
            format!("{} {}/{}", self.kind, self.namespace, self.name)
        }
    }
}

/// Something that will write the object again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "camelCase")]
pub enum Owner {
    /// `linkerd install` and `linkerd upgrade` (annotation `linkerd.io/created-by: linkerd/cli ...`).
    LinkerdCli,
    /// A Helm release (`app.kubernetes.io/managed-by: Helm`, `meta.helm.sh/release-name`).
    Helm {
        /// Release name.
        release: String,
        /// Release namespace.
        namespace: String,
    },
    /// Argo CD (`argocd.argoproj.io/tracking-id` or `argocd.argoproj.io/instance`).
    ArgoCd {
        /// The application.
        application: String,
    },
    /// Flux (`kustomize.toolkit.fluxcd.io/name` or `helm.toolkit.fluxcd.io/name`).
    Flux {
        /// The Kustomization or HelmRelease, `namespace/name`.
        name: String,
    },
    /// cert-manager (`cert-manager.io/certificate-name`).
    CertManager {
        /// The Certificate's name.
        certificate: String,
    },
    /// trust-manager (`trust.cert-manager.io/bundle` or an owner reference to a Bundle).
    TrustManager {
        /// The Bundle's name.
        bundle: String,
    },
}

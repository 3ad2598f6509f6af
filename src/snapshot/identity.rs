use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::pki::{Bundle, KeyState};

use super::Meta;

/// Secret `linkerd-identity-issuer`, in either scheme.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IssuerSecret {
    /// The Secret itself.
    pub meta: Meta,
    /// Which of its keys identity reads.
    pub scheme: IssuerScheme,
    /// `crt.pem` or `tls.crt`: the issuer, then what came with it. `None` where the key is missing.
    pub chain: Option<Bundle>,
    /// `key.pem` or `tls.key`, as the public key it belongs to.
    pub key: KeyState,
    /// `ca.crt`, where there is one.
    pub ca: Option<Bundle>,
    /// The certificate under the other scheme's key, which identity does not read, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<Bundle>,
    /// When its data were last written, by the object's managed fields.
    pub changed_at: Option<Timestamp>,
    /// The field manager that wrote them then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<String>,
}

/// The layout of the issuer Secret: identity goes by its flag `-identity-scheme`, which the charts set to
/// `identity.issuer.scheme`, whatever keys the Secret has (linkerd2, controller/cmd/identity/main.go).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IssuerScheme {
    /// `crt.pem` and `key.pem`.
    #[serde(rename = "linkerd.io/tls")]
    Linkerd,
    /// `tls.crt`, `tls.key` and `ca.crt`.
    #[serde(rename = "kubernetes.io/tls")]
    Kubernetes,
}

impl IssuerScheme {
    /// The scheme that identity takes this flag for: whatever is not Linkerd's own is Kubernetes'.
    pub fn of_flag(flag: &str) -> Self {
        if flag == "linkerd.io/tls" { Self::Linkerd } else { Self::Kubernetes }
    }

    /// The other of the two.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Linkerd => Self::Kubernetes,
            Self::Kubernetes => Self::Linkerd,
        }
    }

    /// As values write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Linkerd => "linkerd.io/tls",
            Self::Kubernetes => "kubernetes.io/tls",
        }
    }

    /// The Secret's key for the certificate.
    pub fn certificate_key(self) -> &'static str {
        match self {
            Self::Linkerd => "crt.pem",
            Self::Kubernetes => "tls.crt",
        }
    }

    /// The Secret's key for the private key.
    pub fn private_key(self) -> &'static str {
        match self {
            Self::Linkerd => "key.pem",
            Self::Kubernetes => "tls.key",
        }
    }
}

/// An event that the identity controller wrote on its Deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IdentityEvent {
    /// Which kind (linkerd2, pkg/identity/service.go).
    pub kind: IdentityEventKind,
    /// When it was last seen.
    pub at: Timestamp,
    /// How often.
    pub count: u32,
    /// The message as written.
    pub message: String,
}

/// The reasons that the identity controller gives its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum IdentityEventKind {
    /// A new issuer was loaded.
    IssuerUpdated,
    /// A new issuer was refused; the old one goes on signing.
    IssuerUpdateSkipped,
    /// The loaded issuer no longer verifies; a request for a leaf was refused.
    IssuerValidationFailed,
}

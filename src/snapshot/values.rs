use serde::{Deserialize, Serialize};

use crate::pki::{Bundle, KeyState};

use super::Meta;

/// What Linkerd's values (from `linkerd-config`, the overrides Secret or a Helm release) say of certificates. A field
/// is `None` where the values do not set it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Values {
    /// The object they were read from.
    pub meta: Meta,
    /// `identityTrustAnchorsPEM`.
    pub anchors: Option<Bundle>,
    /// `identity.issuer.tls.crtPEM`.
    pub issuer: Option<Bundle>,
    /// `identity.issuer.tls.keyPEM`, as the public key it belongs to.
    pub issuer_key: Option<KeyState>,
    /// `identity.issuer.scheme`.
    pub issuer_scheme: Option<String>,
    /// `identity.externalCA`.
    pub external_ca: Option<bool>,
    /// `identity.issuer.issuanceLifetime` in seconds.
    pub issuance_lifetime_seconds: Option<u64>,
    /// `identity.issuer.clockSkewAllowance` in seconds.
    pub clock_skew_seconds: Option<u64>,
    /// `identityTrustDomain`.
    pub trust_domain: Option<String>,
    /// `linkerdVersion`.
    pub version: Option<String>,
    /// `webhookFailurePolicy`.
    pub webhook_failure_policy: Option<String>,
    /// `proxy.nativeSidecar`.
    pub native_sidecar: Option<bool>,
    /// `highAvailability`.
    pub high_availability: Option<bool>,
}

/// A deployed Helm release of Linkerd's control plane.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HelmRelease {
    /// Release name.
    pub name: String,
    /// Release namespace.
    pub namespace: String,
    /// Revision, from 1.
    pub revision: u32,
    /// `deployed`, `failed`, `pending-upgrade`, ...
    pub status: String,
    /// Chart and version, such as `linkerd-control-plane-2026.8.1`.
    pub chart: String,
    /// The values that the user gave it (not the chart's defaults).
    pub values: Values,
}

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::pki::Bundle;

use super::{Meta, Source};

/// What cert-manager and trust-manager hold that bears on Linkerd. `Missing` means that the API is not served.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CertManager {
    /// Certificates that are CAs or lie in the control plane's, an extension's or cert-manager's namespace.
    pub certificates: Source<Vec<CertManagerCertificate>>,
    /// Issuers and ClusterIssuers.
    pub issuers: Source<Vec<CertManagerIssuer>>,
    /// CertificateRequests of those Certificates.
    pub requests: Source<Vec<CertificateRequest>>,
    /// trust-manager's Bundles.
    pub bundles: Source<Vec<TrustBundle>>,
    /// The certificates in Secrets that the above refer to (Certificate.spec.secretName, Bundle sources, CA issuers).
    pub secrets: Vec<CaSecret>,
}

/// A status condition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Condition {
    /// Type, such as `Ready`.
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Machine-readable reason.
    pub reason: String,
    /// Human-readable message.
    pub message: String,
}

/// A Certificate of cert-manager.io/v1. Durations are in seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CertManagerCertificate {
    /// The object.
    pub meta: Meta,
    /// `spec.secretName`.
    pub secret_name: String,
    /// `spec.isCA`.
    pub is_ca: bool,
    /// `spec.duration`; cert-manager takes 90 days where it is not set.
    pub duration_seconds: Option<u64>,
    /// `spec.renewBefore` (or computed from `renewBeforePercentage`).
    pub renew_before_seconds: Option<u64>,
    /// `spec.privateKey.rotationPolicy`.
    pub rotation_policy: Option<String>,
    /// `spec.issuerRef` as `Kind/name`.
    pub issuer_ref: String,
    /// `status.conditions`.
    pub conditions: Vec<Condition>,
    /// `status.notAfter`.
    pub not_after: Option<Timestamp>,
    /// `status.renewalTime`.
    pub renewal_time: Option<Timestamp>,
    /// `status.revision`.
    pub revision: Option<u64>,
}

/// An Issuer or ClusterIssuer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CertManagerIssuer {
    /// The object; its kind tells Issuer from ClusterIssuer.
    pub meta: Meta,
    /// `selfSigned`, `ca`, `vault`, ... by the key in its spec.
    pub source: String,
    /// `spec.ca.secretName`.
    pub ca_secret: Option<String>,
    /// `status.conditions`.
    pub conditions: Vec<Condition>,
}

/// A CertificateRequest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CertificateRequest {
    /// The object.
    pub meta: Meta,
    /// The Certificate it belongs to (annotation `cert-manager.io/certificate-name`).
    pub certificate: Option<String>,
    /// `status.conditions`.
    pub conditions: Vec<Condition>,
}

/// A Bundle of trust.cert-manager.io.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TrustBundle {
    /// The object.
    pub meta: Meta,
    /// Names of the Secrets among its sources.
    pub secret_sources: Vec<String>,
    /// PEM given in line.
    pub inline: Option<Bundle>,
    /// Key of the target ConfigMap.
    pub target_key: Option<String>,
    /// `status.conditions`.
    pub conditions: Vec<Condition>,
}

/// The certificates of a Secret that cert-manager or trust-manager works with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CaSecret {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `tls.crt`.
    pub chain: Source<Bundle>,
    /// `ca.crt`.
    pub ca: Option<Bundle>,
}

impl CertManager {
    /// The Secret `name` in `namespace`, where it was read.
    pub fn secret(&self, namespace: &str, name: &str) -> Option<&CaSecret> {
        self.secrets.iter().find(|secret| secret.namespace == namespace && secret.name == name)
    }
}

/// The condition of this type.
pub fn condition<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.kind == kind)
}

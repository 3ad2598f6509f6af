use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::pki::Bundle;

use super::{Meta, Source};

/// What cert-manager and trust-manager hold that bears on Linkerd. `Missing` means that the API is not served.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CertManager {
    /// Certificates that fill the issuer's Secret, a webhook's or a source of the trust bundle, and those of the
    /// authorities above them.
    pub certificates: Source<Vec<CertManagerCertificate>>,
    /// Issuers and ClusterIssuers that sign those Certificates.
    pub issuers: Source<Vec<CertManagerIssuer>>,
    /// CertificateRequests of those Certificates.
    pub requests: Source<Vec<CertificateRequest>>,
    /// trust-manager's Bundle that writes the trust bundle's ConfigMap.
    pub bundles: Source<Vec<TrustBundle>>,
    /// The certificates in Secrets that the above refer to (Certificate.spec.secretName, Bundle sources, CA issuers), but
    /// for the issuer's and the webhooks' own, which are read by themselves.
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
    /// `spec.duration`; [`Self::duration`] knows what cert-manager takes where it is not set.
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

impl CertManagerCertificate {
    /// cert-manager's default where `spec.duration` is not set (`DefaultCertificateDuration`), in seconds.
    const DEFAULT_DURATION: u64 = 90 * 24 * 60 * 60;

    /// How long cert-manager asks the certificate to be valid, in seconds.
    pub fn duration(&self) -> u64 {
        self.duration_seconds.unwrap_or(Self::DEFAULT_DURATION)
    }
}

impl CertManagerIssuer {
    /// Whether `certificate` names it in its `issuerRef`; an Issuer signs only in its own namespace.
    pub fn signs(&self, certificate: &CertManagerCertificate) -> bool {
        let is_near = self.meta.namespace.is_empty() || self.meta.namespace == certificate.meta.namespace;
        is_near && certificate.issuer_ref.split_once('/') == Some((self.meta.kind.as_str(), self.meta.name.as_str()))
    }
}

impl CertificateRequest {
    /// Whether it was made for `certificate`.
    pub fn is_of(&self, certificate: &CertManagerCertificate) -> bool {
        self.certificate.as_ref() == Some(&certificate.meta.name) && self.meta.namespace == certificate.meta.namespace
    }
}

impl CertManager {
    /// The Secret `name` in `namespace`, where it was read.
    pub fn secret(&self, namespace: &str, name: &str) -> Option<&CaSecret> {
        self.secrets.iter().find(|secret| secret.namespace == namespace && secret.name == name)
    }
}

impl CertManager {
    /// The Certificate that fills the Secret `secret` in `namespace`.
    pub fn that_fills(&self, namespace: &str, secret: &str) -> Option<&CertManagerCertificate> {
        let fills = |one: &&CertManagerCertificate| one.secret_name == secret && one.meta.namespace == namespace;
        self.certificates.items().iter().find(fills)
    }

    /// The Certificate of this name.
    pub fn certificate(&self, namespace: &str, name: &str) -> Option<&CertManagerCertificate> {
        let is_it = |one: &&CertManagerCertificate| one.meta.name == name && one.meta.namespace == namespace;
        self.certificates.items().iter().find(is_it)
    }

    /// Whether a Certificate is being renewed.
    pub fn is_issuing(&self, namespace: &str, name: &str) -> bool {
        let issuing = self.certificate(namespace, name).and_then(|one| condition(&one.conditions, "Issuing"));
        issuing.is_some_and(|issuing| issuing.status == "True")
    }

    /// What stands in the way of a Certificate's renewal, as it and its requests say; a line each.
    pub fn trouble(&self, namespace: &str, name: &str) -> Vec<String> {
        let bad = |conditions: &[Condition]| -> Vec<String> {
            let bad = conditions.iter().filter(|one| one.status == "False" && !one.message.is_empty());
            bad.map(|one| format!("{}: {}", one.reason, one.message)).collect()
        };
        let Some(certificate) = self.certificate(namespace, name) else { return Vec::new() };
        let mut trouble = bad(&certificate.conditions);
        let requests = self.requests.items().iter().filter(|request| request.is_of(certificate));
        trouble.extend(requests.flat_map(|one| bad(&one.conditions)).map(|why| format!("CertificateRequest: {why}")));
        trouble.dedup();
        trouble
    }
}

/// The condition of this type.
pub fn condition<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.kind == kind)
}

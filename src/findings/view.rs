use jiff::Timestamp;

use crate::{
    pki::{Bundle, Certificate, Thresholds, verify},
    snapshot::{CertManagerCertificate, IssuerSecret, Snapshot},
    trust::{self, Loaded, Presented},
};

use super::Settings;

/// A snapshot with what several rules derive from it, derived once.
pub(super) struct View<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) now: Timestamp,
    /// When it was read. What renews itself every few hours (leafs, refusals) is judged as of then, whatever moment the
    /// rest is asked about.
    pub(super) seen_at: Timestamp,
    pub(super) thresholds: Thresholds,
    /// The ConfigMap's bundle.
    pub(super) roots: Option<&'a Bundle>,
    /// The issuer Secret.
    pub(super) secret: Option<&'a IssuerSecret>,
    /// The Secret's certificates, issuer first.
    pub(super) chain: &'a [Certificate],
    pub(super) loaded: Vec<Loaded<'a>>,
    pub(super) presented: Vec<Presented<'a>>,
    pub(super) in_use: Vec<&'a Certificate>,
    /// What the identity controller has loaded, where that is known.
    pub(super) identity_bundle: Option<&'a Bundle>,
}

impl<'a> View<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, settings: &Settings) -> Self {
        let secret = snapshot.issuer.found();
        Self {
            snapshot,
            now: settings.now,
            seen_at: snapshot.taken_at,
            thresholds: settings.thresholds,
            roots: snapshot.trust_roots.found().and_then(|roots| roots.bundle.as_ref()),
            secret,
            chain: secret.and_then(|secret| secret.chain.as_ref()).map_or(&[], |chain| &chain.certificates),
            loaded: trust::loaded(snapshot),
            presented: trust::presented(snapshot),
            in_use: trust::anchors_in_use(snapshot),
            identity_bundle: trust::identity_bundle(snapshot),
        }
    }

    /// The issuer in the Secret.
    pub(super) fn issuer(&self) -> Option<&'a Certificate> {
        self.chain.first()
    }

    /// Whether the issuer in the Secret chains to no anchor of `bundle`. Judged at a moment at which the issuer is valid:
    /// that it has expired is another finding.
    pub(super) fn issuer_is_unknown_to(&self, bundle: &Bundle) -> bool {
        let Some(lifetime) = self.issuer().map(Certificate::lifetime) else { return false };
        let at = lifetime.nearest(self.now);
        verify::as_identity(self.chain, bundle, at) == Err(verify::Refusal::UnknownIssuer)
    }

    /// Name of the issuer Secret for messages.
    pub(super) fn issuer_place(&self) -> String {
        format!("Secret {}/linkerd-identity-issuer", self.snapshot.namespace)
    }

    /// Name of the trust bundle's ConfigMap for messages.
    pub(super) fn roots_place(&self) -> String {
        format!("ConfigMap {}/linkerd-identity-trust-roots", self.snapshot.namespace)
    }

    /// The cert-manager Certificate that writes the issuer Secret, where one does.
    pub(super) fn issuer_certificate(&self) -> Option<&'a CertManagerCertificate> {
        let here = self.snapshot.namespace.as_str();
        let certificates = self.snapshot.cert_manager.certificates.items();
        certificates.iter().find(|certificate| {
            certificate.secret_name == "linkerd-identity-issuer" && certificate.meta.namespace == here
        })
    }
}

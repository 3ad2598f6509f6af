//! Family C: cert-manager and trust-manager, and the traps of the documented set-up.

mod schedule;

use jiff::{SignedDuration, Timestamp};

use crate::{
    pki::Certificate,
    snapshot::{CertManagerCertificate, CertificateRequest, Owner, condition},
    trust,
};

use super::{
    Code, Finding, Severity, identity,
    text::{end, moment, named, span},
    view::View,
};

pub(super) use self::schedule::anchor_schedule;

/// cert-manager renews within seconds of the renewal time; later than this it is not going to by itself.
const OVERDUE: SignedDuration = SignedDuration::from_mins(10);

pub(super) fn reference(certificate: &CertManagerCertificate) -> String {
    format!("Certificate {}/{}", certificate.meta.namespace, certificate.meta.name)
}

/// The Certificate that fills this Secret.
pub(super) fn that_fills<'a>(view: &View<'a>, namespace: &str, secret: &str) -> Option<&'a CertManagerCertificate> {
    view.snapshot.cert_manager.that_fills(namespace, secret)
}

/// When `certificate` is renewed, where that is after the reading and no later than the moment asked about: then what
/// was read is not what there will be. `None` where cert-manager does not say that it can.
pub(super) fn renewed_by_then(view: &View<'_>, certificate: &CertManagerCertificate) -> Option<Timestamp> {
    let is_ready = condition(&certificate.conditions, "Ready").is_some_and(|ready| ready.status == "True");
    certificate.renewal_time.filter(|&due| is_ready && due > view.seen_at && due <= view.now)
}

/// Whether the issuer that messages call `issuer` signs the Certificate that they call `certificate`.
pub(super) fn signs(view: &View<'_>, issuer: &str, certificate: &str) -> bool {
    let mut issuers = view.snapshot.cert_manager.issuers.items().iter().filter(|one| one.meta.reference() == issuer);
    issuers.any(|issuer| certificates(view).iter().any(|one| reference(one) == certificate && issuer.signs(one)))
}

fn certificates<'a>(view: &View<'a>) -> &'a [CertManagerCertificate] {
    view.snapshot.cert_manager.certificates.items()
}

/// The Certificates whose Secret holds an anchor of the mesh, with that anchor.
fn anchors<'a>(view: &View<'a>) -> Vec<(&'a CertManagerCertificate, &'a Certificate)> {
    let Some(roots) = view.roots else { return Vec::new() };
    let manager = &view.snapshot.cert_manager;
    let anchor_of = |certificate: &CertManagerCertificate| {
        let secret = manager.secret(&certificate.meta.namespace, &certificate.secret_name)?;
        secret.chain.found()?.first().filter(|anchor| roots.contains(anchor))
    };
    let authorities = certificates(view).iter().filter(|certificate| certificate.is_ca);
    authorities.filter_map(|certificate| Some((certificate, anchor_of(certificate)?))).collect()
}

/// LC-C01: cert-manager says that a Certificate is not ready, and why.
pub(super) fn not_ready(view: &View<'_>) -> Vec<Finding> {
    certificates(view)
        .iter()
        .filter_map(|certificate| {
            let ready = condition(&certificate.conditions, "Ready");
            if ready.is_some_and(|ready| ready.status == "True") {
                return None;
            }
            let why = ready.map_or("it has no condition Ready".to_owned(), |ready| ready.message.clone());
            let requests = view.snapshot.cert_manager.requests.items().iter();
            let requests = requests.filter(|request| request.is_of(certificate));
            let failures = requests.filter_map(|request: &CertificateRequest| {
                let ready = condition(&request.conditions, "Ready")?;
                (ready.status != "True").then(|| format!("CertificateRequest {}: {}", request.meta.name, ready.message))
            });
            let finding = Finding::new(
                Code::CertificateNotReady,
                Severity::Critical,
                reference(certificate),
                "a cert-manager Certificate is not ready",
            )
            .seen(why)
            .seen_all(failures)
            .next(format!("`cmctl status certificate {} -n {}`", certificate.meta.name, certificate.meta.namespace));
            Some(finding)
        })
        .collect()
}

/// LC-C02: the renewal time had passed when it was read, and nothing had happened. A moment to come proves nothing.
pub(super) fn renewal_overdue(view: &View<'_>) -> Vec<Finding> {
    certificates(view)
        .iter()
        .filter_map(|certificate| {
            let due = certificate.renewal_time?;
            let late = view.seen_at.duration_since(due);
            if late < OVERDUE {
                return None;
            }
            let finding = Finding::new(
                Code::RenewalOverdue,
                Severity::Critical,
                reference(certificate),
                "a cert-manager renewal is overdue",
            )
            .seen(format!("due at {}, {} ago", moment(due), span(late)));
            let finding = match certificate.not_after {
                Some(at) => finding.seen(format!("the present certificate ends at {}", moment(at))),
                None => finding,
            };
            Some(
                finding
                    .next("see whether cert-manager runs: `kubectl get pods -n cert-manager`")
                    .next(format!("`cmctl renew {} -n {}`", certificate.meta.name, certificate.meta.namespace)),
            )
        })
        .collect()
}

/// LC-C04: a renewal that keeps the key replaces nothing. Where nothing is set it depends on cert-manager's version (the
/// default became Always in 1.18).
pub(super) fn rotation_policy(view: &View<'_>) -> Vec<Finding> {
    let trap = |certificate: &CertManagerCertificate| match certificate.rotation_policy.as_deref() {
        None => Some((
            "nothing says whether a renewal of the trust anchor makes a new key",
            "rotationPolicy is not set: up to cert-manager 1.17 the key is kept, from 1.18 on each renewal makes a new one",
        )),
        Some("Never") => Some((
            "a renewal of the trust anchor keeps its key",
            "rotationPolicy Never: each renewal keeps the old key, so the anchor is never really replaced",
        )),
        Some(_) => None,
    };
    let finding = |certificate: &CertManagerCertificate, (summary, why): (&str, &str)| {
        Finding::new(Code::RotationPolicyTrap, Severity::Warning, reference(certificate), summary)
            .seen(why)
            .next("set spec.privateKey.rotationPolicy: Always, and renew it only with the restarts it needs")
    };
    anchors(view).into_iter().filter_map(|(one, _)| trap(one).map(|why| finding(one, why))).collect()
}

/// LC-C05: a renewBefore that cert-manager does not follow. Its webhook refuses one, and where it was not asked the
/// controller renews after two thirds of the lifetime (pkg/util/pki/renewaltime.go).
pub(super) fn renew_before(view: &View<'_>) -> Vec<Finding> {
    let finding = |certificate: &CertManagerCertificate| {
        let duration = certificate.duration();
        let before = certificate.renew_before_seconds?;
        let finding = || {
            Finding::new(
                Code::RenewBeforeTooLong,
                Severity::Warning,
                reference(certificate),
                "renewBefore is not shorter than the certificate's duration",
            )
            .seen(format!("renewBefore {} h, duration {} h", before / 3600, duration / 3600))
            .seen("cert-manager does not follow it, and renews after two thirds of the lifetime")
            .next("make renewBefore shorter than the duration; for a 48 h issuer 25 h is usual")
        };
        (before >= duration).then(finding)
    };
    certificates(view).iter().filter_map(finding).collect()
}

/// LC-C06: the bundle that trust-manager writes lacks an anchor that chains in use need.
pub(super) fn previous_anchor(view: &View<'_>) -> Vec<Finding> {
    let Some(roots) = view.roots.filter(|_| fed_by_trust_manager(view)) else { return Vec::new() };
    let mut findings: Vec<Finding> = Vec::new();
    let lost = view.in_use.iter().filter(|anchor| !roots.contains(anchor));
    for anchor in lost {
        let finding = bundle_lacks(view, named(anchor))
            .seen(format!("{} signs chains that proxies present now", named(anchor)))
            .seen(end(anchor, view.now));
        findings.push(finding);
    }
    if let Some(issuer) = view.issuer().filter(|_| view.issuer_is_unknown_to(roots)) {
        let finding = bundle_lacks(view, format!("anchor of {}", named(issuer)))
            .seen(format!("the issuer in the Secret, {}, chains to none of its anchors", named(issuer)));
        findings.push(finding);
    }
    findings
}

fn bundle_lacks(view: &View<'_>, subject: String) -> Finding {
    let sources: Vec<_> =
        view.snapshot.cert_manager.bundles.items().iter().flat_map(|bundle| &bundle.secret_sources).cloned().collect();
    let finding = Finding::new(
        Code::PreviousAnchorMissing,
        Severity::Critical,
        subject,
        "the trust bundle lacks an anchor that is still in use",
    );
    let finding = if sources.is_empty() {
        finding
    } else {
        finding.seen(format!("the Bundle reads Secrets {}", sources.join(", ")))
    };
    finding
        .next("copy that anchor into Secret linkerd-previous-anchor, without cert-manager's labels and annotations")
        .next("restart nothing before the trust bundle holds it again")
}

fn fed_by_trust_manager(view: &View<'_>) -> bool {
    let owners = view.snapshot.trust_roots.found().map_or(&[][..], |roots| &roots.meta.owners);
    let bundles = view.snapshot.cert_manager.bundles.items();
    owners.iter().any(|owner| matches!(owner, Owner::TrustManager { .. }))
        || bundles.iter().any(|bundle| bundle.meta.name == "linkerd-identity-trust-roots")
}

/// LC-C07: what the documented set-up does by itself. The trust bundle holds the new anchor, so every look at the
/// sources is content; but identity loaded its anchors before, refuses the renewed issuer, and the mesh dies when the
/// old one ends.
pub(super) fn renewed_under_unloaded_anchor(view: &View<'_>) -> Vec<Finding> {
    let (Some(certificate), Some(issuer), Some(roots)) = (view.issuer_certificate(), view.issuer(), view.roots) else {
        return Vec::new();
    };
    if view.issuer_is_unknown_to(roots) {
        return Vec::new();
    }
    // What is loaded is the proof. Only where nobody could be asked does identity's word stand for it, until it restarts.
    let evidence = match view.identity_bundle {
        Some(loaded) if view.issuer_is_unknown_to(loaded) => "identity's own proxy has not loaded it",
        None if identity::keeps_former_issuer(view) => {
            "identity's last word on its issuer is event IssuerUpdateSkipped"
        }
        _ => return Vec::new(),
    };
    let signer = roots.certificates.iter().find(|anchor| issuer.is_signed_by(anchor));
    let mut finding = Finding::new(
        Code::RenewedUnderUnloadedAnchor,
        Severity::Critical,
        reference(certificate),
        "cert-manager renewed the issuer under an anchor that identity has not loaded",
    )
    .seen(evidence)
    .seen(format!("issuer in the Secret: {}, {}", named(issuer), end(issuer, view.now)));
    if let Some(signer) = signer {
        finding = finding.seen(format!("signed by {}", named(signer)));
    }
    if let Some(serving) = trust::serving_issuer(view.snapshot).and_then(|newest| newest.issuer().cloned()) {
        finding =
            finding.seen(format!("identity still signs with {}, which {}", named(&serving), end(&serving, view.now)));
    }
    let namespace = &view.snapshot.namespace;
    let finding = finding
        .next("before that end, restart in this order, each rolled out and healthy before the next:")
        .next(format!("`kubectl rollout restart deployment/linkerd-identity -n {namespace}`"))
        .next(format!("`kubectl rollout restart deployment/linkerd-proxy-injector -n {namespace}`"))
        .next("then every workload whose proxy lacks the new anchor");
    vec![finding]
}

/// LC-C08: trust-manager could not write its Bundle.
pub(super) fn bundle_not_synced(view: &View<'_>) -> Vec<Finding> {
    let bundles = view.snapshot.cert_manager.bundles.items();
    bundles
        .iter()
        .filter_map(|bundle| {
            let synced = condition(&bundle.conditions, "Synced")?;
            let finding = || {
                Finding::new(
                    Code::BundleNotSynced,
                    Severity::Critical,
                    format!("Bundle {}", bundle.meta.name),
                    "a trust-manager Bundle is not synced",
                )
                .seen(synced.message.clone())
                .next(format!("`kubectl describe bundle {}`", bundle.meta.name))
            };
            (synced.status != "True").then(finding)
        })
        .collect()
}

/// LC-C09: an Issuer that cannot sign.
pub(super) fn issuer_not_ready(view: &View<'_>) -> Vec<Finding> {
    let issuers = view.snapshot.cert_manager.issuers.items();
    issuers
        .iter()
        .filter_map(|issuer| {
            let ready = condition(&issuer.conditions, "Ready")?;
            let finding = || {
                Finding::new(
                    Code::IssuerNotReady,
                    Severity::Critical,
                    issuer.meta.reference(),
                    "a cert-manager issuer is not ready",
                )
                .seen(ready.message.clone())
                .next(match issuer.meta.namespace.as_str() {
                    "" => format!("`kubectl describe clusterissuer {}`", issuer.meta.name),
                    namespace => format!("`kubectl describe issuer {} -n {namespace}`", issuer.meta.name),
                })
            };
            (ready.status != "True").then(finding)
        })
        .collect()
}

//! Family C: cert-manager and trust-manager, and the traps of the documented set-up.

use jiff::SignedDuration;

use crate::{
    snapshot::{CertManagerCertificate, IdentityEventKind, Owner, condition},
    trust,
};

use super::{
    Code, Finding, Severity,
    text::{end, moment, named, span},
    view::View,
};

/// cert-manager renews within seconds of the renewal time; later than this it is not going to by itself.
const OVERDUE: SignedDuration = SignedDuration::from_mins(10);

fn reference(certificate: &CertManagerCertificate) -> String {
    format!("Certificate {}/{}", certificate.meta.namespace, certificate.meta.name)
}

fn certificates<'a>(view: &View<'a>) -> &'a [CertManagerCertificate] {
    view.snapshot.cert_manager.certificates.items()
}

/// The Certificates whose Secret holds an anchor of the mesh.
fn anchors<'a>(view: &View<'a>) -> Vec<&'a CertManagerCertificate> {
    let Some(roots) = view.roots else { return Vec::new() };
    let manager = &view.snapshot.cert_manager;
    let holds_anchor = |certificate: &&CertManagerCertificate| {
        certificate.is_ca
            && manager
                .secret(&certificate.meta.namespace, &certificate.secret_name)
                .and_then(|secret| secret.chain.found()?.first())
                .is_some_and(|anchor| roots.contains(anchor))
    };
    certificates(view).iter().filter(holds_anchor).collect()
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
            let requests = view.snapshot.cert_manager.requests.items().iter().filter(|request| {
                request.certificate.as_deref() == Some(&certificate.meta.name)
                    && request.meta.namespace == certificate.meta.namespace
            });
            let failures = requests.filter_map(|request| {
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

/// LC-C02: the renewal time has passed and nothing happened.
pub(super) fn renewal_overdue(view: &View<'_>) -> Vec<Finding> {
    certificates(view)
        .iter()
        .filter_map(|certificate| {
            let due = certificate.renewal_time?;
            let late = view.now.duration_since(due);
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

/// LC-C03: an anchor that cert-manager renews by itself. Identity reads anchors once at start and proxies at theirs, so
/// each unattended renewal ends with the last issuer that identity could load; and a Bundle whose previous anchor is
/// copied by hand drops the anchor in use at the second.
pub(super) fn anchor_schedule(view: &View<'_>) -> Vec<Finding> {
    let finding = |certificate: &CertManagerCertificate| {
        let finding = Finding::new(
            Code::AnchorScheduleTrap,
            Severity::Warning,
            reference(certificate),
            "cert-manager will renew the trust anchor by itself, and nothing will restart what must load it",
        );
        let finding = match (certificate.duration_seconds, certificate.renew_before_seconds) {
            (Some(duration), Some(before)) if before < duration => finding.seen(format!(
                "renewBefore {} h of {} h: renewed {} after it is issued",
                before / 3600,
                duration / 3600,
                span(SignedDuration::from_secs(i64::try_from(duration - before).unwrap_or(i64::MAX)))
            )),
            _ => finding,
        };
        let finding = match certificate.renewal_time {
            Some(at) => finding.seen(format!("next renewal at {}", moment(at))),
            None => finding,
        };
        finding
            .seen("the issuer's next renewal after that is signed by an anchor that identity has not loaded")
            .next("before that moment, renew it by hand with restarts of identity, injector and workloads between")
            .next("or give it a long duration with a renewBefore that leaves the time of the renewal to you")
    };
    anchors(view).into_iter().filter(|certificate| certificate.renewal_time.is_some()).map(finding).collect()
}

/// LC-C04: whether a renewal makes a new key depends on cert-manager's version (the default became Always in 1.18).
pub(super) fn rotation_policy(view: &View<'_>) -> Vec<Finding> {
    let trap = |certificate: &CertManagerCertificate| match certificate.rotation_policy.as_deref() {
        None => Some(
            "rotationPolicy is not set: up to cert-manager 1.17 the key is kept, from 1.18 on each renewal makes a new one",
        ),
        Some("Never") => {
            Some("rotationPolicy Never: each renewal keeps the old key, so the anchor is never really replaced")
        }
        Some(_) => None,
    };
    let finding = |certificate: &CertManagerCertificate, why: &str| {
        Finding::new(
            Code::RotationPolicyTrap,
            Severity::Warning,
            reference(certificate),
            "the trust anchor's rotationPolicy does not say what a renewal should do",
        )
        .seen(why)
        .next("set spec.privateKey.rotationPolicy: Always, and renew it only with the restarts it needs")
    };
    anchors(view).into_iter().filter_map(|one| trap(one).map(|why| finding(one, why))).collect()
}

/// LC-C05: a Certificate that is due again as soon as it is issued.
pub(super) fn renew_before(view: &View<'_>) -> Vec<Finding> {
    /// cert-manager's default where spec.duration is not set.
    const DEFAULT_DURATION: u64 = 90 * 24 * 60 * 60;
    let finding = |certificate: &CertManagerCertificate| {
        let duration = certificate.duration_seconds.unwrap_or(DEFAULT_DURATION);
        let before = certificate.renew_before_seconds?;
        let finding = || {
            Finding::new(
                Code::RenewBeforeTooLong,
                Severity::Critical,
                reference(certificate),
                "renewBefore is not shorter than the certificate's duration",
            )
            .seen(format!("renewBefore {} h, duration {} h", before / 3600, duration / 3600))
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
    let not_loaded = match view.identity_bundle {
        Some(loaded) => view.issuer_is_unknown_to(loaded).then(|| "identity's own proxy has not loaded it".to_owned()),
        None => None,
    };
    let skipped = view
        .snapshot
        .identity_events
        .items()
        .iter()
        .filter(|event| matches!(event.kind, IdentityEventKind::IssuerUpdateSkipped | IdentityEventKind::IssuerUpdated))
        .max_by_key(|event| event.at)
        .filter(|event| event.kind == IdentityEventKind::IssuerUpdateSkipped)
        .filter(|event| !super::identity::has_signed_since(view, event.at))
        .map(|event| format!("event IssuerUpdateSkipped at {}", moment(event.at)));
    let Some(evidence) = not_loaded.or(skipped) else { return Vec::new() };
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
                .next(format!(
                    "`kubectl describe {} {}`",
                    issuer.meta.kind.to_lowercase(),
                    issuer.meta.name
                ))
            };
            (ready.status != "True").then(finding)
        })
        .collect()
}

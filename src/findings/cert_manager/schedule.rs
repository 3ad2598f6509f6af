use jiff::Timestamp;

use crate::{
    findings::{
        Code, Finding, Severity,
        text::{moment, named, span},
        view::View,
    },
    pki::{Bundle, Certificate},
    snapshot::{CertManagerCertificate, Source, TrustBundle},
};

use super::{anchors, reference};

/// LC-C03: an anchor that cert-manager renews by itself. Identity reads anchors once at start and proxies at theirs, so
/// each unattended renewal ends with the last issuer that identity could load. That a renewal is years away is worth
/// knowing; it is a trap where it comes in the first half of the anchor's life, or soon.
pub(in crate::findings) fn anchor_schedule(view: &View<'_>) -> Vec<Finding> {
    let finding = |(certificate, anchor): (&CertManagerCertificate, &Certificate)| {
        let due = certificate.renewal_time?;
        let left = due.duration_since(view.now);
        let age = due.duration_since(anchor.lifetime().not_before);
        let severity = if left < view.thresholds.critical.at_most {
            Severity::Critical
        } else if left < view.thresholds.warning.at_most || age < anchor.lifetime().whole() / 2 {
            Severity::Warning
        } else {
            Severity::Info
        };
        let fate = Fate::of(view, certificate, anchor);
        let second = due.checked_add(age).ok();
        let finding = Finding::new(
            Code::AnchorScheduleTrap,
            severity,
            reference(certificate),
            "cert-manager will renew the trust anchor by itself, and nothing will restart what must load it",
        )
        .seen(match severity {
            Severity::Info => format!("next renewal at {}, in {}", moment(due), span(left)),
            _ => format!("next renewal at {}, {} after it was issued", moment(due), span(age)),
        })
        .seen_all(fate.seen(anchor, second))
        .seen("the issuer's next renewal after that is signed by an anchor that identity has not loaded");
        let finding = match &fate {
            Fate::DroppedFirst { copies, .. } if !copies.is_empty() => finding.next(format!(
                "before that moment, copy the present anchor into Secret {}, without cert-manager's labels and annotations",
                copies.join(" or ")
            )),
            _ => finding,
        };
        let finding = finding
            .next("before that moment, renew it by hand with restarts of identity, injector and workloads between")
            .next("or keep the time of the renewal to yourself: a longer duration with a renewBefore that is a small part of it, or, from cert-manager 1.21.1 on, spec.renewal.policy: Disabled");
        Some(finding)
    };
    anchors(view).into_iter().filter_map(finding).collect()
}

/// What becomes of the present anchor in the trust bundle when cert-manager renews it.
enum Fate {
    /// This source of the Bundle holds it as well: it outlives one renewal, and the next one's anchor does not.
    DroppedSecond { copy: String },
    /// No other source of this Bundle holds it.
    DroppedFirst { bundle: String, copies: Vec<String> },
    /// No Bundle takes the new anchor from the Certificate's Secret.
    NotAdded,
    /// Not everything that tells could be read.
    Unknown,
}

impl Fate {
    fn of(view: &View<'_>, certificate: &CertManagerCertificate, anchor: &Certificate) -> Self {
        let manager = &view.snapshot.cert_manager;
        if manager.bundles.hidden().is_some() {
            return Self::Unknown;
        }
        let feeds = |bundle: &&TrustBundle| bundle.secret_sources.contains(&certificate.secret_name);
        let Some(bundle) = manager.bundles.items().iter().find(feeds) else { return Self::NotAdded };
        if bundle.inline.as_ref().is_some_and(|inline| inline.contains(anchor)) {
            return Self::DroppedSecond { copy: format!("the text in {}", bundle.meta.reference()) };
        }
        let copies: Vec<_> =
            bundle.secret_sources.iter().filter(|&name| *name != certificate.secret_name).cloned().collect();
        let held = |name: &String| manager.secret(&certificate.meta.namespace, name).map(|secret| &secret.chain);
        let holds = |chain: &Source<Bundle>| chain.found().is_some_and(|chain| chain.contains(anchor));
        if let Some(name) = copies.iter().find(|name| held(name).is_some_and(holds)) {
            return Self::DroppedSecond { copy: format!("Secret {}/{name}", certificate.meta.namespace) };
        }
        if copies.iter().any(|name| held(name).is_none_or(|chain| chain.hidden().is_some())) {
            return Self::Unknown;
        }
        Self::DroppedFirst { bundle: bundle.meta.reference(), copies }
    }

    fn seen(&self, anchor: &Certificate, second: Option<Timestamp>) -> Option<String> {
        let anchor = named(anchor);
        Some(match self {
            Self::DroppedSecond { copy } => {
                let second = second.map_or(String::new(), |second| format!(", about {}", moment(second)));
                format!(
                    "{copy} holds the present anchor {anchor}, so it stays in the trust bundle; the renewal after that{second}, drops the next anchor while it is in use"
                )
            }
            Self::DroppedFirst { bundle, .. } => {
                format!(
                    "no other source of {bundle} holds the present anchor {anchor}: that renewal drops it while it is in use"
                )
            }
            Self::NotAdded => "no Bundle was found that puts the next anchor into the trust bundle".to_owned(),
            Self::Unknown => return None,
        })
    }
}

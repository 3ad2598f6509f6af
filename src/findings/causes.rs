//! Which findings are consequences of which. One cause is not ten findings: a consequence is shown under its cause.

use super::{Code, Finding, cert_manager, proxy, view::View, webhook};

/// What a cause explains, whatever their subjects. Causes that explain causes stand first.
const EXPLAINS: &[(Code, &[Code])] = &[
    (
        Code::NoAnchors,
        &[
            Code::GarbageInBundle,
            Code::IssuerUntrusted,
            Code::IdentityCrashLoop,
            Code::ProxyWithoutLeaf,
            Code::StaleBundle,
        ],
    ),
    (Code::GarbageInBundle, &[Code::IdentityCrashLoop, Code::ProxyWithoutLeaf, Code::StaleBundle]),
    (
        Code::AnchorExpired,
        &[
            Code::IssuerUpdateSkipped,
            Code::CertifyRefused,
            Code::IdentityCrashLoop,
            Code::IssuerOutlivesAnchor,
            Code::IssuerNotServed,
            Code::LeafOverdue,
            Code::LeafExpired,
            Code::ProxyWithoutLeaf,
        ],
    ),
    (
        Code::AnchorNotCa,
        &[Code::IssuerUntrusted, Code::IssuerUpdateSkipped, Code::CertifyRefused, Code::IdentityCrashLoop],
    ),
    (Code::AnchorNearEnd, &[Code::IssuerOutlivesAnchor]),
    (
        Code::PreviousAnchorMissing,
        &[
            Code::IssuerUntrusted,
            Code::RefusedPairs,
            Code::IssuerUpdateSkipped,
            Code::IssuerNotServed,
            Code::IssuerCaDisagrees,
            Code::IdentityCrashLoop,
            Code::CertifyRefused,
            Code::StaleBundle,
            Code::ProxyWithoutLeaf,
        ],
    ),
    (
        Code::RenewedUnderUnloadedAnchor,
        &[
            Code::IssuerUntrusted,
            Code::IssuerUpdateSkipped,
            Code::IssuerNotServed,
            Code::StaleBundle,
            Code::IssuerCaDisagrees,
            Code::CertifyRefused,
            Code::ProxyWithoutLeaf,
        ],
    ),
    (
        Code::IssuerExpired,
        &[
            Code::IssuerUpdateSkipped,
            Code::IssuerNotServed,
            Code::CertifyRefused,
            Code::IdentityCrashLoop,
            Code::RefusedPairs,
            Code::LeafOverdue,
            Code::LeafExpired,
            Code::ProxyWithoutLeaf,
            Code::RenewalOverdue,
        ],
    ),
    (
        Code::IssuerNotYetValid,
        &[
            Code::IssuerUpdateSkipped,
            Code::IssuerNotServed,
            Code::IdentityCrashLoop,
            Code::RefusedPairs,
            Code::ProxyWithoutLeaf,
        ],
    ),
    (
        Code::IssuerUntrusted,
        &[
            Code::IssuerUpdateSkipped,
            Code::IssuerNotServed,
            Code::IdentityCrashLoop,
            Code::CertifyRefused,
            Code::RefusedPairs,
            Code::StaleBundle,
            Code::IssuerCaDisagrees,
            Code::ProxyWithoutLeaf,
        ],
    ),
    (
        Code::IssuerMissing,
        &[Code::IssuerUpdateSkipped, Code::IdentityCrashLoop, Code::CertifyRefused, Code::ProxyWithoutLeaf],
    ),
    (
        Code::IssuerKeyMismatch,
        &[Code::IssuerUpdateSkipped, Code::IssuerNotServed, Code::IdentityCrashLoop, Code::ProxyWithoutLeaf],
    ),
    (
        Code::IssuerNotCa,
        &[Code::IssuerUpdateSkipped, Code::IssuerNotServed, Code::IdentityCrashLoop, Code::RefusedPairs],
    ),
    (
        Code::IntermediateRefused,
        &[
            Code::IssuerUpdateSkipped,
            Code::IssuerNotServed,
            Code::CertifyRefused,
            Code::IdentityCrashLoop,
            Code::RefusedPairs,
            Code::LeafOverdue,
            Code::LeafExpired,
            Code::ProxyWithoutLeaf,
        ],
    ),
    (Code::IssuerSameSubject, &[Code::IssuerUpdateSkipped, Code::IssuerNotServed, Code::IdentityCrashLoop]),
    (Code::IssuerUpdateSkipped, &[Code::IssuerNotServed, Code::IdentityCrashLoop]),
    (Code::CertifyRefused, &[Code::LeafOverdue, Code::LeafExpired, Code::ProxyWithoutLeaf]),
    (Code::IdentityCrashLoop, &[Code::LeafOverdue, Code::LeafExpired, Code::ProxyWithoutLeaf]),
    (Code::CertificateNotReady, &[Code::RenewalOverdue, Code::IssuerNearEnd]),
    (Code::RenewalOverdue, &[Code::IssuerNearEnd]),
    (Code::IssuerNotReady, &[Code::CertificateNotReady, Code::RenewalOverdue]),
    (Code::RefusedPairs, &[Code::StaleBundle, Code::ProxyWithoutLeaf]),
    (Code::AnchorScheduleTrap, &[Code::RotationPolicyTrap]),
];

/// What a webhook's cause explains of the same webhook. An APIService that is not available is not among the consequences
/// of a certificate that cannot be verified: the aggregator's own check skips verification
/// (kube-aggregator, `remote_available_controller.go`).
const WEBHOOK_EXPLAINS: &[(Code, &[Code])] = &[
    (Code::WebhookSecretMissing, &[Code::ApiServiceUnavailable, Code::WebhookUnanswered]),
    (Code::WebhookExpired, &[Code::WebhookUntrusted, Code::WebhookWrongName, Code::WebhookNotServed]),
    (Code::WebhookKeyMismatch, &[Code::WebhookNotServed, Code::WebhookUnanswered, Code::ApiServiceUnavailable]),
    (Code::WebhookUntrusted, &[Code::WebhookNotServed]),
    (Code::WebhookWrongName, &[]),
    (Code::WebhookUnanswered, &[Code::ApiServiceUnavailable]),
];

/// Puts each consequence under the first of its causes that was found, and the gravest causes first.
pub(super) fn arrange(mut findings: Vec<Finding>, view: &View<'_>) -> Vec<Finding> {
    for &(cause, consequences) in EXPLAINS {
        // A pod without a leaf is not ready, and a webhook whose pods are not ready does not answer.
        let no_pod =
            |other: &Finding| other.code == Code::WebhookUnanswered && consequences.contains(&Code::ProxyWithoutLeaf);
        absorb(&mut findings, cause, |found, other| {
            no_pod(other)
                || consequences.contains(&other.code) && fits_reason(found, other) && same_matter(view, found, other)
        });
    }
    for &(cause, consequences) in WEBHOOK_EXPLAINS {
        absorb(&mut findings, cause, |found, other| {
            let broken = webhook::about(view, found);
            let same = || webhook::about(view, other).iter().any(|other| broken.contains(other));
            // Pods came up without a proxy since the webhook that gives them one could not be called.
            let injector = || broken.iter().any(|webhook| webhook::is_proxy_injector(view, webhook));
            (consequences.contains(&other.code) && same()) || (other.code == Code::Unmeshed && injector())
        });
    }
    findings.sort_by_key(|finding| (std::cmp::Reverse(finding.worst()), order(finding.code), finding.subject.clone()));
    findings
}

/// A refusal is explained only by what refuses for that reason, and explains an old bundle only where it lacks an anchor.
fn fits_reason(found: &Finding, other: &Finding) -> bool {
    match (found.code, other.code) {
        (Code::IssuerExpired | Code::IssuerNotYetValid, Code::RefusedPairs) => other.subject == proxy::OUT_OF_TIME,
        (Code::IssuerNotCa | Code::IntermediateRefused, Code::RefusedPairs) => other.subject != proxy::NO_ANCHOR,
        (_, Code::RefusedPairs) => other.subject == proxy::NO_ANCHOR,
        (Code::RefusedPairs, Code::StaleBundle) => found.subject == proxy::NO_ANCHOR,
        _ => true,
    }
}

/// Whether cause and consequence are about the same thing, where there may be several: a mesh has one issuer, and
/// cert-manager many Certificates.
fn same_matter(view: &View<'_>, cause: &Finding, other: &Finding) -> bool {
    let fills_the_issuer = |finding: &Finding| {
        view.issuer_certificate().is_some_and(|certificate| cert_manager::reference(certificate) == finding.subject)
    };
    match (cause.code, other.code) {
        (Code::IssuerExpired, Code::RenewalOverdue) => fills_the_issuer(other),
        (Code::CertificateNotReady | Code::RenewalOverdue, Code::IssuerNearEnd) => fills_the_issuer(cause),
        (Code::CertificateNotReady, Code::RenewalOverdue) => cause.subject == other.subject,
        // A schedule that leaves years is no trap, and does not explain one.
        (Code::AnchorScheduleTrap, Code::RotationPolicyTrap) => {
            cause.subject == other.subject && cause.severity >= other.severity
        }
        (Code::IssuerNotReady, _) => cert_manager::signs(view, &cause.subject, &other.subject),
        _ => true,
    }
}

/// Moves what the first finding of code `cause` explains under it.
fn absorb(findings: &mut Vec<Finding>, cause: Code, explains: impl Fn(&Finding, &Finding) -> bool) {
    let mut index = 0;
    while let Some(at) = findings.iter().skip(index).position(|finding| finding.code == cause).map(|at| at + index) {
        let mut found = findings.remove(at);
        let (explained, rest): (Vec<_>, Vec<_>) =
            std::mem::take(findings).into_iter().partition(|other| other.code != cause && explains(&found, other));
        let before = rest.len().min(at);
        *findings = rest;
        found.consequences.extend(explained);
        findings.insert(before, found);
        index = before + 1;
    }
}

/// Causes that break the mesh by themselves before those that only reveal something.
fn order(code: Code) -> (u8, Code) {
    let rank = match code.as_str().as_bytes()[3] {
        b'A' | b'I' => 0,
        b'C' => 1,
        b'W' => 2,
        b'P' => 3,
        b'S' => 4,
        _ => 5,
    };
    (rank, code)
}

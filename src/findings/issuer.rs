//! Family I, first half: the issuer as the Secret holds it.

use crate::{
    pki::{
        Certificate, KeyAlgorithm, KeyState,
        lifetime::Stage,
        verify::{self, Refusal},
    },
    snapshot::{Source, condition},
    trust::{self, Loaded},
};

use super::{
    Code, Finding, Severity, cert_manager,
    text::{end, moment, named, some_of, span, workload},
    view::View,
};

/// LC-I01: there is no issuer to sign with.
pub(super) fn missing(view: &View<'_>) -> Vec<Finding> {
    let evidence = match &view.snapshot.issuer {
        Source::Missing => format!("{} does not exist", view.issuer_place()),
        Source::Found(secret) if view.chain.is_empty() => {
            let key = secret.scheme.certificate_key();
            match &secret.chain {
                None => format!("{} has no key {key}", view.issuer_place()),
                Some(_) => format!("{key} in {} holds no certificate", view.issuer_place()),
            }
        }
        _ => return Vec::new(),
    };
    let problems = view.secret.and_then(|secret| secret.chain.as_ref()).map_or(&[][..], |chain| &chain.problems);
    let finding = Finding::new(
        Code::IssuerMissing,
        Severity::Critical,
        view.issuer_place(),
        "identity has no issuer certificate to sign with",
    )
    .seen(evidence)
    .seen_all(problems.iter().map(|problem| format!("line {}: {}", problem.line, problem.what)))
    .next("restart nothing: a running identity signs with what it has in memory")
    .next("put an issuer that chains to the present trust anchor into the Secret, with its key");
    vec![finding]
}

/// LC-I02: certificate and key do not belong together, so identity cannot load them.
pub(super) fn key_mismatch(view: &View<'_>) -> Vec<Finding> {
    let (Some(secret), Some(issuer)) = (view.secret, view.issuer()) else { return Vec::new() };
    let name = secret.scheme.private_key();
    let why = match &secret.key {
        KeyState::Missing => format!("there is no {name}"),
        KeyState::Unreadable(why) => format!("{name} cannot be read: {why}"),
        KeyState::Present(_) if !secret.key.fits(issuer) => {
            format!("{name} belongs to another certificate than {}", named(issuer))
        }
        KeyState::Present(_) => return Vec::new(),
    };
    let finding = Finding::new(
        Code::IssuerKeyMismatch,
        Severity::Critical,
        view.issuer_place(),
        "the issuer's key does not belong to its certificate",
    )
    .seen(why)
    .seen("identity goes on with the issuer in memory and does not start again once it stops")
    .next("do not restart linkerd-identity before certificate and key in the Secret belong together");
    vec![finding]
}

/// LC-I03, I04 and I05: where the issuer stands in its life.
pub(super) fn lifetime(view: &View<'_>) -> Vec<Finding> {
    let Some(issuer) = view.issuer() else { return Vec::new() };
    if let Some(finding) = renewed_by_then(view, issuer) {
        return vec![finding];
    }
    let left = span(issuer.lifetime().left(view.now));
    let near = || format!("the identity issuer ends in {left}");
    let (code, severity, summary) = match issuer.lifetime().stage(view.now, &view.thresholds) {
        Stage::Fine => return Vec::new(),
        Stage::Expired => (Code::IssuerExpired, Severity::Critical, format!("the identity issuer expired {left} ago")),
        Stage::NotYetValid => {
            (Code::IssuerNotYetValid, Severity::Critical, "the identity issuer is not valid yet".to_owned())
        }
        Stage::VeryNearEnd => (Code::IssuerNearEnd, Severity::Critical, near()),
        Stage::NearEnd => (Code::IssuerNearEnd, Severity::Warning, near()),
    };
    let finding = Finding::new(code, severity, named(issuer), summary);
    let finding = if code == Code::IssuerNotYetValid {
        finding.seen(format!("valid from {}", moment(issuer.lifetime().not_before)))
    } else {
        finding.seen(end(issuer, view.now))
    };
    vec![match code {
        Code::IssuerExpired => expired(view, issuer, finding),
        Code::IssuerNotYetValid => {
            finding.next("check the clock of the machine that made it; wait until then, or make it again")
        }
        _ => match view.issuer_certificate() {
            Some(certificate) => renewed_by_cert_manager(finding, certificate),
            None => finding
                .seen("nothing was found that renews it")
                .next("make a new issuer under the present trust anchor and put it into the Secret"),
        },
    }]
}

/// Asked about a moment to come, that what was read ends before it is no trouble where cert-manager renews it in time.
fn renewed_by_then(view: &View<'_>, issuer: &Certificate) -> Option<Finding> {
    let certificate = view.issuer_certificate()?;
    let due = cert_manager::renewed_by_then(view, certificate)?;
    let ends = matches!(
        issuer.lifetime().stage(view.now, &view.thresholds),
        Stage::Expired | Stage::VeryNearEnd | Stage::NearEnd
    );
    let finding = || {
        Finding::new(
            Code::IssuerNearEnd,
            Severity::Info,
            named(issuer),
            "cert-manager is due to renew the identity issuer before then",
        )
        .seen(end(issuer, view.seen_at))
        .seen(format!("{} is due for renewal at {}", cert_manager::reference(certificate), moment(due)))
        .next("see that it is renewed, with the renewals after it: `check` without `--at` tells when one is late")
    };
    ends.then(finding)
}

fn expired(view: &View<'_>, issuer: &Certificate, finding: Finding) -> Finding {
    let alive: Vec<_> = view
        .presented
        .iter()
        .filter(|presented| presented.issuer() != Some(issuer) && presented.leaf().lifetime().contains(view.seen_at))
        .collect();
    let finding = if let Some(until) = alive.iter().map(|presented| presented.leaf().lifetime().not_after).min() {
        finding.seen(format!("leafs from an earlier issuer still work; the first of them ends at {}", moment(until)))
    } else if super::identity::keeps_former_issuer(view) {
        finding.seen("the running identity goes on with the issuer before it, from memory, until it restarts")
    } else {
        finding.seen("no new leaf can be issued; new connections fail once the leafs in use end")
    };
    finding
        .next("restart nothing before identity can sign again: open connections go on carrying requests")
        .next("put a new issuer under the present trust anchor into the Secret, then restart linkerd-identity")
        .next("then restart the control plane and the workloads: their leafs carry the dead issuer")
}

fn renewed_by_cert_manager(finding: Finding, certificate: &crate::snapshot::CertManagerCertificate) -> Finding {
    let name = format!("{}/{}", certificate.meta.namespace, certificate.meta.name);
    let finding = match certificate.renewal_time {
        Some(at) => finding.seen(format!("cert-manager Certificate {name} is due for renewal at {}", moment(at))),
        None => finding.seen(format!("cert-manager Certificate {name} names no renewal time")),
    };
    let finding = match condition(&certificate.conditions, "Ready") {
        Some(ready) if ready.status != "True" => finding.seen(format!("it is not ready: {}", ready.message)),
        _ => finding,
    };
    finding.next(format!("`cmctl renew {} -n {}`", certificate.meta.name, certificate.meta.namespace))
}

/// LC-I06: a leaf of this issuer would be refused by identity's own check or by proxies that run now.
pub(super) fn untrusted(view: &View<'_>) -> Vec<Finding> {
    let Some(issuer) = view.issuer() else { return Vec::new() };
    let refuses = |bundle: &crate::pki::Bundle| view.issuer_is_unknown_to(bundle);
    let by_roots = view.roots.is_some_and(refuses);
    let refusing: Vec<Loaded<'_>> = trust::by_bundle(&view.loaded)
        .into_iter()
        .filter(|(bundle, _)| refuses(bundle))
        .flat_map(|(_, loaded)| loaded)
        .collect();
    if !by_roots && refusing.is_empty() {
        return Vec::new();
    }
    let mut finding = Finding::new(
        Code::IssuerUntrusted,
        Severity::Critical,
        named(issuer),
        "the issuer in the Secret chains to no anchor that its verifiers hold",
    )
    .seen(format!("it names `{}` as its issuer", issuer.issuer()));
    if by_roots {
        finding = finding
            .seen(format!("{} holds no such anchor", view.roots_place()))
            .seen("identity does not start with this pair");
    }
    if !refusing.is_empty() {
        finding = finding
            .seen("leafs under it are refused by, or cannot be loaded in:")
            .seen_all(some_of(refusing.iter().map(|loaded| workload(loaded.workload, loaded.pods))));
    }
    vec![
        finding
            .next("do not restart linkerd-identity or any workload yet")
            .next_all(way_back(view, by_roots, &refusing)),
    ]
}

/// The order in which such a half-done rotation is put right without breaking what still works.
fn way_back(view: &View<'_>, by_roots: bool, refusing: &[Loaded<'_>]) -> Vec<String> {
    let roots = view.roots.map_or(&[][..], |roots| &roots.certificates);
    let mut lost: Vec<String> = trust::by_bundle(refusing)
        .into_iter()
        .map(|(bundle, _)| bundle)
        .flat_map(|bundle| &bundle.certificates)
        .filter(|anchor| !roots.contains(anchor))
        .map(named)
        .collect();
    lost.sort_unstable();
    lost.dedup();
    if by_roots && lost.is_empty() {
        let place = view.roots_place();
        return vec![format!(
            "put the anchor that signed it into {place} beside the others, or the former issuer back"
        )];
    }
    let mut steps = vec!["put the former issuer back into the Secret".to_owned()];
    if !lost.is_empty() {
        steps.push(format!("put {} back into {} beside what it holds", lost.join(", "), view.roots_place()));
    }
    steps.push("restart what holds an old bundle: identity, then the injector, then the workloads above".to_owned());
    steps.push("when every proxy holds both anchors, put the new issuer into the Secret again".to_owned());
    steps
}

/// LC-I07: the issuer may not sign leafs.
pub(super) fn not_a_ca(view: &View<'_>) -> Vec<Finding> {
    let Some(issuer) = view.issuer() else { return Vec::new() };
    let why = if !issuer.is_ca() {
        "its basic constraints do not make it a CA"
    } else if !issuer.may_sign_certificates() {
        "its key usage does not include signing certificates"
    } else {
        return Vec::new();
    };
    let finding =
        Finding::new(Code::IssuerNotCa, Severity::Critical, named(issuer), "the identity issuer may not sign leafs")
            .seen(why)
            .next("make an issuer with `step certificate create --profile intermediate-ca` and put it into the Secret");
    vec![finding]
}

/// LC-I08: verifiers look an issuer up by name and take the wrong one (linkerd2 #5350).
pub(super) fn same_subject(view: &View<'_>) -> Vec<Finding> {
    let (Some(issuer), Some(roots)) = (view.issuer(), view.roots) else { return Vec::new() };
    let Some(anchor) = roots.certificates.iter().find(|anchor| anchor.same_subject(issuer)) else {
        return Vec::new();
    };
    let evidence = if anchor == issuer {
        "the issuer in the Secret is the trust anchor itself: its key lies in the cluster".to_owned()
    } else {
        format!("both are `{}`: issuer {}, anchor {}", issuer.subject(), named(issuer), named(anchor))
    };
    let finding = Finding::new(
        Code::IssuerSameSubject,
        Severity::Critical,
        named(issuer),
        "the identity issuer has the same subject as a trust anchor",
    )
    .seen(evidence)
    .next("make an issuer with a subject of its own, such as `identity.linkerd.cluster.local`");
    vec![finding]
}

/// LC-I09: the issuer is valid longer than what makes it trusted.
pub(super) fn outlives_anchor(view: &View<'_>) -> Vec<Finding> {
    let (Some(issuer), Some(roots)) = (view.issuer(), view.roots) else { return Vec::new() };
    let signers: Vec<_> = roots.certificates.iter().filter(|anchor| issuer.is_signed_by(anchor)).collect();
    let Some(anchor) = signers.iter().max_by_key(|anchor| anchor.lifetime().not_after) else { return Vec::new() };
    if *anchor == issuer || issuer.lifetime().not_after <= anchor.lifetime().not_after {
        return Vec::new();
    }
    let finding = Finding::new(
        Code::IssuerOutlivesAnchor,
        Severity::Warning,
        named(issuer),
        "the identity issuer outlives its trust anchor",
    )
    .seen(format!("issuer {}", end(issuer, view.now)))
    .seen(format!("anchor {} {}", named(anchor), end(anchor, view.now)))
    .next("treat the anchor's end as the issuer's: rotate the anchor before it");
    vec![finding]
}

/// LC-I14: an issuer's key must be ECDSA P-256 (linkerd2, pkg/issuercerts).
pub(super) fn algorithm(view: &View<'_>) -> Vec<Finding> {
    let Some(issuer) = view.issuer() else { return Vec::new() };
    let accepted =
        *issuer.key() == KeyAlgorithm::Ecdsa(256) && matches!(issuer.signature(), "ECDSA-SHA256" | "SHA256-RSA");
    if accepted {
        return Vec::new();
    }
    let finding = Finding::new(
        Code::IssuerAlgorithm,
        Severity::Critical,
        named(issuer),
        "the identity issuer has a key or signature that Linkerd refuses",
    )
    .seen(format!(
        "{}, signed with {}; accepted: ECDSA P-256, signed with ECDSA or RSA and SHA-256",
        issuer.key(),
        issuer.signature()
    ))
    .next("make an issuer with an ECDSA P-256 key and put it into the Secret");
    vec![finding]
}

/// LC-I15: an intermediate that came with the issuer, or the path length of the anchor above it, stops identity, proxies
/// or both. They count path lengths differently (see `pki/verify.rs`), so identity may load what every proxy refuses.
pub(super) fn refused_above(view: &View<'_>) -> Vec<Finding> {
    let (Some((issuer, above)), Some(roots)) = (view.chain.split_first(), view.roots) else { return Vec::new() };
    // The issuer's own faults are findings of their own.
    if above.is_empty() || !issuer.lifetime().contains(view.now) || !issuer.is_ca() {
        return Vec::new();
    }
    let stands_above = |name: &str| above.iter().any(|certificate| certificate.name() == name);
    let allows_too_few = |name: &str| {
        let mut anchors = roots.certificates.iter().filter(|anchor| anchor.name() == name);
        anchors.any(|anchor| anchor.is_ca() && anchor.may_sign_certificates() && anchor.path_len().is_some())
    };
    let fault = |verdict: Result<(), Refusal>| {
        verdict.err().filter(|refusal| match refusal {
            Refusal::Expired { name, .. } | Refusal::NotYetValid { name, .. } => stands_above(name),
            Refusal::NotAnAuthority(name) => stands_above(name) || allows_too_few(name),
            Refusal::UnknownIssuer | Refusal::Nothing | Refusal::Other(_) => false,
        })
    };
    let identity = fault(verify::as_identity(view.chain, roots, view.now));
    let proxies = fault(verify::issuer_as_proxy(view.chain, &roots.certificates, view.now));
    if identity.is_none() && proxies.is_none() {
        return Vec::new();
    }
    let by_identity = identity.map(|why| format!("identity does not load it: {why}"));
    let by_proxies = proxies.map(|why| format!("every proxy refuses the leafs under it: {why}"));
    let finding = Finding::new(
        Code::IntermediateRefused,
        Severity::Critical,
        named(issuer),
        "a certificate above the identity issuer is refused",
    )
    .seen_all(by_identity.into_iter().chain(by_proxies))
    .seen_all(some_of(above.iter().map(|one| format!("{} holds {}", view.issuer_place(), with_path_len(one, view)))))
    .next("restart nothing: leafs from an earlier issuer go on working")
    .next("put an issuer into the Secret that stands directly under a trust anchor, or whose intermediates are valid CAs with a path length of at least the number of authorities below them");
    vec![finding]
}

fn with_path_len(certificate: &Certificate, view: &View<'_>) -> String {
    let most = certificate.path_len().map_or_else(|| "no path length".to_owned(), |most| format!("path length {most}"));
    let ca = if certificate.is_ca() { "" } else { "no CA, " };
    format!("{}, {ca}{most}, {}", named(certificate), end(certificate, view.now))
}

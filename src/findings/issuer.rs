//! Family I, first half: the issuer as the Secret holds it.

mod life;

use crate::{
    pki::{
        Bundle, Certificate, KeyAlgorithm, KeyState,
        verify::{self, Refusal},
    },
    snapshot::Source,
    trust::{self, Loaded},
};

use super::{
    Code, Finding, Severity,
    text::{end, named, some_of, workload},
    verbs,
    view::View,
};

pub(super) use life::lifetime;

/// LC-I01: there is no issuer to sign with.
pub(super) fn missing(view: &View<'_>) -> Vec<Finding> {
    let evidence = match &view.snapshot.issuer {
        Source::Missing => format!("{} does not exist", view.issuer_place()),
        Source::Found(secret) if view.chain.is_empty() && elsewhere(view).is_none() => {
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
    .next(verbs::RECOVERY)
    .next("put an issuer that chains to the present trust anchor into the Secret, with its key");
    vec![finding]
}

/// LC-I16: an issuer stands under the keys of the scheme that identity was not started with. What writes it there, such
/// as cert-manager, renews what identity never reads.
pub(super) fn unread(view: &View<'_>) -> Vec<Finding> {
    let (Some(secret), Some(unread)) = (view.secret, elsewhere(view)) else { return Vec::new() };
    let (scheme, other) = (secret.scheme, secret.scheme.other());
    let read = match view.issuer() {
        Some(issuer) => format!("identity reads {}, which holds {}", scheme.certificate_key(), named(issuer)),
        None => format!("identity reads {}, which holds no certificate", scheme.certificate_key()),
    };
    let finding = Finding::new(
        Code::IssuerUnread,
        Severity::Critical,
        view.issuer_place(),
        "the Secret holds an issuer under keys that identity does not read",
    )
    .seen(format!("linkerd-config has identity.issuer.scheme {}, and so identity was started", scheme.as_str()))
    .seen(format!("{} holds {}, {}", other.certificate_key(), named(unread), end(unread, view.now)))
    .seen(read);
    let finding = match view.issuer() {
        Some(issuer) => finding.seen(format!("the one that counts {}", end(issuer, view.now))),
        None => finding.next("restart nothing: a running identity signs with what it has in memory"),
    };
    vec![finding.next(format!(
        "either upgrade with `--set identity.issuer.scheme={}`, or put the right issuer under {} and {} and remove the other keys",
        other.as_str(),
        scheme.certificate_key(),
        scheme.private_key()
    ))]
}

/// The issuer that identity does not read, where it is another one than it reads, and where it is known what it reads.
fn elsewhere<'a>(view: &View<'a>) -> Option<&'a Certificate> {
    view.snapshot.config.found()?.issuer_scheme.as_ref()?;
    view.secret?.unread.as_ref()?.first().filter(|unread| view.issuer() != Some(*unread))
}

/// LC-I02: certificate and key do not belong together, or are laid out so that identity cannot load them (linkerd2,
/// pkg/tls/cred.go, `ValidateAndCreateCreds`).
pub(super) fn key_mismatch(view: &View<'_>) -> Vec<Finding> {
    let (Some(secret), Some(issuer)) = (view.secret, view.issuer()) else { return Vec::new() };
    let name = secret.scheme.private_key();
    let why = match &secret.key {
        KeyState::Missing => format!("there is no {name}"),
        KeyState::Unreadable(why) => format!("{name} cannot be read: {why}"),
        KeyState::Present(_) if !secret.key.fits(issuer) => {
            format!("{name} belongs to another certificate than {}", named(issuer))
        }
        KeyState::Present(_) if secret.chain.as_ref().is_some_and(|chain| !chain.loads_in_identity) => {
            let name = secret.scheme.certificate_key();
            format!("{name} holds a blank line or something else that is no certificate after the last one")
        }
        KeyState::Present(_) => return Vec::new(),
    };
    let finding = Finding::new(
        Code::IssuerKeyMismatch,
        Severity::Critical,
        view.issuer_place(),
        "identity cannot load the issuer's certificate and key",
    )
    .seen(why)
    .seen("identity goes on with the issuer in memory and does not start again once it stops")
    .next("do not restart linkerd-identity before certificate and key in the Secret belong together and are plain PEM")
    .next("`recover-expired --anchor-key FILE` puts a new pair there");
    vec![finding]
}

/// LC-I06: a leaf of this issuer would be refused by identity's own check or by proxies that run now.
pub(super) fn untrusted(view: &View<'_>) -> Vec<Finding> {
    let Some(issuer) = view.issuer() else { return Vec::new() };
    let refuses = |bundle: &Bundle| view.issuer_is_unknown_to(bundle);
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
            .next_all(verbs::on_from_here(view).or_else(|| Some(verbs::RECOVERY.to_owned())))
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

/// LC-I08: the issuer and the anchor that signed it go by one name. `linkerd install` without certificates makes one root
/// and uses it for both (linkerd2, cli/cmd/options.go, `initializeIssuerCredentials`): that works, at the price of its
/// key. A second certificate of that name is accepted as well, but whoever picks a signer by its name may take the wrong
/// one (linkerd2 #5350).
pub(super) fn same_subject(view: &View<'_>) -> Vec<Finding> {
    let (Some(issuer), Some(roots)) = (view.issuer(), view.roots) else { return Vec::new() };
    if roots.contains(issuer) {
        let finding = Finding::new(
            Code::IssuerSameSubject,
            Severity::Info,
            named(issuer),
            "the identity issuer is the trust anchor itself: its key lies in the cluster",
        )
        .seen("`linkerd install` makes such a pair where it is given no certificates")
        .seen("whoever reads the Secret can sign for every identity until the anchor is replaced")
        .next(
            "at the next rotation, keep the new anchor's key outside the cluster, and an issuer under it in the Secret",
        );
        return vec![finding];
    }
    let mut signers = roots.certificates.iter().filter(|anchor| issuer.is_signed_by(anchor));
    let Some(anchor) = signers.find(|anchor| anchor.same_subject(issuer)) else { return Vec::new() };
    let finding = Finding::new(
        Code::IssuerSameSubject,
        Severity::Warning,
        named(issuer),
        "the identity issuer has the same subject as the trust anchor that signed it",
    )
    .seen(format!("both are `{}`: issuer {}, anchor {}", issuer.subject(), named(issuer), named(anchor)))
    .seen("identity and proxies tell them apart by their keys; what goes by names takes one for the other")
    .next(verbs::new_issuer(
        view,
        "give the next issuer a subject of its own, such as `identity.linkerd.cluster.local`",
    ));
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

/// LC-I14: the CLI takes no issuer but one on ECDSA P-256 (linkerd2, pkg/issuercerts). Identity and proxies take more.
pub(super) fn algorithm(view: &View<'_>) -> Vec<Finding> {
    let Some(issuer) = view.issuer() else { return Vec::new() };
    if issuer.suits_issuer() {
        return Vec::new();
    }
    let (severity, who) = match useless(issuer.key(), issuer.signature()) {
        Some(why) => (Severity::Critical, why),
        None => (
            Severity::Warning,
            "`linkerd check` and `linkerd upgrade` refuse it; identity signs with it, proxies take it",
        ),
    };
    let finding = Finding::new(
        Code::IssuerAlgorithm,
        severity,
        named(issuer),
        "the identity issuer has a key or signature that Linkerd or its CLI refuses",
    )
    .seen(format!(
        "{}, signed with {}; the CLI takes ECDSA P-256, signed with ECDSA or RSA and SHA-256",
        issuer.key(),
        issuer.signature()
    ))
    .seen(who)
    .next(verbs::new_issuer(view, "make an issuer with an ECDSA P-256 key and put it into the Secret"));
    vec![finding]
}

/// Why no leaf of this issuer comes to be, or is accepted by anybody.
pub(super) fn useless(key: &KeyAlgorithm, signature: &str) -> Option<&'static str> {
    // What proxies verify (linkerd2-proxy, linkerd/rustls/src/crypto.rs, `SUPPORTED_SIG_ALGS`).
    const VERIFIED: [&str; 7] =
        ["ECDSA-SHA256", "ECDSA-SHA384", "ECDSA-SHA512", "SHA256-RSA", "SHA384-RSA", "SHA512-RSA", "Ed25519"];
    match key {
        // linkerd2, pkg/tls/ca.go, `createTemplate`.
        KeyAlgorithm::Rsa(_) => Some("identity signs leafs with ECDSA alone: with an RSA key it refuses every request"),
        // linkerd2, pkg/tls/codec.go, `DecodePEMKey`.
        KeyAlgorithm::Ed25519 => Some("identity does not load such a key"),
        KeyAlgorithm::Other(_) => Some("identity or proxies cannot use such a key"),
        KeyAlgorithm::Ecdsa(_) if !VERIFIED.contains(&signature) => {
            Some("proxies cannot verify such a signature, and refuse every leaf under it")
        }
        KeyAlgorithm::Ecdsa(_) => None,
    }
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

//! Family A: the trust anchors in the ConfigMap.

use crate::{
    pki::{Bundle, Certificate, KeyAlgorithm, lifetime::Stage},
    snapshot::{Mesh, Source},
};

use super::{
    Code, Finding, Severity,
    text::{end, named, some_of, span},
    verbs,
    view::View,
};

/// LC-A01: the ConfigMap or its key is missing, or holds no certificate.
pub(super) fn none(view: &View<'_>) -> Vec<Finding> {
    let evidence = match &view.snapshot.trust_roots {
        Source::Missing => format!("{} does not exist", view.roots_place()),
        Source::Found(roots) => match &roots.bundle {
            None => format!("{} has no key ca-bundle.crt", view.roots_place()),
            Some(bundle) if bundle.is_empty() => {
                format!("ca-bundle.crt in {} holds no certificate", view.roots_place())
            }
            Some(_) => return Vec::new(),
        },
        Source::Forbidden(_) | Source::Failed(_) => return Vec::new(),
    };
    let finding =
        Finding::new(Code::NoAnchors, Severity::Critical, view.roots_place(), "the mesh has no trust anchors")
            .seen(evidence)
            .seen("new proxies and a restarted identity controller cannot start without one")
            .next("restart nothing: running proxies keep the bundle they loaded")
            .next(verbs::RECOVERY)
            .next("put the anchor back under key ca-bundle.crt, from a backup or from a running proxy's environment");
    vec![finding]
}

/// LC-A02: something in the bundle is not a certificate. One broken block keeps every new proxy from starting, and as
/// little as a blank line at the end keeps identity from it.
pub(super) fn garbage(view: &View<'_>) -> Vec<Finding> {
    let Some(bundle) = view.roots.filter(|bundle| !bundle.is_empty() || !bundle.problems.is_empty()) else {
        return Vec::new();
    };
    let mut consequences = Vec::new();
    if !bundle.loads {
        consequences.push("a proxy that is given this text does not start: every restarted pod stays down".to_owned());
    }
    if !bundle.loads_in_identity {
        consequences.push("the identity controller does not start with this text once it is restarted".to_owned());
    }
    let severity = if consequences.is_empty() { Severity::Warning } else { Severity::Critical };
    if bundle.problems.is_empty() && consequences.is_empty() {
        return Vec::new();
    }
    if consequences.is_empty() {
        consequences.push("proxies and identity skip it, other readers of the bundle may not".to_owned());
    }
    let mut problems: Vec<String> =
        bundle.problems.iter().map(|problem| format!("line {}: {}", problem.line, problem.what)).collect();
    if problems.is_empty() {
        problems.push("there are blank lines or white space around its certificates".to_owned());
    }
    let finding = Finding::new(
        Code::GarbageInBundle,
        severity,
        view.roots_place(),
        "the trust bundle holds something that is not a certificate",
    )
    .seen_all(some_of(problems))
    .seen_all(consequences)
    .next(format!("restart nothing, and leave only certificates in ca-bundle.crt of {}", view.roots_place()));
    vec![finding]
}

/// LC-A03, A04, A05 and A09: where each anchor stands in its life. An anchor that nothing uses only lies around.
pub(super) fn lifetime(view: &View<'_>) -> Vec<Finding> {
    anchors(view).into_iter().filter_map(|anchor| lifetime_of(view, anchor)).collect()
}

fn lifetime_of(view: &View<'_>, anchor: &Certificate) -> Option<Finding> {
    let used = view.in_use.contains(&anchor) || view.in_use.is_empty();
    let left = span(anchor.lifetime().left(view.now));
    let near = || format!("the trust anchor in use ends in {left}");
    let asked = Asked::of(view);
    let (code, severity, summary) = match (anchor.lifetime().stage(view.now, &view.thresholds), used) {
        (Stage::Expired, true) => {
            (Code::AnchorExpired, Severity::Critical, format!("the trust anchor in use expired {left} ago"))
        }
        (Stage::Expired, false) => (
            Code::AnchorExpiredUnused,
            Severity::Warning,
            if asked.everybody() {
                "an expired trust anchor that nothing uses is in the bundle".to_owned()
            } else {
                "an expired trust anchor that nothing was seen to use is in the bundle".to_owned()
            },
        ),
        (Stage::NotYetValid, true) => {
            (Code::AnchorNotYetValid, Severity::Critical, "the trust anchor in use is not valid yet".to_owned())
        }
        (Stage::NotYetValid, false) => {
            (Code::AnchorNotYetValid, Severity::Warning, "a trust anchor in the bundle is not valid yet".to_owned())
        }
        (Stage::VeryNearEnd, true) => (Code::AnchorNearEnd, Severity::Critical, near()),
        (Stage::NearEnd, true) => (Code::AnchorNearEnd, Severity::Warning, near()),
        (Stage::Fine, _) | (Stage::NearEnd | Stage::VeryNearEnd, false) => return None,
    };
    let finding = Finding::new(code, severity, named(anchor), summary).seen(match code {
        Code::AnchorNotYetValid => format!("valid from {}", super::text::moment(anchor.lifetime().not_before)),
        _ => end(anchor, view.now),
    });
    Some(match code {
        Code::AnchorExpired => finding
            .seen("identity refuses to sign under it; proxies go on accepting each other until their leafs end")
            .next("restart nothing before identity can sign again: open connections go on carrying requests")
            .next(verbs::RECOVERY)
            .next("add a new trust anchor beside it, then an issuer under the new one, then restart identity"),
        Code::AnchorExpiredUnused => expired_unused(view, &asked, finding),
        Code::AnchorNotYetValid => finding.next("check the clock of the machine that made it, or make it again"),
        _ => finding.next(verbs::new_anchor(
            view,
            "plan a rotation: add a new anchor beside it, swap the issuer, then remove the old anchor",
        )),
    })
}

/// Proxies do not look at an anchor's end, so one that was not asked may have a leaf that hangs on it.
fn expired_unused(view: &View<'_>, asked: &Asked, finding: Finding) -> Finding {
    let remove = format!("remove it from {} and from the values of the next upgrade", view.roots_place());
    let finding = finding
        .seen("the issuer in the Secret is not signed by it")
        .seen(format!("none of the {} of {} proxies that were asked presents a leaf under it", asked.some, asked.all));
    let finding = if asked.everybody() {
        finding.next(remove)
    } else {
        finding
            .seen("a leaf under it that was not seen goes on working until the anchor is removed")
            .next("ask every proxy first: `check --probe all`")
            .next(format!("if none of them uses it, {remove}"))
    };
    finding.seen("`linkerd check` reports it as an error")
}

/// How many proxies there are, and how many of them presented a leaf.
struct Asked {
    some: u64,
    all: u64,
}

impl Asked {
    fn of(view: &View<'_>) -> Self {
        let all = view.snapshot.mesh.found().map_or(0, Mesh::pods);
        Self { some: view.presented.len() as u64, all }
    }

    /// Without pods nothing is known of them.
    fn everybody(&self) -> bool {
        self.all > 0 && self.some >= self.all
    }
}

/// LC-A06: an anchor that Linkerd's CLI or its proxies refuse. The CLI takes ECDSA P-256 and RSA 2048 or 4096, signed with
/// SHA-256 (linkerd2, pkg/issuercerts); proxies take more (linkerd2-proxy, linkerd/rustls/src/crypto.rs), and identity
/// looks at neither.
pub(super) fn algorithm(view: &View<'_>) -> Vec<Finding> {
    anchors(view)
        .into_iter()
        .filter_map(|anchor| {
            let why = refused_by_cli(anchor)?;
            let (severity, who) = match anchor.key() {
                KeyAlgorithm::Ecdsa(_) | KeyAlgorithm::Rsa(2048..=8192) | KeyAlgorithm::Ed25519 => {
                    (Severity::Warning, "`linkerd check` and `linkerd upgrade` refuse it; identity and proxies take it")
                }
                KeyAlgorithm::Rsa(_) | KeyAlgorithm::Other(_) => {
                    (Severity::Critical, "proxies cannot verify what it signs, and refuse every leaf under it")
                }
            };
            let finding = Finding::new(
                Code::AnchorAlgorithm,
                severity,
                named(anchor),
                "a trust anchor has a key or signature that Linkerd or its CLI refuses",
            );
            let next = "make the next anchor with `--kty EC --crv P-256` (step) and rotate to it";
            Some(finding.seen(why).seen(who).next(next))
        })
        .collect()
}

fn refused_by_cli(anchor: &Certificate) -> Option<String> {
    let (key, signature) = (anchor.key(), anchor.signature());
    let refused = !anchor.suits_anchor();
    refused.then(|| format!("{key}, signed with {signature}; the CLI takes ECDSA P-256 or RSA 2048/4096, with SHA-256"))
}

/// LC-A07: an anchor that may not sign: identity's verifier refuses every issuer under it.
pub(super) fn not_a_ca(view: &View<'_>) -> Vec<Finding> {
    let why = |anchor: &Certificate| {
        if !anchor.is_ca() {
            Some("its basic constraints do not make it a CA")
        } else if !anchor.may_sign_certificates() {
            Some("its key usage does not include signing certificates")
        } else {
            None
        }
    };
    let finding = |anchor: &Certificate, why: &str| {
        Finding::new(Code::AnchorNotCa, Severity::Critical, named(anchor), "a trust anchor may not sign an issuer")
            .seen(why)
            .next("make a new anchor with `step certificate create --profile root-ca` and rotate to it")
    };
    anchors(view).into_iter().filter_map(|anchor| why(anchor).map(|why| finding(anchor, why))).collect()
}

/// LC-A08: the same anchor twice. Harmless, and a sign of a rotation done by hand.
pub(super) fn duplicated(view: &View<'_>) -> Vec<Finding> {
    let Some(bundle) = view.roots else { return Vec::new() };
    anchors(view)
        .into_iter()
        .filter_map(|anchor| {
            let times = bundle.certificates.iter().filter(|certificate| *certificate == anchor).count();
            let finding = || {
                Finding::new(
                    Code::AnchorDuplicated,
                    Severity::Info,
                    named(anchor),
                    "a trust anchor stands in the bundle more than once",
                )
                .seen(format!("{times} times in {}", view.roots_place()))
                .next("nothing depends on it; leave one when the bundle is next written")
            };
            (times > 1).then(finding)
        })
        .collect()
}

/// The ConfigMap's anchors, each once.
fn anchors<'a>(view: &View<'a>) -> Vec<&'a Certificate> {
    let all = view.roots.map_or(&[][..], |bundle: &Bundle| &bundle.certificates);
    all.iter().enumerate().filter(|(index, anchor)| !all[..*index].contains(anchor)).map(|(_, anchor)| anchor).collect()
}

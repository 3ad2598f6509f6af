//! Family S: copies of the certificates that disagree, and what would bring the wrong one back.

use std::collections::BTreeSet;

use crate::{
    inventory,
    pki::{Bundle, Certificate},
    snapshot::{HelmRelease, Values},
};

use super::{Code, Finding, Severity, text::named, view::View};

/// LC-S01: `linkerd check` and the next render read `linkerd-config`, not what is loaded (linkerd2 #7449).
pub(super) fn config_disagrees(view: &View<'_>) -> Vec<Finding> {
    let (Some(config), Some(roots)) = (view.snapshot.config.found(), view.roots) else { return Vec::new() };
    let Some(anchors) = config.anchors.as_ref().filter(|anchors| !anchors.is_empty() && !anchors.same_set(roots))
    else {
        return Vec::new();
    };
    let finding = Finding::new(
        Code::ConfigDisagrees,
        Severity::Warning,
        format!("ConfigMap {}/linkerd-config", view.snapshot.namespace),
        "linkerd-config names other trust anchors than the trust bundle holds",
    )
    .seen_all(difference(anchors, roots, "linkerd-config", "the trust bundle"))
    .seen("`linkerd check` judges by linkerd-config and so by other anchors than proxies load")
    .next("write the same anchors to both, and to what the next upgrade starts from");
    vec![finding]
}

/// LC-S02: a CLI install keeps what `linkerd upgrade` starts from in a Secret of its own.
pub(super) fn overrides_disagree(view: &View<'_>) -> Vec<Finding> {
    let Some(overrides) = view.snapshot.overrides.found() else { return Vec::new() };
    let differences = against_values(view, overrides, "the overrides");
    if differences.is_empty() {
        return Vec::new();
    }
    let finding = Finding::new(
        Code::OverridesDisagree,
        Severity::Warning,
        format!("Secret {}/linkerd-config-overrides", view.snapshot.namespace),
        "the next `linkerd upgrade` would bring back other certificates",
    )
    .seen_all(differences)
    .next("before any `linkerd upgrade`, write the present anchors and issuer to linkerd-config-overrides, or pass them with `--identity-trust-anchors-file`, `--identity-issuer-certificate-file` and `--identity-issuer-key-file`");
    vec![finding]
}

/// LC-S03: a Helm release holds the values that the next `helm upgrade` renders.
pub(super) fn helm_disagrees(view: &View<'_>) -> Vec<Finding> {
    let Some(release) = view.snapshot.helm.found() else { return Vec::new() };
    let differences = against_values(view, &release.values, "the release's values");
    if differences.is_empty() {
        return Vec::new();
    }
    let finding = Finding::new(
        Code::HelmDisagrees,
        Severity::Warning,
        format!("Helm release {}/{} (revision {})", release.namespace, release.name, release.revision),
        "the next `helm upgrade` would bring back other certificates",
    )
    .seen_all(differences)
    .next(
        "before any `helm upgrade`, put the present anchors and issuer where the release's values come from \
         (identityTrustAnchorsPEM, identity.issuer.tls.crtPEM and keyPEM)",
    )
    .next(format!("or into the release, with the chart and version that it has, {}:", release.chart))
    .next(keep_values(view, release));
    vec![finding]
}

/// The `helm upgrade` that changes what disagrees and nothing else: Helm takes the chart as an argument always, and
/// forgets every other value of the user's without `--reuse-values`.
fn keep_values(view: &View<'_>, release: &HelmRelease) -> String {
    let (chart, version) = chart_and_version(&release.chart);
    let values = &release.values;
    let mut words = vec![format!("helm upgrade {} REPOSITORY/{chart}", release.name)];
    words.extend(version.map(|version| format!("--version {version}")));
    words.push(format!("-n {} --reuse-values", release.namespace));
    let mut set = |key: &str, file: &str| words.push(format!("--set-file {key}={file}"));
    if anchors_that_differ(view, values).is_some() {
        set("identityTrustAnchorsPEM", "ca.crt");
    }
    if issuers_that_differ(view, values).is_some() {
        set("identity.issuer.tls.crtPEM", "issuer.crt");
        set("identity.issuer.tls.keyPEM", "issuer.key");
    }
    format!("`{}`", words.join(" "))
}

/// `linkerd-control-plane-2026.8.1` in its parts; a version begins with a digit.
fn chart_and_version(chart: &str) -> (&str, Option<&str>) {
    let starts_version = |&(at, _): &(usize, &str)| chart[at + 1..].starts_with(|first: char| first.is_ascii_digit());
    match chart.match_indices('-').find(starts_version) {
        Some((at, _)) => (&chart[..at], Some(&chart[at + 1..])),
        None => (chart, None),
    }
}

/// LC-S04: the issuer Secret's ca.crt is what `linkerd check` trusts with scheme kubernetes.io/tls.
pub(super) fn issuer_ca_disagrees(view: &View<'_>) -> Vec<Finding> {
    let (Some(ca), Some(roots)) = (view.secret.and_then(|secret| secret.ca.as_ref()), view.roots) else {
        return Vec::new();
    };
    let strangers: Vec<_> = ca.certificates.iter().filter(|certificate| !roots.contains(certificate)).collect();
    if strangers.is_empty() {
        return Vec::new();
    }
    let finding = Finding::new(
        Code::IssuerCaDisagrees,
        Severity::Warning,
        view.issuer_place(),
        "the issuer Secret's ca.crt is not in the trust bundle",
    )
    .seen_all(strangers.iter().map(|certificate| format!("{} is not in {}", named(certificate), view.roots_place())))
    .seen("`linkerd check` trusts ca.crt here, so it does not notice")
    .next("add it to the trust bundle before identity is restarted or the issuer is renewed");
    vec![finding]
}

/// LC-S05: what could not be read, and what that hides.
pub(super) fn hidden(view: &View<'_>) -> Vec<Finding> {
    let rows = inventory::sources(view.snapshot);
    let mut lines: Vec<String> = rows
        .iter()
        .filter(|row| row.is_hidden())
        .map(|row| {
            let why = row.detail.as_deref().unwrap_or_default();
            format!("{}: {}: {why}; hides {}", row.name, row.state, row.shows)
        })
        .collect();
    // A Secret behind several webhooks is one source.
    let mut seen = BTreeSet::new();
    lines.retain(|line| seen.insert(line.clone()));
    if lines.is_empty() {
        return Vec::new();
    }
    let summary = format!("{} could not be read", super::text::count(lines.len() as u64, "source"));
    let finding = Finding::new(Code::SourceHidden, Severity::Warning, "what was read", summary)
        .seen_all(lines)
        .next("ask for the rights named above, or run as somebody who has them (`--as`)");
    vec![finding]
}

/// LC-S06: certificates are judged by this machine's clock, and used by the cluster's.
pub(super) fn clock_skew(view: &View<'_>) -> Vec<Finding> {
    // Identity backdates leafs by 20 s; the Date header it is read from has a resolution of one second.
    const TOLERATED_SECONDS: u64 = 20;
    let Some(ahead) = view.snapshot.cluster.clock_ahead_seconds else { return Vec::new() };
    if ahead.unsigned_abs() <= TOLERATED_SECONDS {
        return Vec::new();
    }
    let way = if ahead > 0 { "ahead of" } else { "behind" };
    let finding =
        Finding::new(Code::ClockSkew, Severity::Warning, "clocks", "this machine's clock and the API server's differ")
            .seen(format!("the API server's clock is {} s {way} this machine's", ahead.unsigned_abs()))
            .next("set this machine's clock before a certificate is made on it: one from the future is refused");
    vec![finding]
}

fn against_values(view: &View<'_>, values: &Values, whose: &str) -> Vec<String> {
    let mut lines = Vec::new();
    if let (Some(anchors), Some(roots)) = (anchors_that_differ(view, values), view.roots) {
        lines.extend(difference(anchors, roots, whose, "the trust bundle"));
    }
    if let Some((theirs, ours)) = issuers_that_differ(view, values) {
        lines.push(format!("issuer in {whose}: {}, in the Secret: {}", named(theirs), named(ours)));
    }
    lines
}

/// The anchors of `values`, where they are not the trust bundle's.
fn anchors_that_differ<'a>(view: &View<'_>, values: &'a Values) -> Option<&'a Bundle> {
    values.anchors.as_ref().filter(|anchors| view.roots.is_some_and(|roots| !anchors.same_set(roots)))
}

/// The issuer of `values` and that of the Secret, where they differ.
fn issuers_that_differ<'a>(view: &View<'a>, values: &'a Values) -> Option<(&'a Certificate, &'a Certificate)> {
    let theirs = values.issuer.as_ref().and_then(Bundle::first)?;
    Some((theirs, view.issuer()?)).filter(|(theirs, ours)| theirs != ours)
}

fn difference(theirs: &Bundle, ours: &Bundle, whose: &str, our_place: &str) -> Vec<String> {
    let only = |these: &Bundle, those: &Bundle, place: &str| -> Vec<String> {
        let mut missing: Vec<_> = these.certificates.iter().filter(|one| !those.contains(one)).collect();
        missing.dedup();
        missing.iter().map(|one| format!("only in {place}: {}", named(one))).collect()
    };
    [only(theirs, ours, whose), only(ours, theirs, our_place)].concat()
}

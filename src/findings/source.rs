//! Family S: copies of the certificates that disagree, and what would bring the wrong one back.

use crate::{pki::Bundle, snapshot::Values};

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
    .next(format!(
        "`helm upgrade {} -n {} --set-file identityTrustAnchorsPEM=...`, with the present anchors and issuer, or commit them where the values come from",
        release.name, release.namespace
    ));
    vec![finding]
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
    let snapshot = view.snapshot;
    let manager = &snapshot.cert_manager;
    let all = [
        ("the trust bundle", snapshot.trust_roots.hidden(), "every finding about trust anchors"),
        ("linkerd-config", snapshot.config.hidden(), "whether `linkerd check` and upgrades agree with the mesh"),
        ("linkerd-config-overrides", snapshot.overrides.hidden(), "whether `linkerd upgrade` would revert something"),
        ("Helm releases", snapshot.helm.hidden(), "whether `helm upgrade` would revert something"),
        ("the issuer Secret", snapshot.issuer.hidden(), "every finding about the issuer"),
        ("identity's events", snapshot.identity_events.hidden(), "whether identity refused an issuer"),
        ("cert-manager Certificates", manager.certificates.hidden(), "whether renewals are on time"),
        ("cert-manager Issuers", manager.issuers.hidden(), "whether renewals can be signed"),
        ("trust-manager Bundles", manager.bundles.hidden(), "where the trust bundle comes from"),
        ("webhook configurations", snapshot.webhooks.hidden(), "every finding about webhooks"),
        ("namespaces", snapshot.namespaces.hidden(), "pods that should have a proxy and have none"),
        ("pods", snapshot.mesh.hidden(), "every finding about proxies: what they have loaded and present"),
        ("ExternalWorkloads", snapshot.external_workloads.hidden(), "workloads outside the cluster"),
        ("multicluster Links", snapshot.links.hidden(), "clusters that share the anchor"),
    ];
    let secrets = snapshot.webhooks.items().iter().filter_map(|webhook| {
        let why = webhook.secret.hidden()?;
        Some(format!("the Secret of webhook {}: {why}; hides its expiry", webhook.name))
    });
    let lines: Vec<String> = all
        .iter()
        .filter_map(|(what, why, hides)| why.map(|why| format!("{what}: {why}; hides {hides}")))
        .chain(secrets)
        .collect();
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
    if let (Some(anchors), Some(roots)) = (values.anchors.as_ref(), view.roots) {
        lines.extend(difference(anchors, roots, whose, "the trust bundle"));
    }
    if let (Some(theirs), Some(ours)) = (values.issuer.as_ref().and_then(Bundle::first), view.issuer())
        && theirs != ours
    {
        lines.push(format!("issuer in {whose}: {}, in the Secret: {}", named(theirs), named(ours)));
    }
    lines
}

fn difference(theirs: &Bundle, ours: &Bundle, whose: &str, our_place: &str) -> Vec<String> {
    let only = |these: &Bundle, those: &Bundle, place: &str| -> Vec<String> {
        let mut missing: Vec<_> = these.certificates.iter().filter(|one| !those.contains(one)).collect();
        missing.dedup();
        missing.iter().map(|one| format!("only in {place}: {}", named(one))).collect()
    };
    [only(theirs, ours, whose), only(ours, theirs, our_place)].concat()
}

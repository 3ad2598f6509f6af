//! The commands that install Linkerd with what was made.

use std::path::Path;

use super::Made;

/// What the charts and the linkerd CLI take where nothing is said.
const USUAL_DOMAIN: &str = "cluster.local";
const USUAL_NAMESPACE: &str = "linkerd";

/// A file's name as a shell takes it.
pub(super) fn quoted(file: &Path) -> String {
    shell_words::quote(&file.display().to_string()).into_owned()
}

/// The linkerd CLI's flags for identity, a flag with its value each (linkerd2, cli/cmd/options.go).
pub(super) fn linkerd_flags(made: &Made<'_>) -> Vec<String> {
    let domain = made.trust_domain;
    let mut flags = vec![
        format!("--identity-trust-anchors-file {}", quoted(made.anchor_file)),
        format!("--identity-issuer-certificate-file {}", quoted(made.issuer_file)),
        format!("--identity-issuer-key-file {}", quoted(made.issuer_key_file)),
    ];
    if domain.domain() != USUAL_DOMAIN {
        flags.push(format!("--identity-trust-domain {}", domain.domain()));
    }
    if domain.namespace() != USUAL_NAMESPACE {
        flags.push(format!("--linkerd-namespace {}", domain.namespace()));
    }
    flags
}

/// Helm's flags for the same (linkerd2, charts/linkerd-control-plane).
pub(super) fn helm_flags(made: &Made<'_>) -> Vec<String> {
    let mut flags = vec![
        set_file("identityTrustAnchorsPEM", made.anchor_file),
        set_file("identity.issuer.tls.crtPEM", made.issuer_file),
        set_file(KEY_VALUE, made.issuer_key_file),
    ];
    if made.trust_domain.domain() != USUAL_DOMAIN {
        flags.push(format!("--set identityTrustDomain={}", made.trust_domain.domain()));
    }
    flags
}

/// Helm's flag for the issuer's key, which is in no values file.
pub(super) fn helm_key_flag(made: &Made<'_>) -> String {
    set_file(KEY_VALUE, made.issuer_key_file)
}

const KEY_VALUE: &str = "identity.issuer.tls.keyPEM";

/// A comma in a file's name would begin another value.
fn set_file(value: &str, file: &Path) -> String {
    let file = file.display().to_string().replace(',', "\\,");
    format!("--set-file {value}={}", shell_words::quote(&file))
}

/// The linkerd CLI's commands, a line each.
pub(super) fn linkerd_commands(made: &Made<'_>) -> Vec<String> {
    let mut lines = vec!["linkerd install --crds | kubectl apply -f -".to_owned(), "linkerd install \\".to_owned()];
    lines.extend(linkerd_flags(made).into_iter().map(|flag| format!("  {flag} \\")));
    lines.push("  | kubectl apply -f -".to_owned());
    lines
}

/// Helm's commands, a line each.
pub(super) fn helm_commands(made: &Made<'_>) -> Vec<String> {
    let namespace = made.trust_domain.namespace();
    let mut lines = vec![
        format!("helm install linkerd-crds linkerd/linkerd-crds -n {namespace} --create-namespace"),
        format!("helm install linkerd-control-plane linkerd/linkerd-control-plane -n {namespace} \\"),
    ];
    let flags = helm_flags(made);
    let last = flags.len() - 1;
    let end = |index| if index < last { " \\" } else { "" };
    lines.extend(flags.iter().enumerate().map(|(index, flag)| format!("  {flag}{}", end(index))));
    lines
}

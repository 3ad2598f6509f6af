use crate::{
    findings::{Code, Finding, Severity, view::View},
    pki::KeyState,
    snapshot::{TlsSecret, Webhook},
};

use super::{certificate, each, renew, secret, subject};

/// The one webhook server that is not written in Go.
const POLICY_VALIDATOR: &str = "linkerd-policy-validator";

/// LC-W04: the server cannot use its key.
pub(in crate::findings) fn mismatch(view: &View<'_>) -> Vec<Finding> {
    each(view, |view, webhook| {
        let (secret, certificate) = (secret(webhook)?, certificate(webhook)?);
        let why = match &secret.key {
            KeyState::Missing => "there is no tls.key".to_owned(),
            KeyState::Unreadable(why) => format!("tls.key cannot be read: {why}"),
            key if !key.fits(certificate) => "tls.key belongs to another certificate".to_owned(),
            KeyState::Present(_) => layout(webhook, secret)?,
        };
        let finding = Finding::new(
            Code::WebhookKeyMismatch,
            Severity::Critical,
            subject(webhook),
            "the webhook's server cannot load its certificate and key",
        )
        .seen(format!("{}: {why}", secret.meta.reference()))
        .seen(hold(webhook))
        .next_all(renew(view, &[webhook]));
        Some(finding)
    })
}

/// What the server does with files that it cannot load. The policy validator loads them for each connection (kubert,
/// `serve_conn`); the others watch them and keep the last good ones (linkerd2, pkg/tls, `FsCredsWatcher`).
fn hold(webhook: &Webhook) -> &'static str {
    if webhook.service == POLICY_VALIDATOR {
        "its server loads them for each connection, so every call to it fails now"
    } else {
        "its server goes on with what it has loaded and fails at its next restart"
    }
}

/// Why the server cannot read PEM that others can. The policy validator is not written in Go: it reads keys in PKCS #8 or
/// PKCS #1 alone (linkerd-kubert 0.27, `load_private_key`), and takes blank lines among certificates. The others
/// read as identity does (linkerd2, pkg/tls, `ReadPEMCreds`). One that serves what the Secret holds has read it.
fn layout(webhook: &Webhook, secret: &TlsSecret) -> Option<String> {
    let served = webhook.served.as_ref().and_then(|served| served.as_ref().ok()?.first());
    if webhook.service == POLICY_VALIDATOR {
        let sec1 =
            "tls.key is an EC PRIVATE KEY (SEC 1), and the policy validator reads PKCS #8 or RSA PRIVATE KEY alone";
        return (secret.key_is_sec1 && served != certificate(webhook)).then(|| sec1.to_owned());
    }
    let unreadable = secret.chain.as_ref().is_some_and(|chain| !chain.loads_in_identity);
    unreadable
        .then(|| "tls.crt holds a blank line or something else that is no certificate after the last one".to_owned())
}

//! What a step changes, object by object, as `kubectl` would show it. Never a private key.

use std::fmt::Write as _;

use crate::{
    event::Looked,
    mesh::Copy,
    pki::Certificate,
    plan::Step,
    snapshot::IssuerScheme,
    ui::{
        Look,
        text::{clean, hang},
    },
};

use super::webhook;

pub(super) const KEY: &str = "(a private key, not shown)";

/// The objects that `step` writes; of `at_once` workloads at once.
pub(super) fn change(step: &Step, seen: &Looked, at_once: usize, look: Look) -> String {
    match step {
        Step::TrustRoots { anchors, .. } => {
            let head = object("ConfigMap", "linkerd-identity-trust-roots", &seen.namespace);
            format!("{head}data:\n{}", pem("  ", "ca-bundle.crt", anchors, look))
        }
        Step::Issuer { chain } => issuer(chain, seen, look),
        Step::Copy(copy) => copied(*copy, seen, look),
        Step::Restart { workloads, .. } => {
            let mut out = comment(&order(workloads.len(), at_once), look);
            for workload in workloads {
                let _ = writeln!(out, "#   {}", clean(&workload.to_string()));
            }
            out + "spec:\n  template:\n    metadata:\n      annotations:\n        \
                   kubectl.kubernetes.io/restartedAt: (the time at which it is restarted)\n"
        }
        Step::AwaitIssuer { .. } => comment(
            "Nothing is written. Read are the events of Deployment linkerd-identity and the leafs that it issues; only \
             if it misses the new issuer is it restarted.",
            look,
        ),
        Step::AwaitLinked { lacks, .. } => {
            let mut out = comment("Nothing is written. Read are the linked clusters, of which this was seen:", look);
            for lack in lacks {
                out += &comment(&format!("  {}", clean(&lack.to_string())), look);
            }
            out
        }
        Step::Webhook(act) => webhook::changed(act, look),
        Step::AwaitLeafs { .. } => comment("Nothing is written. Read are the leafs that the proxies present.", look),
    }
}

fn order(many: usize, at_once: usize) -> String {
    match many {
        0 | 1 => "The pod template of:".to_owned(),
        many if many <= at_once => "The pod templates of these, all at once:".to_owned(),
        _ => format!("The pod templates of these, in this order, {at_once} at once:"),
    }
}

fn issuer(chain: &[Certificate], seen: &Looked, look: Look) -> String {
    let head = object("Secret", "linkerd-identity-issuer", &seen.namespace);
    let texts = match seen.scheme {
        IssuerScheme::Linkerd => format!("{}  key.pem: {KEY}\n", pem("  ", "crt.pem", chain, look)),
        IssuerScheme::Kubernetes => {
            let (tls, ca) = (pem("  ", "tls.crt", chain, look), pem("  ", "ca.crt", &seen.roots, look));
            format!("{tls}  tls.key: {KEY}\n{ca}")
        }
    };
    format!("{head}stringData: # written as base64\n{texts}")
}

/// Only what Linkerd's values already name is changed; the issuer only in Linkerd's own scheme.
fn copied(copy: Copy, seen: &Looked, look: Look) -> String {
    let (kind, name, field, key) = match copy {
        Copy::Config => ("ConfigMap", "linkerd-config", "data:", "values"),
        Copy::Overrides => {
            ("Secret", "linkerd-config-overrides", "stringData: # written as base64", "linkerd-config-overrides")
        }
    };
    let head = object(kind, name, &seen.namespace);
    let anchors = pem("    ", "identityTrustAnchorsPEM", &seen.roots, look);
    let mut out = format!("{head}{field}\n  {key}: | # every other value stays as it is\n{anchors}");
    if seen.scheme == IssuerScheme::Linkerd {
        out += "    identity:\n      issuer:\n        tls:\n";
        out += &pem("          ", "crtPEM", &seen.issuer, look);
        if copy == Copy::Overrides {
            let _ = writeln!(out, "          keyPEM: {KEY}");
        }
    }
    out
}

pub(super) fn object(kind: &str, name: &str, namespace: &str) -> String {
    format!("apiVersion: v1\nkind: {kind}\nmetadata:\n  name: {name}\n  namespace: {}\n", clean(namespace))
}

/// Certificates under a key, with their names and fingerprints above it.
pub(super) fn pem(indent: &str, key: &str, certificates: &[Certificate], look: Look) -> String {
    let mut out = String::new();
    for one in certificates {
        let end = one.lifetime().not_after.strftime("%Y-%m-%d");
        let text = format!("`{}` ({}) until {end}", one.name(), one.fingerprint().short());
        let begin = format!("{indent}# ");
        out += &(hang(&begin, &begin, &text, look.text_width()).join("\n") + "\n");
    }
    let _ = writeln!(out, "{indent}{key}: |");
    for line in certificates.iter().map(Certificate::to_pem).collect::<String>().lines() {
        let _ = writeln!(out, "{indent}  {line}");
    }
    out
}

pub(super) fn comment(text: &str, look: Look) -> String {
    let lines = hang("# ", "# ", text, look.text_width());
    lines.join("\n") + "\n"
}

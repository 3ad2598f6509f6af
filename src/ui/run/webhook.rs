//! What a step towards new webhook certificates is: in a sentence, in a few words, explained, and as a change.

use std::fmt::Write as _;

use crate::{
    pki::Certificate,
    plan::webhooks::{Act, Kind},
    snapshot::ServiceRef,
    ui::{Look, text::clean},
};

use super::change;

/// In one sentence.
pub(super) fn title(act: &Act) -> String {
    match act {
        Act::Bundle { of, anchors, trims: false } => {
            format!("caBundle of {} verifies {}", of.reference(), all(anchors))
        }
        Act::Bundle { of, anchors, trims: true } => {
            format!("caBundle of {} verifies only {}", of.reference(), all(anchors))
        }
        Act::Secret { secret: (namespace, name), chain, .. } => {
            format!("Secret {namespace}/{name} holds {}", all(&chain[..chain.len().min(1)]))
        }
        Act::Ask { certificate: (namespace, name), .. } => {
            format!("ask cert-manager to renew Certificate {namespace}/{name}")
        }
        Act::AwaitRenewed { of } => format!("wait until cert-manager has renewed what {} use", services(of)),
        Act::AwaitServed { of } => format!("wait until every pod of {} serves its new certificate", services(of)),
        Act::Prove { of } => format!("see the API server call {}", services(of)),
    }
}

/// In a few words.
pub(super) fn brief(act: &Act) -> String {
    match act {
        Act::Bundle { of, .. } => format!("write {}", of.reference()),
        Act::Secret { secret: (_, name), .. } => format!("write Secret {name}"),
        Act::Ask { certificate: (_, name), .. } => format!("ask for Certificate {name}"),
        Act::AwaitRenewed { .. } => "wait for cert-manager".to_owned(),
        Act::AwaitServed { of } => format!("wait for {} to be served", count(of.len())),
        Act::Prove { of } => format!("have {} called", count(of.len())),
    }
}

pub(super) fn why(act: &Act) -> &'static str {
    match act {
        Act::Bundle { trims: false, .. } => {
            "The API server verifies with it what the webhook's server serves. With the new certificate in it before \
             anything serves that, and the old one beside it, no call fails at any moment."
        }
        Act::Bundle { trims: true, .. } => {
            "Every pod serves the new certificate by now, and the API server was seen to call it. As long as the old one \
             is in caBundle, whoever has its key can pass for this webhook."
        }
        Act::Secret { .. } => {
            "The kubelet brings it to the pods that mount it, and their server loads it by itself. Every caBundle \
             verifies it already."
        }
        Act::Ask { .. } => {
            "cert-manager writes this Secret, and its injector the caBundle: what anybody else writes there it would undo. \
             This sets the condition Issuing, as `cmctl renew` does."
        }
        Act::AwaitRenewed { .. } => "That cert-manager has done it is looked at, not assumed.",
        Act::AwaitServed { .. } => {
            "Each pod is asked by a handshake, through port-forwarding. Until all of them serve the new certificate, \
             caBundle has to verify both."
        }
        Act::Prove { .. } => {
            "Only the API server itself can show that it accepts what is served: by dry runs that come back changed or \
             refused by the webhook alone. Nothing is created."
        }
    }
}

pub(super) fn risk(act: &Act) -> &'static str {
    match act {
        Act::Bundle { trims: false, .. } => {
            "Hardly any: nothing is taken away. If the write fails, nothing has changed."
        }
        Act::Bundle { trims: true, .. } => {
            "Hardly any: a pod that nobody could see would have stopped the run before this. The API server is seen to \
             call it once more afterwards."
        }
        Act::Secret { .. } => {
            "A server that misses the change goes on with the old certificate, which is still accepted; it is restarted \
             then."
        }
        Act::Ask { .. } | Act::AwaitRenewed { .. } => {
            "cert-manager may fail to make one: then what is there stays, and its reasons are shown."
        }
        Act::AwaitServed { .. } => {
            "A server misses a change now and then. After 100 s its Deployment is restarted; both certificates are \
             accepted meanwhile."
        }
        Act::Prove { .. } => "None: if the API server does not call it, the run stops with both certificates accepted.",
    }
}

pub(super) fn time(act: &Act) -> &'static str {
    match act {
        Act::Bundle { .. } | Act::Secret { .. } | Act::Ask { .. } | Act::Prove { .. } => "about a second",
        Act::AwaitRenewed { .. } => "a few seconds as a rule",
        Act::AwaitServed { .. } => "5 to 90 s, all at once",
    }
}

/// The object that it writes, as `kubectl` would show it.
pub(super) fn changed(act: &Act, look: Look) -> String {
    match act {
        Act::Bundle { of, anchors, .. } => {
            let (api, head) = match of.kind {
                Kind::Mutating | Kind::Validating => {
                    ("admissionregistration.k8s.io/v1", "webhooks:\n- clientConfig:\n")
                }
                Kind::ApiService => ("apiregistration.k8s.io/v1", "spec:\n"),
            };
            let mut out =
                format!("apiVersion: {api}\nkind: {}\nmetadata:\n  name: {}\n", of.kind.word(), clean(&of.name));
            if of.kind != Kind::ApiService {
                out += &change::comment(&format!("Each webhook in it that calls Service {}:", of.calls), look);
            }
            out += head;
            let indent = if of.kind == Kind::ApiService { "  " } else { "    " };
            let _ = writeln!(out, "{indent}# written as base64");
            out + &change::pem(indent, "caBundle", anchors, look)
        }
        Act::Secret { secret: (namespace, name), chain, .. } => {
            let head = change::object("Secret", name, namespace);
            let tls = change::pem("  ", "tls.crt", chain, look);
            format!("{head}stringData: # written as base64\n{tls}  tls.key: {}\n", change::KEY)
        }
        Act::Ask { certificate: (namespace, name), .. } => format!(
            "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata:\n  name: {}\n  namespace: {}\nstatus:\n  \
             conditions:\n  - type: Issuing\n    status: \"True\"\n    reason: ManuallyTriggered\n",
            clean(name),
            clean(namespace)
        ),
        Act::AwaitServed { .. } => change::comment(
            "Nothing is written. Each pod is asked for its certificate; only what does not serve the new one after 100 s \
             is restarted.",
            look,
        ),
        Act::AwaitRenewed { .. } => change::comment("Nothing is written. Read are the Secrets and caBundles.", look),
        Act::Prove { .. } => change::comment(
            "Nothing is written. Dry runs: a pod that should get a proxy, and objects that the validators should refuse; \
             of an APIService its condition Available is read.",
            look,
        ),
    }
}

fn all(certificates: &[Certificate]) -> String {
    let named = |one: &Certificate| format!("`{}` ({})", one.name(), one.fingerprint().short());
    certificates.iter().map(named).collect::<Vec<_>>().join(" and ")
}

/// A few names, or how many there are.
fn services(of: &[ServiceRef]) -> String {
    const SOME: usize = 3;
    let first = of.iter().take(SOME).map(|one| one.name.clone()).collect::<Vec<_>>().join(", ");
    match of.len().checked_sub(SOME) {
        Some(more) if more > 0 => format!("{first} and {more} more"),
        _ => first,
    }
}

fn count(many: usize) -> String {
    if many == 1 { "1 webhook".to_owned() } else { format!("{many} webhooks") }
}

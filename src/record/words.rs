//! What a record says of steps and events. Unlike a screen it has room for every name.

use crate::{
    mesh::Obstacle,
    pki::Certificate,
    plan::{Hold, Step, Why, webhooks::Act},
    snapshot::{ServiceRef, WorkloadRef},
};

use super::named;

/// The stage of a step, as a word.
pub(super) fn stage(step: &Step) -> String {
    match step {
        Step::Webhook(act) => act.word().to_owned(),
        _ => step.stage().map_or_else(|| "copy".to_owned(), |stage| stage.to_string()),
    }
}

/// A step in a sentence.
pub(super) fn step(step: &Step) -> String {
    match step {
        Step::TrustRoots { anchors, why: Why::Trim } => {
            format!("write ConfigMap linkerd-identity-trust-roots: only {}", all(anchors))
        }
        Step::TrustRoots { anchors, .. } => {
            format!("write ConfigMap linkerd-identity-trust-roots: {}", all(anchors))
        }
        Step::Copy(copy) => {
            format!("bring {} in line, so that the next `linkerd upgrade` keeps the change", copy.object())
        }
        Step::Issuer { chain } => {
            format!("write Secret linkerd-identity-issuer: {}", all(&chain[..chain.len().min(1)]))
        }
        Step::AwaitIssuer { chain } => format!("see identity sign with {}", all(&chain[..chain.len().min(1)])),
        Step::Restart { workloads, why } => {
            let why = match why {
                Why::Extend => "to trust the new anchor beside the old one",
                Why::Refresh => "to have leafs of the new issuer",
                Why::Trim => "to trust the old anchor no longer",
                Why::Mend => "to come back with a leaf and a bundle that work",
            };
            format!("restart, {why}: {}", names(workloads))
        }
        Step::AwaitLinked { lacks, .. } => {
            let lacks: Vec<String> =
                lacks.iter().map(|lack| format!("{lack} (anchor {})", named(&lack.anchor))).collect();
            format!("see to it that this is lacking no more: {}", lacks.join("; "))
        }
        Step::AwaitLeafs { workloads } => format!("wait for leafs to renew themselves: {}", names(workloads)),
        Step::Webhook(act) => webhook(act),
    }
}

/// A step towards new webhook certificates in a sentence.
fn webhook(act: &Act) -> String {
    let services = |of: &[ServiceRef]| of.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match act {
        Act::Bundle { of, anchors, trims } => {
            let only = if *trims { "only " } else { "" };
            format!("write caBundle of {} for Service {}: {only}{}", of.reference(), of.calls, all(anchors))
        }
        Act::Secret { secret: (namespace, name), chain, .. } => {
            format!("write Secret {namespace}/{name}: {}", all(&chain[..chain.len().min(1)]))
        }
        Act::Ask { certificate: (namespace, name), .. } => {
            format!("ask cert-manager to renew Certificate {namespace}/{name}")
        }
        Act::AwaitRenewed { of } => format!("see cert-manager renew the certificates of Services {}", services(of)),
        Act::AwaitServed { of } => format!("see every pod serve its new certificate, of Services {}", services(of)),
        Act::Prove { of } => format!("see the API server call Services {}", services(of)),
    }
}

/// A hold in a sentence.
pub(super) fn hold(hold: &Hold) -> String {
    let why = match hold.obstacle {
        Obstacle::Paused => "its Deployment is paused",
        Obstacle::InjectedByHand => "its proxy stands in its own template",
        Obstacle::Bare => "a pod without a controller",
        Obstacle::Job => "a Job, which runs to its end",
        Obstacle::Unknown => "its controller is not known",
        Obstacle::Excluded => "left out by --exclude",
        Obstacle::NotSelected => "not among those of --only",
    };
    format!("{} ({why})", hold.workload)
}

fn all(certificates: &[Certificate]) -> String {
    certificates.iter().map(named).collect::<Vec<_>>().join(" and ")
}

fn names(workloads: &[WorkloadRef]) -> String {
    workloads.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Text from elsewhere, such as a server's message, unless it quotes PEM, be it in base64.
pub(super) fn safe(text: &str) -> String {
    const PEM: [&str; 2] = ["-----BEGIN", "LS0tLS1CRUdJTi"];
    if PEM.iter().any(|mark| text.contains(mark)) {
        return "(a message that quotes PEM is left out here)".to_owned();
    }
    text.to_owned()
}

/// An address without the user and password that it may hold.
pub(super) fn without_user(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    let rest = rest[..end].rfind('@').map_or(rest, |at| &rest[at + 1..]);
    format!("{scheme}://{rest}")
}

/// A command line as a shell takes it, without secrets. No argument of this program is one; what looks like one (PEM, or
/// the value of a flag that names a password, token or secret and no file) is left out all the same.
pub fn command_line(arguments: &[String]) -> String {
    const LEFT_OUT: &str = "(left out)";
    let is_secret = |flag: &str| {
        let names = ["password", "token", "secret"].iter().any(|word| flag.contains(word));
        flag.starts_with("--") && names && !flag.ends_with("-file")
    };
    let mut hide_next = false;
    let words = arguments.iter().map(|argument| {
        let hidden = std::mem::replace(&mut hide_next, false);
        match argument.split_once('=') {
            Some((flag, _)) if is_secret(flag) => format!("{flag}={LEFT_OUT}"),
            _ if hidden || argument.contains("-----BEGIN") => LEFT_OUT.to_owned(),
            _ => {
                hide_next = is_secret(argument);
                argument.clone()
            }
        }
    });
    let words: Vec<String> = words.collect();
    shell_words::join(words)
}

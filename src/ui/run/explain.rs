//! What a step is, in the words of somebody who explains it to an operator before it is taken.

use std::time::Duration;

use crate::{
    findings::span,
    plan::{Goal, Step, Why},
    ui::{
        Look,
        look::Tone,
        text::{hang, wrap},
    },
};

use super::{
    progress,
    step::{stage, title},
    walk::Walk,
    webhook,
};

/// A step in a few lines: what, why now, what could go wrong and what then, how long.
pub(super) fn explain(step: &Step, walk: &Walk, look: Look) -> String {
    let (number, of) = walk.place();
    let head = format!("Step {number} of {of}, {}: ", stage(step));
    let mut lines = hang(&head, "  ", &title(step), look.text_width());
    if let Some(first) = lines.first_mut() {
        *first = first.replacen(head.trim_end(), &look.paint(Tone::Strong, head.trim_end()), 1);
    }
    let parts = [
        ("why", Some(why(step, walk))),
        ("risk", Some(risk(step).to_owned())),
        ("time", Some(time(step, walk))),
        ("mesh", progress::sentence(walk)),
    ];
    for (name, text) in parts.into_iter().filter_map(|(name, text)| Some((name, text?))) {
        lines.extend(wrap(&format!("  {name:<6}"), &text, look.text_width()));
    }
    let mut out = lines.join("\n");
    out.push('\n');
    out
}

fn why(step: &Step, walk: &Walk) -> String {
    let text = match step {
        Step::TrustRoots { why: Why::Trim, .. } => {
            "Every leaf comes from the new issuer now, so the old anchor vouches for nothing that is alive. As long as \
             it is trusted, whoever has its key can pass for any workload."
        }
        Step::TrustRoots { .. } if walk.goal() == Some(Goal::Recover) => {
            "Identity and every new pod start with what stands here. It has to hold the anchor under which identity is \
             to sign; every other that something alive comes from stays beside it."
        }
        Step::TrustRoots { .. } => {
            "Everything that verifies has to trust the new anchor before anything is signed under it. The old anchor \
             stays beside it, so nobody is refused."
        }
        Step::Copy(_) => {
            "The next `linkerd upgrade` starts from this copy. With the old certificates in it, an upgrade would undo \
             this rotation."
        }
        Step::Issuer { .. } if walk.goal() == Some(Goal::Recover) => {
            "With the issuer that is there identity signs nothing, or nothing that is accepted."
        }
        Step::Issuer { .. } if walk.goal() == Some(Goal::Issuer) => {
            "Everything that verifies trusts the anchor that signed it, so leafs under it are accepted from the first \
             one on."
        }
        Step::Issuer { .. } => {
            "Everything that verifies has loaded the new anchor by now, so leafs under the new issuer are accepted \
             from the first one on."
        }
        Step::AwaitIssuer { .. } => {
            "Identity loads a changed Secret by itself. That it did so is looked at, not assumed: until then new pods \
             get leafs from the old issuer."
        }
        Step::Restart { workloads, why: Why::Extend } => match walk.component(workloads) {
            Some("linkerd-identity") => {
                "Identity reads its anchors once, when it starts. Without this it would refuse an issuer under the new \
                 anchor."
            }
            Some("linkerd-proxy-injector") => {
                "The injector writes the trust bundle into new pods. It goes before them, so that none of them comes \
                 up with the old bundle."
            }
            _ => "A proxy reads its trust bundle once, when it starts. New pods trust both anchors.",
        },
        Step::Restart { why: Why::Refresh, .. } if walk.goal() == Some(Goal::Issuer) => {
            "The leafs there still come from the old issuer. New pods get theirs from the new one. Both issuers come \
             from the anchor that all trust, so old and new pods accept each other."
        }
        Step::Restart { why: Why::Refresh, .. } => {
            "The leafs there still come from the old issuer. New pods get theirs from the new one. All trust both \
             anchors, so old and new pods accept each other."
        }
        Step::Restart { workloads, why: Why::Mend } => match walk.component(workloads) {
            Some("linkerd-identity") => {
                "Identity reads anchors and issuer anew when it starts, and pods that crash are replaced rather than \
                 waited for. Nothing else may be restarted before it signs: no other pod would get a leaf."
            }
            _ => {
                "Their leafs have ended, or come from what nobody trusts any more; a proxy keeps such a leaf for hours. \
                 New pods get one that works, and the bundle to go with it."
            }
        },
        Step::Restart { why: Why::Trim, .. } => {
            "A proxy reads its trust bundle once, when it starts: there the old anchor is still trusted. No leaf under \
             it is left."
        }
        Step::AwaitLinked { why: Why::Trim, .. } => {
            "Proxies there open connections to this mesh and are called from it. As long as their leafs come from the old \
             anchor, whoever here has dropped it refuses them."
        }
        Step::AwaitLinked { .. } => {
            "Proxies there verify what proxies here present. Whoever there does not trust the new anchor would refuse the \
             first leaf under it."
        }
        Step::AwaitLeafs { .. } => {
            "A proxy asks for a new leaf when 70 % of the old one's life is over. It comes from the new issuer, and no \
             pod has to be restarted for it."
        }
        Step::Webhook(act) => webhook::why(act),
    };
    text.to_owned()
}

fn risk(step: &Step) -> &'static str {
    match step {
        Step::TrustRoots { why: Why::Trim, .. } => {
            "A proxy that nobody could see may still present a leaf under the old anchor; new pods would refuse it. \
             `restore` brings that anchor back."
        }
        Step::TrustRoots { .. } => {
            "Hardly any: proxies that run do not read it. If the write fails, nothing has changed."
        }
        Step::Copy(_) => "Hardly any: nothing reads it while the mesh runs. If the write fails, the run stops.",
        Step::Issuer { .. } => {
            "Identity may refuse it: then it goes on signing with the old issuer, nobody is refused, and the run stops."
        }
        Step::AwaitIssuer { .. } => {
            "Identity misses a change now and then. After 30 s it is restarted, and then starts with the new issuer."
        }
        Step::Restart { .. } => {
            "A pod may not get ready. Its rollout then keeps the old pods, which still work, and the run stops after 5 \
             min with the mesh whole."
        }
        Step::AwaitLinked { .. } => {
            "None: nothing is changed while it waits. The run waits as long as --hold says, then stops, and goes on from \
             here when it is run again."
        }
        Step::AwaitLeafs { .. } => {
            "A proxy that gets no leaf keeps the one it has until that ends. The run looks every 5 min and can be \
             stopped and run again at any time."
        }
        Step::Webhook(act) => webhook::risk(act),
    }
}

fn time(step: &Step, walk: &Walk) -> String {
    match step {
        Step::TrustRoots { .. } | Step::Copy(_) | Step::Issuer { .. } => "about a second".to_owned(),
        Step::AwaitIssuer { .. } => "5 to 10 s as a rule".to_owned(),
        Step::AwaitLinked { .. } => "as long as a rotation there takes".to_owned(),
        Step::AwaitLeafs { .. } => "up to 17 h".to_owned(),
        Step::Webhook(act) => webhook::time(act).to_owned(),
        Step::Restart { workloads, .. } => match walk.times().restart(workloads) {
            Some(time) => format!("about {}, by the restarts so far", short(time)),
            None if workloads.len() == 1 => "10 s to a minute as a rule".to_owned(),
            None => format!("10 s to a minute as a rule for each, {} at once", walk.times().at_once()),
        },
    }
}

/// A length of time as messages have it.
pub(super) fn short(time: Duration) -> String {
    span(jiff::SignedDuration::try_from(time).unwrap_or(jiff::SignedDuration::MAX))
}

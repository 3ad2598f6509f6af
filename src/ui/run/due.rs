//! What is due, and why, in a paragraph.

use jiff::Timestamp;

use crate::{
    findings::{moment, span},
    pki::Certificate,
    plan::{Cause, Due, Goal},
    ui::{Look, text::wrap},
};

/// What is due at `at`, and why, in lines that fit.
pub fn due(due: &Due, at: Timestamp, look: Look) -> String {
    wrap("", &due_sentence(due, at), look.text_width()).join("\n") + "\n"
}

/// The same in one line.
pub fn due_sentence(due: &Due, at: Timestamp) -> String {
    match due {
        Due::Finish { goal: Goal::Anchor | Goal::Back | Goal::Recover | Goal::Webhooks, towards } => {
            format!("A rotation to anchor {} is under way. It is finished first.", named(towards))
        }
        Due::Finish { goal: Goal::Issuer, towards } => {
            format!("Not every leaf comes from the new issuer {} yet. That is finished first.", named(towards))
        }
        Due::Rotate { why: Cause::AnchorNearEnd(anchor), .. } => {
            format!(
                "The trust anchor is due: {} {}. It is replaced, and the issuer with it.",
                named(anchor),
                end(anchor, at)
            )
        }
        Due::Rotate { why: Cause::IssuerNearEnd(issuer), .. } => format!(
            "The identity issuer is due: {} {}. Its anchor has time left and its key is at hand, so only the issuer is \
             replaced.",
            named(issuer),
            end(issuer, at)
        ),
        Due::Rotate { why: Cause::NoKeyForIssuer(issuer), .. } => format!(
            "The identity issuer is due: {} {}. Its anchor has time left, but without that anchor's key (--anchor-key \
             FILE) no other issuer can be signed under it. So both are replaced.",
            named(issuer),
            end(issuer, at)
        ),
        Due::Rotate { goal: Goal::Anchor | Goal::Back | Goal::Recover | Goal::Webhooks, why: Cause::Asked } => {
            "The trust anchor is replaced because that was asked for, and the issuer with it.".to_owned()
        }
        Due::Rotate { goal: Goal::Issuer, why: Cause::Asked } => {
            "The identity issuer is replaced because that was asked for.".to_owned()
        }
        Due::Nothing { next, from } => format!(
            "Nothing is due. The first will be the {}, from {} on: in {}. `rotate --due anchor` and \
             `rotate --due issuer` do it all the same.",
            layer(*next),
            moment(*from),
            span(from.duration_since(at))
        ),
        Due::Expired { goal, certificate } => {
            format!("The {} is over: {} {}.", layer(*goal), named(certificate), end(certificate, at))
        }
        Due::Unknown => "The issuer in its Secret leads to no trust anchor that is known here.".to_owned(),
    }
}

fn layer(goal: Goal) -> &'static str {
    match goal {
        Goal::Anchor | Goal::Back | Goal::Recover => "trust anchor",
        Goal::Issuer => "identity issuer",
        Goal::Webhooks => "webhook certificates",
    }
}

fn named(certificate: &Certificate) -> String {
    format!("`{}` ({})", certificate.name(), certificate.fingerprint().short())
}

fn end(certificate: &Certificate, at: Timestamp) -> String {
    let (until, left) = (certificate.lifetime().not_after, certificate.lifetime().left(at));
    if left.is_negative() {
        format!("ended at {}, {} ago", moment(until), span(left))
    } else {
        format!("ends at {}, in {}", moment(until), span(left))
    }
}

//! What is wrong with a mesh that has come to a stop, what of it still works, and what the way back takes.

use jiff::SignedDuration;

use crate::{
    findings::{Code, Finding, Report, Severity, moment, span},
    pki::{Certificate, Thresholds},
    plan::{self, Due, Need, Standing},
};

use super::{Look, look::Tone, text::wrap};

/// So much of what shows a finding is enough here; `check` shows all.
const FEW: usize = 3;
/// From the first write until identity signs again, as a rule.
const IDENTITY: SignedDuration = SignedDuration::from_secs(8);
/// Until the rest of the control plane is whole, as a rule.
const CONTROL_PLANE: SignedDuration = SignedDuration::from_secs(8);
/// Until some workloads that are restarted at once are ready, as a rule.
const BATCH: SignedDuration = SignedDuration::from_secs(20);

/// What is wrong with a mesh, with what shows it, and what of it still works.
pub fn wrong(report: &Report, standing: &Standing, look: Look) -> String {
    let mut out = look.paint(Tone::Strong, "What is wrong") + "\n";
    let grave = report.findings.iter().filter(|finding| is_grave(finding));
    for finding in grave {
        let lines = wrap(&format!("  {} ", finding.code), &finding.summary, look.text_width());
        let evidence = finding.evidence.iter().take(FEW);
        let evidence = evidence.flat_map(|line| wrap("    - ", line, look.text_width()));
        for line in lines.into_iter().chain(evidence) {
            out += &line;
            out.push('\n');
        }
    }
    out + "\n" + &paragraph("What still works", &works(standing), look)
}

/// What is done about it, by way of `anchor`, and how long it should take with so many workloads restarted at once.
pub fn way(standing: &Standing, need: &Need, anchor: Option<&Certificate>, at_once: usize, look: Look) -> String {
    let is_known = |anchor: &Certificate| plan::known_anchors(standing).contains(&anchor);
    let what = match (need, anchor) {
        (Need::Nothing(own), Some(anchor)) if own == anchor => format!(
            "The issuer in its Secret is good under {}, so no key is needed: it is put in force.",
            named(anchor)
        ),
        (_, Some(anchor)) if is_known(anchor) => {
            format!("A new issuer under {}, by its key: what trusts that anchor need not learn another.", named(anchor))
        }
        (Need::Anchor(ended), Some(anchor)) if is_renewed(ended, anchor) => format!(
            "{} is signed anew with its own key, and a new issuer under it. To a proxy an anchor is a name and a key, so \
             whoever has loaded the old one accepts what comes from the new one.",
            named(anchor)
        ),
        _ => "A new anchor and an issuer under it. No proxy trusts it yet, so all have to be restarted.".to_owned(),
    };
    let text = format!("{what} {}", time(standing, at_once));
    String::from("\n") + &paragraph("The way back", &text, look) + "\n"
}

fn works(standing: &Standing) -> String {
    let (works, of) = plan::working_pairs(standing);
    let pairs = match works {
        0 => "no two workloads were seen of which one would accept the other anew".to_owned(),
        works => format!("new ones come about for {works} of {of} pairs of workloads"),
    };
    let open = format!("Connections that are open go on carrying requests; {pairs}.");
    let at = standing.at;
    let ends = standing.parties.iter().filter_map(|party| party.until).filter(|until| *until > at);
    match ends.min() {
        Some(first) => format!(
            "{open} The first leaf that is still good ends at {}, in {}: until then nothing more fails by itself, as long \
             as nothing is restarted.",
            moment(first),
            span(first.duration_since(at))
        ),
        None => format!("{open} Whatever is restarted or added before identity signs again stays without a leaf."),
    }
}

fn time(standing: &Standing, at_once: usize) -> String {
    let workloads = standing.parties.iter().filter(|party| !party.is_control_plane()).count();
    let batches = i32::try_from(workloads.div_ceil(at_once.max(1))).unwrap_or(i32::MAX);
    let whole = IDENTITY + CONTROL_PLANE + BATCH.checked_mul(batches).unwrap_or(SignedDuration::MAX / 2);
    format!(
        "As a rule identity signs again after {}, the control plane is whole after {}, and {workloads} workloads, {at_once} at \
         once, after {} in all.",
        span(IDENTITY),
        span(IDENTITY + CONTROL_PLANE),
        span(whole)
    )
}

/// Why nothing can be signed, and what helps, in one paragraph for whoever is asked for it next.
pub fn without_key(need: &Need) -> String {
    let anchors: Vec<String> = match need {
        Need::Nothing(_) => Vec::new(),
        Need::Issuer(anchors) | Need::Anchor(anchors) => anchors.iter().map(named).collect(),
    };
    format!(
        "A new issuer is needed. With the key of {} (--anchor-key FILE) that is all; without it there has to be a new anchor \
         as well.",
        if anchors.is_empty() { "its anchor".to_owned() } else { anchors.join(" or ") }
    )
}

/// That nothing has expired, and which verb fits instead.
pub fn fits(standing: &Standing, report: &Report, look: Look) -> String {
    let due = plan::due(standing, &Thresholds::default(), &std::collections::BTreeSet::new(), false, None);
    let webhooks = report.findings.iter().any(|finding| is_of_webhooks(finding.code) && is_grave(finding));
    let verb = match due {
        Due::Finish { .. } => "A rotation is under way: `rotate` finishes it.",
        Due::Rotate { .. } => "Something is near its end: `rotate` says what, and replaces it in time.",
        _ if webhooks => "Certificates of webhooks are: `renew-webhooks` renews them.",
        _ if report.findings.iter().any(is_grave) => "`check` says what is wrong, and what to do about it.",
        _ => "Nothing has to be done; `status` shows what there is, `rotate` when something will be due.",
    };
    let text = format!(
        "Nothing of the trust anchor, the identity issuer or the leafs has expired or was lost, so nothing was done. {verb}"
    );
    wrap("", &text, look.text_width()).join("\n") + "\n"
}

fn is_of_webhooks(code: Code) -> bool {
    code.as_str().starts_with("LC-W")
}

fn is_grave(finding: &Finding) -> bool {
    finding.worst() > Severity::Info && !finding.code.as_str().starts_with("LC-O")
}

fn is_renewed(ended: &[Certificate], anchor: &Certificate) -> bool {
    ended.iter().any(|one| one.public_key() == anchor.public_key() && one.same_subject(anchor))
}

fn named(certificate: &Certificate) -> String {
    format!("`{}` ({})", certificate.name(), certificate.fingerprint().short())
}

fn paragraph(head: &str, text: &str, look: Look) -> String {
    let lines = wrap("  ", text, look.text_width());
    look.paint(Tone::Strong, head) + "\n" + &lines.join("\n") + "\n"
}

/// Workloads that only an operator can bring back, each with the command that does.
pub fn left(done: &plan::Done, look: Look) -> String {
    let mut out = String::new();
    for hold in &done.left {
        for line in
            wrap("  ", &format!("{}: {}", hold.workload, super::run::obstacle(hold.obstacle)), look.text_width())
        {
            out += &line;
            out.push('\n');
        }
        for line in super::run::commands(hold) {
            out += &["    ", &line, "\n"].concat();
        }
    }
    out
}

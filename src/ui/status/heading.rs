//! The stage in one line, what comes next, and what all of it is about.

use crate::{
    findings::moment,
    pki::Certificate,
    plan::{self, Linked, Position},
};

use super::{
    Answer, Look,
    words::{count, together},
};
use crate::ui::{look::Tone, text::wrap};

pub(super) fn render(answer: &Answer<'_>, look: Look) -> String {
    let stage = answer.stage();
    let tone = match answer.progress.stage {
        Position::Unknown => Tone::Critical,
        _ if answer.is_at_risk() || answer.expired().is_some() => Tone::Critical,
        Position::Rest => Tone::Good,
        _ => Tone::Warning,
    };
    let mut out = String::new();
    labelled(&format!("{stage}: "), stage, &answer.summary(), tone, look, &mut out);
    out.push('\n');
    for (label, text) in facts(answer) {
        labelled(&format!("{label:<7} "), label, &text, Tone::Quiet, look, &mut out);
    }
    out
}

fn labelled(first: &str, label: &str, text: &str, tone: Tone, look: Look, out: &mut String) {
    for line in wrap(first, text, look.text_width()) {
        *out += &match line.strip_prefix(label) {
            Some(rest) if !label.is_empty() => look.paint(tone, label) + rest,
            _ => line,
        };
        out.push('\n');
    }
}

fn facts(answer: &Answer<'_>) -> Vec<(&'static str, String)> {
    let snapshot = answer.snapshot;
    let mut facts: Vec<(&'static str, String)> = answer.way().map(|way| ("Way", way)).into_iter().collect();
    for (index, line) in answer.next().into_iter().enumerate() {
        facts.push((if index == 0 { "Next" } else { "" }, line));
    }
    facts.extend(left_over(answer).map(|text| ("Also", text)));
    if !answer.outside.is_empty() {
        let text = format!("{}: what they trust cannot be seen from here", together(answer.outside.iter().cloned()));
        facts.push(("Outside", text));
    }
    facts.extend(answer.linked.iter().map(|one| ("Linked", linked(answer, one))));
    facts.extend([("Mesh", mesh(answer)), ("As of", moment(snapshot.taken_at)), ("Seen", seen(answer))]);
    facts.extend(answer.hidden.iter().map(|hidden| ("Hidden", hidden.clone())));
    facts
}

/// What a linked cluster trusts and depends on.
fn linked(answer: &Answer<'_>, linked: &Linked) -> String {
    let there = match &linked.seen {
        Ok(there) => there,
        Err(why) => return format!("{}: {why}", linked.name),
    };
    let all = |anchor: &&Certificate| there.parties.iter().all(|party| party.trusts(anchor));
    let named = |anchors: Vec<&Certificate>, none: &str| match anchors.len() {
        0 => none.to_owned(),
        _ => together(anchors.into_iter().map(|anchor| answer.anchor(anchor))),
    };
    let trusted = named(there.known_anchors().into_iter().filter(all).collect(), "no one anchor");
    let used = named(there.in_use(), "no anchor that is known there");
    format!("{}: every proxy there trusts {trusted}; its issuer and leafs come from {used}", linked.name)
}

/// Anchors that are still trusted although no rotation takes them away.
fn left_over(answer: &Answer<'_>) -> Option<String> {
    let progress = &answer.progress;
    if progress.stage != Position::Rest || progress.others.is_empty() {
        return None;
    }
    let others = together(progress.others.iter().map(|other| answer.anchor(other)));
    let plan::Count { done, unseen, of } = answer.proxies;
    let still = of - done - unseen;
    Some(format!(
        "{others} signs nothing that was seen, and {} trust it: the next rotation takes it away",
        count(still, "prox/y/ies")
    ))
}

fn mesh(answer: &Answer<'_>) -> String {
    let snapshot = answer.snapshot;
    let version = snapshot.config.found().and_then(|values| values.version.as_deref()).unwrap_or("of unknown version");
    let parts = [
        Some(format!("Linkerd {version} in namespace {}", snapshot.namespace)),
        snapshot.cluster.context.as_ref().map(|context| format!("context {context}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn seen(answer: &Answer<'_>) -> String {
    let snapshot = answer.snapshot;
    let Some(mesh) = snapshot.mesh.found() else { return "no proxies".to_owned() };
    let (asked, silent) = (snapshot.probes.len(), snapshot.probes.iter().filter(|probe| probe.answer.is_err()).count());
    let proxies = count(mesh.pods(), "prox/y/ies");
    let workloads = count(mesh.workloads.len() as u64, "workload");
    let parts = [
        Some(format!("{proxies} of {workloads}")),
        Some(match asked {
            0 => "none of them asked".to_owned(),
            _ if answer.asks_all() => "all of them asked".to_owned(),
            some => format!("{some} of them asked"),
        }),
        (silent > 0).then(|| format!("{silent} without an answer")),
        answer.namespace.map(|namespace| format!("below only those of the control plane and of namespace {namespace}")),
        (!mesh.only.is_empty()).then(|| format!("pods outside of {} may not be listed", mesh.only.join(" and "))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

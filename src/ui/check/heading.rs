//! The answer in one line, and what it is about.

use jiff::SignedDuration;

use crate::{
    findings::{Severity, moment, span},
    inventory::Role,
    snapshot::{Mesh, Owner},
};

use super::{Answer, Look};
use crate::ui::{look::Tone, text::wrap};

/// The verdict and what was and was not seen.
pub(super) fn render(answer: &Answer<'_>, look: Look) -> String {
    let (word, text) = verdict(answer);
    let tone = answer.report.worst().filter(|worst| *worst > Severity::Info).map_or(Tone::Good, Tone::from);
    let mut out = String::new();
    for line in wrap("", &format!("{word}: {text}"), look.text_width()) {
        out += &match line.strip_prefix(word) {
            Some(rest) => look.paint(tone, word) + rest,
            None => line,
        };
        out.push('\n');
    }
    out.push('\n');
    for (label, text) in facts(answer) {
        for line in wrap(&format!("{label:<7} "), &text, look.text_width()) {
            out += &match line.strip_prefix(label) {
                Some(rest) => look.paint(Tone::Quiet, label) + rest,
                None => line,
            };
            out.push('\n');
        }
    }
    out
}

/// The word and the sentence that everything else explains.
pub(super) fn verdict(answer: &Answer<'_>) -> (&'static str, String) {
    let worst = answer.report.worst().unwrap_or(Severity::Info);
    let word = match worst {
        Severity::Info => return ("OK", all_is_well(answer)),
        Severity::Warning => "WARNING",
        Severity::Critical => "CRITICAL",
    };
    let mut causes = answer.report.findings.iter().filter(|finding| finding.worst() > Severity::Info);
    let first = causes.next().map_or_else(String::new, |cause| cause.summary.clone());
    let others: Vec<_> = causes.collect();
    let count = |severity| others.iter().filter(|finding| finding.worst() == severity).count();
    let more = [(count(Severity::Critical), "more critical finding"), (count(Severity::Warning), "more warning")];
    let more = more.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| plural(count, what));
    (word, [first].into_iter().chain(more).collect::<Vec<_>>().join("; "))
}

fn all_is_well(answer: &Answer<'_>) -> String {
    let count = |role| answer.certificates.iter().filter(|row| row.role == role).count();
    let proxies = answer.snapshot.mesh.found().map_or(0, Mesh::pods);
    let all = [
        plural(count(Role::Anchor), "trust anchor"),
        plural(count(Role::Issuer), "issuer"),
        plural(usize::try_from(proxies).unwrap_or(usize::MAX), "prox/y/ies"),
    ];
    // Proxies renew their leafs several times a day; what ends next by itself is another certificate.
    let next = answer.certificates.iter().find(|row| row.role != Role::Leaf).map(|next| {
        let place = next.places.first().map(|place| place.short(&answer.snapshot.namespace)).unwrap_or_default();
        let left = span(next.certificate.lifetime().left(answer.report.at));
        format!("next to end: {} {place}, in {left}", next.role)
    });
    [all.join(", ")].into_iter().chain(next).collect::<Vec<_>>().join("; ")
}

/// `1 proxy`, `2 proxies`; endings that differ stand between slashes.
fn plural(count: usize, noun: &str) -> String {
    let mut parts = noun.split('/');
    let (stem, one, many) = (parts.next().unwrap_or(noun), parts.next().unwrap_or(""), parts.next().unwrap_or("s"));
    format!("{count} {stem}{}", if count == 1 { one } else { many })
}

fn facts(answer: &Answer<'_>) -> Vec<(&'static str, String)> {
    let snapshot = answer.snapshot;
    let mut facts = vec![("Mesh", mesh(answer)), ("As of", as_of(answer)), ("Seen", seen(answer))];
    if !snapshot.other_control_planes.is_empty() {
        facts.push((
            "Beside",
            format!("control planes in {}: see them with -L", snapshot.other_control_planes.join(", ")),
        ));
    }
    facts
}

fn mesh(answer: &Answer<'_>) -> String {
    let snapshot = answer.snapshot;
    let values = snapshot.config.found();
    let version = values.and_then(|values| values.version.as_deref()).unwrap_or("of unknown version");
    let owner = values.and_then(|values| values.meta.owners.first());
    let by = owner.map_or_else(String::new, |owner| format!(" by {}", owner_name(owner)));
    let parts = [
        Some(format!("Linkerd {version} in namespace {}{by}", snapshot.namespace)),
        snapshot.cluster.context.as_ref().map(|context| format!("context {context}")),
        snapshot.cluster.version.as_ref().map(|version| format!("Kubernetes {version}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn as_of(answer: &Answer<'_>) -> String {
    let (at, taken) = (answer.report.at, answer.snapshot.taken_at);
    let away = at.duration_since(taken);
    let away = (away.as_secs().abs() >= 1).then(|| {
        let side = if away.is_negative() { "before" } else { "after" };
        format!("{} {side} it was read", span(away))
    });
    let ahead = answer.snapshot.cluster.clock_ahead_seconds.filter(|ahead| ahead.abs() >= 60);
    let skew = ahead.map(|ahead| {
        let side = if ahead > 0 { "ahead" } else { "behind" };
        format!("the API server's clock is {} {side}", span(SignedDuration::from_secs(ahead)))
    });
    [Some(moment(at)), away, skew].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn seen(answer: &Answer<'_>) -> String {
    let snapshot = answer.snapshot;
    let proxies = snapshot.mesh.found().map_or_else(
        || "no proxies".to_owned(),
        |mesh| {
            let pods = usize::try_from(mesh.pods()).unwrap_or(usize::MAX);
            format!("{} in {}", plural(pods, "prox/y/ies"), plural(mesh.workloads.len(), "workload"))
        },
    );
    let only = snapshot.mesh.found().map_or(&[][..], |mesh| &mesh.only);
    let asked = snapshot.probes.len();
    let silent = snapshot.probes.iter().filter(|probe| probe.answer.is_err()).count();
    let hidden = answer.sources.iter().filter(|source| source.is_hidden()).count();
    let parts = [
        Some(proxies),
        Some(if asked == 0 { "none of them asked".to_owned() } else { format!("{asked} of them asked") }),
        (silent > 0).then(|| format!("{silent} without an answer")),
        answer.namespace.map(|namespace| format!("only those of the control plane and of namespace {namespace}")),
        (!only.is_empty()).then(|| format!("pods outside of {} may not be listed", only.join(" and "))),
        (hidden > 0).then(|| format!("{} could not be read", plural(hidden, "source"))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// An owner in a word or two.
pub(super) fn owner_name(owner: &Owner) -> &'static str {
    match owner {
        Owner::LinkerdCli => "CLI",
        Owner::Helm { .. } => "Helm",
        Owner::ArgoCd { .. } => "Argo CD",
        Owner::Flux { .. } => "Flux",
        Owner::CertManager { .. } => "cert-manager",
        Owner::TrustManager { .. } => "trust-manager",
    }
}

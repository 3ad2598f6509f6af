//! Family I, second half: what the identity controller makes of its issuer.

use jiff::{SignedDuration, Timestamp};

use crate::{
    pki::{Certificate, lifetime::Stage},
    snapshot::{IdentityEvent, IdentityEventKind, PodTrouble, Workload},
    trust,
};

use super::{
    Code, Finding, Severity,
    text::{end, moment, named, span},
    view::View,
};

/// Identity loads a new Secret 5 to 10 s after the write; the kubelet may take a minute more to mount it.
const LOAD_TIME: SignedDuration = SignedDuration::from_mins(2);

/// Refusals are repeated every 10 s or so for as long as they last; one older than this is history.
const REFUSAL_IS_HISTORY: SignedDuration = SignedDuration::from_mins(15);

/// LC-I10: the newest leaf that was seen does not come from the issuer in the Secret. Certain where that leaf was issued
/// after the Secret was written; where nobody has asked for a leaf since, it is only not proven yet.
pub(super) fn not_served(view: &View<'_>) -> Vec<Finding> {
    let (Some(secret), Some(issuer)) = (view.secret, view.issuer()) else { return Vec::new() };
    let Some(newest) = trust::serving_issuer(view.snapshot) else { return Vec::new() };
    let Some(serving) = newest.issuer().filter(|serving| *serving != issuer) else { return Vec::new() };
    let issued = newest.leaf().lifetime().not_before;
    let (severity, summary, evidence) = match secret.changed_at {
        Some(changed) if view.seen_at.duration_since(changed) <= LOAD_TIME => return Vec::new(),
        Some(changed) if issued.duration_since(changed) > LOAD_TIME => (
            dying(view, serving),
            "identity signs with another issuer than the Secret holds",
            format!("that leaf was issued at {}, the Secret was written at {}", moment(issued), moment(changed)),
        ),
        _ if loaded_since(view, issued) => return Vec::new(),
        _ => (
            Severity::Info,
            "no leaf was seen yet that comes from the issuer in the Secret",
            format!("the newest leaf that was seen was issued at {}", moment(issued)),
        ),
    };
    let restart = format!("`kubectl rollout restart deployment/linkerd-identity -n {}`", view.snapshot.namespace);
    let finding = Finding::new(Code::IssuerNotServed, severity, view.issuer_place(), summary)
        .seen(format!("in the Secret: {}", named(issuer)))
        .seen(format!("under the leaf of {}/{}: {}", newest.workload.namespace, newest.pod, named(serving)))
        .seen(format!("the one it signs with {}", end(serving, view.now)))
        .seen(evidence)
        .next(format!("if the issuer in the Secret is right: {restart}, and look again"));
    vec![finding]
}

/// With the issuer in memory the mesh ends, whatever lies in the Secret.
fn dying(view: &View<'_>, serving: &Certificate) -> Severity {
    match serving.lifetime().stage(view.now, &view.thresholds) {
        Stage::Fine | Stage::NearEnd => Severity::Warning,
        Stage::VeryNearEnd | Stage::NotYetValid | Stage::Expired => Severity::Critical,
    }
}

/// Whether identity said after `issued` that it loaded a new issuer.
fn loaded_since(view: &View<'_>, issued: Timestamp) -> bool {
    let last = last_event(view, &[IdentityEventKind::IssuerUpdated, IdentityEventKind::IssuerUpdateSkipped]);
    last.is_some_and(|event| event.kind == IdentityEventKind::IssuerUpdated && event.at > issued)
}

/// LC-I11: the last thing identity said of its Secret is that it skipped it.
pub(super) fn update_skipped(view: &View<'_>) -> Vec<Finding> {
    let Some(event) = skipped(view) else { return Vec::new() };
    let finding = Finding::new(
        Code::IssuerUpdateSkipped,
        Severity::Critical,
        view.issuer_place(),
        "identity refused the issuer in its Secret and goes on with the old one",
    )
    .seen(format!("event IssuerUpdateSkipped at {}", moment(event.at)))
    .seen(message(event))
    .next("do not restart linkerd-identity: it would not start again")
    .next("mend Secret and trust bundle so that the issuer verifies, then wait for event IssuerUpdated");
    vec![finding]
}

/// The event by which identity skipped what its Secret holds now.
fn skipped<'a>(view: &View<'a>) -> Option<&'a IdentityEvent> {
    last_event(view, &[IdentityEventKind::IssuerUpdated, IdentityEventKind::IssuerUpdateSkipped])
        .filter(|event| event.kind == IdentityEventKind::IssuerUpdateSkipped && !restarted_since(view, event.at))
}

/// Whether identity said that it goes on with the issuer that it had before.
pub(super) fn keeps_former_issuer(view: &View<'_>) -> bool {
    skipped(view).is_some()
}

/// LC-I12: identity refuses every request for a leaf.
pub(super) fn certify_refused(view: &View<'_>) -> Vec<Finding> {
    let last = last_event(view, &[IdentityEventKind::IssuerUpdated, IdentityEventKind::IssuerValidationFailed]);
    let Some(event) = last.filter(|event| event.kind == IdentityEventKind::IssuerValidationFailed) else {
        return Vec::new();
    };
    let ago = view.seen_at.duration_since(event.at);
    if ago > REFUSAL_IS_HISTORY || restarted_since(view, event.at) {
        return Vec::new();
    }
    let finding = Finding::new(
        Code::CertifyRefused,
        Severity::Critical,
        format!("Deployment {}/linkerd-identity", view.snapshot.namespace),
        "identity refuses to issue leafs",
    )
    .seen(format!("event IssuerValidationFailed, last {} ago", span(ago)))
    .seen(message(event))
    .next("restart nothing: a pod that starts now gets no leaf and does not become ready");
    vec![finding]
}

/// What a pod that comes up or goes says, whatever happened to it before.
const IS_NO_FAILURE: [&str; 3] = ["not ready", "Pending", "Terminating"];

/// LC-I13: an identity pod does not start; an older one may still be serving from memory beside it.
pub(super) fn crash_loop(view: &View<'_>) -> Vec<Finding> {
    let Some(identity) = identity(view) else { return Vec::new() };
    let failing: Vec<&PodTrouble> = identity
        .groups
        .iter()
        .flat_map(|group| &group.trouble)
        .filter(|trouble| trouble.container.as_deref() == Some("identity") && trouble.restarts > 0)
        .filter(|trouble| !IS_NO_FAILURE.contains(&trouble.reason.as_str()))
        .collect();
    if failing.is_empty() {
        return Vec::new();
    }
    let ready: u32 = identity.groups.iter().map(|group| group.ready).sum();
    let beside = if ready > 0 {
        "another identity pod is ready and serves from memory; it must not be restarted"
    } else {
        "no identity pod is ready: no leaf is issued or renewed"
    };
    let finding = Finding::new(
        Code::IdentityCrashLoop,
        Severity::Critical,
        format!("Deployment {}/linkerd-identity", view.snapshot.namespace),
        "the identity controller does not start",
    )
    .seen_all(failing.iter().map(|trouble| {
        format!("pod {}: {}, {}", trouble.pod, trouble.reason, super::text::count(trouble.restarts, "restart"))
    }))
    .seen(beside)
    .next(format!(
        "`kubectl logs -n {} {} -c identity --previous`",
        view.snapshot.namespace,
        failing.first().map_or("", |trouble| trouble.pod.as_str())
    ));
    vec![finding]
}

fn identity<'a>(view: &View<'a>) -> Option<&'a Workload> {
    view.snapshot.mesh.found()?.component("identity")
}

/// Whether every ready identity pod started after `at`: then what the one before it said no longer holds.
fn restarted_since(view: &View<'_>, at: Timestamp) -> bool {
    let Some(identity) = identity(view) else { return false };
    let mut starts = identity.groups.iter().filter(|group| group.ready > 0).map(|group| group.oldest).peekable();
    starts.peek().is_some() && starts.all(|start| start > at)
}

fn last_event<'a>(view: &View<'a>, kinds: &[IdentityEventKind]) -> Option<&'a IdentityEvent> {
    let events = view.snapshot.identity_events.items();
    events.iter().filter(|event| kinds.contains(&event.kind)).max_by_key(|event| event.at)
}

/// The event's reason, without the times that Go appends after ` - `.
fn message(event: &IdentityEvent) -> String {
    let text = event.message.split(" - ").next().unwrap_or(&event.message);
    text.trim_start_matches("(combined from similar events): ").to_owned()
}

//! Words that several rules share.

use jiff::{SignedDuration, Timestamp, Unit};

use crate::{pki::Certificate, snapshot::Workload};

/// `CN=... (fingerprint)`, as evidence names a certificate.
pub(super) fn named(certificate: &Certificate) -> String {
    format!("`{}` ({})", certificate.name(), certificate.fingerprint().short())
}

/// A moment to the second, in UTC.
pub fn moment(at: Timestamp) -> String {
    at.round(Unit::Second).unwrap_or(at).to_string()
}

/// `expired 2 h ago` or `ends in 3 d`, with the moment.
pub(super) fn end(certificate: &Certificate, now: Timestamp) -> String {
    let at = certificate.lifetime().not_after;
    let left = certificate.lifetime().left(now);
    if left.is_negative() {
        format!("expired {} ago, at {}", span(left), moment(at))
    } else {
        format!("ends in {}, at {}", span(left), moment(at))
    }
}

/// A length of time in its largest fitting unit, without sign: `364 d`, `23 h`, `5 min`, `12 s`.
pub fn span(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().unsigned_abs();
    let (minute, hour, day) = (60, 60 * 60, 24 * 60 * 60);
    match seconds {
        s if s >= 2 * day => format!("{} d", s / day),
        s if s >= 2 * hour => format!("{} h", s / hour),
        s if s >= 2 * minute => format!("{} min", s / minute),
        s => format!("{s} s"),
    }
}

/// `1 pod`, `2 pods`.
pub(super) fn count(number: impl Into<u64>, what: &str) -> String {
    let number = number.into();
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// `emojivoto/web (Deployment, 2 pods)`.
pub(super) fn workload(workload: &Workload, pods: u32) -> String {
    format!("{}/{} ({}, {})", workload.namespace, workload.name, workload.kind, count(pods, "pod"))
}

/// The first of `items`, and how many more there are: evidence stays readable in a mesh of thousands.
pub(super) fn some_of(items: impl IntoIterator<Item = String>) -> Vec<String> {
    some_of_many(items, |line| line)
}

/// The same of what is only put into words where it is shown.
pub(super) fn some_of_many<T>(items: impl IntoIterator<Item = T>, line: impl Fn(T) -> String) -> Vec<String> {
    const SHOWN: usize = 10;
    let mut items = items.into_iter();
    let mut lines: Vec<String> = items.by_ref().take(SHOWN + 1).map(&line).collect();
    let more = items.count();
    if more > 0 {
        lines.truncate(SHOWN);
        lines.push(format!("and {} more", more + 1));
    }
    lines
}

/// The command that restarts a workload's pods, or what to do where there is none.
pub(super) fn restart(workload: &Workload) -> String {
    let (namespace, name) = (&workload.namespace, &workload.name);
    match workload.kind.as_str() {
        kind @ ("Deployment" | "StatefulSet" | "DaemonSet") => {
            format!("`kubectl rollout restart {}/{name} -n {namespace}`", kind.to_lowercase())
        }
        "Job" => format!("Job {namespace}/{name} keeps what it has until it ends; delete and recreate it to hurry"),
        "Pod" => format!("Pod {namespace}/{name} has no controller; delete and recreate it"),
        kind => format!("{kind} {namespace}/{name}: restart its pods by its own controller's means"),
    }
}

//! Rules over a snapshot. One rule a function, one family a file; each finding has a stable code, a severity, its
//! evidence and what to do next. Pure: the time is passed in.

mod anchor;
mod causes;
mod cert_manager;
mod code;
mod finding;
mod identity;
mod issuer;
mod owner;
mod proxy;
mod source;
#[cfg(test)]
mod tests;
mod text;
mod verbs;
mod view;
mod webhook;

use jiff::Timestamp;

use crate::{pki::Thresholds, snapshot::Snapshot};

pub use code::Code;
pub use finding::{Finding, Report, Severity};
pub use text::{moment, span};
use view::View;

/// What the rules are asked with.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The moment to judge by.
    pub now: Timestamp,
    /// When "near its end" begins.
    pub thresholds: Thresholds,
}

type Rule = fn(&View<'_>) -> Vec<Finding>;

/// Every rule, in the order of the codes.
const RULES: &[Rule] = &[
    anchor::none,
    anchor::garbage,
    anchor::lifetime,
    anchor::algorithm,
    anchor::not_a_ca,
    anchor::duplicated,
    issuer::missing,
    issuer::key_mismatch,
    issuer::lifetime,
    issuer::untrusted,
    issuer::not_a_ca,
    issuer::same_subject,
    issuer::outlives_anchor,
    issuer::algorithm,
    issuer::refused_above,
    issuer::unread,
    identity::not_served,
    identity::update_skipped,
    identity::certify_refused,
    identity::crash_loop,
    source::config_disagrees,
    source::overrides_disagree,
    source::helm_disagrees,
    source::issuer_ca_disagrees,
    source::hidden,
    source::clock_skew,
    proxy::stale,
    proxy::refused_pairs,
    proxy::leaf_lifetime,
    proxy::unmeshed,
    proxy::unseen,
    proxy::external_workloads,
    proxy::linked_clusters,
    proxy::without_leaf,
    webhook::lifetime,
    webhook::untrusted,
    webhook::key_mismatch,
    webhook::wrong_name,
    webhook::not_served,
    webhook::no_certificate,
    webhook::api_service_unavailable,
    webhook::unanswered,
    cert_manager::not_ready,
    cert_manager::renewal_overdue,
    cert_manager::anchor_schedule,
    cert_manager::rotation_policy,
    cert_manager::renew_before,
    cert_manager::previous_anchor,
    cert_manager::renewed_under_unloaded_anchor,
    cert_manager::bundle_not_synced,
    cert_manager::issuer_not_ready,
    owner::managed_elsewhere,
    owner::several_control_planes,
];

/// Applies every rule to `snapshot` and puts causes before their consequences.
pub fn check(snapshot: &Snapshot, settings: &Settings) -> Report {
    let view = View::new(snapshot, settings);
    let findings = RULES.iter().flat_map(|rule| rule(&view)).collect();
    Report { at: settings.now, findings: causes::arrange(findings, &view) }
}

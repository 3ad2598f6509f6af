//! Verdicts over the recorded states of a real mesh, without a server; nothing could be probed there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a test says where it stops"
)]

#[path = "common/fixtures.rs"]
mod fixtures;

use linkerd_certs::{
    findings::{self, Settings, Severity},
    pki::Thresholds,
};

/// A state, all its root causes of warning or worse in their order, and the gravest severity.
const EXPECTED: &[(&str, &[&str], Option<Severity>)] = &[
    ("healthy", &[], None),
    ("extended-not-restarted", &["LC-P01", "LC-S01", "LC-S02"], Some(Severity::Warning)),
    ("trimmed-too-early", &["LC-I06", "LC-S01", "LC-S02"], Some(Severity::Critical)),
    ("issuer-expired", &["LC-I03", "LC-S02"], Some(Severity::Critical)),
    ("dead-issuer", &["LC-I03", "LC-C09"], Some(Severity::Critical)),
    ("webhooks-expired", &["LC-W01", "LC-W01", "LC-W01"], Some(Severity::Critical)),
    ("cert-manager", &["LC-C03"], Some(Severity::Warning)),
];

#[test]
fn recorded_states_are_judged_by_their_cause() {
    for (state, causes, worst) in EXPECTED {
        let Some(snapshot) = fixtures::snapshot(state) else { return };
        let settings = Settings { now: snapshot.taken_at, thresholds: Thresholds::default() };
        let report = findings::check(&snapshot, &settings);
        let found: Vec<&str> = report
            .findings
            .iter()
            .filter(|finding| finding.severity > Severity::Info)
            .map(|finding| finding.code.as_str())
            .collect();
        assert_eq!(found, **causes, "{state}: {:#?}", report.findings);
        assert_eq!(report.worst().filter(|worst| *worst > Severity::Info), *worst, "{state}: {:#?}", report.findings);
    }
}

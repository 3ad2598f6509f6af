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
    ("dead-issuer", &["LC-I03"], Some(Severity::Critical)),
    ("webhooks-expired", &["LC-W01"], Some(Severity::Critical)),
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

/// Other teams' cert-manager objects, all of them broken.
#[test]
fn what_other_teams_do_with_cert_manager_is_their_business() {
    use serde_json::json;
    let Some(folder) = fixtures::folder("cert-manager") else { return };
    let alone = fixtures::Recorded::of(&folder);
    let mut crowded = alone.clone();
    let broken = json!({"conditions": [{"type": "Ready", "status": "False", "reason": "No", "message": "broken"}]});
    let mut add = |resource: &str, object| crowded.lists.get_mut(resource).unwrap().push(object);
    for namespace in ["team", "linkerd"] {
        add(
            "certificates.cert-manager.io",
            json!({
                "metadata": {"namespace": namespace, "name": "team-ca"},
                "spec": {"isCA": true, "secretName": "team-ca", "duration": "1h", "renewBefore": "2h",
                         "issuerRef": {"kind": "ClusterIssuer", "name": "letsencrypt"}},
                "status": broken,
            }),
        );
    }
    add(
        "clusterissuers.cert-manager.io",
        json!({
            "metadata": {"name": "letsencrypt"}, "spec": {"ca": {"secretName": "team-ca"}}, "status": broken,
        }),
    );
    add(
        "issuers.cert-manager.io",
        json!({
            "metadata": {"namespace": "linkerd", "name": "team"}, "spec": {"selfSigned": {}}, "status": broken,
        }),
    );
    add(
        "bundles.trust.cert-manager.io",
        json!({
            "metadata": {"name": "team-roots"}, "spec": {"sources": [{"secret": {"name": "team-ca", "key": "tls.crt"}}]},
            "status": {"conditions": [{"type": "Synced", "status": "False", "reason": "No", "message": "broken"}]},
        }),
    );
    assert_eq!(fixtures::observe(&crowded).unwrap(), fixtures::observe(&alone).unwrap());
}

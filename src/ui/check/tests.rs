//! Whatever the names in a mesh, what is shown fits and does nothing to a terminal.

use console::measure_text_width;
use proptest::{prelude::*, sample::Index};

use crate::{
    findings::{Code, Finding, Report, Severity},
    inventory,
    pki::Thresholds,
    snapshot::{Owner, PodRef, Source},
    testing::TestMesh,
    ui::Look,
};

use super::Answer;

/// Text as nobody should write it.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z0-9-]{0,253}",
        "\\PC{0,40}( \\PC{0,40}){0,8}",
        "[ `\u{1b}\u{9b}\r\n\t\u{202e}x]{0,60}"
    ]
}

fn finding() -> impl Strategy<Value = Finding> {
    let lines = || prop::collection::vec(text(), 0..3);
    (any::<Index>(), 0..3_u8, text(), text(), lines(), lines()).prop_map(
        |(code, severity, subject, summary, evidence, next)| {
            Finding {
                code: Code::ALL[code.index(Code::ALL.len())],
                severity: [Severity::Info, Severity::Warning, Severity::Critical][usize::from(severity)],
                subject,
                summary,
                evidence,
                // A command alone keeps its words whole, however long they are.
                next: next.into_iter().map(|step| format!("do {step}")).collect(),
                consequences: Vec::new(),
            }
        },
    )
}

#[test]
fn a_consequence_names_whom_it_hits_and_in_wide_all_that_is_known() {
    let mesh = TestMesh::healthy();
    let mut report = mesh.check();
    let finding = |code, evidence: &[&str]| Finding {
        code,
        severity: Severity::Critical,
        subject: "some proxies".to_owned(),
        summary: "they refuse each other".to_owned(),
        evidence: evidence.iter().map(|&line| line.to_owned()).collect(),
        next: vec!["restart web".to_owned()],
        consequences: Vec::new(),
    };
    let mut cause = finding(Code::IssuerExpired, &[]);
    cause.consequences = vec![
        finding(Code::ALL[1], &["a refuses b", "b refuses a", "c refuses b"]),
        finding(Code::ALL[2], &["1", "2", "3", "4"]),
    ];
    report.findings = vec![cause];
    let answer = answer(&mesh, &report, None);
    let look = Look { width: 120, color: false };
    let table = answer.table(look);
    assert!(table.contains("        - a refuses b\n        - b refuses a\n        - c refuses b\n"), "{table}");
    assert!(table.contains("        - 1\n        - 2\n        - and 2 more: see -o wide\n"), "{table}");
    let wide = answer.wide(look);
    assert!(
        wide.contains(
            "        some proxies\n        - 1\n        - 2\n        - 3\n        - 4\n        next: restart web\n"
        ),
        "{wide}"
    );
}

#[test]
fn columns_give_way_before_names_do() {
    let mesh = TestMesh::healthy();
    let report = mesh.check();
    let header = |width| {
        let table = answer(&mesh, &report, None).table(Look { width, color: false });
        let header = table.lines().find(|line| line.starts_with("WHAT")).unwrap_or_default().to_owned();
        header.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(header(80), "WHAT WHERE OWNER ALGORITHM ENDS LEFT");
    assert_eq!(header(60), "WHAT WHERE OWNER ENDS LEFT");
    assert_eq!(header(40), "WHAT WHERE LEFT");
    // In wide nothing is lost.
    let wide = answer(&mesh, &report, None).wide(Look { width: 50, color: false });
    let flat = wide.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("algorithm ECDSA P-256; owner ") && flat.contains("; ends 20"), "{wide}");
}

fn answer<'a>(mesh: &'a TestMesh, report: &'a Report, namespace: Option<&'a str>) -> Answer<'a> {
    Answer {
        certificates: inventory::inventory(&mesh.snapshot),
        sources: inventory::sources(&mesh.snapshot),
        snapshot: &mesh.snapshot,
        report,
        thresholds: Thresholds::default(),
        namespace,
        exit_code: 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn everything_fits(
        names in prop::collection::vec(text(), 8),
        findings in prop::collection::vec(finding(), 0..4),
        consequence in finding(),
        width in 40_usize..160,
        hide in any::<bool>(),
        hours in -100_000_i32..100_000,
    ) {
        let mut mesh = TestMesh::healthy();
        for (workload, name) in mesh.mesh().workloads.iter_mut().zip(&names) {
            workload.name.clone_from(name);
            workload.namespace.clone_from(&names[5]);
        }
        mesh.roots().meta.name.clone_from(&names[0]);
        mesh.roots().meta.owners = vec![Owner::TrustManager { bundle: names[1].clone() }];
        mesh.webhook().meta.name.clone_from(&names[2]);
        mesh.snapshot.namespace.clone_from(&names[5]);
        mesh.snapshot.cluster.context = Some(names[6].clone());
        mesh.mesh().only.clone_from(&names);
        mesh.snapshot.probes[0].pod = PodRef { namespace: names[7].clone(), name: names[3].clone() };
        mesh.snapshot.probes[1].answer = Err(names[4].clone());
        if hide {
            mesh.snapshot.issuer = Source::Forbidden(names[4].clone());
            mesh.webhook().secret = Source::Failed(names[4].clone());
            mesh.webhook().service.clone_from(&names[3]);
        }
        let mut report = mesh.check();
        report.at += jiff::SignedDuration::from_hours(hours.into());
        report.findings.extend(findings);
        if let Some(first) = report.findings.first_mut() {
            first.consequences.push(consequence);
        }
        let answer = answer(&mesh, &report, Some(&names[6]));
        let plain = Look { width, color: false };
        for shown in [answer.table(plain), answer.wide(plain)] {
            for line in shown.lines() {
                prop_assert!(measure_text_width(line) <= width, "{} > {width}: {line:?}", measure_text_width(line));
            }
        }
        let coloured = answer.wide(Look { width, color: true });
        prop_assert_eq!(console::strip_ansi_codes(&coloured), answer.wide(plain));
        for shown in [answer.table(plain), answer.wide(plain), answer.short()] {
            prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
        }
        // A finding stays on its line.
        let all: usize = report.findings.iter().map(|finding| 1 + finding.consequences.len()).sum();
        prop_assert!(answer.short().lines().count() > all);
        prop_assert!(serde_json::to_string(&answer.document()).is_ok());
    }
}

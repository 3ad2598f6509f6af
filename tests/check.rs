//! `check` on saved states: what it shows, its formats, its exit status. No cluster is needed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "common/program.rs"]
mod program;

use std::{io::Write as _, path::Path, process::Stdio};

use insta::assert_snapshot;
use program::{KUBECTL_NAME, complaint, file, program, run, state, stderr, stdout};

/// `check` on a saved state; what it wrote and its exit status.
fn check(name: &str, arguments: &[&str]) -> (String, Option<i32>) {
    let file = state(name);
    let output = run(&[&["check", "--snapshot", &file], arguments].concat());
    assert_eq!(stderr(&output), "", "{name} {arguments:?}");
    (stdout(&output), output.status.code())
}

#[test]
fn each_state_in_80_and_120_columns() {
    for (name, status) in
        [("healthy", 0), ("issuer-expired", 4), ("cert-manager", 3), ("trimmed-too-early", 4), ("half-seen", 3)]
    {
        for columns in ["80", "120"] {
            let output =
                program(KUBECTL_NAME).env("COLUMNS", columns).args(["check", "--snapshot", &state(name)]).output();
            let output = output.unwrap();
            assert_eq!(output.status.code(), Some(status), "{name}");
            assert_snapshot!(format!("{name}_{columns}"), stdout(&output));
        }
    }
}

#[test]
fn a_narrow_terminal_sees_less_of_each_row() {
    let output =
        program(KUBECTL_NAME).env("COLUMNS", "60").args(["check", "--snapshot", &state("cert-manager")]).output();
    assert_snapshot!("cert-manager_60", stdout(&output.unwrap()));
}

#[test]
fn the_other_formats() {
    assert_snapshot!("half-seen_wide", check("half-seen", &["-o", "wide"]).0);
    assert_snapshot!("half-seen_short", check("half-seen", &["-o", "short"]).0);
    assert_snapshot!("half-seen_json", check("half-seen", &["-o", "json"]).0);
    assert_snapshot!("half-seen_namespace", check("half-seen", &["-n", "linkerd"]).0);
}

#[test]
fn what_may_not_be_read_has_its_row() {
    let mut snapshot: serde_json::Value = serde_json::from_slice(&std::fs::read(state("healthy")).unwrap()).unwrap();
    let forbidden = serde_json::json!({ "state": "forbidden", "is": "get secrets in namespace linkerd" });
    for source in ["issuer", "overrides", "helm"] {
        snapshot[source] = forbidden.clone();
    }
    for webhook in snapshot["webhooks"]["is"].as_array_mut().unwrap() {
        webhook["secret"] = forbidden.clone();
    }
    let (_folder, path) = file(&snapshot.to_string());
    let output = run(&["check", "--snapshot", &path]);
    assert_eq!(output.status.code(), Some(3));
    assert_snapshot!("forbidden_80", stdout(&output));
}

#[test]
fn json_and_yaml_are_one_document() {
    let (json, status) = check("issuer-expired", &["-o", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let yaml: serde_json::Value = serde_yaml_ng::from_str(&check("issuer-expired", &["-o", "yaml"]).0).unwrap();
    assert_eq!(json, yaml);
    assert_eq!(json["schemaVersion"], 1);
    assert_eq!(json["exitCode"].as_i64(), status.map(i64::from));
}

#[test]
fn a_snapshot_comes_out_as_it_went_in() {
    let (first, status) = check("half-seen", &["-o", "snapshot"]);
    assert_eq!(status, Some(0));
    let (_folder, path) = file(&first);
    let second = run(&["check", "--snapshot", &path, "-o", "snapshot"]);
    assert_eq!(stdout(&second), first);
    let saved: serde_json::Value = serde_json::from_slice(&std::fs::read(state("half-seen")).unwrap()).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&first).unwrap(), saved);
}

#[test]
fn a_snapshot_may_come_from_stdin() {
    let mut child =
        program(KUBECTL_NAME).args(["check", "--snapshot", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let child = child.as_mut().unwrap();
    child.stdin.take().unwrap().write_all(&std::fs::read(state("healthy")).unwrap()).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn the_moment_and_the_thresholds_can_be_moved() {
    let verdict = |arguments: &[&str]| {
        let (text, status) = check("healthy", &[&["-o", "short"], arguments].concat());
        (text.lines().next().unwrap().to_owned(), status)
    };
    assert_eq!(verdict(&[]).1, Some(0));
    assert_eq!(verdict(&["--at", "+320d"]).1, Some(3));
    assert_eq!(verdict(&["--at", "2027-11-15"]).1, Some(4));
    assert!(verdict(&["--at", "+2y"]).0.starts_with("verdict CRITICAL"));
    assert_eq!(verdict(&["--at", "+320d", "--warn-below", "5d", "--critical-below", "1d"]).1, Some(0));
    assert_eq!(verdict(&["--warn-below", "100%,4000d", "--critical-below", "0%"]).1, Some(3));
}

#[test]
fn the_exit_status_tells_what_was_asked_for() {
    for (name, fail_on, status) in [
        ("cert-manager", "warning", 3),
        ("cert-manager", "critical", 0),
        ("issuer-expired", "critical", 4),
        ("issuer-expired", "never", 0),
    ] {
        assert_eq!(check(name, &["--fail-on", fail_on]).1, Some(status), "{name} {fail_on}");
    }
}

#[test]
fn nothing_but_text_goes_into_a_pipe() {
    for format in ["table", "wide", "short", "json", "yaml"] {
        let (text, _) = check("issuer-expired", &["-o", format]);
        assert!(!text.contains('\u{1b}'), "{format}");
    }
    assert!(check("issuer-expired", &["--color", "always"]).0.contains('\u{1b}'));
}

#[test]
fn a_file_that_is_no_snapshot_is_named_with_what_is_wrong() {
    let healthy = std::fs::read_to_string(state("healthy")).unwrap();
    let cases = [
        ("empty", String::new()),
        ("not_json", "PK\u{3}\u{4}".to_owned()),
        ("other_json", "{\"kind\": \"List\"}".to_owned()),
        ("other_version", healthy.replacen("\"schemaVersion\": 1", "\"schemaVersion\": 99", 1)),
        ("cut_short", healthy[..healthy.len() / 2].to_owned()),
        ("bad_certificate", healthy.replacen("MII", "!!!", 1)),
    ];
    for (name, text) in cases {
        let (_folder, path) = file(&text);
        let (said, status) = complaint(&["check", "--snapshot", &path], &path);
        assert_eq!(status, Some(1), "{name}: {said}");
        assert_snapshot!(format!("wrong_file_{name}"), said);
    }
    let (said, status) = complaint(&["check", "--snapshot", "/nonexistent/file"], "/nonexistent/file");
    assert_eq!(
        (said.as_str(), status),
        ("error: cannot read the snapshot FILE\n  No such file or directory (os error 2)\n", Some(1))
    );
}

#[test]
fn a_namespace_that_does_not_exist_is_an_error() {
    let (said, status) = complaint(&["check", "--snapshot", &state("healthy"), "-n", "emojivotto"], "x");
    assert_eq!(status, Some(1), "{said}");
    assert!(said.starts_with("error: there is no namespace `emojivotto`; did you mean `emojivoto`?\n"), "{said}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = program(KUBECTL_NAME)
        .args(["check", "--snapshot", &state("healthy"), "-o", "snapshot"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

#[test]
fn no_saved_state_holds_a_private_key() {
    for file in std::fs::read_dir(Path::new(&state("healthy")).parent().unwrap()).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!text.contains("PRIVATE KEY"));
    }
}

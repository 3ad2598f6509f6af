//! `rehearse` through the real binary: the whole job on the built-in mesh, as a person sees it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "common/steady.rs"]
mod steady;

use std::process::{Command, Output};

use steady::steady;

fn rehearse(columns: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kubectl-linkerd_certs"))
        .env_clear()
        .env("COLUMNS", columns)
        .arg("rehearse")
        .args(arguments)
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    steady(&String::from_utf8_lossy(&output.stdout))
}

#[test]
fn an_anchor_rotation_at_80_and_120_columns() {
    for columns in ["80", "120"] {
        let output = rehearse(columns, &["rotate-anchor"]);
        assert!(output.status.success());
        let text = stdout(&output);
        assert!(text.lines().all(|line| line.chars().count() <= columns.parse().unwrap()), "{text}");
        insta::assert_snapshot!(format!("rotate-anchor_{columns}"), text);
    }
}

#[test]
fn killed_in_the_middle_it_goes_on() {
    let output = rehearse("80", &["rotate-anchor", "--fault", "kill:20"]);
    assert!(output.status.success());
    insta::assert_snapshot!("killed", stdout(&output));
}

#[test]
fn a_rollout_that_fails_stops_at_a_gate() {
    let output = rehearse("80", &["rotate-anchor", "--fault", "never-ready:web"]);
    assert_eq!(output.status.code(), Some(5));
    insta::assert_snapshot!("never-ready", String::from_utf8_lossy(&output.stderr));
    assert!(stdout(&output).contains("no proxy refused another at any moment"));
}

#[test]
fn a_fault_that_is_none_is_wrong_usage() {
    for fault in ["kill", "kill:0", "never-ready:", "clock-ahead:soon", "flood"] {
        assert_eq!(rehearse("80", &["rotate-anchor", "--fault", fault]).status.code(), Some(2), "{fault}");
    }
}

#[test]
fn a_likeness_of_a_saved_mesh_is_rotated_and_what_holds_it_is_named() {
    let output = rehearse("80", &["rotate-anchor", "--snapshot", "tests/states/healthy.json"]);
    assert_eq!(output.status.code(), Some(5));
    insta::assert_snapshot!("held", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_is_selected_comes_last_or_is_left_to_its_owner() {
    let selected = ["--last", "emojivoto/statefulset", "--exclude", "emojivoto/deploy/web"];
    let output = rehearse("80", &[&["rotate-anchor"], &selected[..]].concat());
    assert!(output.status.success());
    let text = stdout(&output);
    // The verdict at the end is one line, however long.
    assert!(text.lines().rev().skip(1).all(|line| line.chars().count() <= 80), "{text}");
    insta::assert_snapshot!("selected", text);
    // Who cannot be mended by a restart is told.
    let broken = ["--only", "emojivoto/sts", "--fault", "never-ready:web"];
    let output = rehearse("80", &[&["rotate-anchor"], &broken[..]].concat());
    assert_eq!(output.status.code(), Some(5));
    insta::assert_snapshot!("left", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_selection_of_nothing_is_wrong_usage() {
    let mut told = String::new();
    for wrong in [["--last", "emojivoto/web"], ["--only", "tier=db"], ["--exclude", "linkerd"], ["--only", "a b"]] {
        let output = rehearse("80", &[&["rotate-anchor"], &wrong[..]].concat());
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        told += &(String::from_utf8_lossy(&output.stderr) + "---\n");
    }
    insta::assert_snapshot!("unmatched", told);
}

#[test]
fn webhook_certificates_are_renewed_without_a_call_that_fails() {
    for columns in ["80", "120"] {
        let output = rehearse(columns, &["renew-webhooks"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = stdout(&output);
        // The verdict at the end is one line, however long.
        let fits = |line: &str| line.chars().count() <= columns.parse().unwrap();
        assert!(text.lines().rev().skip(1).all(fits), "{text}");
        insta::assert_snapshot!(format!("renew-webhooks_{columns}"), text);
    }
    let faults = ["--fault", "kill:4", "--fault", "missed-reload:linkerd-sp-validator"];
    let killed = rehearse("80", &[&["renew-webhooks"], &faults[..]].concat());
    assert!(killed.status.success(), "{}", String::from_utf8_lossy(&killed.stderr));
    insta::assert_snapshot!("renew-webhooks_killed", stdout(&killed));
}

#[test]
fn a_mesh_whose_anchor_ran_out_is_brought_back_at_80_and_120_columns() {
    for columns in ["80", "120"] {
        let output = rehearse(columns, &["recover-expired", "--state", "anchor-expired"]);
        assert!(output.status.success());
        let text = stdout(&output);
        // The verdict at the end is one line, however long.
        assert!(text.lines().rev().skip(1).all(|line| line.chars().count() <= columns.parse().unwrap()), "{text}");
        insta::assert_snapshot!(format!("recover-anchor-expired_{columns}"), text);
    }
}

#[test]
fn every_state_is_brought_back_with_the_anchors_key_and_without() {
    let states =
        ["issuer-expired", "anchor-expired", "both-expired", "identity-down", "trimmed-too-early", "premature-issuer"];
    for state in states {
        for more in [&[][..], &["--without-anchor-key"]] {
            let output = rehearse("80", &[&["recover-expired", "--state", state], more].concat());
            let text = stdout(&output);
            assert!(output.status.success(), "{state} {more:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
            assert!(text.contains("100 pairs of workloads") && text.contains("and 100 do now"), "{state}: {text}");
        }
    }
}

#[test]
fn a_healthy_mesh_needs_no_recovery_and_is_told_what_fits() {
    let output = rehearse("80", &["recover-expired", "--snapshot", "tests/states/healthy.json"]);
    assert!(output.status.success());
    insta::assert_snapshot!("recover-nothing", stdout(&output));
}

//! A rotation that explains itself and asks, in a terminal of 80 columns, as a person meets it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "common/steady.rs"]
mod steady;
#[path = "common/terminal.rs"]
mod terminal;

use steady::steady;
use terminal::{CTRL_C, DOWN, ENTER, Terminal};

const PROGRAM: &str = env!("CARGO_BIN_EXE_kubectl-linkerd_certs");
/// High enough for a whole rotation, so that nothing leaves the screen.
const HIGH: (u16, u16) = (900, 80);

fn rehearse(arguments: &[&str], size: (u16, u16)) -> Terminal {
    Terminal::start(PROGRAM, &[&["rehearse"], arguments, &["--interactive"]].concat(), size, 2000)
}

/// An anchor's rotation, whose key is thrown away.
fn begun(size: (u16, u16)) -> Terminal {
    let terminal = rehearse(&["rotate-anchor"], size);
    terminal.wait_for("The new anchor's key", "> write it to a file");
    terminal.press(DOWN);
    terminal.wait_for("The new anchor's key", "> throw it away");
    terminal.press(ENTER);
    terminal
}

/// Waits for the question before a step.
fn asked(terminal: &Terminal, step: usize, of: usize) {
    terminal.wait_for(&format!("Step {step} of {of}, "), "> go on");
}

/// Picks the answer that is so many below the first.
fn answer(terminal: &Terminal, step: &str, below: &[&str]) {
    for item in below {
        terminal.press(DOWN);
        terminal.wait_for(step, &format!("> {item}"));
    }
    terminal.press(ENTER);
}

/// What happened, without the plan, which other tests look at.
fn happened(shown: &str) -> String {
    steady(shown.split_once("What happens\n").map_or(shown, |(_, happened)| happened))
}

#[test]
fn going_on_leads_to_the_end() {
    let mut terminal = begun(HIGH);
    for step in 1..=16 {
        asked(&terminal, step, 16);
        terminal.press(ENTER);
    }
    assert_eq!(terminal.end().code(), Some(0), "{}", terminal.shows());
    let shown = terminal.shows();
    assert!(shown.contains("of simulated time: no proxy refused another at any moment"), "{shown}");
    assert!(!shown.contains('█') && !shown.contains('░'), "a bar was left behind:\n{shown}");
    assert!(terminal.has_cursor());
    insta::assert_snapshot!("whole_80", happened(&shown));
}

#[test]
fn nothing_is_garbled_where_the_screen_scrolls() {
    let mut terminal = begun((24, 80));
    for step in 1..=16 {
        asked(&terminal, step, 16);
        terminal.press(ENTER);
    }
    assert_eq!(terminal.end().code(), Some(0));
    let shown = terminal.showed();
    assert!(!shown.contains('█') && !shown.contains('░'), "a bar was left behind:\n{shown}");
    let steps: Vec<&str> = shown.lines().filter(|line| line.starts_with("Step ")).collect();
    assert_eq!(steps.len(), 16, "{shown}");
    assert_eq!(shown.lines().filter(|line| *line == "What now: go on").count(), 16, "{shown}");
}

#[test]
fn stopped_in_the_middle_it_says_how_to_go_on_and_how_to_go_back() {
    let mut terminal = begun(HIGH);
    for step in 1..=4 {
        asked(&terminal, step, 16);
        terminal.press(ENTER);
    }
    asked(&terminal, 5, 16);
    answer(&terminal, "Step 5 of 16, ", &["show the change", "stop here"]);
    assert_eq!(terminal.end().code(), Some(130));
    assert!(terminal.has_cursor());
    insta::assert_snapshot!("stopped_80", happened(&terminal.shows()));
}

#[test]
fn a_change_is_shown_before_it_is_made() {
    let terminal = begun(HIGH);
    for step in 1..=5 {
        asked(&terminal, step, 16);
        terminal.press(ENTER);
    }
    asked(&terminal, 6, 16);
    answer(&terminal, "Step 6 of 16, ", &["show the change"]);
    // The question comes again, under what was shown.
    terminal.wait_for("(a private key, not shown)", "> go on");
    let shown = terminal.shows();
    assert!(!shown.contains("PRIVATE KEY"), "{shown}");
    let (_, change) = shown.split_once("Step 6 of 16, ").unwrap();
    insta::assert_snapshot!("shown_80", steady(change));
}

#[test]
fn the_trim_may_be_skipped() {
    let mut terminal = begun(HIGH);
    for step in 1..=14 {
        asked(&terminal, step, 16);
        terminal.press(ENTER);
    }
    asked(&terminal, 15, 16);
    answer(&terminal, "Step 15 of 16, ", &["show the change", "skip"]);
    assert_eq!(terminal.end().code(), Some(0));
    let shown = terminal.shows();
    assert!(shown.contains("10 workloads still trust the old anchor, which signs nothing now"), "{shown}");
}

#[test]
fn ctrl_c_at_a_question_stops_there() {
    let mut terminal = begun(HIGH);
    asked(&terminal, 1, 16);
    terminal.press(ENTER);
    asked(&terminal, 2, 16);
    terminal.press(CTRL_C);
    assert_eq!(terminal.end().code(), Some(130));
    assert!(terminal.has_cursor());
    let shown = terminal.shows();
    assert!(shown.contains("Stopped as asked.") && !shown.contains("Ctrl-C again"), "{shown}");
    assert!(!shown.contains("Step 3 of 16"), "{shown}");
}

#[test]
fn the_keys_place_is_asked_for() {
    let mut terminal = rehearse(&["rotate-anchor"], HIGH);
    terminal.wait_for("The new anchor's key", "> write it to a file");
    terminal.press(ENTER);
    terminal.wait_for("File", "[anchor-20261121.key]");
    terminal.press("vault/root.key");
    terminal.wait_for("File", "vault/root.key");
    terminal.press(ENTER);
    asked(&terminal, 1, 16);
    assert!(terminal.shows().contains("a rotation would write vault/root.key now"), "{}", terminal.shows());
    terminal.press(CTRL_C);
    assert_eq!(terminal.end().code(), Some(130));
    assert!(!std::path::Path::new("vault").exists());
}

#[test]
fn ctrl_c_at_the_keys_place_ends_before_anything_begins() {
    let mut terminal = rehearse(&["rotate-anchor"], HIGH);
    terminal.wait_for("The new anchor's key", "> write it to a file");
    terminal.press(CTRL_C);
    assert_eq!(terminal.end().code(), Some(130));
    assert!(terminal.has_cursor());
    assert!(!terminal.shows().contains("Step 1"), "{}", terminal.shows());
}

#[test]
fn an_issuers_rotation_asks_for_no_key() {
    let mut terminal = rehearse(&["rotate-issuer"], HIGH);
    for step in 1..=6 {
        asked(&terminal, step, 6);
        terminal.press(ENTER);
    }
    assert_eq!(terminal.end().code(), Some(0));
}

#[test]
fn bars_do_not_disturb_lines_that_nobody_asked_for() {
    // Not interactive: lines go to the same terminal as bars.
    let mut terminal = Terminal::start(PROGRAM, &["rehearse", "rotate-anchor"], (24, 80), 2000);
    assert_eq!(terminal.end().code(), Some(0));
    let shown = steady(&terminal.showed());
    let piped = std::process::Command::new(PROGRAM)
        .args(["rehearse", "rotate-anchor"])
        .env_clear()
        .env("COLUMNS", "80")
        .output()
        .unwrap();
    assert_eq!(shown.trim(), steady(&String::from_utf8_lossy(&piped.stdout)).trim());
}

#[test]
fn bars_show_the_target_both_counts_by_namespace_and_the_step_on_a_screen_of_80_columns() {
    let mut terminal = Terminal::start(PROGRAM, &["rehearse", "rotate-anchor"], (24, 80), 2000);
    assert_eq!(terminal.end().code(), Some(0));
    let frames = terminal.frames();
    let step = |which: &str| {
        // Lines are taken away one after another, from the first one on.
        let is_it = |frame: &&String| {
            frame.lines().last().is_some_and(|line| line.contains(which)) && frame.contains("to anchor")
        };
        let frame = frames.iter().rfind(is_it).unwrap_or_else(|| panic!("`{which}` was never shown"));
        let lines: Vec<&str> = frame.lines().collect();
        // The spinner turns as time goes by.
        lines[lines.len() - 6..].join("\n").replace(|c: char| ('\u{2800}'..='\u{28ff}').contains(&c), "*")
    };
    let shown = ["step 5 of 16", "step 11 of 16", "step 16 of 16"].map(step).join("\n\n");
    insta::assert_snapshot!("bars_80", steady(&shown));
}

//! A rotation that asks before each step, in a terminal.

use super::{
    LEFT, Place, anchors, assert_rotated, in_state,
    traffic::{Traffic, assert_goes_on},
    words,
};
use crate::{
    harness::{PROGRAM, Ran, Result, Target},
    terminal::{DOWN, ENTER, Terminal},
};

/// `Step 3 of 18, ...`: how many there are.
fn of(shown: &str, step: usize) -> Option<usize> {
    let (_, rest) = shown.rsplit_once(&format!("Step {step} of "))?;
    rest.split_once(',')?.0.parse().ok()
}

/// Runs the binary in a terminal, has it begin and go on at every step, and returns how it ended and how many steps it took.
pub fn answered(target: &Target, arguments: &[&str]) -> Result<(Ran, usize)> {
    let arguments = target.reached(arguments)?;
    let mut terminal = Terminal::start(PROGRAM, &words(&arguments), (900, 80), 2000);
    terminal.wait_for("Begin?", "");
    terminal.press("y");
    let mut step = 1;
    loop {
        terminal.wait_for(&format!("Step {step} of "), "> go on");
        if step == 1 {
            terminal.press(DOWN);
            terminal.wait_for("Step 1 of ", "> show the change");
            terminal.press(ENTER);
            terminal.wait_for("BEGIN CERTIFICATE", "> go on");
        }
        terminal.press(ENTER);
        if of(&terminal.shows(), step) == Some(step) {
            break;
        }
        step += 1;
    }
    let status = terminal.end();
    assert!(terminal.has_cursor() && !terminal.shows().contains("PRIVATE KEY"), "{}", terminal.shows());
    let output = std::process::Output { status, stdout: terminal.shows().into_bytes(), stderr: Vec::new() };
    Ok((Ran::of(output), step))
}

#[tokio::test]
async fn whoever_goes_on_at_every_step_comes_to_the_end() -> Result {
    let target = in_state("healthy").await?;
    let place = Place::new()?;
    let before = anchors(&target)?;
    let (key, backup) = (place.key().display().to_string(), place.next_backup());
    let arguments = ["rotate", "--interactive", "--due", "anchor", "--anchor-key-out", &key, "--backup-dir", &backup];
    let traffic = Traffic::watch(&target);
    let (ran, steps) = answered(&target, &[&arguments[..], &LEFT].concat())?;
    let counts = traffic.end();
    println!("rotate --interactive: {steps} steps, requests {counts:?}\n{}", ran.stdout());
    assert_rotated(&target, &before, &ran)?;
    assert_goes_on(&counts);
    Ok(())
}

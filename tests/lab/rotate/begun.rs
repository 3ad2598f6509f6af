//! Rotations that somebody began by hand and left half done: each is named for what it is, and finished.

use super::{LEFT, Place, anchors, assert_rotated, in_state, mesh};
use crate::harness::{Result, Target};

/// The states, and the stage in which `status` sees each. What cannot be restarted holds the old anchor and leaf in all of
/// them, so that whatever was trimmed has to be extended again.
const BEGUN: &[(&str, &str)] = &[
    ("extended-not-restarted", "extend"),
    ("extended-half-restarted", "extend"),
    ("premature-issuer", "extend"),
    ("premature-issuer-unextended", "unknown"),
    ("swapped-half-refreshed", "refresh"),
    ("trimmed-too-early", "extend"),
    ("refreshed-not-trimmed", "refresh"),
    ("trimmed-not-restarted", "extend"),
];

async fn finish(state: &str, more: &[&str]) -> Result {
    if Target::is_given_and("states are the lab's own") {
        return Ok(());
    }
    let target = in_state(state).await?;
    let (_, stage) = BEGUN.iter().find(|(name, _)| *name == state).ok_or("no stage")?;
    let status = target.run(&["status", "-o", "json"])?;
    let told: serde_json::Value = serde_json::from_str(&status.stdout())?;

    let (mesh, place) = (mesh().await?, Place::new()?);
    let old = std::fs::read_to_string(mesh.files.join("old-anchor.crt"))?;
    let key = mesh.files.join("anchor.key").display().to_string();
    let backup = place.next_backup();
    let crt = mesh.files.join("anchor.crt").display().to_string();
    let arguments = ["rotate-anchor", "--yes", "--anchor-cert", &crt, "--anchor-key", &key, "--backup-dir", &backup];
    let ran = target.run(&[&arguments[..], more, &LEFT].concat())?;
    println!("{state}: stage {}, exit {}", told["stage"], ran.code());
    assert_rotated(&target, &[old.trim().to_owned()], &ran)?;
    let new = std::fs::read_to_string(mesh.files.join("anchor.crt"))?;
    assert_eq!(anchors(&target)?, [new.trim()]);
    let again = target.run(&[&arguments[..6], &LEFT].concat())?;
    // What was seen before is judged now, so that one run tells of both.
    assert_eq!(told["stage"], *stage, "{told:#}");
    assert!(again.code() == 0 && again.stdout().contains("Nothing to do"), "{}{}", again.stdout(), again.stderr());
    Ok(())
}

#[tokio::test]
async fn an_extended_bundle_that_nothing_has_loaded() -> Result {
    finish("extended-not-restarted", &[]).await
}

#[tokio::test]
async fn an_extended_bundle_that_some_have_loaded() -> Result {
    finish("extended-half-restarted", &[]).await
}

#[tokio::test]
async fn an_issuer_that_came_before_the_restarts() -> Result {
    finish("premature-issuer", &[]).await
}

#[tokio::test]
async fn an_issuer_whose_anchor_is_in_no_bundle() -> Result {
    finish("premature-issuer-unextended", &[]).await
}

#[tokio::test]
async fn leafs_of_which_some_have_moved() -> Result {
    finish("swapped-half-refreshed", &[]).await
}

/// What has loaded only the old anchor and what has loaded only the new one refuse each other already.
#[tokio::test]
async fn a_trim_before_the_leafs_had_moved() -> Result {
    finish("trimmed-too-early", &["--accept-refusals"]).await
}

#[tokio::test]
async fn an_old_anchor_that_was_never_trimmed() -> Result {
    finish("refreshed-not-trimmed", &[]).await
}

#[tokio::test]
async fn an_old_anchor_that_is_only_in_memory() -> Result {
    finish("trimmed-not-restarted", &[]).await
}

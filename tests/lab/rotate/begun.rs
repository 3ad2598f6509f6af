//! Rotations that somebody began by hand and left half done.

use super::{LEFT, Place, anchors, assert_rotated, in_state, mesh};
use crate::harness::{Result, Target};

async fn finish(state: &str, more: &[&str]) -> Result {
    if Target::is_given() {
        println!("A context is given: states are the lab's own.");
        return Ok(());
    }
    let target = in_state(state).await?;
    let (mesh, place) = (mesh().await?, Place::new()?);
    let old = std::fs::read_to_string(mesh.files.join("old-anchor.crt"))?;
    let key = mesh.files.join("anchor.key").display().to_string();
    let backup = place.folder.path().join("backup").display().to_string();
    let crt = mesh.files.join("anchor.crt").display().to_string();
    let arguments = ["rotate-anchor", "--yes", "--anchor-cert", &crt, "--anchor-key", &key, "--backup-dir", &backup];
    let ran = target.run(&[&arguments[..], more, &LEFT].concat())?;
    println!("{state}: exit {}", ran.code());
    assert_rotated(&target, &[old.trim().to_owned()], &ran)?;
    let new = std::fs::read_to_string(mesh.files.join("anchor.crt"))?;
    assert_eq!(anchors(&target)?, [new.trim()]);
    let again = target.run(&[&arguments[..6], &LEFT].concat())?;
    assert!(again.code() == 0 && again.stdout().contains("Nothing to do"), "{}{}", again.stdout(), again.stderr());
    Ok(())
}

#[tokio::test]
async fn an_extended_bundle_that_nothing_has_loaded() -> Result {
    finish("extended-not-restarted", &[]).await
}

#[tokio::test]
async fn an_issuer_that_came_before_the_restarts() -> Result {
    finish("premature-issuer", &[]).await
}

#[tokio::test]
async fn an_issuer_whose_anchor_is_in_no_bundle() -> Result {
    finish("premature-issuer-unextended", &[]).await
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

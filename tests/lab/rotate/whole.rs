use std::time::Instant;

use super::{
    LEFT, Place, anchors, assert_rotated, generation, in_state, installed,
    traffic::{Traffic, assert_goes_on},
    words,
};
use crate::harness::{Result, Target};

#[tokio::test]
async fn an_anchor_is_rotated_without_a_failed_request_and_a_second_run_does_nothing() -> Result {
    let target = installed().await?;
    let place = Place::new()?;
    let (before, was) = (anchors(&target)?, generation(&target, "deployment", "emojivoto", "web")?);
    let traffic = Traffic::watch(&target);
    let begun = Instant::now();
    let ran = target.run(&words(&place.rotate_anchor(&LEFT)))?;
    let took = begun.elapsed();
    let counts = traffic.end();
    let rounds = generation(&target, "deployment", "emojivoto", "web")? - was;
    println!("rotate-anchor: {:.0} s, {rounds} restart rounds, requests {counts:?}", took.as_secs_f32());
    assert_rotated(&target, &before, &ran)?;
    assert_eq!(rounds, 3);
    assert_goes_on(&counts);
    let again = target.run(&words(&place.rotate_anchor(&LEFT)))?;
    assert_eq!(again.code(), 0, "{}", again.stderr());
    assert!(again.stdout().contains("Nothing to do"), "{}", again.stdout());

    // A new issuer under the anchor whose key is in the file.
    let issuer = |target: &Target| {
        target.kubectl(&[
            "get",
            "secret",
            "linkerd-identity-issuer",
            "-n",
            "linkerd",
            "-o",
            r"jsonpath={.data.crt\.pem}",
        ])
    };
    let old = issuer(&target)?;
    let (key, backup) = (place.key().display().to_string(), place.folder.path().join("issuer").display().to_string());
    let arguments = ["rotate-issuer", "--yes", "--force", "--anchor-key", &key, "--backup-dir", &backup];
    let traffic = Traffic::watch(&target);
    let ran = target.run(&[&arguments[..], &LEFT].concat())?;
    let counts = traffic.end();
    println!("rotate-issuer: requests {counts:?}");
    assert_eq!(ran.code(), 0, "{}\n{}", ran.stdout(), ran.stderr());
    assert_ne!(issuer(&target)?, old);
    assert_goes_on(&counts);
    Ok(())
}

/// Three replicas of each part, whose budgets let one go at a time, and an injector without which no pod comes up.
#[tokio::test]
async fn a_highly_available_control_plane_is_rotated_as_well() -> Result {
    if Target::is_given() {
        println!("A context is given: how its control plane was installed is not for us to say.");
        return Ok(());
    }
    let target = in_state("ha").await?;
    let place = Place::new()?;
    let before = anchors(&target)?;
    let (traffic, begun) = (Traffic::watch(&target), Instant::now());
    let ran = target.run(&words(&place.rotate_anchor(&LEFT)))?;
    let (took, counts) = (begun.elapsed(), traffic.end());
    println!("highly available: {:.0} s, requests {counts:?}", took.as_secs_f32());
    assert_rotated(&target, &before, &ran)?;
    assert_goes_on(&counts);
    Ok(())
}

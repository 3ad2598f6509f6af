use std::{os::unix::fs::PermissionsExt as _, time::Instant};

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
    rehearsed(&target)?;
    assert_eq!(anchors(&target)?, before, "a rehearsal only reads");
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
    recorded(&target, &place)?;
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

/// On a likeness of this very mesh: it comes to its end, and foretells what becomes of those that were left out.
fn rehearsed(target: &Target) -> Result {
    let ran = target.run(&[&["rehearse", "rotate-anchor", "--live"], &LEFT[..]].concat())?;
    let told = ran.stdout();
    assert!(told.contains("of simulated time: ") && told.contains("emojivoto/web"), "{told}{}", ran.stderr());
    assert!(told.contains("pairs of proxies refused each other"), "{told}");
    assert_eq!(ran.code(), 4, "{told}");
    Ok(())
}

/// What is kept of a run for others: beside the backup for whoever ran it alone, and on identity's Deployment.
fn recorded(target: &Target, place: &Place) -> Result {
    for name in ["record.md", "record.json"] {
        let file = place.backup().join(name);
        let text = std::fs::read_to_string(&file)?;
        assert!(text.contains("emojivoto") && !text.contains("PRIVATE KEY"), "{name}: {text}");
        assert_eq!(std::fs::metadata(&file)?.permissions().mode() & 0o077, 0, "{name}");
    }
    let of = "involvedObject.kind=Deployment,involvedObject.name=linkerd-identity";
    let reasons = "jsonpath={.items[*].reason}";
    let events = target.kubectl(&["get", "events", "-n", "linkerd", "--field-selector", of, "-o", reasons])?;
    for reason in ["TrustAnchorRotationStarted", "RotationFinished"] {
        assert!(events.split(' ').any(|one| one == reason), "{reason}: {events}");
    }
    Ok(())
}

/// Three replicas of each part, whose budgets let one go at a time, and an injector without which no pod comes up.
#[tokio::test]
async fn a_highly_available_control_plane_is_rotated_as_well() -> Result {
    if Target::is_given_and("how its control plane was installed is not for us to say") {
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

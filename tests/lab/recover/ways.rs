use std::time::Instant;

use super::{BY_HAND, assert_recovered};
use crate::{
    harness::{Result, Target, mesh},
    instruments::outage::Outage,
    rotate::{LEFT, Place, in_state, words},
};

/// Which key there is.
enum Key {
    /// That of the anchor which the mesh has had from the beginning.
    First,
    /// That of the anchor which it was on its way to, and its certificate.
    Next,
    /// None, and that of a new one is forgotten.
    None,
    /// None is needed.
    Needless,
}

async fn recover(state: &str, key: Key) -> Result {
    if Target::is_given_and("states are the lab's own") {
        return Ok(());
    }
    let target = in_state(state).await?;
    let (files, place) = (mesh().await?.files, Place::new()?);
    let file = |name: &str| files.join(name).display().to_string();
    let mut arguments: Vec<String> =
        ["recover-expired", "--yes", "--backup-dir", &place.next_backup()].map(ToOwned::to_owned).into();
    match key {
        Key::First => {
            // Where somebody has begun to replace it, that of before.
            let old = files.join("old-anchor.key");
            let key = if old.exists() { old } else { files.join("anchor.key") };
            arguments.extend(["--anchor-key".to_owned(), key.display().to_string()]);
        }
        Key::Next => arguments.extend([
            "--anchor-key".to_owned(),
            file("anchor.key"),
            "--anchor-cert".to_owned(),
            file("anchor.crt"),
        ]),
        Key::None => arguments.push("--discard-anchor-key".to_owned()),
        // Nothing is down yet, so who cannot be restarted would be waited for.
        Key::Needless => arguments.extend(LEFT.map(ToOwned::to_owned)),
    }
    let outage = Outage::watch(&target);
    let begun = Instant::now();
    let ran = target.run(&words(&arguments))?;
    let took = begun.elapsed();
    let course = outage.end(&BY_HAND);
    assert!(!ran.stdout().contains("PRIVATE KEY") && !ran.stderr().contains("PRIVATE KEY"));
    assert_recovered(&target, state, &ran, took, &course)
}

#[tokio::test]
async fn an_issuer_that_has_expired_in_its_secret_with_the_anchors_key() -> Result {
    recover("issuer-expired", Key::First).await
}

#[tokio::test]
async fn an_issuer_that_ran_out_without_the_anchors_key() -> Result {
    recover("dead-issuer", Key::None).await
}

#[tokio::test]
async fn an_anchor_that_ran_out_with_its_key() -> Result {
    recover("anchor-expired", Key::First).await
}

#[tokio::test]
async fn an_anchor_that_ran_out_without_its_key() -> Result {
    recover("anchor-expired", Key::None).await
}

#[tokio::test]
async fn anchor_and_issuer_that_ran_out() -> Result {
    recover("anchor-and-issuer-expired", Key::None).await
}

#[tokio::test]
async fn all_of_it_with_the_webhooks_ignored() -> Result {
    recover("dead-mesh-webhooks", Key::First).await
}

#[tokio::test]
async fn all_of_it_with_webhooks_that_refuse_every_pod() -> Result {
    recover("dead-mesh-webhooks-fail", Key::None).await
}

#[tokio::test]
async fn a_trim_before_the_leafs_had_moved() -> Result {
    recover("trimmed-too-early", Key::Next).await
}

#[tokio::test]
async fn an_issuer_that_identity_has_never_loaded() -> Result {
    recover("premature-issuer", Key::Needless).await
}

#[tokio::test]
async fn an_issuer_whose_anchor_is_in_no_bundle() -> Result {
    recover("premature-issuer-unextended", Key::First).await
}

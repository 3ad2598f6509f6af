use std::time::Instant;

use super::{assert_renewed, renew, secrets};
use crate::{
    harness::Result,
    instruments::admissions::Admissions,
    rotate::{Place, in_state, words},
};

/// Renews every webhook certificate of a mesh in which nothing is wrong, and counts what becomes of new pods meanwhile.
async fn renew_all(state: &str) -> Result {
    let target = in_state(state).await?;
    let (place, before) = (Place::new()?, secrets(&target)?);
    let (admissions, begun) = (Admissions::begin(&target), Instant::now());
    let ran = target.run(&words(&renew(&place, &["--all"])))?;
    let (took, admitted) = (begun.elapsed(), admissions.end());
    println!("{state}: renewed all in {:.0} s, {} admissions", took.as_secs_f32(), admitted.all);
    assert_renewed(&target, &ran)?;
    admitted.assert_whole();
    let after = secrets(&target)?;
    assert!(after.len() >= 3 && after.iter().all(|(name, new)| before.get(name) != Some(new)), "{before:?}");
    Ok(())
}

#[tokio::test]
async fn no_pod_comes_up_bare_where_webhooks_are_ignored() -> Result {
    renew_all("healthy").await
}

#[tokio::test]
async fn no_pod_is_refused_where_webhooks_have_to_answer() -> Result {
    renew_all("ha").await
}

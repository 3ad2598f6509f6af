use super::{assert_renewed, renew, secrets};
use crate::{
    harness::{Result, Target},
    instruments::admissions::Admissions,
    rotate::{Place, in_state, killed::until_the_end, words},
};

fn tap_is_available(target: &Target) -> Result<bool> {
    let path = r#"jsonpath={.status.conditions[?(@.type=="Available")].status}"#;
    Ok(target.kubectl(&["get", "apiservice", "v1alpha1.tap.linkerd.io", "-o", path])? == "True")
}

#[tokio::test]
async fn what_is_due_of_an_extension_is_renewed_through_kills_and_then_everything() -> Result {
    if Target::is_given_and("states are the lab's own") {
        return Ok(());
    }
    let target = in_state("viz").await?;
    let (place, before) = (Place::new()?, secrets(&target)?);
    assert!(tap_is_available(&target)?);
    let admissions = Admissions::begin(&target);
    // A new key is nowhere but in the run until it is in its Secret, so each run has to get a write further than the last.
    let (ran, kills) = until_the_end(&target, |kills| kills + 1, || renew(&place, &[]))?;
    println!("renew-webhooks: {kills} kills");
    assert!(kills >= 4, "{kills}");
    assert_renewed(&target, &ran)?;
    assert!(tap_is_available(&target)?);
    let after = secrets(&target)?;
    for (name, certificate) in &before {
        assert_eq!(after[name] != *certificate, name.starts_with("linkerd-viz/"), "{name}: only what was due");
    }

    let ran = target.run(&words(&renew(&place, &["--all"])))?;
    admissions.end().assert_whole();
    assert_renewed(&target, &ran)?;
    assert!(tap_is_available(&target)?);
    Ok(())
}

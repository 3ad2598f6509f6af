use super::{assert_renewed, renew};
use crate::{
    harness::{Result, Target},
    instruments::admissions::Admissions,
    rotate::{Place, asked::answered, in_state, words},
};

/// Somebody restarts web while nothing is injected; afterwards that is found, and mended where it is asked for.
#[tokio::test]
async fn webhooks_that_have_expired_are_renewed_and_pods_without_a_proxy_restarted() -> Result {
    if Target::is_given_and("states are the lab's own") {
        return Ok(());
    }
    let target = in_state("webhooks-expired").await?;
    let place = Place::new()?;
    let web = ["deployment/web", "-n", "emojivoto"];
    target.kubectl(&[&["rollout", "restart"], &web[..]].concat())?;
    target.kubectl(&[&["rollout", "status", "--timeout=120s"], &web[..]].concat())?;
    let ran = target.run(&words(&renew(&place, &[])))?;
    let told = format!("{}\n{}", ran.stdout(), ran.stderr());
    assert!(matches!(ran.code(), 0 | 3), "{told}");
    assert!(told.contains("deployment/web -n emojivoto"), "{told}");
    let checked = target.check(&[])?;
    assert_eq!(checked.causes(), ["LC-P05"], "{checked}");
    let again = Admissions::begin(&target);
    let ran = target.run(&words(&renew(&place, &["--restart-unmeshed"])))?;
    again.end().assert_whole();
    assert_renewed(&target, &ran)
}

#[tokio::test]
async fn a_ca_bundle_that_was_forgotten_is_mended_step_by_step() -> Result {
    if Target::is_given_and("states are the lab's own") {
        return Ok(());
    }
    let target = in_state("webhook-mismatch").await?;
    let place = Place::new()?;
    let arguments = ["renew-webhooks", "--interactive", "--backup-dir", &place.next_backup()];
    let (ran, steps) = answered(&target, &arguments)?;
    println!("renew-webhooks --interactive: {steps} steps\n{}", ran.stdout());
    assert_renewed(&target, &ran)?;
    let admissions = Admissions::begin(&target);
    std::thread::sleep(std::time::Duration::from_secs(3));
    admissions.end().assert_whole();
    Ok(())
}

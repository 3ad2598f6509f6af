//! A recovery that asks before each step, in a terminal.

use std::time::Instant;

use super::{BY_HAND, assert_recovered};
use crate::{
    harness::{Result, Target, mesh},
    instruments::outage::Outage,
    rotate::{Place, asked::answered, in_state},
};

#[tokio::test]
async fn whoever_goes_on_at_every_step_has_the_mesh_back() -> Result {
    if Target::is_given_and("states are the lab's own") {
        return Ok(());
    }
    let target = in_state("dead-issuer").await?;
    let place = Place::new()?;
    let (key, backup) = (mesh().await?.files.join("anchor.key").display().to_string(), place.next_backup());
    let outage = Outage::watch(&target);
    let begun = Instant::now();
    let arguments = ["recover-expired", "--interactive", "--anchor-key", &key, "--backup-dir", &backup];
    let (ran, steps) = answered(&target, &arguments)?;
    let took = begun.elapsed();
    let course = outage.end(&BY_HAND);
    println!("recover-expired --interactive: {steps} steps");
    assert_recovered(&target, "dead-issuer in a terminal", &ran, took, &course)
}

//! A recovery that is killed after every write, and begun again.

use std::time::Instant;

use super::{BY_HAND, assert_recovered};
use crate::{
    harness::{Result, Target},
    instruments::outage::Outage,
    rotate::{LEFT, Place, in_state, killed::until_the_end},
};

/// Without the anchor's key there is most to write: bundle, issuer, copies, restarts, bundle.
#[tokio::test]
async fn killed_after_each_write_the_same_command_brings_the_mesh_back() -> Result {
    if Target::is_given_and("states are the lab's own") {
        return Ok(());
    }
    let target = in_state("issuer-expired").await?;
    let place = Place::new()?;
    let key = place.key().display().to_string();
    let outage = Outage::watch(&target);
    let begun = Instant::now();
    let (ran, kills) = until_the_end(
        &target,
        |_| 1,
        || {
            let backup = place.next_backup();
            // Identity still signs from memory, so who cannot be restarted would be waited for.
            let first = ["recover-expired", "--yes", "--anchor-key-out", &key, "--backup-dir", &backup];
            first.iter().chain(&LEFT).map(ToString::to_string).collect()
        },
    )?;
    let took = begun.elapsed();
    let course = outage.end(&BY_HAND);
    println!("recover-expired: {kills} kills");
    assert!(kills > 5, "{kills}");
    assert_recovered(&target, "issuer-expired with kills", &ran, took, &course)
}

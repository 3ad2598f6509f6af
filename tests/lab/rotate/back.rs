use super::{
    LEFT, Place, anchors, assert_rotated, in_state,
    traffic::{Traffic, assert_goes_on},
    words,
};
use crate::harness::Result;

#[tokio::test]
async fn a_rotation_is_taken_back_without_a_failed_request() -> Result {
    let target = in_state("healthy").await?;
    let place = Place::new()?;
    let before = anchors(&target)?;
    let ran = target.run(&words(&place.rotate_anchor(&LEFT)))?;
    assert_rotated(&target, &before, &ran)?;
    let (rotated, saved) = (anchors(&target)?, place.backup().display().to_string());

    let shown = target.run(&["restore", &saved, "--show"])?;
    assert_eq!(shown.code(), 0, "{}", shown.stderr());
    assert!(!shown.stdout().contains("PRIVATE KEY"), "{}", shown.stdout());
    let differs = target.run(&[&["restore", &saved, "--dry-run"], &LEFT[..]].concat())?;
    assert_eq!(differs.code(), 0, "{}\n{}", differs.stdout(), differs.stderr());
    assert_eq!(anchors(&target)?, rotated, "only tried");

    let traffic = Traffic::watch(&target);
    let again = place.next_backup();
    let ran = target.run(&[&["restore", &saved, "--yes", "--backup-dir", &again], &LEFT[..]].concat())?;
    let counts = traffic.end();
    println!("restore: requests {counts:?}");
    assert_rotated(&target, &rotated, &ran)?;
    assert_eq!(anchors(&target)?, before, "the anchor of before, byte for byte");
    assert_goes_on(&counts);
    Ok(())
}

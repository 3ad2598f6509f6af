//! A mesh whose certificates a Helm release owns: the values are handed over, and what becomes of them is awaited.

use std::{path::Path, time::Duration};

use lab::install::{Mesh, NAMESPACE, RELEASE};

use super::{
    LEFT, Place, anchors, assert_rotated, in_state, mesh,
    traffic::{Traffic, assert_goes_on},
    words,
};
use crate::harness::{Result, Target};

/// The files that were handed over, in the order of their numbers.
fn files(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut files: Vec<_> = match std::fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?,
        Err(_) => Vec::new(),
    };
    files.sort();
    Ok(files)
}

/// What an operator of the release does with a file.
async fn upgrade(mesh: &Mesh, file: &Path) -> Result {
    let chart = lab::paths::sources().join("chart").display().to_string();
    let file = file.display().to_string();
    mesh.kube.helm(&["upgrade", RELEASE, &chart, "-n", NAMESPACE, "--reuse-values", "-f", &file], "").await?;
    Ok(())
}

#[tokio::test]
async fn what_helm_owns_is_handed_over_and_awaited() -> Result {
    if Target::is_given_and("states are the lab's own") {
        return Ok(());
    }
    let target = in_state("helm").await?;
    let (place, mesh) = (Place::new()?, mesh().await?);
    let before = anchors(&target)?;
    let folder = place.key().with_file_name("values");
    let emit = folder.display().to_string();
    let arguments = place.rotate_anchor(&[&LEFT[..], &["--emit", &emit, "--hold", "10m"]].concat());
    let traffic = Traffic::watch(&target);
    let running = {
        let target = target.clone();
        tokio::task::spawn_blocking(move || target.run(&words(&arguments)).map_err(|error| error.to_string()))
    };
    let mut applied = Vec::new();
    while !running.is_finished() {
        for file in files(&folder)? {
            if !applied.contains(&file) {
                upgrade(&mesh, &file).await?;
                applied.push(file);
            }
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let (ran, counts) = (running.await??, traffic.end());
    println!("handed over: {applied:?}, requests {counts:?}");
    assert_rotated(&target, &before, &ran)?;
    assert_eq!(applied.len(), 3, "extended, swapped, trimmed: {applied:?}");
    // Nothing would be reverted: the release's own values say the same.
    let checked = target.check(&[])?;
    assert!(!checked.codes().contains(&"LC-S03"), "{checked}");
    assert_goes_on(&counts);
    Ok(())
}

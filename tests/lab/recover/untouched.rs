//! Where nothing has expired, nothing is done.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    harness::{Result, Target},
    rotate::{Place, in_state},
};

/// The kinds of objects that a recovery may write.
const KINDS: &str = "configmaps,secrets,deployments,statefulsets,daemonsets,pods";

/// The version of each of those objects, by namespace, kind and name.
pub fn versions(target: &Target) -> Result<BTreeMap<String, String>> {
    let mut versions = BTreeMap::new();
    let global = "mutatingwebhookconfigurations,validatingwebhookconfigurations";
    for arguments in [["get", KINDS, "-n", "linkerd"], ["get", KINDS, "-n", "emojivoto"], ["get", global, "-l", ""]] {
        let list: Value = serde_json::from_str(&target.kubectl(&[&arguments[..], &["-o", "json"]].concat())?)?;
        for object in list["items"].as_array().ok_or("no items")? {
            let metadata = &object["metadata"];
            let name = format!("{} {} {}", object["kind"], metadata["namespace"], metadata["name"]);
            versions.insert(name, metadata["resourceVersion"].to_string());
        }
    }
    Ok(versions)
}

#[tokio::test]
async fn a_healthy_mesh_is_left_alone_and_told_what_fits() -> Result {
    let target = in_state("healthy").await?;
    let place = Place::new()?;
    let before = versions(&target)?;
    let backup = place.next_backup();
    let ran = target.run(&["recover-expired", "--yes", "--discard-anchor-key", "--backup-dir", &backup])?;
    assert_eq!(ran.code(), 0, "{}\n{}", ran.stdout(), ran.stderr());
    assert_eq!(versions(&target)?, before, "{}", ran.stdout());
    assert!(["status", "rotate", "check"].iter().any(|verb| ran.stdout().contains(verb)), "{}", ran.stdout());
    Ok(())
}

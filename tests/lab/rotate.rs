//! Rotations of a live mesh by the real binary, while clients count their failed requests.

use lab::{cluster::Cluster, install::Mesh, state, workloads};

use crate::harness::{Result, Target, lab_name};

/// What cannot be restarted, and is left out by name.
const LEFT: [&str; 3] = ["emojivoto/Deployment/paused", "emojivoto/Job/batch", "emojivoto/Pod/bare"];
/// Servers with more than one replica, or that are replaced one by one: no request to them may fail.
const SERVERS: [&str; 3] = ["web", "db", "legacy"];

#[tokio::test]
async fn an_anchor_is_rotated_under_traffic_without_one_failed_request() -> Result {
    if Target::is_given() {
        println!("A context is given: a rotation is not tried on somebody's mesh.");
        return Ok(());
    }
    let target = Target::lab().await?;
    let mesh = Mesh::of_lab(&Cluster::require(&lab_name())?).await?;
    state::set(&mesh, "healthy", None).await?;
    let folder = tempfile::tempdir()?;
    let key = folder.path().join("anchor.key").display().to_string();
    let backup = folder.path().join("backup").display().to_string();
    let left = LEFT.iter().flat_map(|name| ["--leave", name]);
    let flags = ["rotate-anchor", "--yes", "--anchor-key-out", &key];
    let arguments: Vec<&str> = flags.into_iter().chain(left).collect();

    let begun = std::time::Instant::now();
    let first = target.run(&[&arguments[..], &["--backup-dir", &backup]].concat())?;
    println!("rotated in {:.0} s", begun.elapsed().as_secs_f32());
    assert_eq!(first.code(), 0, "{}{}", first.stdout(), first.stderr());

    let roots = target.kubectl(&[
        "get", "configmap", "linkerd-identity-trust-roots", "-n", "linkerd", "-o", r"jsonpath={.data.ca-bundle\.crt}",
    ])?;
    assert_eq!(roots.matches("BEGIN CERTIFICATE").count(), 1);
    let counts = workloads::stats(&mesh.kube, "agent").await?;
    let failed = |name: &str| counts.iter().find(|(url, _)| url.contains(&format!("//{name}."))).map(|(_, one)| one.failed);
    assert!(SERVERS.iter().all(|name| failed(name).is_none_or(|failed| failed == 0)), "{counts:?}");

    let again = target.run(&arguments)?;
    assert_eq!((again.code(), again.stdout().starts_with("Nothing to do")), (0, true), "{}", again.stdout());
    Ok(())
}

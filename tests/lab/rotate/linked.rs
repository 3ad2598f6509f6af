//! Two clusters that share an anchor, rotated at the same time by two runs that read each other.

use std::{path::Path, process::Stdio};

use lab::{
    cluster::Cluster,
    install::{Mesh, Mode, Pki},
    trust::{self, Life, YEAR},
    workloads,
};
use serde_json::{Value, json};

use super::{Place, anchors, words};
use crate::harness::{Ran, Result, Target, lab_name};

#[tokio::test]
#[ignore = "brings up a second lab, which takes a machine of its own"]
async fn two_linked_clusters_are_rotated_together() -> Result {
    let names = ["east", "west"];
    let clusters = [Cluster::up(&lab_name()).await?, Cluster::up("linked").await?];
    let mut pki = Pki::usual()?;
    let place = Place::new()?;
    let kubeconfig = place.folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, merged(&names, &clusters)?)?;
    let targets = names.map(|name| Target::of_context(kubeconfig.clone(), name));
    for (cluster, target) in clusters.iter().zip(&targets) {
        let mesh = Mesh::of_lab(cluster).await?;
        mesh.install(Mode::Cli, &pki).await?;
        workloads::apply(&mesh.kube).await?;
        // What nobody can restart would have to be replaced by hand in both.
        target.kubectl(&["delete", "-n", "emojivoto", "deployment/paused", "job/batch", "pod/bare", "--wait"])?;
        // Each has an issuer of its own.
        pki.issuer = trust::issuer(trust::ISSUER, Life::of(YEAR), &pki.anchor)?;
    }
    let before = anchors(&targets[0])?;
    assert_eq!(before, anchors(&targets[1])?);

    // Without patience the run extends its own cluster and stops at the gate.
    let ran = targets[0].run(&words(&place.rotate_anchor(&["--linked-context", "west"])))?;
    assert_eq!(ran.code(), 5, "{}", ran.stderr());
    assert!(ran.stderr().contains("a linked cluster is not ready"), "{}", ran.stderr());
    assert_eq!(anchors(&targets[0])?.len(), 2);

    let east = place.rotate_anchor(&["--linked-context", "west", "--hold", "10m"]);
    let mut east = targets[0].command(&words(&east));
    let east = east.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (key, certificate) = (place.key(), place.key().with_extension("crt"));
    let (key, certificate) = (key.display().to_string(), certificate.display().to_string());
    let backup = place.folder.path().join("west").display().to_string();
    let ran = targets[1].run(&[
        "rotate-anchor",
        "--yes",
        "--hold",
        "10m",
        "--linked-context",
        "east",
        "--anchor-cert",
        &certificate,
        "--anchor-key",
        &key,
        "--backup-dir",
        &backup,
    ])?;
    assert_eq!(ran.code(), 0, "{}\n{}", ran.stdout(), ran.stderr());
    let ran = Ran::of(east.wait_with_output()?);
    assert_eq!(ran.code(), 0, "{}\n{}", ran.stdout(), ran.stderr());
    let after = anchors(&targets[0])?;
    assert_eq!((after.len(), &after), (1, &anchors(&targets[1])?));
    assert_ne!(after, before);
    let status = targets[0].run(&["status", "--linked-context", "west"])?;
    assert!(status.stdout().contains("Linked  west: every proxy there trusts anchor A"), "{}", status.stdout());
    Cluster::down("linked").await?;
    Ok(())
}

/// One kubeconfig with a context for each of the two, whose own all have one name.
fn merged(names: &[&str; 2], clusters: &[Cluster; 2]) -> Result<String> {
    let mut merged = json!({"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": []});
    for (name, cluster) in names.iter().zip(clusters) {
        let mut config = read(&cluster.kubeconfig())?;
        config["contexts"][0] = json!({"name": name, "context": {"cluster": name, "user": name}});
        for list in ["clusters", "users", "contexts"] {
            config[list][0]["name"] = json!(name);
            if let Some(all) = merged[list].as_array_mut() {
                all.push(config[list][0].take());
            }
        }
    }
    Ok(merged.to_string())
}

fn read(file: &Path) -> Result<Value> {
    Ok(serde_yaml_ng::from_str(&std::fs::read_to_string(file)?)?)
}

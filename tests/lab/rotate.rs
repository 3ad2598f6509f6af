//! Rotations of a mesh with real proxies by the real binary: to the end, through kills, from where somebody left off,
//! and the ways in which they stop.
//!
//! * `traffic`: what the clients counted while it went on
//! * `operator`: who sees to what the binary cannot replace

pub mod asked;
mod back;
mod begun;
mod handed;
pub mod killed;
mod linked;
pub mod operator;
mod stopped;
pub mod traffic;
mod whole;

use std::path::PathBuf;

use lab::{
    install::{Mode, Pki},
    state, workloads,
};
use serde_json::Value;

use crate::{
    harness::{Ran, Result, Target, mesh},
    states::unexpected,
};

/// What nobody can restart, left as it is.
pub const LEFT: [&str; 6] =
    ["--leave", "emojivoto/Deployment/paused", "--leave", "emojivoto/Job/batch", "--leave", "emojivoto/Pod/bare"];

/// A place for keys and backups, and the arguments that name it.
pub struct Place {
    pub folder: tempfile::TempDir,
    backups: std::cell::Cell<u32>,
}

impl Place {
    pub fn new() -> Result<Self> {
        Ok(Self { folder: tempfile::tempdir()?, backups: std::cell::Cell::new(0) })
    }

    pub fn key(&self) -> PathBuf {
        self.folder.path().join("anchor.key")
    }

    /// The folder of the last backup.
    fn backup(&self) -> PathBuf {
        self.folder.path().join(format!("backup-{}", self.backups.get()))
    }

    /// A new folder for a backup.
    pub fn next_backup(&self) -> String {
        self.backups.set(self.backups.get() + 1);
        self.backup().display().to_string()
    }

    /// `rotate-anchor --yes` with the key in this place and a backup folder of its own.
    fn rotate_anchor(&self, more: &[&str]) -> Vec<String> {
        let (key, backup) = (self.key().display().to_string(), self.next_backup());
        let first = ["rotate-anchor", "--yes", "--anchor-key-out", &key, "--backup-dir", &backup];
        first.iter().chain(more).map(ToString::to_string).collect()
    }
}

pub fn words(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

/// The lab's mesh in this state, which `check` has to name, or the given cluster as it is.
pub async fn in_state(name: &str) -> Result<Target> {
    let target = Target::any().await?;
    if !Target::is_given() {
        state::set(&mesh().await?, name, None).await?;
        assert_eq!(unexpected(&target, name)?, None);
    }
    Ok(target)
}

/// The lab's mesh as Linkerd's charts install it, probes included: what a rotation takes on it is what it takes.
async fn installed() -> Result<Target> {
    let target = Target::any().await?;
    if !Target::is_given() {
        let mesh = mesh().await?;
        mesh.install(Mode::Cli, &Pki::usual()?).await?;
        workloads::apply(&mesh.kube).await?;
    }
    Ok(target)
}

/// The anchors in the trust roots, as PEM.
fn anchors(target: &Target) -> Result<Vec<String>> {
    let path = r"jsonpath={.data.ca-bundle\.crt}";
    let text = target.kubectl(&["get", "configmap", "linkerd-identity-trust-roots", "-n", "linkerd", "-o", path])?;
    let end = "-----END CERTIFICATE-----";
    Ok(text.split_inclusive(end).map(|one| one.trim().to_owned()).filter(|one| one.ends_with(end)).collect())
}

/// How often the pods of each Deployment, StatefulSet and DaemonSet were replaced, by their generations.
fn generation(target: &Target, kind: &str, namespace: &str, name: &str) -> Result<u64> {
    let object: Value = serde_json::from_str(&target.kubectl(&["get", kind, name, "-n", namespace, "-o", "json"])?)?;
    object["metadata"]["generation"].as_u64().ok_or_else(|| format!("{kind} {name} has no generation").into())
}

/// What must hold after every rotation: one anchor, another than before, in all copies, and nothing that `check` minds
/// but for what was left out on purpose.
fn assert_rotated(target: &Target, before: &[String], ran: &Ran) -> Result {
    assert_eq!(ran.code(), 0, "{}\n{}", ran.stdout(), ran.stderr());
    let after = anchors(target)?;
    assert_eq!(after.len(), 1, "{after:?}");
    assert!(!before.contains(&after[0]), "the anchor is another");
    let checked = target.check(&["--probe", "all"])?;
    for code in ["LC-S01", "LC-S02", "LC-I01", "LC-I02", "LC-I10", "LC-A02"] {
        assert!(!checked.codes().contains(&code), "{code}: {checked}");
    }
    Ok(())
}

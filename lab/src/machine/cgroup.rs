//! The cgroup under which a machine's kubelet puts its pods: made before, removed after.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

const ROOT: &str = "/sys/fs/cgroup";

/// Makes the cgroup in every hierarchy of this system.
pub(crate) fn create(name: &str) -> Result<()> {
    let unified = Path::new(ROOT).join("cgroup.controllers");
    if unified.exists() {
        // Usually done by the init system; where it may not be done here, the kubelet says what it lacks.
        for controller in ["+cpuset", "+cpu", "+memory", "+pids"] {
            let _ = fs::write(Path::new(ROOT).join("cgroup.subtree_control"), controller);
        }
    }
    for hierarchy in hierarchies() {
        let dir = hierarchy.join(name);
        fs::create_dir_all(&dir).map_err(Error::file("creating", &dir))?;
        prefer(&dir);
    }
    Ok(())
}

/// Gives the pods together eight times the share of one process beside them: otherwise a compiler starves them, and
/// what looks like a broken mesh is a busy machine. Where the file is not there or not ours to write, so be it.
fn prefer(dir: &Path) {
    for (file, share) in [("cpu.shares", "8192"), ("cpu.weight", "800")] {
        let file = dir.join(file);
        if file.exists() {
            let _ = fs::write(file, share);
        }
    }
}

/// Removes the cgroup with everything under it; its processes must have ended.
pub(crate) fn remove(name: &str) -> Result<()> {
    hierarchies()
        .into_iter()
        .map(|hierarchy| hierarchy.join(name))
        .filter(|dir| dir.exists())
        .try_for_each(|dir| remove_tree(&dir).map_err(Error::file("removing", &dir)))
}

/// Control files cannot be unlinked and need not be: a cgroup goes when its children are gone.
fn remove_tree(dir: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)?.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove_tree(&entry.path())?;
    }
    fs::remove_dir(dir)
}

/// One folder with cgroup v2; with v1 one for each controller (links such as `cpu` name one of the others).
fn hierarchies() -> Vec<PathBuf> {
    let root = PathBuf::from(ROOT);
    if root.join("cgroup.controllers").exists() {
        return vec![root];
    }
    let Ok(entries) = fs::read_dir(&root) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .filter(|dir| dir.join("cgroup.procs").exists())
        .collect()
}

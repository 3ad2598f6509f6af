//! What is kept before the first write: every object that may be touched, in a folder that only its owner can read.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::{cluster::LiveMesh, error::Error, keyfile, mesh::Mesh as _};

/// Saves every object that a run may touch, and returns the folder.
pub(super) async fn save(mesh: &LiveMesh, folder: Option<&Path>, now: Timestamp) -> Result<PathBuf, Error> {
    let folder = folder.map_or_else(|| own_folder(now), |folder| Ok(folder.to_owned()))?;
    if folder.symlink_metadata().is_ok() {
        keyfile::check_empty(&folder)?;
    }
    let objects = mesh.export().await.map_err(|fault| Error::Stopped(fault.into()))?;
    keyfile::make_folder(&folder)?;
    for object in objects {
        let word =
            |pointer: &str| object.pointer(pointer).and_then(|value| value.as_str()).unwrap_or("none").to_owned();
        let name = format!("{}-{}.json", word("/kind").to_lowercase(), word("/metadata/name"));
        keyfile::write_secret(&folder.join(name), &format!("{object:#}\n"))?;
    }
    Ok(folder)
}

/// A folder for this run under the user's state directory.
fn own_folder(now: Timestamp) -> Result<PathBuf, Error> {
    let own = super::state_folder().ok_or(Error::NoStateFolder)?;
    let folder = own.join(now.strftime("%Y%m%dT%H%M%SZ").to_string());
    keyfile::make_way(&folder)?;
    Ok(folder)
}

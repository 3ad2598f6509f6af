//! What is kept before the first write: every object that may be touched, in a folder that only its owner can read.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::{backup, cluster::LiveMesh, error::Error, keyfile, mesh::Mesh as _};

/// Where a run keeps what it saves: the folder that was asked for, or one of its own.
pub(super) fn folder(asked: Option<&Path>, now: Timestamp) -> Result<PathBuf, Error> {
    match asked {
        Some(folder) => Ok(folder.to_owned()),
        None => Ok(super::state_folder().ok_or(Error::NoStateFolder)?.join(backup::name(now))),
    }
}

/// Saves every object that a run may touch, and returns the folder.
pub(super) async fn save(mesh: &LiveMesh, folder: Option<&Path>, now: Timestamp) -> Result<PathBuf, Error> {
    let is_own = folder.is_none();
    let folder = self::folder(folder, now)?;
    if folder.symlink_metadata().is_ok() {
        keyfile::check_empty(&folder)?;
    }
    let objects = mesh.export().await?;
    if let Some(above) = folder.parent().filter(|_| is_own) {
        // The user's own state directory, which nothing may have needed before.
        std::fs::create_dir_all(above)
            .map_err(|source| keyfile::Error::Unwritable { file: above.to_owned(), source })?;
    }
    backup::write(&folder, &objects)?;
    Ok(folder)
}

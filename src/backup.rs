//! What a run saves before its first write, in a folder of its own, and what a way back needs of it.
//!
//! Each object stands in a file as the API server returned it, private keys included: folder and files are their owner's
//! alone, and nothing of what they hold is ever quoted.

mod bad;
mod folder;
mod layout;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{
    keyfile,
    pki::{InvalidName, authority::Unfit},
};

pub use bad::BadBackup;
pub use folder::Backup;
pub use layout::folder as name;

/// A backup cannot be read, or is of no use.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is none, or one of something else.
    #[error(transparent)]
    Bad(#[from] BadBackup),
    /// A file of it cannot be read.
    #[error(transparent)]
    File(#[from] keyfile::Error),
    /// The trust domain that it names is none.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// Its issuer is none that can be put back.
    #[error("{}: {source}", file.display())]
    Unfit {
        /// The file.
        file: PathBuf,
        /// Why.
        source: Unfit,
    },
}

/// Saves objects in a new folder, or an empty one.
///
/// # Errors
/// When the folder holds something, or cannot be made or written to.
pub fn write(folder: &Path, objects: &[Value]) -> Result<(), keyfile::Error> {
    keyfile::make_folder(folder)?;
    for object in objects {
        let word = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or("none");
        let file = layout::file(word("/kind"), word("/metadata/name"));
        keyfile::write_secret(&folder.join(file), &format!("{object:#}\n"))?;
    }
    Ok(())
}

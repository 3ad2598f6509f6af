//! A lock that ends with its process, so that a killed run blocks nobody.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::error::{Error, Result};

/// Held until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, waiting for another run that holds it.
    pub(crate) async fn take(path: &Path) -> Result<Self> {
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir).map_err(Error::file("creating", dir))?;
        }
        let file = File::options()
            .create(true)
            .write(true)
            .truncate(false)
            .open(path)
            .map_err(Error::file("opening the lock", path))?;
        let failed = Error::file("locking", path);
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::Error(error)) => Err(failed(error)),
            Err(TryLockError::WouldBlock) => {
                tracing::info!("waiting for another run of the lab to finish");
                let waited = tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await;
                let file = waited.map_err(std::io::Error::other).flatten().map_err(failed)?;
                Ok(Self { _file: file })
            }
        }
    }
}

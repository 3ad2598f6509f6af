//! Notices that a mounted Secret or `ConfigMap` was replaced.
//!
//! The kubelet swaps a volume's `..data` link when it brings a new version; Linkerd's watcher reacts
//! to just that (linkerd2 `pkg/tls/creds_watcher.go`). Looking once a second is as good here and needs
//! no file system events.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Watched {
    folder: PathBuf,
    seen: Version,
}

#[derive(Debug, PartialEq, Eq)]
enum Version {
    /// Where `..data` points to.
    Link(PathBuf),
    /// A plain folder, as in tests: the newest change of its files.
    Files(Option<SystemTime>),
}

impl Watched {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), seen: Version::of(folder) }
    }

    /// Returns when the folder holds another version than at the last call.
    pub(crate) async fn changed(&mut self) {
        loop {
            tokio::time::sleep(EVERY).await;
            let now = Version::of(&self.folder);
            if now != self.seen {
                self.seen = now;
                return;
            }
        }
    }
}

impl Version {
    fn of(folder: &Path) -> Self {
        match std::fs::read_link(folder.join("..data")) {
            Ok(target) => Self::Link(target),
            Err(_) => Self::Files(newest_change(folder)),
        }
    }
}

fn newest_change(folder: &Path) -> Option<SystemTime> {
    std::fs::read_dir(folder).ok()?.flatten().filter_map(|entry| entry.metadata().ok()?.modified().ok()).max()
}

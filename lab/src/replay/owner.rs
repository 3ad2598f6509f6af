//! Which process a test's replay belongs to, so that one left by a killed test is ended by the next.

use std::path::Path;

use crate::error::{Error, Result};
use crate::machine;

/// Writes down that this process owns the replay.
pub(super) fn claim(dir: &Path) -> Result<()> {
    let file = dir.join("owner");
    std::fs::create_dir_all(dir).map_err(Error::file("creating", dir))?;
    std::fs::write(&file, identity(std::process::id()).unwrap_or_default()).map_err(Error::file("writing", &file))
}

/// Ends every replay whose owner is gone.
pub(super) fn sweep(replays: &Path) {
    for entry in std::fs::read_dir(replays).into_iter().flatten().flatten() {
        let Ok(owner) = std::fs::read_to_string(entry.path().join("owner")) else { continue };
        let lives =
            owner.split_once(' ').and_then(|(pid, _)| identity(pid.parse().ok()?)).is_some_and(|now| now == owner);
        if !lives {
            // What cannot be ended now is tried again by the next.
            let _ = machine::clear_now(&entry.path());
        }
    }
}

/// PID and start time, since PIDs are used again.
fn identity(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let started = stat.rsplit(')').next()?.split_whitespace().nth(19)?;
    Some(format!("{pid} {started}"))
}

#[cfg(test)]
mod tests {
    use super::{claim, sweep};

    #[test]
    fn only_what_nobody_owns_is_swept() {
        let dir = tempfile::tempdir().unwrap();
        let (mine, orphan, manual) = (dir.path().join("mine"), dir.path().join("orphan"), dir.path().join("manual"));
        claim(&mine).unwrap();
        claim(&orphan).unwrap();
        std::fs::write(orphan.join("owner"), "4194999 1").unwrap();
        std::fs::create_dir(&manual).unwrap();
        sweep(dir.path());
        assert!(mine.exists() && manual.exists() && !orphan.exists());
    }
}

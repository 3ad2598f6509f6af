//! Whom the lock names: a person, a machine and a process, so that a run can tell whether the one before still lives.

use std::path::Path;

use crate::mesh::Holder;

/// Who runs this: `user@host`.
pub(super) fn person() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "somebody".to_owned());
    let host =
        std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::env::var("HOSTNAME").map_err(drop));
    format!("{user}@{}", host.unwrap_or_else(|()| "somewhere".to_owned()).trim())
}

/// The name that this process holds the lock by.
pub(super) fn own() -> String {
    format!("{}/{}", person(), std::process::id())
}

/// Whether the holder was a process of the same person on this machine that has ended without giving the lock back.
/// Where that cannot be told, it has not: then the lock runs out by itself.
pub(super) fn has_ended(holder: &Holder) -> bool {
    let process = process_of(&holder.name, &person());
    process.is_some_and(|process| Path::new("/proc/self").exists() && !Path::new(&format!("/proc/{process}")).exists())
}

/// Whether the holder is, or was, another process of the same person on this machine.
pub(super) fn is_own(holder: &Holder) -> bool {
    process_of(&holder.name, &person()).is_some()
}

fn process_of(name: &str, person: &str) -> Option<u32> {
    name.strip_prefix(person)?.strip_prefix('/')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn holder(name: String) -> Holder {
        Holder { name, since: Timestamp::UNIX_EPOCH, renewed: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn a_process_that_lives_has_not_ended_and_another_machines_cannot_be_told() {
        assert!(is_own(&holder(own())) && !has_ended(&holder(own())));
        assert!(!has_ended(&holder("somebody@elsewhere/1".to_owned())));
        assert!(!is_own(&holder(format!("{}2/1", person()))));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_that_is_gone_has_ended() {
        // Beyond what Linux ever numbers.
        assert!(has_ended(&holder(format!("{}/{}", person(), u32::MAX))));
    }
}

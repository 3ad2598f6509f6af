//! Which processes run, read from /proc; a PID alone is never trusted, since PIDs are used again.

use std::path::Path;

use rustix::process::Pid;

/// The process outside that made the namespaces. Its command line names the folder.
pub(super) fn outer(dir: &Path) -> Option<Pid> {
    let pid = read_pid(&dir.join("machine.pid"))?;
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let named = line.split(|&byte| byte == 0).any(|word| word == dir.as_os_str().as_encoded_bytes());
    named.then(|| Pid::from_raw(pid)).flatten()
}

/// The machine's first process, by the PID that the host knows.
pub(super) fn init(dir: &Path) -> Option<Pid> {
    let outer = outer(dir)?.as_raw_nonzero();
    let children = std::fs::read_to_string(format!("/proc/{outer}/task/{outer}/children")).ok()?;
    Pid::from_raw(children.split_whitespace().next()?.parse().ok()?)
}

/// Whether a process is there; a dead one that nobody has reaped is not.
pub(super) fn exists(pid: Pid) -> bool {
    std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()))
        .is_ok_and(|stat| !stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')))
}

/// The PID inside the machine that a process left behind when it started.
pub(super) fn inner_pid(file: &Path) -> Option<i32> {
    read_pid(file)
}

/// Whether the process of a PID file runs inside the machine: same PID, same program.
pub(super) fn runs(init: Pid, file: &Path) -> bool {
    let Ok(text) = std::fs::read_to_string(file) else { return false };
    let Some((pid, program)) = text.trim_end().split_once(' ') else { return false };
    let line = std::fs::read(format!("/proc/{}/root/proc/{pid}/cmdline", init.as_raw_nonzero())).unwrap_or_default();
    line.split(|&byte| byte == 0).next().is_some_and(|first| first == program.as_bytes())
}

fn read_pid(file: &Path) -> Option<i32> {
    std::fs::read_to_string(file).ok()?.split_whitespace().next()?.parse().ok()
}

//! A machine of its own on this machine: a process in fresh network, mount, PID, UTS and IPC namespaces, and whatever
//! is started beside it.
//!
//! The kernel does the cleaning: when the first process of a PID namespace ends, everything in it ends, and with the
//! last process go its mounts and its network. So `stop` is one signal, and cannot leave half of anything. `/run`,
//! `/var/lib` and `/var/log` are folders of the machine's own, and nothing in it can write the host's sysctls that a
//! kubelet sets.

use std::ffi::{OsStr, OsString};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;
use tokio::time::Instant;

use crate::command;
use crate::error::{Error, Result};
use crate::parts;

pub(crate) mod cgroup;
mod forward;
mod processes;

pub use forward::forward;

/// Takes the namespaces: records its own PID, which the outer namespaces see, then becomes `unshare`.
const BOOT: &str = r#"echo $$ >"$0/machine.pid" && exec unshare --net --mount --pid --uts --ipc --fork \
  --kill-child --propagation private --mount-proc sh -c "$1" "$0""#;

/// The first process: makes its mounts, says that it is ready and waits. Names are looked up where nobody answers, so
/// that what asks for one fails at once instead of waiting for a server out of reach. Orphans are reaped by the kernel,
/// because their death is ignored.
const INIT: &str = r#"set -e
for f in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys \
  kernel/keys/root_maxbytes; do
  [ -e /proc/sys/$f ] || continue
  copy=$0/sysctl-$(basename $f); cat /proc/sys/$f >"$copy"; mount --bind "$copy" /proc/sys/$f
done
echo nameserver 127.0.0.1 >"$0/resolv.conf"
[ ! -e /etc/resolv.conf ] || mount --bind "$0/resolv.conf" /etc/resolv.conf
mount --bind "$0/run" /run
mount --bind "$0/lib" /var/lib
mount --bind "$0/log" /var/log
ip link set lo up
touch "$0/machine.up"
exec env --ignore-signal=CHLD sleep infinity"#;

/// Starts a process that outlives the caller: leaves its inner PID and program in `$0`, its output in `$1`.
const SPAWN: &str = r#"exec 3<&0; pid=$0 log=$1; shift
setsid sh -c 'echo "$$ $1" >"$0.new" && mv "$0.new" "$0" && exec "$@"' "$pid" "$@" <&3 3<&- >"$log" 2>&1 &"#;

/// A running machine. The handle does not own it: dropping it changes nothing.
#[derive(Clone, Debug)]
pub struct Machine {
    dir: PathBuf,
    init: Pid,
}

impl Machine {
    /// The machine whose folder this is, if it runs.
    pub fn find(dir: &Path) -> Option<Self> {
        if !dir.join("machine.up").exists() {
            return None;
        }
        let init = processes::init(dir)?;
        Some(Self { dir: dir.to_owned(), init })
    }

    /// Starts a machine in a folder that [`clear`] has emptied.
    pub async fn boot(dir: &Path) -> Result<Self> {
        if !rustix::process::geteuid().is_root() {
            return Err(Error::NotRoot);
        }
        for sub in ["run", "lib", "log", "pids"] {
            std::fs::create_dir_all(dir.join(sub)).map_err(Error::file("creating", &dir.join(sub)))?;
        }
        let log = dir.join("machine.log");
        // A shell in between, so that the machine is nobody's child and a caller that lives on need not reap it.
        command::output(
            Command::new("sh")
                .args(["-c", r#"setsid sh -c "$1" "$0" "$2" >"$3" 2>&1 </dev/null &"#])
                .arg(dir)
                .args([BOOT, INIT])
                .arg(&log),
        )
        .await?;
        let found = poll(Duration::from_secs(10), async || Self::find(dir)).await;
        found.ok_or_else(|| Error::Died { name: "the machine".into(), tail: command::tail(&log, 20), log })
    }

    /// The machine's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A command that runs inside; `program` is found there as on the host.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &self.init.as_raw_nonzero().to_string()])
            .args(["--net", "--mount", "--pid", "--uts", "--ipc", "--"])
            .arg(program)
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }

    /// A command that has the machine's network, and for the rest the caller's surroundings.
    pub fn network_command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.init.as_raw_nonzero().to_string(), "--net", "--"]).arg(program);
        command
    }

    /// Runs a shell script inside.
    pub async fn script(&self, script: &str) -> Result<String> {
        command::output(self.command("sh").args(["-ec", script])).await
    }

    /// Starts a process that stays, unless it runs already.
    pub async fn ensure(&self, name: &str, program: &Path, args: &[OsString]) -> Result<()> {
        if self.runs(name) { Ok(()) } else { self.spawn(name, program, args, Stdio::null()).await }
    }

    /// Starts a process that stays.
    async fn spawn(&self, name: &str, program: &Path, args: &[OsString], stdin: Stdio) -> Result<()> {
        let pid = self.pid_file(name);
        let _ = std::fs::remove_file(&pid);
        let mut command = self.command("sh");
        command.args(["-c", SPAWN]).arg(&pid).arg(self.log(name)).arg(program).args(args);
        let doing = format!("starting {name}");
        let status = command.stdin(stdin).status().await.map_err(Error::io(doing))?;
        // The PID file is there a moment before the shell has become the program.
        let started = poll(Duration::from_secs(5), async || self.runs(name).then_some(())).await;
        if status.success() && started.is_some() { Ok(()) } else { Err(self.died(name)) }
    }

    /// Listens on the host's loopback and carries connections to an address inside; returns the host's port.
    ///
    /// The listening socket is made here and handed over as stdin: it stays the host's, while whatever the process
    /// makes itself belongs to the machine's network.
    pub async fn forward(&self, to: &str) -> Result<u16> {
        let remembered = self.dir.join("port");
        let before = std::fs::read_to_string(&remembered).ok().and_then(|port| port.trim().parse::<u16>().ok());
        if let Some(port) = before
            && self.runs("forward")
        {
            return Ok(port);
        }
        // The port of before keeps a kubeconfig valid that somebody has copied.
        let listener = before
            .and_then(|port| TcpListener::bind(("127.0.0.1", port)).ok())
            .map_or_else(|| TcpListener::bind(("127.0.0.1", 0)), Ok)
            .map_err(Error::io("listening on 127.0.0.1"))?;
        let port = listener.local_addr().map_err(Error::io("reading the port"))?.port();
        std::fs::write(&remembered, port.to_string()).map_err(Error::file("writing", &remembered))?;
        let program = parts::workspace_program("linkerd-certs-lab", "lab").await?;
        let args = ["forward", "--to", to].map(OsString::from);
        self.spawn("forward", &program, &args, Stdio::from(OwnedFd::from(listener))).await?;
        Ok(port)
    }

    /// Whether a process started by [`Self::ensure`] still runs.
    pub fn runs(&self, name: &str) -> bool {
        processes::runs(self.init, &self.pid_file(name))
    }

    /// Ends one process.
    pub async fn kill(&self, name: &str) -> Result<()> {
        let Some(pid) = processes::inner_pid(&self.pid_file(name)).filter(|_| self.runs(name)) else { return Ok(()) };
        command::output(self.command("kill").args(["-KILL", &pid.to_string()])).await?;
        let ended = poll(Duration::from_secs(5), async || (!self.runs(name)).then_some(())).await;
        ended.ok_or_else(|| Error::Timeout {
            what: format!("the end of {name}"),
            after: Duration::from_secs(5),
            last: None,
        })
    }

    /// The log of a process.
    pub fn log(&self, name: &str) -> PathBuf {
        self.dir.join("log").join(format!("{name}.log"))
    }

    /// The error that says how a process ended.
    pub fn died(&self, name: &str) -> Error {
        let log = self.log(name);
        Error::Died { name: name.into(), tail: command::tail(&log, 15), log }
    }

    fn pid_file(&self, name: &str) -> PathBuf {
        self.dir.join("pids").join(name)
    }
}

/// Ends the machine of a folder, if one runs, with everything in it, and removes the folder.
pub async fn clear(dir: &Path) -> Result<()> {
    let dir = dir.to_owned();
    let clearing = tokio::task::spawn_blocking(move || clear_now(&dir)).await;
    clearing.map_err(|error| Error::io("clearing")(std::io::Error::other(error)))?
}

/// [`clear`] for where nothing can be awaited.
pub(crate) fn clear_now(dir: &Path) -> Result<()> {
    let limit = Duration::from_secs(20);
    // A machine that was interrupted while it booted may have its outer process only; the inner dies with it.
    for pid in [processes::init(dir), processes::outer(dir)].into_iter().flatten() {
        let _ = kill_process(pid, Signal::KILL);
        let started = std::time::Instant::now();
        while processes::exists(pid) {
            if started.elapsed() > limit {
                let what = format!("the end of process {}", pid.as_raw_nonzero());
                return Err(Error::Timeout { what, after: limit, last: None });
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file("removing", dir)(error)),
        _ => Ok(()),
    }
}

/// Asks again every few milliseconds until there is an answer or the time is up.
pub(crate) async fn poll<T>(limit: Duration, mut ask: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = ask().await {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

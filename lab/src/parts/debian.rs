//! What comes from Debian: the container runtime, CNI plugins and network tools.

use std::path::Path;

use tokio::process::Command;

use crate::command;
use crate::error::{Error, Result};

/// Package, and a file of it that shows that it is there (a name without a slash is looked for on PATH).
const PACKAGES: [(&str, &str); 8] = [
    ("containerd", "containerd"),
    ("runc", "runc"),
    ("containernetworking-plugins", "/usr/lib/cni/bridge"),
    ("iptables", "iptables"),
    ("nftables", "nft"),
    ("conntrack", "conntrack"),
    ("iproute2", "ip"),
    ("util-linux", "nsenter"),
];

/// The packages that are not installed.
pub(super) fn missing() -> Vec<&'static str> {
    let there =
        |file: &str| if file.starts_with('/') { Path::new(file).exists() } else { command::find(file).is_some() };
    PACKAGES.iter().filter(|(_, file)| !there(file)).map(|(package, _)| *package).collect()
}

/// Installs the missing packages.
pub(super) async fn install() -> Result<()> {
    let packages = missing();
    if packages.is_empty() {
        return Ok(());
    }
    if command::find("apt-get").is_none() {
        return Err(Error::MissingProgram {
            program: packages.join("`, `"),
            hint: "install it with your system's package manager (the names are Debian's)".into(),
        });
    }
    tracing::info!("installing {}", packages.join(" "));
    let install = || {
        let mut command = Command::new("apt-get");
        command.args(["install", "--yes", "--no-install-recommends"]).args(&packages);
        command.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
        command
    };
    if command::output(&mut install()).await.is_ok() {
        return Ok(());
    }
    // The usual cause is a package list that is missing or old.
    command::output(Command::new("apt-get").arg("update")).await?;
    command::output(&mut install()).await.map(drop)
}

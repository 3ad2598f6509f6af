//! The programs the lab is made of: Debian packages, and Go programs built from pinned modules in `tools/`.
//!
//! Built once into the cache, in a folder named after a hash of the recipe, so that a changed go.mod builds anew and
//! an interrupted build leaves nothing that could be taken for a whole one.

use std::path::PathBuf;

use tokio::process::Command;

use crate::command;
use crate::error::{Error, Result};
use crate::paths;

mod debian;
mod go;
mod lock;

pub(crate) use lock::Lock;

/// A group of programs built from one Go module under `tools/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// etcd; Debian's is too old for the API server to serve consistent lists from its watch cache.
    Etcd,
    /// kube-apiserver, -controller-manager, -scheduler, -proxy, kubelet and kubectl.
    Kubernetes,
    /// The cluster's DNS.
    CoreDns,
    /// Simulated nodes and pods, for scale.
    Kwok,
    /// Real Helm releases.
    Helm,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 5] = [Self::Etcd, Self::Kubernetes, Self::CoreDns, Self::Kwok, Self::Helm];

    /// What a cluster needs.
    pub const CLUSTER: [Self; 3] = [Self::Etcd, Self::Kubernetes, Self::CoreDns];

    /// What a replay needs.
    pub const REPLAY: [Self; 2] = [Self::Etcd, Self::Kubernetes];

    /// The module's folder under `tools/`.
    fn module(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::Kubernetes => "kubernetes",
            Self::CoreDns => "coredns",
            Self::Kwok => "kwok",
            Self::Helm => "helm",
        }
    }

    /// The programs: name and Go package.
    fn programs(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Etcd => &[("etcd", "go.etcd.io/etcd/server/v3")],
            Self::Kubernetes => &[
                ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
                ("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
                ("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
                ("kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy"),
                ("kubelet", "k8s.io/kubernetes/cmd/kubelet"),
                ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
            ],
            Self::CoreDns => &[("coredns", "github.com/coredns/coredns")],
            Self::Kwok => &[("kwok", "sigs.k8s.io/kwok/cmd/kwok")],
            Self::Helm => &[("helm", "helm.sh/helm/v3/cmd/helm")],
        }
    }

    /// Linker flags. Clients refuse a server that reports version 0.0.0, which is what an unstamped build does.
    fn ldflags(self) -> &'static str {
        match self {
            Self::Kubernetes => concat!(
                "-s -w -X k8s.io/component-base/version.gitVersion=v1.34.4",
                " -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=34",
                " -X k8s.io/component-base/version.gitTreeState=clean"
            ),
            Self::Helm => "-s -w -X helm.sh/helm/v3/internal/version.version=v3.22.0",
            _ => "-s -w",
        }
    }

    /// Data files kept beside the programs: the module they come from and their paths in it.
    fn data(self) -> Option<(&'static str, &'static [&'static str])> {
        match self {
            Self::Kwok => Some((
                "sigs.k8s.io/kwok",
                &[
                    "kustomize/stage/node/fast/node-initialize.yaml",
                    "kustomize/stage/node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
                    "kustomize/stage/pod/fast/pod-ready.yaml",
                    "kustomize/stage/pod/fast/pod-complete.yaml",
                    "kustomize/stage/pod/fast/pod-delete.yaml",
                ],
            )),
            _ => None,
        }
    }

    /// The cache folder of this part as its recipe stands now.
    fn folder(self) -> Result<PathBuf> {
        Ok(paths::cache()?.join("parts").join(format!("{}-{}", self.module(), go::recipe_hash(self)?)))
    }

    /// One of this part's programs; it exists after [`ensure`].
    pub fn program(self, name: &str) -> Result<PathBuf> {
        Ok(self.folder()?.join(name))
    }
}

/// Makes sure that these parts are there, building what is missing. Two runs at once wait for one another.
pub async fn ensure(parts: &[Part]) -> Result<()> {
    let missing = |parts: &[Part]| -> Result<Vec<Part>> {
        let mut missing = Vec::new();
        for &part in parts {
            if !part.folder()?.is_dir() {
                missing.push(part);
            }
        }
        Ok(missing)
    };
    if missing(parts)?.is_empty() {
        return Ok(());
    }
    let cache = paths::cache()?.join("parts");
    let _lock = Lock::take(&cache.join("lock")).await?;
    go::sweep(&cache);
    for part in missing(parts)? {
        go::build(part, &cache).await?;
    }
    Ok(())
}

/// Makes sure that the programs from Debian are installed: container runtime, CNI plugins and network tools.
pub async fn ensure_packages() -> Result<()> {
    let _lock = if debian::missing().is_empty() {
        return Ok(());
    } else {
        Lock::take(&paths::cache()?.join("parts/lock")).await?
    };
    debian::install().await
}

/// A binary of this workspace, built if need be. A test of another crate links the library but has no `lab` beside it.
pub async fn workspace_program(package: &str, name: &str) -> Result<PathBuf> {
    if let Ok(this) = std::env::current_exe()
        && this.file_name().is_some_and(|file| file == name)
    {
        return Ok(this);
    }
    // Cargo tells the tests of the binary's own package.
    if let Some(program) = std::env::var_os(format!("CARGO_BIN_EXE_{name}")) {
        return Ok(program.into());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = command::output(
        Command::new(cargo)
            .args(["build", "--quiet", "--package", package, "--bin", name])
            .args(["--message-format", "json-render-diagnostics"])
            .current_dir(paths::sources()),
    )
    .await?;
    built
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .ok_or_else(|| Error::malformed(format!("cargo's answer to building {name}"), &"it names no executable"))
}

//! Installing the stand-in mesh with the objects of a real one, three ways, and taking it away again.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::cluster::Cluster;
use crate::error::{Error, Result};
use crate::trust::{self, Life, Pair, YEAR};
use crate::{paths, workloads};
use kubectl::Kubectl;

pub mod crds;
pub mod external;
mod images;
pub mod kubectl;
mod uninstall;
mod values;

/// Namespace of the control plane.
pub const NAMESPACE: &str = "linkerd";
/// Name of the Helm release, as the guides have it.
pub const RELEASE: &str = "linkerd-control-plane";
/// How the mesh is installed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub enum Mode {
    /// As `linkerd install | kubectl apply` does: an overrides Secret remembers the values.
    #[default]
    Cli,
    /// As a Helm release.
    Helm,
    /// As `linkerd install --ha` does: three replicas of each part, disruption budgets, webhooks that have to answer.
    Ha,
    /// cert-manager and trust-manager own the certificates (`identity.externalCA=true`).
    ExternalCa,
}

/// The certificates a mesh starts with.
#[derive(Debug)]
pub struct Pki {
    /// The trust anchor.
    pub anchor: Pair,
    /// The identity issuer under it.
    pub issuer: Pair,
}

impl Pki {
    /// What the guides' `step` commands make: ten years and one year.
    pub fn usual() -> Result<Self> {
        Self::lasting(Life::of(10 * YEAR), Life::of(YEAR))
    }

    /// With these lifetimes.
    pub fn lasting(anchor: Life, issuer: Life) -> Result<Self> {
        let anchor = trust::anchor(trust::ANCHOR, anchor)?;
        let issuer = trust::issuer(trust::ISSUER, issuer, &anchor)?;
        Ok(Self { anchor, issuer })
    }
}

/// A mesh in a cluster: how to reach it, and where to leave the private keys for those who test with them.
///
/// Nobody else can make one: what installs and uninstalls must never meet a cluster that is not the lab's.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Mesh {
    /// kubectl and helm for the cluster.
    pub kube: Kubectl,
    /// Folder for anchor.crt, anchor.key, issuer.crt and issuer.key of the mesh.
    pub files: PathBuf,
}

impl Mesh {
    /// The mesh of a lab's cluster, with its images on the node.
    pub async fn of_lab(cluster: &Cluster) -> Result<Self> {
        images::ensure(cluster).await?;
        Ok(Self { kube: Kubectl::of_lab(cluster).await?, files: cluster.machine().dir().join("mesh") })
    }

    /// Takes away whatever is there, installs the control plane and waits until it is ready.
    pub async fn install(&self, mode: Mode, pki: &Pki) -> Result<()> {
        self.uninstall().await?;
        self.render(mode, pki, false).await?;
        self.ready().await
    }

    /// Installs the control plane without waiting for it. An `eager` one is found ready sooner than a real one would be.
    pub async fn render(&self, mode: Mode, pki: &Pki, eager: bool) -> Result<()> {
        for end in ["crt", "key"] {
            // Of a state before.
            let _ = std::fs::remove_file(self.files.join(format!("old-anchor.{end}")));
        }
        self.keep(pki)?;
        self.kube.apply(&crds::linkerd()).await?;
        let chart = paths::sources().join("chart").display().to_string();
        let values = values::yaml(mode, pki, eager)?;
        let place = ["-n", NAMESPACE, "-f", "-"];
        if mode == Mode::Helm {
            let args = [&["install", RELEASE, &chart, "--create-namespace"], &place[..]].concat();
            return self.kube.helm(&args, &values).await.map(drop);
        }
        if mode == Mode::ExternalCa {
            external::install(&self.kube, pki).await?;
        }
        let manifest = self.kube.helm(&[&["template", RELEASE, &chart], &place[..]].concat(), &values).await?;
        self.kube.apply(&manifest).await
    }

    /// Waits until every Deployment of the control plane is rolled out.
    pub async fn ready(&self) -> Result<()> {
        let args = ["rollout", "status", "deployment", "-n", NAMESPACE, "--timeout=120s"];
        self.kube.run(&args).await.map(drop)
    }

    /// Waits until one Deployment of the control plane is rolled out.
    pub async fn rolled_out(&self, component: &str) -> Result<()> {
        let name = format!("deployment/linkerd-{component}");
        self.kube.run(&["rollout", "status", &name, "-n", NAMESPACE, "--timeout=120s"]).await.map(drop)
    }

    /// Restarts control-plane Deployments as `kubectl rollout restart` does, without waiting.
    pub async fn restart(&self, components: &[&str]) -> Result<()> {
        let names: Vec<_> = components.iter().map(|name| format!("deployment/linkerd-{name}")).collect();
        let mut args = vec!["rollout", "restart", "-n", NAMESPACE];
        args.extend(names.iter().map(String::as_str));
        self.kube.run(&args).await.map(drop)
    }

    /// Waits until every pod of control plane and workloads is ready.
    pub async fn wait(&self) -> Result<()> {
        let limit = Duration::from_mins(2);
        workloads::ready(&self.kube, NAMESPACE, 3, limit).await?;
        workloads::ready(&self.kube, workloads::NAMESPACE, 1, limit).await
    }

    /// Sets the text of the trust bundle by a direct edit of its `ConfigMap`.
    pub async fn set_bundle(&self, text: &str) -> Result<()> {
        let patch = json!({"data": {"ca-bundle.crt": text}});
        self.kube.patch(NAMESPACE, "configmap/linkerd-identity-trust-roots", &patch).await
    }

    /// The same for what the mesh is on its way to; the anchor from before stays as `old-anchor.crt` and `.key`.
    pub fn keep_next(&self, pki: &Pki) -> Result<()> {
        for end in ["crt", "key"] {
            let old = self.files.join(format!("old-anchor.{end}"));
            std::fs::rename(self.files.join(format!("anchor.{end}")), &old).map_err(Error::file("writing", &old))?;
        }
        self.keep(pki)
    }

    /// Writes the certificates and keys of the mesh to its folder.
    pub fn keep(&self, pki: &Pki) -> Result<()> {
        std::fs::create_dir_all(&self.files).map_err(Error::file("making", &self.files))?;
        for (name, pair) in [("anchor", &pki.anchor), ("issuer", &pki.issuer)] {
            for (end, text) in [("crt", pair.crt()), ("key", pair.key()?)] {
                let path = self.files.join(format!("{name}.{end}"));
                std::fs::write(&path, text).map_err(Error::file("writing", &path))?;
            }
        }
        Ok(())
    }
}

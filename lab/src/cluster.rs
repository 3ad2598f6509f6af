//! A one-node Kubernetes on a [`Machine`] of its own.
//!
//! The API server is reached from the host through a port on its loopback; the host's network is otherwise untouched.

use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, ServiceAccount};
use kube::Api;
use tokio::process::Command;

use crate::error::{Error, Result};
use crate::image::{self, Image};
use crate::kubeconfig;
use crate::machine::{self, Machine, cgroup, poll};
use crate::parts::{self, Lock, Part};
use crate::paths;
use crate::pki::Pki;

mod config;
mod daemons;

/// The name of the lab where none is given.
pub const DEFAULT: &str = "bed";

/// The only node's name.
pub const NODE: &str = "lab";

/// How long the API server or the node may take; seconds where nothing is wrong.
const PATIENCE: Duration = Duration::from_secs(90);

/// A running cluster. The handle does not own it: it stays up when the handle is dropped.
#[derive(Clone, Debug)]
pub struct Cluster {
    name: String,
    machine: Machine,
}

impl Cluster {
    /// Brings the cluster up, or what is missing of it. Builds the parts first if need be.
    pub async fn up(name: &str) -> Result<Self> {
        let dir = paths::bed("beds", name)?;
        let _lock = Lock::take(&lock(&dir)).await?;
        parts::ensure_packages().await?;
        parts::ensure(&Part::CLUSTER).await?;
        if let Some(cluster) = Self::running(name, &dir) {
            cluster.start().await?;
            return Ok(cluster);
        }
        clear(name, &dir).await?;
        cgroup::create(&cgroup_name(name))?;
        let cluster = Self { name: name.into(), machine: Machine::boot(&dir).await? };
        cluster.machine.script(config::NETWORK).await?;
        cluster.start().await?;
        let whole = cluster.complete_marker();
        std::fs::write(&whole, "").map_err(Error::file("writing", &whole))?;
        Ok(cluster)
    }

    /// The cluster of that name, if it is up.
    pub fn find(name: &str) -> Result<Option<Self>> {
        Ok(Self::running(name, &paths::bed("beds", name)?))
    }

    /// The cluster of that name, or an error that says how to get it.
    pub fn require(name: &str) -> Result<Self> {
        Self::find(name)?
            .ok_or_else(|| Error::Refused(format!("no lab named `{name}` is up; start it with `lab up --name {name}`")))
    }

    /// Ends the cluster and removes all of it; fine when there is none.
    pub async fn down(name: &str) -> Result<()> {
        let dir = paths::bed("beds", name)?;
        let _lock = Lock::take(&lock(&dir)).await?;
        clear(name, &dir).await
    }

    /// The administrator's kubeconfig; works on the host and inside.
    pub fn kubeconfig(&self) -> PathBuf {
        self.machine.dir().join("kubeconfig")
    }

    /// The kubeconfig of a user without any rights.
    pub fn poor_kubeconfig(&self) -> PathBuf {
        self.machine.dir().join("poor.kubeconfig")
    }

    /// Makes a kubeconfig for any user, in one group if wished.
    pub async fn kubeconfig_for(&self, user: &str, group: Option<&str>) -> Result<String> {
        let server = self.server().await?;
        kubeconfig::for_user(&Pki::open(self.pki_dir())?, &server, user, group)
    }

    /// An administrator's client.
    pub async fn client(&self) -> Result<kube::Client> {
        kubeconfig::client(&self.kubeconfig()).await
    }

    /// The machine it runs on.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// A kubectl that speaks to this cluster as the administrator.
    pub fn kubectl(&self) -> Result<Command> {
        let mut command = Command::new(Part::Kubernetes.program("kubectl")?);
        command.env("KUBECONFIG", self.kubeconfig());
        Ok(command)
    }

    /// Puts an image into the node's store.
    pub async fn import(&self, image: &Image) -> Result<()> {
        image::import(&self.machine, image).await
    }

    /// The cluster's own processes and whether each runs.
    pub fn processes(&self) -> Vec<(&'static str, bool)> {
        daemons::NAMES.iter().map(|&name| (name, self.machine.runs(name))).collect()
    }

    /// Ends one of the cluster's processes; the next [`Self::up`] or [`Self::start`] brings it back.
    pub async fn stop_process(&self, name: &str) -> Result<()> {
        self.machine.kill(name).await
    }

    /// Starts whatever does not run and waits until the node is ready.
    pub async fn start(&self) -> Result<()> {
        let pki = daemons::pki(self.pki_dir())?;
        let daemons = daemons::Daemons { machine: &self.machine, pki: &pki, cgroup: cgroup_name(&self.name) };
        daemons.store().await?;
        let server = self.server().await?;
        kubeconfig::keep(&self.kubeconfig(), &pki, &server, "admin", Some("system:masters"))?;
        kubeconfig::keep(&self.poor_kubeconfig(), &pki, &server, "poor", None)?;
        image::import(&self.machine, &Image::pause().await?).await?;
        let client = self.client().await?;
        self.wait_for("the API server", async || api_ready(&client).await).await?;
        daemons.rest().await?;
        self.wait_for("the node", async || node_ready(&client).await).await
    }

    /// Waits until an answer is `Ok`, and says why when a process of the cluster has died meanwhile.
    async fn wait_for(&self, what: &str, mut ask: impl AsyncFnMut() -> Result<(), String>) -> Result<()> {
        let mut last = None;
        let answer = poll(PATIENCE, async || {
            match ask().await {
                Ok(()) => return Some(Ok(())),
                Err(why) => last = Some(why),
            }
            let started = |name: &str| self.machine.log(name).exists();
            let dead = daemons::NAMES.iter().find(|name| started(name) && !self.machine.runs(name));
            dead.map(|name| Err(self.machine.died(name)))
        });
        answer
            .await
            .unwrap_or_else(|| Err(Error::Timeout { what: format!("{what} becoming ready"), after: PATIENCE, last }))
    }

    /// The address of the API server on the host.
    async fn server(&self) -> Result<String> {
        let port = self.machine.forward(&format!("{}:443", config::NODE_IP)).await?;
        Ok(format!("https://127.0.0.1:{port}"))
    }

    /// A machine whose start was cut short is not taken over but cleared.
    fn running(name: &str, dir: &Path) -> Option<Self> {
        let cluster = Self { name: name.into(), machine: Machine::find(dir)? };
        cluster.complete_marker().exists().then_some(cluster)
    }

    fn complete_marker(&self) -> PathBuf {
        self.machine.dir().join("complete")
    }

    fn pki_dir(&self) -> PathBuf {
        self.machine.dir().join("pki")
    }
}

/// Outside the folder that `down` removes.
fn lock(dir: &Path) -> PathBuf {
    dir.with_extension("lock")
}

async fn clear(name: &str, dir: &Path) -> Result<()> {
    machine::clear(dir).await?;
    cgroup::remove(&cgroup_name(name))
}

/// Kubelets remove pods' cgroups that they do not know, so each has a root of its own.
fn cgroup_name(name: &str) -> String {
    format!("linkerd-certs-lab-{name}")
}

async fn api_ready(client: &kube::Client) -> Result<(), String> {
    let request = http::Request::get("/readyz").body(Vec::new()).map_err(|error| error.to_string())?;
    client.request_text(request).await.map(drop).map_err(|error| error.to_string())
}

/// Ready, and pods can be made: they need their namespace's service account, which a controller makes.
async fn node_ready(client: &kube::Client) -> Result<(), String> {
    let node = Api::<Node>::all(client.clone()).get(NODE).await.map_err(|error| error.to_string())?;
    let conditions = node.status.and_then(|status| status.conditions).unwrap_or_default();
    let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready").ok_or("no Ready condition yet")?;
    if ready.status != "True" {
        return Err(ready.message.unwrap_or_default());
    }
    let accounts = Api::<ServiceAccount>::default_namespaced(client.clone());
    accounts.get("default").await.map(drop).map_err(|error| error.to_string())
}

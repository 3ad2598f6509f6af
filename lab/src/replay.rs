//! A recorded state served by a real API server: etcd and kube-apiserver, no controllers, so nothing changes by itself.
//!
//! The objects are put into etcd as JSON, which the API server reads as it reads its own; so uids, timestamps and
//! statuses stay what they were when they were recorded.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::etcd;
use crate::kubeconfig;
use crate::machine::{self, Machine, poll};
use crate::parts::{self, Part};
use crate::paths;
use crate::pki::{Pki, Subject};

mod crds;
mod objects;
mod owner;

const PATIENCE: Duration = Duration::from_mins(1);

/// A served state.
#[derive(Debug)]
pub struct Replay {
    machine: Machine,
    /// Ends with the handle.
    owned: bool,
}

impl Replay {
    /// Serves a recorded state (a folder of `kubectl get -o json` files named after their resources) until the handle
    /// is dropped. Any number can be up at once.
    pub async fn up(state: &Path) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut replay = Self::start(&name, state, true).await?;
        replay.owned = true;
        Ok(replay)
    }

    /// Serves a recorded state until [`Self::down`] of that name. Another state under that name is replaced.
    pub async fn up_named(name: &str, state: &Path) -> Result<Self> {
        Self::start(name, state, false).await
    }

    /// Ends the replay of that name and removes all of it; fine when there is none.
    pub async fn down(name: &str) -> Result<()> {
        machine::clear(&paths::bed("replays", name)?).await
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.machine.dir().join("kubeconfig")
    }

    /// The kubeconfig of a user without any rights.
    pub fn poor_kubeconfig(&self) -> PathBuf {
        self.machine.dir().join("poor.kubeconfig")
    }

    /// An administrator's client.
    pub async fn client(&self) -> Result<kube::Client> {
        kubeconfig::client(&self.kubeconfig()).await
    }

    async fn start(name: &str, state: &Path, owned: bool) -> Result<Self> {
        let recorded = objects::read(state)?;
        parts::ensure(&Part::REPLAY).await?;
        owner::sweep(&paths::cache()?.join("replays"));
        let dir = paths::bed("replays", name)?;
        machine::clear(&dir).await?;
        if owned {
            owner::claim(&dir)?;
        }
        let machine = Machine::boot(&dir).await?;
        // Ends what was started so far if the rest fails.
        let mut replay = Self { machine, owned: true };
        replay.serve(&recorded).await?;
        replay.owned = owned;
        Ok(replay)
    }

    async fn serve(&self, recorded: &objects::Recorded) -> Result<()> {
        let machine = &self.machine;
        let data = machine.dir().join("etcd");
        machine.ensure("etcd", &Part::Etcd.program("etcd")?, &etcd::flags(&data)).await?;
        let socket = etcd::socket(&data);
        let listening = poll(PATIENCE, async || tokio::net::UnixStream::connect(&socket).await.ok());
        listening.await.ok_or_else(|| machine.died("etcd"))?;
        etcd::put(&socket, &recorded.stored).await?;

        let pki = Pki::open(machine.dir().join("pki"))?;
        pki.keep_key("service-accounts")?;
        pki.keep("apiserver", "ca", &Subject { user: "replay", group: None, hosts: &["127.0.0.1", "localhost"] })?;
        machine.ensure("kube-apiserver", &Part::Kubernetes.program("kube-apiserver")?, &apiserver(&pki)).await?;
        let port = machine.forward("127.0.0.1:443").await?;
        let server = format!("https://127.0.0.1:{port}");
        kubeconfig::keep(&self.kubeconfig(), &pki, &server, "admin", Some("system:masters"))?;
        kubeconfig::keep(&self.poor_kubeconfig(), &pki, &server, "poor", None)?;

        let client = self.client().await?;
        // Ready, and the recorded custom APIs are served as well.
        for path in std::iter::once("/readyz").chain(recorded.custom_apis.iter().map(String::as_str)) {
            let mut last = None;
            let answered = poll(PATIENCE, async || match get(&client, path).await {
                Ok(()) => Some(true),
                Err(_) if !machine.runs("kube-apiserver") => Some(false),
                Err(why) => {
                    last = Some(why);
                    None
                }
            });
            match answered.await {
                Some(true) => {}
                Some(false) => return Err(machine.died("kube-apiserver")),
                None => return Err(Error::Timeout { what: format!("an answer to {path}"), after: PATIENCE, last }),
            }
        }
        Ok(())
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        if self.owned {
            // What cannot be ended here is swept by the next replay.
            let _ = machine::clear_now(self.machine.dir());
        }
    }
}

async fn get(client: &kube::Client, path: &str) -> Result<(), String> {
    let request = http::Request::get(path).body(Vec::new()).map_err(|error| error.to_string())?;
    client.request_text(request).await.map(drop).map_err(|error| error.to_string())
}

fn apiserver(pki: &Pki) -> Vec<OsString> {
    let file = |name, kind| pki.path(name, kind).display().to_string();
    [
        "--etcd-servers=http://127.0.0.1:2379".into(),
        // Asked for although nobody is told; there is no route it could be taken from.
        "--advertise-address=10.200.0.1".into(),
        "--bind-address=127.0.0.1".into(),
        "--secure-port=443".into(),
        // No endpoints of its own beside the recorded ones.
        "--endpoint-reconciler-type=none".into(),
        "--service-cluster-ip-range=10.96.0.0/16".into(),
        format!("--client-ca-file={}", file("ca", "crt")),
        format!("--tls-cert-file={}", file("apiserver", "crt")),
        format!("--tls-private-key-file={}", file("apiserver", "key")),
        format!("--service-account-key-file={}", file("service-accounts", "crt")),
        format!("--service-account-signing-key-file={}", file("service-accounts", "key")),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local".into(),
        "--authorization-mode=RBAC".into(),
    ]
    .map(OsString::from)
    .into()
}

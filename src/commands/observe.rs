//! Where a verb's snapshot comes from: a cluster, or a file.

use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::Deserialize;

use crate::{
    cli::{ClusterArgs, LinkedArg, ProbeArg},
    cluster::{Cluster, Connect, LinkedCluster, Observe},
    error::Error,
    mesh::ProbeScope,
    snapshot::{SCHEMA_VERSION, Snapshot},
    ui::Ui,
};

use super::interrupt::Interrupts;

/// Where to read.
#[derive(Debug)]
pub(super) enum Origin {
    /// A saved snapshot; `-` is stdin.
    File(PathBuf),
    /// A live cluster.
    Cluster(Connect, Observe),
}

impl Origin {
    /// The origin that the arguments mean.
    pub(super) fn resolve(
        file: Option<PathBuf>,
        cluster: ClusterArgs,
        namespace: Option<String>,
        probe: ProbeArg,
    ) -> Self {
        if let Some(file) = file {
            return Self::File(file);
        }
        let connect = connect(&cluster);
        let probe = match probe {
            ProbeArg::None => ProbeScope::None,
            ProbeArg::ControlPlane => ProbeScope::ControlPlane,
            ProbeArg::Sample => ProbeScope::Sample,
            ProbeArg::All => ProbeScope::All,
        };
        let observe = Observe { control_plane_namespace: cluster.linkerd_namespace, namespace, probe };
        Self::Cluster(connect, observe)
    }

    /// Reads it, unless the user changes their mind.
    pub(super) async fn read(&self, now: Timestamp, ui: &Ui) -> Result<Snapshot, Error> {
        let (connect, observe) = match self {
            Self::File(file) => return read_file(file),
            Self::Cluster(connect, observe) => (connect, observe),
        };
        let _progress = ui.progress("reading the mesh");
        // Boxed: a reading of everything at once is a large future.
        let reading = Box::pin(async { Ok(Cluster::connect(connect).await?.observe(observe, now).await?) });
        Interrupts::new()?.or(reading).await
    }
}

/// Reaches a linked cluster that was named, as whom its own is reached.
pub(super) async fn link(connect: &Connect, named: &LinkedArg) -> Result<LinkedCluster, Error> {
    let connect = Connect { context: Some(named.context.clone()), ..connect.clone() };
    Ok(LinkedCluster::connect(&connect, named.link.clone()).await?)
}

/// How to reach the cluster that the arguments name.
pub(super) fn connect(cluster: &ClusterArgs) -> Connect {
    Connect {
        context: cluster.context.clone(),
        kubeconfig: cluster.kubeconfig.clone(),
        user: cluster.as_user.clone(),
        groups: cluster.as_groups.clone(),
        request_timeout: cluster.request_timeout,
    }
}

pub(super) fn read_file(file: &Path) -> Result<Snapshot, Error> {
    let mut text = Vec::new();
    let read = if file == Path::new("-") {
        io::stdin().lock().read_to_end(&mut text).map(drop)
    } else {
        std::fs::read(file).map(|bytes| text = bytes)
    };
    read.map_err(|source| Error::Unreadable { file: named(file), source })?;
    parse(file, &text)
}

/// The version is looked at first: what else another version says means nothing here.
fn parse(file: &Path, text: &[u8]) -> Result<Snapshot, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Head {
        schema_version: u64,
    }
    let not_a_snapshot = |source| Error::NotASnapshot { file: named(file), source };
    let head: Head = serde_json::from_slice(text).map_err(not_a_snapshot)?;
    if head.schema_version != u64::from(SCHEMA_VERSION) {
        return Err(Error::OtherVersion { file: named(file), found: head.schema_version });
    }
    serde_json::from_slice(text).map_err(not_a_snapshot)
}

fn named(file: &Path) -> PathBuf {
    if file == Path::new("-") { PathBuf::from("stdin") } else { file.to_owned() }
}

//! kwok, the kubelet of the simulated nodes.

use std::ffi::OsString;

use super::LABEL;
use crate::cluster::Cluster;
use crate::error::Result;
use crate::parts::{self, Part};

const STAGES: [&str; 5] = ["node-initialize", "node-heartbeat-with-lease", "pod-ready", "pod-complete", "pod-delete"];

/// Starts it on the cluster's machine, unless it runs.
pub(super) async fn start(cluster: &Cluster) -> Result<()> {
    parts::ensure(&[Part::Kwok]).await?;
    let mut args = vec![
        format!("--kubeconfig={}", cluster.kubeconfig().display()),
        format!("--manage-nodes-with-label-selector={LABEL}=true"),
        "--node-lease-duration-seconds=40".into(),
        "--cidr=10.128.0.0/9".into(),
        "--v=WARN".into(),
    ];
    for stage in STAGES {
        args.push(format!("--config={}", Part::Kwok.program(&format!("{stage}.yaml"))?.display()));
    }
    let args: Vec<OsString> = args.into_iter().map(OsString::from).collect();
    cluster.machine().ensure("kwok", &Part::Kwok.program("kwok")?, &args).await
}

/// Ends it.
pub(super) async fn stop(cluster: &Cluster) -> Result<()> {
    cluster.machine().kill("kwok").await
}

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::{LinkedArg, ProbeArg, SelectionArgs, WholeMesh, value};

/// How a run goes about it that moves a live mesh, be it forth or back.
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct RunArgs {
    /// Show the plan and what was verified of it, and change nothing; 5 is returned where something would stop it
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Explain each step and ask before it
    #[arg(long, conflicts_with_all = ["yes", "dry_run"])]
    pub interactive: bool,
    /// How many workloads are restarted at once
    #[arg(long, value_name = "NUMBER", default_value_t = 8)]
    pub max_parallel: usize,
    /// Which proxies are asked between the steps: sample or all
    #[arg(long, value_name = "WHICH", default_value = "sample", hide_possible_values = true)]
    pub probe: ProbeArg,
    /// Which workloads are restarted, and which of them last.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Leave this workload as it is, NAMESPACE/KIND/NAME, knowing that it may lose the mesh; may be given more than once
    #[arg(long, value_name = "WORKLOAD", value_parser = value::workload)]
    pub leave: Vec<crate::snapshot::WorkloadRef>,
    /// Answer for a verifier outside the cluster, as the refusal names it; may be given more than once
    #[arg(long, value_name = "NAME")]
    pub answer_for: Vec<String>,
    /// Read this linked cluster as well, through its context of the kubeconfig: a run waits for what is lacking there, as
    /// long as --hold says. LINK=CONTEXT where the Link has another name than the context; may be given more than once
    #[arg(long = "linked-context", value_name = "[LINK=]CONTEXT")]
    pub linked: Vec<LinkedArg>,
    /// Keep this anchor in the bundle (SHA-256 of the certificate), for what nothing in this cluster shows: another
    /// cluster, a machine outside; may be given more than once
    #[arg(long, value_name = "FINGERPRINT")]
    pub keep_anchor: Vec<crate::pki::Fingerprint>,
    /// Where proxies refuse each other already, go on although more of them do until the last has been restarted
    #[arg(long)]
    pub accept_refusals: bool,
    /// How long to wait for what only an operator can replace, such as 10m
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = value::request_timeout)]
    pub hold: Duration,
    /// How long a workload may take to get ready with its new pods
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = value::request_timeout)]
    pub rollout_timeout: Duration,
    /// Save what may be touched, as it is now, and the record of the run in this new folder
    #[arg(long, value_name = "DIR")]
    pub backup_dir: Option<PathBuf>,
    /// Where a Helm release, Argo CD or Flux writes these objects: put the values for each stage into this folder, and
    /// wait as long as --hold says until they have arrived
    #[arg(long, value_name = "DIR")]
    pub emit: Option<PathBuf>,
    /// Write to objects of a Helm release all the same: its next upgrade brings its own certificates back, unless its
    /// values were brought in line before
    #[arg(long, conflicts_with = "emit")]
    pub edit_owned: bool,
    /// What is not to be had.
    #[command(flatten)]
    pub whole: WholeMesh,
}

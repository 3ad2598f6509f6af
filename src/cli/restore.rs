use std::path::PathBuf;

use clap::Args;

use super::{BroughtIssuerArgs, ClusterArgs, LifetimeArg, ProbeArg, RotateArgs, SelectionArgs, value};

const EXAMPLES: &str = "\
Examples:
  restore DIR --show      what the backup holds; no cluster is asked
  restore DIR --dry-run   how the cluster differs, the plan, and nothing else
  restore DIR             asks before it begins
  restore DIR --yes       for a script

A run saves in DIR what it may touch, and names it when it begins. Pods may
have loaded and may present what came since, so nothing is simply written
back: restore goes the way of a rotation, to the anchor and issuer of the
backup. Run it again after whatever stopped it: it goes on where the mesh is.

Exit status:
  0 done, 1 could not run, 2 wrong usage, 5 stopped at a safety gate with
  the mesh whole, 130 interrupted";

/// `restore`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct RestoreArgs {
    /// The folder that a run saved the state before it in
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Show what the backup holds, and ask no cluster
    #[arg(long, conflicts_with_all = ["dry_run", "yes"])]
    pub show: bool,
    /// Show the plan and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
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
    /// Where proxies refuse each other already, go on although more of them do until the last has been restarted
    #[arg(long)]
    pub accept_refusals: bool,
    /// How long to wait for what only an operator can replace, such as 10m
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = value::request_timeout)]
    pub hold: std::time::Duration,
    /// Explain each step and ask before it
    #[arg(long, conflicts_with_all = ["yes", "dry_run", "show"])]
    pub interactive: bool,
    /// Keep this anchor in the bundle as well (SHA-256 of the certificate); may be given more than once
    #[arg(long, value_name = "FINGERPRINT")]
    pub keep_anchor: Vec<crate::pki::Fingerprint>,
    /// How long a workload may take to get ready with its new pods
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = value::request_timeout)]
    pub rollout_timeout: std::time::Duration,
    /// Where a Helm release, Argo CD or Flux writes these objects: put the values for each stage into this folder, and
    /// wait as long as --hold says until they have arrived
    #[arg(long, value_name = "DIR")]
    pub emit: Option<PathBuf>,
    /// Write to objects of a Helm release all the same, whose next upgrade brings its own certificates back
    #[arg(long, conflicts_with = "emit")]
    pub edit_owned: bool,
    /// Save what may be touched, as it is now, in this new folder
    #[arg(long, value_name = "DIR")]
    pub backup_dir: Option<PathBuf>,
    /// Where.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

impl RestoreArgs {
    /// What it has in common with the rotations, and what of theirs it has no use for.
    pub(crate) fn common(self) -> RotateArgs {
        RotateArgs {
            issuer_lifetime: LifetimeArg::default(),
            dry_run: self.dry_run,
            yes: self.yes,
            patient: false,
            max_parallel: self.max_parallel,
            probe: self.probe,
            selection: self.selection,
            leave: self.leave,
            answer_for: self.answer_for,
            hold: self.hold,
            backup_dir: self.backup_dir,
            force: false,
            accept_refusals: self.accept_refusals,
            interactive: self.interactive,
            keep_anchor: self.keep_anchor,
            rollout_timeout: self.rollout_timeout,
            emit: self.emit,
            edit_owned: self.edit_owned,
            issuer: BroughtIssuerArgs::default(),
            cluster: self.cluster,
        }
    }
}

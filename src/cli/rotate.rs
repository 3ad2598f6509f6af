use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{BroughtAnchorArgs, BroughtIssuerArgs, ClusterArgs, LifetimeArg, ProbeArg, SelectionArgs, TrimArg, value};

const EXAMPLES: &str = "\
Examples:
  rotate                                           says what is due and why,
                                                   and asks before it begins
  rotate --interactive                             explains each step and asks
  rotate --anchor-key anchor.key                   where only the issuer is
                                                   due, replaces only that
  rotate --due anchor --dry-run                    the plan, due or not

Run it again after whatever stopped it: it goes on where the mesh is.

Exit status:
  0 done, or nothing is due, 1 could not run, 2 wrong usage, 5 stopped at a
  safety gate with the mesh whole, 130 interrupted";

const ANCHOR_EXAMPLES: &str = "\
Examples:
  rotate-anchor --dry-run                          the plan, and nothing else
  rotate-anchor --interactive                      explains each step and asks
  rotate-anchor --anchor-key-out anchor.key        asks before it begins
  rotate-anchor --anchor-key-out anchor.key --yes  for a script

Run it again after whatever stopped it: it goes on where the mesh is.

Exit status:
  0 done, 1 could not run, 2 wrong usage, 5 stopped at a safety gate with
  the mesh whole, 130 interrupted";

const ISSUER_EXAMPLES: &str = "\
Examples:
  rotate-issuer --anchor-key anchor.key            asks before it begins
  rotate-issuer --anchor-key anchor.key --yes      for a script
  rotate-issuer --anchor-key anchor.key --interactive
                                                   explains each step and asks

Run it again after whatever stopped it: it goes on where the mesh is.

Exit status:
  0 done, 1 could not run, 2 wrong usage, 5 stopped at a safety gate with
  the mesh whole, 130 interrupted";

/// `rotate`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RotateDueArgs {
    /// Take this as due: anchor or issuer. A rotation that is under way is finished all the same
    #[arg(long, value_name = "WHAT", hide_possible_values = true, requires_if("issuer", "anchor_key"))]
    pub due: Option<DueArg>,
    /// The present anchor's key, in PEM: then an issuer that is due needs no new anchor
    #[arg(long, value_name = "FILE")]
    pub anchor_key: Option<PathBuf>,
    /// The first line of this file is that key's password
    #[arg(long, value_name = "FILE", requires = "anchor_key")]
    pub anchor_key_password_file: Option<PathBuf>,
    /// What becomes of a new anchor, where there is to be one.
    #[command(flatten)]
    pub anchor: RotatedAnchorArgs,
    /// What holds for every rotation.
    #[command(flatten)]
    pub common: RotateArgs,
}

/// What is taken as due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DueArg {
    /// The trust anchor, and the issuer with it.
    Anchor,
    /// The issuer alone.
    Issuer,
}

/// `rotate-anchor`.
#[derive(Clone, Debug, Args)]
#[command(after_help = ANCHOR_EXAMPLES)]
pub struct RotateAnchorArgs {
    /// What becomes of the new anchor.
    #[command(flatten)]
    pub place: RotatedAnchorArgs,
    /// A new anchor that was made elsewhere.
    #[command(flatten)]
    pub anchor: BroughtAnchorArgs,
    /// What holds for every rotation.
    #[command(flatten)]
    pub common: RotateArgs,
}

/// What becomes of a new anchor, and of the old one.
#[derive(Clone, Debug, Args)]
pub struct RotatedAnchorArgs {
    /// Write the new anchor's key to this file, which is new, or the same as in a run before; its certificate goes
    /// beside it, as .crt; where a terminal is there, it is asked for
    #[arg(long, value_name = "FILE", conflicts_with = "discard_anchor_key")]
    pub anchor_key_out: Option<PathBuf>,
    /// Forget the new anchor's key: the next issuer will need a new anchor
    #[arg(long)]
    pub discard_anchor_key: bool,
    /// How long the new anchor lives
    #[arg(long, value_name = "TIME", default_value = "10y")]
    pub anchor_lifetime: LifetimeArg,
    /// What becomes of proxies that still trust the old anchor: now (they are restarted) or lazy (they drop it when they
    /// are replaced for another reason)
    #[arg(long, value_name = "WHEN", default_value = "now", hide_possible_values = true)]
    pub trim: TrimArg,
}

/// `rotate-issuer`.
#[derive(Clone, Debug, Args)]
#[command(after_help = ISSUER_EXAMPLES)]
pub struct RotateIssuerArgs {
    /// The present anchor's key, in PEM; where it is encrypted, its password is asked for
    #[arg(long, value_name = "FILE", required_unless_present_any = ["issuer_cert", "csr_out"])]
    pub anchor_key: Option<PathBuf>,
    /// The first line of this file is that password
    #[arg(long, value_name = "FILE", requires = "anchor_key")]
    pub anchor_key_password_file: Option<PathBuf>,
    /// What holds for every rotation.
    #[command(flatten)]
    pub common: RotateArgs,
}

/// What holds for every rotation.
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct RotateArgs {
    /// How long the new issuer lives; never longer than its anchor
    #[arg(long, value_name = "TIME", default_value = "1y")]
    pub issuer_lifetime: LifetimeArg,
    /// Show the plan and what was verified of it, and change nothing; 5 is returned where something would stop it
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Explain each step and ask before it
    #[arg(long, conflicts_with_all = ["yes", "dry_run"])]
    pub interactive: bool,
    /// Wait for leafs to renew themselves instead of restarting their pods: up to 17 hours
    #[arg(long)]
    pub patient: bool,
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
    /// Keep this anchor in the bundle (SHA-256 of the certificate), for what nothing in this cluster shows: another
    /// cluster, a machine outside; may be given more than once
    #[arg(long, value_name = "FINGERPRINT")]
    pub keep_anchor: Vec<crate::pki::Fingerprint>,
    /// Where proxies refuse each other already, go on although more of them do until the last has been restarted
    #[arg(long)]
    pub accept_refusals: bool,
    /// How long to wait for what only an operator can replace, such as 10m
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = value::request_timeout)]
    pub hold: std::time::Duration,
    /// How long a workload may take to get ready with its new pods
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = value::request_timeout)]
    pub rollout_timeout: std::time::Duration,
    /// Save what may be touched, and the record of the run, in this new folder
    #[arg(long, value_name = "DIR")]
    pub backup_dir: Option<PathBuf>,
    /// Where a Helm release, Argo CD or Flux writes these objects: put the values for each stage into this folder, and
    /// wait as long as --hold says until they have arrived
    #[arg(long, value_name = "DIR")]
    pub emit: Option<PathBuf>,
    /// Write to objects of a Helm release all the same: its next upgrade brings the old certificates back, unless its
    /// values were brought in line before
    #[arg(long, conflicts_with = "emit")]
    pub edit_owned: bool,
    /// Rotate although what is there was made by a run of the last day
    #[arg(long)]
    pub force: bool,
    /// An issuer that is signed elsewhere.
    #[command(flatten)]
    pub issuer: BroughtIssuerArgs,
    /// Where.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

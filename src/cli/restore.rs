use std::path::PathBuf;

use clap::Args;

use super::{ClusterArgs, RunArgs};

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
pub struct RestoreArgs {
    /// The folder that a run saved the state before it in
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Show what the backup holds, and ask no cluster
    #[arg(long, conflicts_with_all = ["dry_run", "yes", "interactive"])]
    pub show: bool,
    /// How the run goes about it.
    #[command(flatten)]
    pub run: RunArgs,
    /// Where.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

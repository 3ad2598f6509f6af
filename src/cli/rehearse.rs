use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::{
    simulate::{Broken, Fault},
    snapshot::WorkloadRef,
};

use super::{ClusterArgs, LIVE_ONLY, ProbeArg, SelectionArgs, value};

const EXAMPLES: &str = "\
Examples:
  rehearse rotate-anchor                             on a built-in mesh
  rehearse rotate-anchor --interactive               explains each step, asks
  rehearse rotate-anchor --live                      on a likeness of yours
  rehearse rotate-anchor --snapshot mesh.json        of one that was saved
  rehearse rotate-anchor --fault kill:7              killed after its 7th
                                                     write, then run again
  rehearse rotate-anchor --fault never-ready:web     a rollout that fails
  rehearse recover-expired                           an issuer that ran out
  rehearse recover-expired --live --state anchor-expired
                                                     what if yours ran out
  rehearse renew-webhooks                            webhook certificates

Nothing is changed anywhere: the mesh is simulated, by Linkerd's own rules, with
keys of its own. `check -o snapshot > mesh.json` saves yours, without keys.";

/// `rehearse`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RehearseArgs {
    /// What to rehearse.
    #[command(subcommand)]
    pub what: Rehearsal,
}

/// What can be rehearsed.
#[derive(Clone, Debug, Subcommand)]
pub enum Rehearsal {
    /// Replace the trust anchor and the issuer of a simulated mesh
    RotateAnchor(RehearseRotation),
    /// Replace the issuer of a simulated mesh under its present anchor
    RotateIssuer(RehearseRotation),
    /// Bring a simulated mesh back whose certificates have expired
    RecoverExpired(RehearseRecovery),
    /// Renew the webhook certificates of a simulated mesh; in the built-in one they are near their end
    RenewWebhooks(RehearseRenewal),
}

/// How to rehearse a recovery.
#[derive(Clone, Debug, Args)]
pub struct RehearseRecovery {
    /// What has happened to the mesh: issuer-expired, anchor-expired, both-expired, identity-down, trimmed-too-early or
    /// premature-issuer; a mesh from a snapshot, or the live one, is taken as it is where this is not given
    #[arg(long, value_name = "STATE", value_parser = value::broken)]
    pub state: Option<Broken>,
    /// The keys of the mesh's anchors are lost
    #[arg(long)]
    pub without_anchor_key: bool,
    /// How the rehearsal goes about it.
    #[command(flatten)]
    pub run: RehearseRun,
}

/// How to rehearse a renewal of webhook certificates.
#[derive(Clone, Debug, Args)]
pub struct RehearseRenewal {
    /// Renew all that there are, and not only what is due
    #[arg(long)]
    pub all: bool,
    /// On what, and whether it asks.
    #[command(flatten)]
    pub on: RehearsedOn,
    /// What goes wrong: kill:N (after write N), conflict:N, missed-reload:SERVICE or never-ready:NAME; may be given more
    /// than once
    #[arg(long = "fault", value_name = "FAULT", value_parser = value::fault)]
    pub faults: Vec<Fault>,
    /// The live mesh.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// How to rehearse a rotation.
#[derive(Clone, Debug, Args)]
pub struct RehearseRotation {
    /// What becomes of proxies that still trust the old anchor: now (they are restarted) or lazy (they drop it when they
    /// are replaced for another reason)
    #[arg(long, value_name = "WHEN", default_value = "now", hide_possible_values = true)]
    pub trim: TrimArg,
    /// Wait for leafs to renew themselves instead of restarting their pods
    #[arg(long)]
    pub patient: bool,
    /// How the rehearsal goes about it.
    #[command(flatten)]
    pub run: RehearseRun,
}

/// What a rehearsal is on, and whether it asks.
#[derive(Clone, Debug, Args)]
pub struct RehearsedOn {
    /// A mesh like the live one, which is only read, instead of the built-in one; so does any flag that names a cluster
    #[arg(long)]
    pub live: bool,
    /// A mesh like the one in this snapshot; - reads stdin
    #[arg(long, value_name = "FILE", conflicts_with_all = LIVE_ONLY, conflicts_with = "live")]
    pub snapshot: Option<PathBuf>,
    /// Explain each step and ask before it
    #[arg(long)]
    pub interactive: bool,
}

/// How a rehearsal goes about it that restarts workloads.
#[derive(Clone, Debug, Args)]
pub struct RehearseRun {
    /// On what, and whether it asks.
    #[command(flatten)]
    pub on: RehearsedOn,
    /// What goes wrong: kill:N (after write N), conflict:N, missed-update, never-ready:NAME, unseen:NAME or
    /// clock-ahead:TIME; may be given more than once
    #[arg(long = "fault", value_name = "FAULT", value_parser = value::fault)]
    pub faults: Vec<Fault>,
    /// How many workloads are restarted at once
    #[arg(long, value_name = "NUMBER", default_value_t = 8)]
    pub max_parallel: usize,
    /// Which workloads are restarted, and which of them last.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Leave this workload as it is, NAMESPACE/KIND/NAME, knowing that it may lose the mesh; may be given more than once
    #[arg(long, value_name = "WORKLOAD", value_parser = value::workload)]
    pub leave: Vec<WorkloadRef>,
    /// Which proxies are asked between the steps: sample or all
    #[arg(long, value_name = "WHICH", default_value = "sample", hide_possible_values = true)]
    pub probe: ProbeArg,
    /// The live mesh.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// When proxies drop the old anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TrimArg {
    /// They are restarted.
    Now,
    /// When they are replaced for another reason.
    Lazy,
}

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{ClusterArgs, LIVE_ONLY, Moment, NamespaceArgs, ThresholdArg};

const EXAMPLES: &str = "\
Examples:
  check                              what is true now, and what to do next
  check --at +30d                    how it will look in thirty days
  check --probe all -o wide          ask every proxy; show all of it
  check -o short --fail-on critical  for a script: a line for each finding
  check -o snapshot > mesh.json      save what was seen, without private keys
  check --snapshot mesh.json         look at it again, without a cluster

Exit status:
  0 fine, 1 could not run, 2 wrong usage, 3 warnings, 4 critical,
  130 interrupted";

/// `check`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CheckArgs {
    /// How to write the answer: table, wide, json, yaml, short (a line for each finding) or snapshot
    #[arg(short, long, value_name = "FORMAT", default_value = "table", hide_possible_values = true)]
    pub output: Format,
    /// Which proxies to ask what they hold: none, control-plane (its own, and one for each bundle), sample (one for each
    /// workload and bundle) or all
    #[arg(long, value_name = "WHICH", default_value = "control-plane", hide_possible_values = true)]
    pub probe: ProbeArg,
    /// Read a saved snapshot instead of a cluster; - reads stdin
    #[arg(long, value_name = "FILE", conflicts_with_all = LIVE_ONLY, conflicts_with = "probe")]
    pub snapshot: Option<PathBuf>,
    /// Judge as of another moment: +30d, 2027-01-01, 2027-01-01T08:00:00Z, or now
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub at: Option<Moment>,
    /// Warn when less than this is left: a share of the lifetime, a time, or both (then the shorter) [default: 25%,60d]
    #[arg(long, value_name = "LEFT")]
    pub warn_below: Option<ThresholdArg>,
    /// The same for critical [default: 10%,14d]
    #[arg(long, value_name = "LEFT")]
    pub critical_below: Option<ThresholdArg>,
    /// From which severity on the exit status tells: warning, critical or never
    #[arg(long, value_name = "SEVERITY", default_value = "warning", hide_possible_values = true)]
    pub fail_on: FailOn,
    /// Where to look.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// At what of it.
    #[command(flatten)]
    pub part: NamespaceArgs,
}

/// How `check` writes its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For people, with fingerprints, subjects and all places.
    Wide,
    /// For programs.
    Json,
    /// The same document as YAML.
    Yaml,
    /// A line for each finding.
    Short,
    /// What was read, without judgement.
    Snapshot,
}

/// Which proxies are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProbeArg {
    /// None.
    None,
    /// The control plane's, and one pod for each distinct bundle.
    ControlPlane,
    /// The control plane's, and one pod for each distinct bundle of each workload.
    Sample,
    /// Every one.
    All,
}

/// The least severity that the exit status tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Warnings and worse.
    Warning,
    /// Critical findings only.
    Critical,
    /// None.
    Never,
}

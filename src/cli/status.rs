use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use super::{ClusterArgs, LIVE_ONLY, LinkedArg, NamespaceArgs, ProbeArg, value};

const EXAMPLES: &str = "\
Examples:
  status                             the PKI as a tree, the stage, what is next
  status --watch                     the same, drawn anew as it changes
  status --probe all -o wide         ask every proxy; list every workload
  status -o short | grep ^workload   a line for each workload

Exit status:
  0 it could be read, 1 could not run, 2 wrong usage, 130 interrupted";

/// `status`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct StatusArgs {
    /// How to write the answer: tree, wide (every workload), json, yaml or short (a line for each thing)
    #[arg(short, long, value_name = "FORMAT", default_value = "tree", hide_possible_values = true)]
    pub output: StatusFormat,
    /// Look again and again until Ctrl-C; outside of a terminal, write only what is new
    #[arg(short, long)]
    pub watch: bool,
    /// With --watch: how long to wait between two looks, such as 5s; at least 1s
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = interval)]
    pub interval: Duration,
    /// Which proxies to ask what they hold: none, control-plane (its own, and one for each bundle), sample (one for each
    /// workload and bundle) or all [default: sample, and all where that leaves a rotation in doubt]
    #[arg(long, value_name = "WHICH", hide_possible_values = true)]
    pub probe: Option<ProbeArg>,
    /// Read a saved snapshot instead of a cluster; - reads stdin
    #[arg(long, value_name = "FILE", conflicts_with_all = LIVE_ONLY, conflicts_with = "probe")]
    pub snapshot: Option<PathBuf>,
    /// Look at this linked cluster as well, through its context of the kubeconfig; LINK=CONTEXT where the Link has another
    /// name than the context; may be given more than once
    #[arg(long = "linked-context", value_name = "[LINK=]CONTEXT", conflicts_with = "snapshot")]
    pub linked: Vec<LinkedArg>,
    /// Where to look.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// At what of it.
    #[command(flatten)]
    pub part: NamespaceArgs,
}

/// How `status` writes its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StatusFormat {
    /// For people.
    Tree,
    /// For people, with every workload, subjects and whole fingerprints.
    Wide,
    /// For programs.
    Json,
    /// The same document as YAML.
    Yaml,
    /// A line for each thing.
    Short,
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = value::request_timeout(text)?;
    if interval < Duration::from_secs(1) { Err("less than 1s".to_owned()) } else { Ok(interval) }
}

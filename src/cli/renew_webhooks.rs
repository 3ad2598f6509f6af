use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::{ClusterArgs, LifetimeArg, ProbeArg, RunArgs, SelectionArgs, WholeMesh, value};

const EXAMPLES: &str = "\
Examples:
  renew-webhooks --dry-run                    every webhook, what is due, and
                                              the plan
  renew-webhooks                              renews what is due, asks first
  renew-webhooks --all --yes                  all of them, for a script
  renew-webhooks tap tap-injector             these, due or not
  renew-webhooks --ca-cert ca.crt --ca-key ca.key
                                              signed by an authority of yours

No call of a webhook fails while it runs, whatever its failurePolicy. Run it
again after whatever stopped it: it goes on where the cluster is.

Exit status:
  0 done, or nothing is due, 1 could not run, 2 wrong usage, 5 stopped at a
  safety gate with every webhook as callable as before, 130 interrupted";

/// `renew-webhooks`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RenewWebhooksArgs {
    /// Renew these, due or not: names of Services, webhooks, their configurations or APIServices; what is due by default
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Renew all that there are
    #[arg(long, conflicts_with = "names")]
    pub all: bool,
    /// How long the new certificates live
    #[arg(long, value_name = "TIME", default_value = "365d")]
    pub webhook_lifetime: LifetimeArg,
    /// Restart what has come up without a proxy meanwhile; otherwise it is asked for, or the commands are shown
    #[arg(long)]
    pub restart_unmeshed: bool,
    /// Where the certificates come from.
    #[command(flatten)]
    pub source: ServerSourceArgs,
    /// How the run goes about it.
    #[command(flatten)]
    pub run: RenewRunArgs,
    /// Where.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// Where the certificates come from, where they are not made as Linkerd's charts make them: signed by themselves.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Certificates from elsewhere")]
pub struct ServerSourceArgs {
    /// Sign them with this authority, in PEM
    #[arg(long, value_name = "FILE", requires = "ca_key", conflicts_with = "cert")]
    pub ca_cert: Option<PathBuf>,
    /// That authority's key
    #[arg(long, value_name = "FILE", requires = "ca_cert")]
    pub ca_key: Option<PathBuf>,
    /// The first line of this file is its password
    #[arg(long, value_name = "FILE", requires = "ca_key")]
    pub ca_key_password_file: Option<PathBuf>,
    /// The new certificate of the one webhook that is named, in PEM, then what stands between it and its authority
    #[arg(long, value_name = "FILE", requires = "key", requires = "names")]
    pub cert: Option<PathBuf>,
    /// That certificate's key
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// The first line of this file is its password
    #[arg(long, value_name = "FILE", requires = "key")]
    pub key_password_file: Option<PathBuf>,
    /// The authority that signed that certificate, in PEM, where it did not sign itself
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub ca: Option<PathBuf>,
}

/// How a run goes about it that renews webhook certificates.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = None)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct RenewRunArgs {
    /// Show the plan and what was verified of it, and change nothing; 5 is returned where something would stop it
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Explain each step and ask before it
    #[arg(long, conflicts_with_all = ["yes", "dry_run"])]
    pub interactive: bool,
    /// Renew although what is there was made by a run of the last day
    #[arg(long)]
    pub force: bool,
    /// How long a workload may take to get ready with its new pods, where one has to be restarted
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = value::request_timeout)]
    pub rollout_timeout: Duration,
    /// Save what may be touched, as it is now, and the record of the run in this new folder
    #[arg(long, value_name = "DIR")]
    pub backup_dir: Option<PathBuf>,
}

impl From<RenewRunArgs> for RunArgs {
    fn from(arguments: RenewRunArgs) -> Self {
        let RenewRunArgs { dry_run, yes, interactive, force: _, rollout_timeout, backup_dir } = arguments;
        Self {
            dry_run,
            yes,
            interactive,
            max_parallel: 8,
            probe: ProbeArg::Sample,
            selection: SelectionArgs::default(),
            leave: Vec::new(),
            answer_for: Vec::new(),
            linked: Vec::new(),
            keep_anchor: Vec::new(),
            accept_refusals: false,
            hold: Duration::ZERO,
            rollout_timeout,
            backup_dir,
            emit: None,
            edit_owned: false,
            whole: WholeMesh::default(),
        }
    }
}

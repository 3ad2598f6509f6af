//! The command line as people type it. Parsed here and nowhere else; `commands` turns it into settings.

mod brought;
mod check;
mod cluster;
mod generate;
mod recover;
mod rehearse;
mod renew_webhooks;
mod restore;
mod rotate;
mod run;
mod selection;
mod status;
mod value;

use std::{ffi::OsString, path::Path};

use clap::{ArgAction, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

pub use brought::{BroughtAnchorArgs, BroughtIssuerArgs};
pub use check::{CheckArgs, FailOn, Format, ProbeArg};
use cluster::LIVE_ONLY;
pub use cluster::{ClusterArgs, NamespaceArgs, WholeMesh};
pub use generate::{Algorithm, AnchorArgs, GenerateArgs, GenerateFormat, NewAnchorArgs};
pub use recover::RecoverArgs;
pub use rehearse::{
    Rehearsal, RehearseArgs, RehearseRecovery, RehearseRenewal, RehearseRotation, RehearseRun, RehearsedOn, TrimArg,
};
pub use renew_webhooks::{RenewRunArgs, RenewWebhooksArgs, ServerSourceArgs};
pub use restore::RestoreArgs;
pub use rotate::{DueArg, RotateAnchorArgs, RotateArgs, RotateDueArgs, RotateIssuerArgs, RotatedAnchorArgs};
pub use run::RunArgs;
pub use selection::SelectionArgs;
pub use status::{StatusArgs, StatusFormat};
pub use value::{LifetimeArg, LinkedArg, Moment, ThresholdArg};

const ABOUT: &str = "\
Reads a live Linkerd mesh, says what is true of its trust anchors, its identity issuer, its proxies and its webhooks, \
and replaces anchor and issuer step by step. A cluster is changed only by verbs that say so, and they ask first.";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(version, about = ABOUT, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
    /// What holds for every verb.
    #[command(flatten)]
    pub global: GlobalArgs,
}

/// One verb a variant.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Look at every certificate and every copy of the trust bundle
    Check(Box<CheckArgs>),
    /// Show the PKI as a tree, where a rotation stands, and what comes next
    Status(Box<StatusArgs>),
    /// Make the trust anchor and the identity issuer of a new install
    Generate(Box<GenerateArgs>),
    /// See what is due, and rotate the trust anchor or the issuer
    Rotate(Box<RotateDueArgs>),
    /// Replace the trust anchor, and the issuer with it
    RotateAnchor(Box<RotateAnchorArgs>),
    /// Replace the issuer under the present anchor
    RotateIssuer(Box<RotateIssuerArgs>),
    /// Bring a mesh back whose issuer or anchor has expired, or was lost
    RecoverExpired(Box<RecoverArgs>),
    /// Renew the certificates of Linkerd's webhooks, without a gap
    RenewWebhooks(Box<RenewWebhooksArgs>),
    /// Show what a backup holds, and put it back
    Restore(Box<RestoreArgs>),
    /// Go through a rotation or a recovery on a simulated mesh
    Rehearse(Box<RehearseArgs>),
    /// Say which version this is
    Version(VersionArgs),
}

/// How to write to the terminal.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Terminal")]
pub struct GlobalArgs {
    /// When to use colour: auto (on a terminal, unless `NO_COLOR` is set), always or never
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    pub color: ColorChoice,
    /// Say on stderr what is being read; given twice, every request
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// `version`.
#[derive(Clone, Copy, Debug, Args)]
pub struct VersionArgs {
    /// How to write it: text or json
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    pub output: VersionFormat,
}

/// How `version` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VersionFormat {
    /// One line.
    Text,
    /// A JSON object.
    Json,
}

impl Cli {
    /// Parses `arguments`, the program's own name first.
    ///
    /// # Errors
    /// What clap wants to say instead: a usage error, help, or the version.
    pub fn parse_from_arguments(arguments: &[OsString]) -> Result<Self, clap::Error> {
        let name = program_name(arguments.first());
        // `bin_name` is what usage lines show; `name` is what `--version` shows.
        let mut command = Self::command().name(name).bin_name(name);
        let matches = command.try_get_matches_from_mut(arguments)?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

/// How the user called this: kubectl turns `kubectl linkerd-certs` into `kubectl-linkerd_certs`, and the linkerd CLI
/// turns `linkerd certs` into `linkerd-certs`.
fn program_name(started_as: Option<&OsString>) -> &'static str {
    let stem = started_as.and_then(|path| Path::new(path).file_stem()).and_then(|stem| stem.to_str());
    if stem == Some("linkerd-certs") { "linkerd certs" } else { "kubectl linkerd-certs" }
}

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{BroughtAnchorArgs, BroughtIssuerArgs, ClusterArgs, LifetimeArg, RunArgs, TrimArg};

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
// What is flattened before it has a heading of its own, which would go on to hold for these.
#[command(next_help_heading = None)]
pub struct RotateArgs {
    /// How long the new issuer lives; never longer than its anchor
    #[arg(long, value_name = "TIME", default_value = "1y")]
    pub issuer_lifetime: LifetimeArg,
    /// How the run goes about it.
    #[command(flatten)]
    pub run: RunArgs,
    /// Wait for leafs to renew themselves instead of restarting their pods: up to 17 hours
    #[arg(long)]
    pub patient: bool,
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

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::{Cli, LinkedArg, Verb};

    #[test]
    fn linked_clusters_are_named_one_by_one_for_rotations_and_restores() {
        let linked = |verb: &[&str]| {
            let named = ["--linked-context", "west", "--linked-context", "north=my-north"];
            let typed = [&["linkerd-certs"], verb, &named[..]].concat();
            match Cli::try_parse_from(typed).unwrap().verb {
                Verb::Rotate(rotate) => rotate.common.run.linked,
                Verb::RotateAnchor(rotate) => rotate.common.run.linked,
                Verb::RotateIssuer(rotate) => rotate.common.run.linked,
                Verb::Restore(restore) => restore.run.linked,
                other => panic!("{other:?}"),
            }
        };
        let expected = [
            LinkedArg { link: None, context: "west".to_owned() },
            LinkedArg { link: Some("north".to_owned()), context: "my-north".to_owned() },
        ];
        for verb in [&["rotate"][..], &["rotate-anchor"], &["rotate-issuer", "--anchor-key", "k"], &["restore", "dir"]]
        {
            assert_eq!(linked(verb), expected, "{verb:?}");
        }
    }
}

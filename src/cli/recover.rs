use std::path::PathBuf;

use clap::Args;

use super::{BroughtIssuerArgs, ClusterArgs, LifetimeArg, RunArgs};

const EXAMPLES: &str = "\
Examples:
  recover-expired                                   says what is wrong and the
                                                    way back, and asks
  recover-expired --anchor-key anchor.key --yes     with the anchor's key
  recover-expired --anchor-key-out new.key --yes    without it: a new anchor
  recover-expired --dry-run                         the way back, and nothing
                                                    else

Where nothing has expired it says so, does nothing, and names the verb that
fits. Run it again after whatever stopped it: it goes on where the mesh is.

Exit status:
  0 done, or nothing to do, 1 could not run, 2 wrong usage, 3 done, but for
  what only you can restart, 5 stopped at a safety gate, 130 interrupted";

/// `recover-expired`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RecoverArgs {
    /// The key of a trust anchor that the mesh has, in PEM, whether that has ended or not: then no proxy has to learn a
    /// new one. Where it is encrypted, its password is asked for
    #[arg(long, value_name = "FILE", conflicts_with_all = ["anchor_key_out", "discard_anchor_key"])]
    pub anchor_key: Option<PathBuf>,
    /// The first line of this file is that password
    #[arg(long, value_name = "FILE", requires = "anchor_key")]
    pub anchor_key_password_file: Option<PathBuf>,
    /// Its certificate, where the mesh has lost it, or a new anchor that was made elsewhere
    #[arg(long, value_name = "FILE")]
    pub anchor_cert: Option<PathBuf>,
    /// Where there is no key: make a new anchor, and write its key to this file, which is new, or the same as in a run
    /// before; its certificate goes beside it, as .crt
    #[arg(long, value_name = "FILE", conflicts_with = "discard_anchor_key")]
    pub anchor_key_out: Option<PathBuf>,
    /// Where there is no key: make a new anchor, and forget its key; the next issuer will need a new anchor
    #[arg(long)]
    pub discard_anchor_key: bool,
    /// How long an anchor lives that is made or renewed
    #[arg(long, value_name = "TIME", default_value = "10y")]
    pub anchor_lifetime: LifetimeArg,
    /// How long a new issuer lives; never longer than its anchor
    #[arg(long, value_name = "TIME", default_value = "1y")]
    pub issuer_lifetime: LifetimeArg,
    /// Write to objects that Helm, Argo CD, Flux, cert-manager or trust-manager writes as well, and say what has to be
    /// committed there afterwards: until that is done, they may bring the old certificates back
    #[arg(long, conflicts_with = "emit")]
    pub break_glass: bool,
    /// How the run goes about it.
    #[command(flatten)]
    pub run: RunArgs,
    /// An issuer that is signed elsewhere.
    #[command(flatten)]
    pub issuer: BroughtIssuerArgs,
    /// Where.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

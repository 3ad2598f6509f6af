use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::LifetimeArg;

const EXAMPLES: &str = "\
Examples:
  generate --out mesh                         a new trust anchor and issuer
  generate --out mesh --anchor-key-out ca.key keep the anchor's key elsewhere
  generate --out mesh --anchor-cert ca.crt --anchor-key ca.key
                                              an issuer under an anchor at hand
  generate --out mesh -o helm > values.yaml   what Helm needs, less the key

Exit status:
  0 made, 1 could not run, 2 wrong usage, 130 interrupted";

/// What says how a new trust anchor should be, and so means nothing where there is one.
const NEW_ANCHOR_ONLY: [&str; 4] = ["algorithm", "anchor_lifetime", "anchor_key_out", "discard_anchor_key"];

/// `generate`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct GenerateArgs {
    /// Write ca.crt, ca.key, issuer.crt and issuer.key into this folder, which is new or empty
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// How to write the answer: table, json, yaml or helm (a values file with the certificates; keys are never printed)
    #[arg(short, long, value_name = "FORMAT", default_value = "table", hide_possible_values = true)]
    pub output: GenerateFormat,
    /// The mesh's trust domain
    #[arg(long, value_name = "DOMAIN", default_value = "cluster.local")]
    pub trust_domain: String,
    /// The namespace that the control plane will have
    #[arg(short = 'L', long, value_name = "NAME", default_value = "linkerd")]
    pub linkerd_namespace: String,
    /// How long the identity issuer lives, such as 8760h, 365d or 1y; never longer than its anchor
    #[arg(long, value_name = "TIME", default_value = "1y")]
    pub issuer_lifetime: LifetimeArg,
    /// How the trust anchor comes about.
    #[command(flatten)]
    pub new_anchor: NewAnchorArgs,
    /// The trust anchor that is there already.
    #[command(flatten)]
    pub anchor: AnchorArgs,
}

/// A trust anchor that is to be made.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "New trust anchor")]
pub struct NewAnchorArgs {
    /// Its key: ecdsa-p256, rsa-2048 or rsa-4096; an issuer's is always ecdsa-p256
    #[arg(long, value_name = "KEY", default_value = "ecdsa-p256", hide_possible_values = true)]
    pub algorithm: Algorithm,
    /// How long it lives
    #[arg(long, value_name = "TIME", default_value = "10y")]
    pub anchor_lifetime: LifetimeArg,
    /// Write its key to this new file instead of ca.key
    #[arg(long, value_name = "FILE", conflicts_with = "discard_anchor_key")]
    pub anchor_key_out: Option<PathBuf>,
    /// Forget its key: the next issuer will need a new anchor
    #[arg(long)]
    pub discard_anchor_key: bool,
}

/// A trust anchor that is there already.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Trust anchor at hand")]
pub struct AnchorArgs {
    /// Its certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "anchor_key", conflicts_with_all = NEW_ANCHOR_ONLY)]
    pub anchor_cert: Option<PathBuf>,
    /// Its key, in PEM; where it is encrypted, its password is asked for
    #[arg(long, value_name = "FILE", requires = "anchor_cert")]
    pub anchor_key: Option<PathBuf>,
    /// The first line of this file is that password
    #[arg(long, value_name = "FILE", requires = "anchor_key")]
    pub anchor_key_password_file: Option<PathBuf>,
}

/// How `generate` writes its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GenerateFormat {
    /// For people, with the commands that install Linkerd.
    Table,
    /// For programs.
    Json,
    /// The same document as YAML.
    Yaml,
    /// A values file for the chart linkerd-control-plane.
    Helm,
}

/// The kind of a new key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Algorithm {
    /// ECDSA on P-256.
    EcdsaP256,
    /// RSA with 2048 bits.
    #[value(name = "rsa-2048")]
    Rsa2048,
    /// RSA with 4096 bits.
    #[value(name = "rsa-4096")]
    Rsa4096,
}

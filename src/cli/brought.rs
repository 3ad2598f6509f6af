use std::path::PathBuf;

use clap::Args;

/// A new trust anchor that was made elsewhere.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Certificates from elsewhere")]
pub struct BroughtAnchorArgs {
    /// The new anchor's certificate, in PEM
    #[arg(long, value_name = "FILE", conflicts_with_all = ["anchor_key_out", "discard_anchor_key"])]
    pub anchor_cert: Option<PathBuf>,
    /// The key of the new anchor, or of the one that a rotation under way has put into the bundle
    #[arg(long, value_name = "FILE", conflicts_with_all = ["anchor_key_out", "discard_anchor_key"])]
    pub anchor_key: Option<PathBuf>,
    /// The first line of this file is its password
    #[arg(long, value_name = "FILE", requires = "anchor_key")]
    pub anchor_key_password_file: Option<PathBuf>,
}

/// An identity issuer that is signed elsewhere.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Certificates from elsewhere")]
pub struct BroughtIssuerArgs {
    /// The new issuer's certificate, in PEM, then what stands between it and its anchor
    #[arg(long, value_name = "FILE", requires = "issuer_key")]
    pub issuer_cert: Option<PathBuf>,
    /// The new issuer's key
    #[arg(long, value_name = "FILE", requires = "issuer_cert")]
    pub issuer_key: Option<PathBuf>,
    /// The first line of this file is its password
    #[arg(long, value_name = "FILE", requires = "issuer_key")]
    pub issuer_key_password_file: Option<PathBuf>,
    /// Only write a request for the new issuer to this new file, to be signed elsewhere
    #[arg(long, value_name = "FILE", requires = "issuer_key_out", conflicts_with = "issuer_cert")]
    pub csr_out: Option<PathBuf>,
    /// Where the key of that request goes: a new file
    #[arg(long, value_name = "FILE", requires = "csr_out")]
    pub issuer_key_out: Option<PathBuf>,
}

use std::{convert::Infallible, path::PathBuf, time::Duration};

use clap::Args;

use super::value;

/// Which cluster and which control plane; the flags are kubectl's and the linkerd CLI's own.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterArgs {
    /// Context of the kubeconfig to use
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// The kubeconfig file to use
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Namespace of the control plane, where it is not the only one
    #[arg(short = 'L', long, value_name = "NAME", value_parser = value::namespace)]
    pub linkerd_namespace: Option<String>,
    /// Read as this user
    #[arg(long = "as", value_name = "USER")]
    pub as_user: Option<String>,
    /// With --as: read as a member of this group; may be given more than once
    #[arg(long = "as-group", value_name = "GROUP", requires = "as_user")]
    pub as_groups: Vec<String>,
    /// Give up a request after this long, such as 30s or 1m; 0 for never
    #[arg(long, value_name = "TIME", value_parser = value::request_timeout)]
    pub request_timeout: Option<Duration>,
}

/// What means nothing to a saved snapshot.
pub(super) const LIVE_ONLY: [&str; 6] =
    ["context", "kubeconfig", "linkerd_namespace", "as_user", "as_groups", "request_timeout"];

impl ClusterArgs {
    /// Whether anything says which cluster or control plane is meant.
    pub(crate) fn names_one(&self) -> bool {
        let Self { context, kubeconfig, linkerd_namespace, as_user, as_groups: _, request_timeout: _ } = self;
        context.is_some() || kubeconfig.is_some() || linkerd_namespace.is_some() || as_user.is_some()
    }
}

/// Which part of a mesh is looked at.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Cluster")]
pub struct NamespaceArgs {
    /// Look only at proxies of this namespace, and at the control plane
    #[arg(short, long, value_name = "NAME", value_parser = value::namespace)]
    pub namespace: Option<String>,
}

/// kubectl's `--namespace` where it has no meaning: half of a mesh cannot be moved, and nobody shall believe that it was.
#[derive(Clone, Debug, Default, Args)]
pub struct WholeMesh {
    /// Always refused.
    #[arg(short, long, value_name = "NAME", value_parser = refused, hide = true)]
    namespace: Option<Infallible>,
}

fn refused(_: &str) -> Result<Infallible, String> {
    Err("a mesh is moved as a whole; `--only NAMESPACE` says whose workloads are restarted".to_owned())
}

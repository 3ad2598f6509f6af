use futures::future::{join, join_all};
use jiff::Timestamp;

use crate::{
    mesh::ProbeScope,
    snapshot::{self, Snapshot},
};

use super::{Cluster, Connect, Error, Observe};

/// A cluster that shares trust with another one, and is read whenever that one is.
pub struct LinkedCluster {
    context: String,
    link: Option<String>,
    cluster: Cluster,
    /// Its control plane's.
    namespace: String,
}

impl LinkedCluster {
    /// Connects to the cluster of `connect`, whose context is named, and finds its control plane. `link` is the Link that
    /// it is said to be the target of.
    ///
    /// # Errors
    /// When there is no such context, the server does not answer, or there is not one control plane.
    pub async fn connect(connect: &Connect, link: Option<String>) -> Result<Self, Error> {
        let cluster = Cluster::connect(connect).await?;
        let namespace = cluster.control_plane(None).await?;
        let context = cluster.about().context.clone().or_else(|| connect.context.clone()).unwrap_or_default();
        Ok(Self { context, link, cluster, namespace })
    }

    /// Whether it is the control plane in `namespace` of `other`.
    pub fn is_same_as(&self, other: &Cluster, namespace: &str) -> bool {
        self.cluster.server() == other.server() && self.namespace == namespace
    }

    /// The context that leads there.
    pub fn context(&self) -> &str {
        &self.context
    }

    /// Reads a cluster, and these with it, all at once. What of these cannot be read now says so, and may be there again
    /// at the next look.
    ///
    /// # Errors
    /// When the cluster itself cannot be read.
    pub async fn observe(
        own: &Cluster,
        linked: &[Self],
        what: &Observe,
        taken_at: Timestamp,
    ) -> Result<Snapshot, Error> {
        let others = join_all(linked.iter().map(|one| one.read(what.probe, taken_at)));
        let (snapshot, linked) = join(Box::pin(own.observe(what, taken_at)), others).await;
        Ok(Snapshot { linked, ..snapshot? })
    }

    async fn read(&self, scope: ProbeScope, taken_at: Timestamp) -> snapshot::LinkedCluster {
        // What leafs its proxies present is what it is read for.
        let probe = if scope == ProbeScope::All { ProbeScope::All } else { ProbeScope::Sample };
        let what = Observe { control_plane_namespace: Some(self.namespace.clone()), probe, ..Observe::default() };
        let seen = Box::pin(self.cluster.observe(&what, taken_at)).await;
        let why = |error: Error| error.to_string().lines().next().unwrap_or_default().to_owned();
        snapshot::LinkedCluster {
            context: self.context.clone(),
            link: self.link.clone(),
            seen: seen.map(Box::new).map_err(why),
        }
    }
}

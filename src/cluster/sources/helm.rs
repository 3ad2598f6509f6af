use serde_json::Value;

use crate::{
    cluster::{
        decode::helm,
        objects::{Listing, Objects, SECRETS},
    },
    snapshot::{HelmRelease, Owner, Source, TrustRoots},
};

use super::Reader;

const CHART: &str = "linkerd-control-plane-";

impl<O: Objects> Reader<'_, O> {
    /// The Helm release of the control plane: the one that the trust roots' ConfigMap names, or, where that is not
    /// known, one of Linkerd's chart in the control plane's namespace.
    pub(in crate::cluster) async fn helm(&self, roots: &Source<TrustRoots>) -> Source<HelmRelease> {
        let owners = roots.found().map(|roots| roots.meta.owners.as_slice()).unwrap_or_default();
        let owner = owners.iter().find_map(|owner| match owner {
            Owner::Helm { release, namespace } => Some((release.as_str(), namespace.as_str())),
            _ => None,
        });
        let (release, namespace) = match owner {
            Some((release, "")) => (Some(release), self.namespace),
            Some((release, namespace)) => (Some(release), namespace),
            None => (None, self.namespace),
        };
        let newest = |status: &'static str| self.newest(namespace, release, status);
        // Helm starts an upgrade from the deployed revision. A release without one failed at its first.
        let deployed = newest("status=deployed").await;
        if deployed.is_missing() { newest("status!=superseded").await } else { deployed }
    }

    async fn newest(&self, namespace: &str, release: Option<&str>, status: &str) -> Source<HelmRelease> {
        let mut labels = format!("owner=helm,{status}");
        if let Some(release) = release {
            labels.push_str(",name=");
            labels.push_str(release);
        }
        let (mut newest, mut broken) = (None::<HelmRelease>, None);
        let take = |value: &Value| match helm::release(value) {
            Ok(found) => {
                let newer = newest.as_ref().is_none_or(|newest| newest.revision < found.revision);
                if newer && (release.is_some() || found.chart.starts_with(CHART)) {
                    newest = Some(found);
                }
            }
            Err(reason) => broken = Some(reason),
        };
        let listing = Listing::within(SECRETS, namespace).labelled(&labels).selected("type=helm.sh/release.v1");
        match (self.each(listing, take).await, newest, broken) {
            (Err(unread), ..) => unread.into(),
            (_, Some(newest), _) => Source::Found(newest),
            (_, None, Some(reason)) => Source::Failed(reason),
            (_, None, None) => Source::Missing,
        }
    }
}

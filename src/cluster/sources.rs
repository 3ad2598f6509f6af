//! What is read of a mesh, source by source: each tells for itself whether it was found, missing, forbidden or failed.

mod cert_manager;
mod discover;
mod events;
mod helm;
mod webhooks;

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use serde_json::Value;

use crate::snapshot::{ExternalWorkload, IssuerSecret, Link, Mesh, Namespace, Source, TrustRoots, Values};

use super::{
    Error, decode,
    objects::{CONFIG_MAPS, Kind, Listing, Objects, SECRETS, Unread},
    pods::Fold,
};

pub(super) use self::discover::{ControlPlane, discover};

/// Reads the sources of one control plane.
pub(super) struct Reader<'a, O> {
    pub(super) objects: &'a O,
    /// The control plane's namespace.
    pub(super) namespace: &'a str,
    /// Namespaces of extensions.
    pub(super) extensions: Vec<&'a str>,
    /// Whether the server answered anything, were it a refusal.
    answered: AtomicBool,
    /// The first request that it did not answer.
    lost: Mutex<Option<Error>>,
}

impl<'a, O: Objects> Reader<'a, O> {
    pub(super) fn new(objects: &'a O, namespace: &'a str, namespaces: &'a [Namespace]) -> Self {
        let extensions = namespaces.iter().filter(|namespace| namespace.extension.is_some());
        Self {
            objects,
            namespace,
            extensions: extensions.map(|namespace| namespace.name.as_str()).collect(),
            answered: AtomicBool::new(false),
            lost: Mutex::new(None),
        }
    }

    /// Why nothing was read, where the server answered nothing at all.
    pub(super) fn unanswered(self) -> Option<Error> {
        let lost = self.lost.into_inner().unwrap_or_else(PoisonError::into_inner);
        lost.filter(|_| !self.answered.into_inner())
    }

    pub(super) async fn trust_roots(&self) -> Source<TrustRoots> {
        let read = self.get(CONFIG_MAPS, self.namespace, "linkerd-identity-trust-roots").await;
        read.map(|value| decode::config_map::trust_roots(&value))
    }

    pub(super) async fn config(&self) -> Source<Values> {
        let read = self.get(CONFIG_MAPS, self.namespace, "linkerd-config").await;
        then(read, |value| decode::config_map::config(&value))
    }

    pub(super) async fn overrides(&self) -> Source<Values> {
        let read = self.get(SECRETS, self.namespace, "linkerd-config-overrides").await;
        then(read, |value| decode::secret::overrides(&value))
    }

    pub(super) async fn issuer(&self) -> Source<IssuerSecret> {
        let read = self.get(SECRETS, self.namespace, "linkerd-identity-issuer").await;
        read.map(|value| decode::secret::issuer(&value))
    }

    /// The pods of all namespaces; where the user may not list them, those of the control plane and of the namespace
    /// `wanted`, and the mesh says that there may be others.
    pub(super) async fn mesh(&self, namespaces: &[Namespace], wanted: Option<&str>) -> Source<Mesh> {
        let mut fold = Fold::new(self.namespace, namespaces);
        let Some(wanted) = wanted else { return self.pods_of([None], &mut fold).await.map(|()| fold.finish()) };
        let everywhere = self.pods_of([None], &mut fold).await;
        let Source::Forbidden(_) = everywhere else { return everywhere.map(|()| fold.finish()) };
        let mut only = vec![self.namespace.to_owned(), wanted.to_owned()];
        only.dedup();
        let read = self.pods_of(only.iter().map(|namespace| Some(namespace.as_str())), &mut fold).await;
        read.map(|()| Mesh { only, ..fold.finish() })
    }

    async fn pods_of<'n>(&self, places: impl IntoIterator<Item = Option<&'n str>>, fold: &mut Fold) -> Source<()> {
        for place in places {
            if let Err(unread) = self.note(self.objects.pods(place, fold).await) {
                return unread.into();
            }
        }
        Source::Found(())
    }

    pub(super) async fn external_workloads(&self) -> Source<Vec<ExternalWorkload>> {
        self.first_served("workload.linkerd.io", "externalworkloads", &["v1beta1", "v1alpha1"], |value| {
            decode::mesh::external_workload(value)
        })
        .await
    }

    pub(super) async fn links(&self) -> Source<Vec<Link>> {
        self.first_served("multicluster.linkerd.io", "links", &["v1alpha3", "v1alpha2", "v1alpha1"], |value| {
            decode::mesh::link(value)
        })
        .await
    }

    /// All of a kind, in the first of these versions that the server knows.
    async fn first_served<T: Send>(
        &self,
        group: &'static str,
        plural: &'static str,
        versions: &[&'static str],
        decode: impl Fn(&Value) -> T + Send + Sync,
    ) -> Source<Vec<T>> {
        for version in versions {
            let found = self.list(Listing::all(Kind { group, version, plural }), &decode).await;
            if !found.is_missing() {
                return found;
            }
        }
        Source::Missing
    }

    async fn get(&self, kind: Kind, namespace: &str, name: &str) -> Source<Value> {
        match self.note(self.objects.get(kind, namespace, name).await) {
            Ok(value) => Source::Found(value),
            Err(unread) => unread.into(),
        }
    }

    async fn list<T: Send>(&self, listing: Listing<'_>, decode: impl Fn(&Value) -> T + Send + Sync) -> Source<Vec<T>> {
        let mut found = Vec::new();
        match self.each(listing, |value| found.push(decode(value))).await {
            Ok(()) => Source::Found(found),
            Err(unread) => unread.into(),
        }
    }

    async fn each(&self, listing: Listing<'_>, each: impl FnMut(&Value) + Send) -> Result<(), Unread> {
        self.note(self.objects.list(listing, each).await)
    }

    fn note<T>(&self, read: Result<T, Unread>) -> Result<T, Unread> {
        match read {
            Err(Unread::Lost(error)) => {
                let reason = error.reason();
                let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
                lost.get_or_insert(error);
                Err(Unread::Failed(reason))
            }
            other => {
                self.answered.store(true, Ordering::Relaxed);
                other
            }
        }
    }
}

/// What a found value leads to.
fn then<T, U>(source: Source<T>, with: impl FnOnce(T) -> Source<U>) -> Source<U> {
    match source {
        Source::Found(value) => with(value),
        Source::Missing => Source::Missing,
        Source::Forbidden(right) => Source::Forbidden(right),
        Source::Failed(reason) => Source::Failed(reason),
    }
}

/// Both lists as one. Where either cannot be seen, neither can their whole: half of it would read as all.
fn both<T>(one: Source<Vec<T>>, other: Source<Vec<T>>) -> Source<Vec<T>> {
    match (one, other) {
        (Source::Found(mut one), Source::Found(other)) => {
            one.extend(other);
            Source::Found(one)
        }
        (Source::Forbidden(one), Source::Forbidden(other)) => Source::Forbidden(format!("{one}, {other}")),
        (found @ Source::Found(_), Source::Missing) => found,
        (Source::Missing | Source::Found(_), other) => other,
        (hidden, _) => hidden,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_two_lists_is_not_all_of_them() {
        let found = || Source::Found(vec![1_u8]);
        let forbidden = || Source::Forbidden("list x".to_owned());
        assert_eq!(both(found(), found()), Source::Found(vec![1, 1]));
        assert_eq!(both(found(), Source::Missing), found());
        assert_eq!(both(Source::Missing, found()), found());
        assert_eq!(both(found(), forbidden()), forbidden());
        assert_eq!(both(forbidden(), found()), forbidden());
        assert_eq!(both(forbidden(), forbidden()), Source::<Vec<u8>>::Forbidden("list x, list x".to_owned()));
        assert_eq!(both::<u8>(Source::Missing, Source::Missing), Source::Missing);
    }
}

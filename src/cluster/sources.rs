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

use crate::snapshot::{
    ExternalWorkload, HiddenPart, IssuerScheme, IssuerSecret, Link, Mesh, Namespace, Source, TrustRoots, Values,
};

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
    /// What is missing of sources that were read in part.
    hidden_parts: Mutex<Vec<HiddenPart>>,
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
            hidden_parts: Mutex::default(),
        }
    }

    /// What is missing of the sources that were read in part so far.
    pub(super) fn hidden_parts(&self) -> Vec<HiddenPart> {
        let mut parts = std::mem::take(&mut *self.hidden_parts.lock().unwrap_or_else(PoisonError::into_inner));
        parts.sort_by(|one, other| one.resource.cmp(&other.resource));
        parts
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
        read.and_then(|value| decode::config_map::config(&value))
    }

    pub(super) async fn overrides(&self) -> Source<Values> {
        let read = self.get(SECRETS, self.namespace, "linkerd-config-overrides").await;
        read.and_then(|value| decode::secret::overrides(&value))
    }

    /// The issuer, under the keys that identity reads by this configuration.
    pub(super) async fn issuer(&self, config: &Source<Values>) -> Source<IssuerSecret> {
        let scheme = config.found().and_then(|values| values.issuer_scheme.as_deref()).map(IssuerScheme::of_flag);
        let read = self.get(SECRETS, self.namespace, "linkerd-identity-issuer").await;
        read.map(|value| decode::secret::issuer(&value, scheme))
    }

    /// The pods of all namespaces; where the user may not list them, those of the control plane and of the namespace
    /// `wanted`, and the mesh says that there may be others.
    pub(super) async fn mesh(&self, namespaces: &[Namespace], wanted: Option<&str>) -> Source<Mesh> {
        let mut fold = Fold::new(self.namespace, namespaces);
        let Some(wanted) = wanted else { return self.pods_of(&[None], &mut fold).await.map(|()| fold.finish()) };
        let everywhere = self.pods_of(&[None], &mut fold).await;
        let Source::Forbidden(_) = everywhere else { return everywhere.map(|()| fold.finish()) };
        let mut only = vec![self.namespace.to_owned(), wanted.to_owned()];
        only.dedup();
        let places: Vec<Option<&str>> = only.iter().map(|namespace| Some(namespace.as_str())).collect();
        let read = self.pods_of(&places, &mut fold).await;
        read.map(|()| Mesh { only, ..fold.finish() })
    }

    async fn pods_of(&self, places: &[Option<&str>], fold: &mut Fold) -> Source<()> {
        for &place in places {
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

    /// Several kinds as one source. Where some can be seen and others cannot, those are noted.
    fn together<T, const N: usize>(&self, kinds: [(Kind, Source<Vec<T>>); N]) -> Source<Vec<T>> {
        let (all, hidden) = together(kinds);
        self.hidden_parts.lock().unwrap_or_else(PoisonError::into_inner).extend(hidden);
        all
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

/// Several kinds as one source, and what it lacks. Hidden only where no kind was found and one is hidden.
fn together<T, const N: usize>(kinds: [(Kind, Source<Vec<T>>); N]) -> (Source<Vec<T>>, Vec<HiddenPart>) {
    let (mut found, mut hidden) = (None::<Vec<T>>, Vec::new());
    for (kind, source) in kinds {
        let why = match source {
            Source::Found(items) => {
                found.get_or_insert_default().extend(items);
                continue;
            }
            Source::Missing => continue,
            Source::Forbidden(right) => Source::Forbidden(right),
            Source::Failed(reason) => Source::Failed(reason),
        };
        hidden.push(HiddenPart { resource: kind.resource(), why });
    }
    if let Some(found) = found {
        return (Source::Found(found), hidden);
    }
    let rights: Vec<&str> = hidden
        .iter()
        .filter_map(|part| match &part.why {
            Source::Forbidden(right) => Some(right.as_str()),
            _ => None,
        })
        .collect();
    let whole = match hidden.first().map(|part| &part.why) {
        Some(Source::Failed(reason)) => Source::Failed(reason.clone()),
        Some(_) => Source::Forbidden(rights.join(", ")),
        None => Source::Missing,
    };
    (whole, Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Kind = Kind { group: "example.io", version: "v1", plural: "ones" };
    const OTHER: Kind = Kind { group: "example.io", version: "v1", plural: "others" };

    fn of(one: Source<Vec<u8>>, other: Source<Vec<u8>>) -> (Source<Vec<u8>>, Vec<String>) {
        let (all, hidden) = together([(ONE, one), (OTHER, other)]);
        (all, hidden.into_iter().map(|part| part.resource).collect())
    }

    #[test]
    fn a_kind_that_is_hidden_does_not_hide_the_others() {
        let found = || Source::Found(vec![1]);
        let forbidden = |right: &str| Source::Forbidden(right.to_owned());
        assert_eq!(of(found(), found()), (Source::Found(vec![1, 1]), vec![]));
        assert_eq!(of(found(), Source::Missing), (found(), vec![]));
        assert_eq!(of(Source::Missing, found()), (found(), vec![]));
        assert_eq!(of(found(), forbidden("x")), (found(), vec!["others.example.io".to_owned()]));
        assert_eq!(of(Source::Failed("x".to_owned()), found()), (found(), vec!["ones.example.io".to_owned()]));
    }

    #[test]
    fn where_nothing_is_found_the_whole_is_hidden_or_missing() {
        let forbidden = |right: &str| Source::Forbidden(right.to_owned());
        assert_eq!(of(Source::Missing, Source::Missing), (Source::Missing, vec![]));
        assert_eq!(of(forbidden("list x"), forbidden("list y")), (forbidden("list x, list y"), vec![]));
        assert_eq!(of(Source::Missing, forbidden("list y")), (forbidden("list y"), vec![]));
        assert_eq!(of(Source::Failed("z".to_owned()), forbidden("y")), (Source::Failed("z".to_owned()), vec![]));
    }
}

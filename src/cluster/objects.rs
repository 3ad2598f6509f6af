use serde_json::Value;

use crate::snapshot::Source;

use super::{Error, pods::Fold};

/// A kind of object, by where it is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// API group; empty for the core.
    pub group: &'static str,
    /// Version.
    pub version: &'static str,
    /// Name of the resource.
    pub plural: &'static str,
}

/// Which objects to list.
#[derive(Clone, Copy, Debug)]
pub struct Listing<'a> {
    /// What they are.
    pub kind: Kind,
    /// Where; everywhere where it is `None`.
    pub namespace: Option<&'a str>,
    /// Label selector.
    pub labels: &'a str,
    /// Field selector.
    pub fields: &'a str,
}

/// Where objects come from: an API server, or what was recorded of one.
pub trait Objects: Sync {
    /// One object.
    fn get(&self, kind: Kind, namespace: &str, name: &str) -> impl Future<Output = Result<Value, Unread>> + Send;

    /// Each of some objects.
    fn list(
        &self,
        listing: Listing<'_>,
        each: impl FnMut(&Value) + Send,
    ) -> impl Future<Output = Result<(), Unread>> + Send;

    /// Every pod of one namespace, or of all, folded.
    fn pods(&self, namespace: Option<&str>, fold: &mut Fold) -> impl Future<Output = Result<(), Unread>> + Send;
}

/// Why something was not read.
#[derive(Debug)]
pub enum Unread {
    /// It is not there, or its API is not served.
    Missing,
    /// The user lacks this right.
    Forbidden(String),
    /// The server answered, but not with what was asked for.
    Failed(String),
    /// The server did not answer, or no longer knows the user.
    Lost(Error),
}

// === impl Kind ===

impl Kind {
    const fn core(plural: &'static str) -> Self {
        Self { group: "", version: "v1", plural }
    }

    /// The resource as an RBAC rule or `kubectl auth can-i` names it.
    pub fn resource(self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// The path under which it is served, in one namespace or in all.
    pub fn path(self, namespace: Option<&str>) -> String {
        let Self { group, version, plural } = self;
        let root = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        match namespace {
            Some(namespace) => format!("{root}/namespaces/{namespace}/{plural}"),
            None => format!("{root}/{plural}"),
        }
    }

    /// The right to do `verb` with it, in words.
    pub fn right(self, verb: &str, namespace: Option<&str>) -> String {
        let place = namespace.map_or_else(|| "all namespaces".to_owned(), |name| format!("namespace {name}"));
        format!("{verb} {} in {place}", self.resource())
    }
}

pub(super) const NAMESPACES: Kind = Kind::core("namespaces");
pub(super) const CONFIG_MAPS: Kind = Kind::core("configmaps");
pub(super) const SECRETS: Kind = Kind::core("secrets");
pub(super) const SERVICES: Kind = Kind::core("services");
pub(super) const EVENTS: Kind = Kind::core("events");
pub(super) const PODS: Kind = Kind::core("pods");

/// Labels, such as a Service's selector, as a label selector; `None` where there are none: that selects no pods, and not
/// all of them.
pub(super) fn selector<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<String> {
    let pairs: Vec<_> = labels.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    (!pairs.is_empty()).then(|| pairs.join(","))
}

// === impl Listing ===

impl<'a> Listing<'a> {
    /// All of a kind.
    pub fn all(kind: Kind) -> Self {
        Self { kind, namespace: None, labels: "", fields: "" }
    }

    /// Those in one namespace.
    pub fn within(kind: Kind, namespace: &'a str) -> Self {
        Self { namespace: Some(namespace), ..Self::all(kind) }
    }

    /// Those that a label selector picks.
    #[must_use]
    pub fn labelled(self, labels: &'a str) -> Self {
        Self { labels, ..self }
    }

    /// Those that a field selector picks.
    #[must_use]
    pub fn selected(self, fields: &'a str) -> Self {
        Self { fields, ..self }
    }
}

// === impl Unread ===

impl<T> From<Unread> for Source<T> {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Missing => Self::Missing,
            Unread::Forbidden(right) => Self::Forbidden(right),
            Unread::Failed(reason) => Self::Failed(reason),
            Unread::Lost(error) => Self::Failed(error.reason()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_labels_select_nothing() {
        assert_eq!(selector([("a", "b"), ("c", "d")]).as_deref(), Some("a=b,c=d"));
        assert_eq!(selector([]), None);
    }

    #[test]
    fn paths_and_rights() {
        let bundles = Kind { group: "trust.cert-manager.io", version: "v1alpha1", plural: "bundles" };
        assert_eq!(bundles.path(None), "/apis/trust.cert-manager.io/v1alpha1/bundles");
        assert_eq!(bundles.right("list", None), "list bundles.trust.cert-manager.io in all namespaces");
        assert_eq!(SECRETS.path(Some("linkerd")), "/api/v1/namespaces/linkerd/secrets");
        assert_eq!(SECRETS.right("get", Some("linkerd")), "get secrets in namespace linkerd");
    }
}

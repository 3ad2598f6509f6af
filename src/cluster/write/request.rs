use std::fmt;

use http::{Method, Request, header};
use secrecy::zeroize::Zeroizing;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    cluster::objects::{Kind, Unread},
    mesh::{Fault, Mode, Right},
};

use super::LiveMesh;

/// Who wrote a field, as `kubectl get --show-managed-fields` tells.
const MANAGER: &str = "linkerd-certs";

/// What a request with a private key may grow to without being moved in memory.
const ROOM: usize = 64 * 1024;

/// Where one object is, and what a message calls it.
#[derive(Clone, Copy, Debug)]
pub(in crate::cluster) struct Place<'a> {
    pub(in crate::cluster) kind: Kind,
    /// Such as `ConfigMap`.
    pub(in crate::cluster) word: &'static str,
    /// Empty where its kind is in no namespace.
    pub(in crate::cluster) namespace: &'a str,
    /// Empty where it is to be created.
    pub(in crate::cluster) name: &'a str,
}

/// How a patch is to be understood.
#[derive(Clone, Copy, Debug)]
pub(super) enum Patch {
    /// RFC 7386.
    Merge,
    /// Kubernetes' own, which merges lists by key.
    Strategic,
    /// RFC 6902.
    Json,
}

impl Place<'_> {
    fn path(&self) -> String {
        let all = self.kind.path((!self.namespace.is_empty()).then_some(self.namespace));
        if self.name.is_empty() { all } else { format!("{all}/{}", self.name) }
    }

    fn right(&self, verb: &str) -> Right {
        Right::to(verb, self.kind.group, self.kind.plural).within(self.namespace).named(self.name)
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { word, namespace, name, .. } = self;
        match (namespace.is_empty(), name.is_empty()) {
            (_, true) => write!(f, "a new {word}"),
            (true, false) => write!(f, "{word} {name}"),
            (false, false) => write!(f, "{word} {namespace}/{name}"),
        }
    }
}

impl LiveMesh {
    /// Reads one object; `None` where there is none.
    pub(super) async fn find<T: DeserializeOwned>(&self, place: Place<'_>) -> Result<Option<T>, Fault> {
        let request = Request::get(place.path()).body(Vec::new());
        match self.ask(request).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            answer => answer.map(Some).map_err(|error| self.fault(&error, place, "get")),
        }
    }

    /// Reads one object that has to be there.
    pub(super) async fn get<T: DeserializeOwned>(&self, place: Place<'_>) -> Result<T, Fault> {
        self.find(place).await?.ok_or_else(|| Fault::Failed(format!("{place} is not there")))
    }

    /// Creates an object in a place without a name, and returns what came of it.
    pub(in crate::cluster) async fn create(&self, place: Place<'_>, body: &Value, mode: Mode) -> Result<Value, Fault> {
        self.post(place, "", body, mode).await
    }

    /// Creates a subresource of the object, such as `/eviction`.
    pub(super) async fn post(&self, place: Place<'_>, sub: &str, body: &Value, mode: Mode) -> Result<Value, Fault> {
        let request = Request::post(format!("{}{sub}?{}", place.path(), parameters(mode)))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.to_string().into_bytes());
        self.ask(request).await.map_err(|error| self.fault(&error, place, "create"))
    }

    /// Changes an object, and returns what it became.
    pub(super) async fn patch(
        &self,
        place: Place<'_>,
        patch: Patch,
        body: &impl Serialize,
        mode: Mode,
    ) -> Result<Value, Fault> {
        self.patch_at(place, "", patch, body, mode).await
    }

    /// The same with a subresource, such as `/status`.
    pub(super) async fn patch_at(
        &self,
        place: Place<'_>,
        sub: &str,
        patch: Patch,
        body: &impl Serialize,
        mode: Mode,
    ) -> Result<Value, Fault> {
        let kind = match patch {
            Patch::Merge => "application/merge-patch+json",
            Patch::Strategic => "application/strategic-merge-patch+json",
            Patch::Json => "application/json-patch+json",
        };
        let mut bytes = Vec::with_capacity(ROOM);
        serde_json::to_writer(&mut bytes, body)
            .map_err(|error| Fault::Failed(format!("the change of {place} cannot be written: {error}")))?;
        let request = Request::builder()
            .method(Method::PATCH)
            .uri(format!("{}{sub}?{}", place.path(), parameters(mode)))
            .header(header::CONTENT_TYPE, kind)
            .body(bytes);
        self.ask(request).await.map_err(|error| self.fault(&error, place, "patch"))
    }

    pub(super) async fn ask<T: DeserializeOwned>(&self, request: http::Result<Request<Vec<u8>>>) -> kube::Result<T> {
        let request = request.map_err(kube::Error::HttpError)?;
        let text = Zeroizing::new(self.cluster.within(self.cluster.client().request_text(request)).await?);
        serde_json::from_str(&text).map_err(kube::Error::SerdeError)
    }

    /// What a failed request means.
    fn fault(&self, error: &kube::Error, place: Place<'_>, verb: &str) -> Fault {
        let status = match error {
            kube::Error::Api(status) => status,
            // The error may quote what it stumbled over.
            kube::Error::SerdeError(_) => {
                return Fault::Failed(format!("the answer about {place} cannot be understood"));
            }
            other => return Fault::Lost(self.cluster.explain(other)),
        };
        let message = quotable(&status.message);
        match status.code {
            429 if is_about_disruption(&message) => Fault::Refused(message),
            401 | 429 | 502..=504 => Fault::Lost(self.cluster.explain(error)),
            500 if message.contains("etcdserver") => Fault::Lost(self.cluster.explain(error)),
            403 if is_about_rights(&message) => Fault::Forbidden(place.right(verb).to_string()),
            404 => Fault::Failed(format!("{place} is not there")),
            409 => Fault::Conflict(place.to_string()),
            400 | 403 | 422 => Fault::Refused(message),
            500 if message.contains("webhook") => Fault::Refused(message),
            code => Fault::Failed(format!("{place}: {message} (HTTP {code})")),
        }
    }
}

fn parameters(mode: Mode) -> String {
    let dry = match mode {
        Mode::Do => "",
        Mode::Try => "&dryRun=All",
    };
    format!("fieldManager={MANAGER}{dry}")
}

/// RBAC's refusal reads `... is forbidden: User "jane" cannot patch resource ...`; quotas and Pod Security answer with
/// the same code (kubernetes, staging/src/k8s.io/apiserver/pkg/endpoints/handlers/responsewriters/errors.go).
fn is_about_rights(message: &str) -> bool {
    message.contains(" cannot ") && message.contains("User \"")
}

/// An eviction that a `PodDisruptionBudget` does not allow now has the code of a server that is busy (kubernetes,
/// pkg/registry/core/pod/storage/eviction.go).
fn is_about_disruption(message: &str) -> bool {
    message.contains("disruption budget")
}

/// What the server said, unless it quotes PEM: an admission webhook may send back what it was shown.
fn quotable(message: &str) -> String {
    const PEM: &str = "-----BEGIN";
    const PEM_IN_BASE64: &str = "LS0tLS1CRUdJTi";
    if message.contains(PEM) || message.contains(PEM_IN_BASE64) {
        return "refused, with a message that quotes the object and is left out here".to_owned();
    }
    message.to_owned()
}

impl From<Unread> for Fault {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Missing => Self::Failed("the API is not served".to_owned()),
            Unread::Forbidden(right) => Self::Forbidden(right),
            Unread::Failed(reason) => Self::Failed(reason),
            Unread::Lost(error) => Self::Lost(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::objects::CONFIG_MAPS;

    #[test]
    fn a_missing_right_is_told_from_a_quota() {
        assert!(is_about_rights(
            "configmaps \"linkerd-config\" is forbidden: User \"poor\" cannot patch resource \"configmaps\" in API group \
             \"\" in the namespace \"linkerd\""
        ));
        assert!(!is_about_rights("pods \"x\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1"));
        assert!(!is_about_rights("pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\""));
    }

    #[test]
    fn a_disruption_budget_is_told_from_a_busy_server() {
        assert!(is_about_disruption("Cannot evict pod as it would violate the pod's disruption budget."));
        assert!(!is_about_disruption("Too many requests, please try again later."));
    }

    #[test]
    fn a_key_in_a_message_is_left_out() {
        assert!(!quotable("denied: {\"key.pem\":\"LS0tLS1CRUdJTiBFQyBQUklWQVRF\"}").contains("LS0"));
        assert_eq!(quotable("denied"), "denied");
    }

    #[test]
    fn paths_and_names() {
        let place = Place { kind: CONFIG_MAPS, word: "ConfigMap", namespace: "linkerd", name: "linkerd-config" };
        assert_eq!(place.path(), "/api/v1/namespaces/linkerd/configmaps/linkerd-config");
        assert_eq!(place.to_string(), "ConfigMap linkerd/linkerd-config");
        assert_eq!(Place { name: "", ..place }.path(), "/api/v1/namespaces/linkerd/configmaps");
        assert_eq!(parameters(Mode::Try), "fieldManager=linkerd-certs&dryRun=All");
    }
}

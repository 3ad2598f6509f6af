use std::fmt;

use serde::Serialize;

use crate::snapshot::{Snapshot, Source};

use super::Role;

/// One source and how it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceRow {
    /// What was to be read, such as `Secret linkerd/linkerd-identity-issuer`.
    pub name: String,
    /// How it was found.
    pub state: State,
    /// Why it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What is known by it, and is not where it cannot be read.
    pub shows: &'static str,
    /// The certificate that it is there to hold, where it is there to hold one.
    #[serde(skip)]
    pub role: Option<Role>,
}

/// How a source was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// It is there.
    Found,
    /// It is not there.
    Missing,
    /// It may not be read.
    Forbidden,
    /// It could not be read or understood.
    Failed,
}

impl SourceRow {
    fn of<T>(name: impl Into<String>, source: &Source<T>, shows: &'static str) -> Self {
        let state = match source {
            Source::Found(_) => State::Found,
            Source::Missing => State::Missing,
            Source::Forbidden(_) => State::Forbidden,
            Source::Failed(_) => State::Failed,
        };
        Self { name: name.into(), state, detail: source.hidden().map(ToOwned::to_owned), shows, role: None }
    }

    fn holds(self, role: Role) -> Self {
        Self { role: Some(role), ..self }
    }

    /// Whether it could not be read, so that nothing is known of it.
    pub fn is_hidden(&self) -> bool {
        matches!(self.state, State::Forbidden | State::Failed)
    }
}

const SIGNERS: &str = "who signs what cert-manager renews";
const WEBHOOKS: &str = "whether the API server can call Linkerd's webhooks";

/// Every source of `snapshot`. Parts of a source, and Secrets of webhooks and of cert-manager, are listed only where they
/// are hidden: the source and the certificates show the others.
pub fn sources(snapshot: &Snapshot) -> Vec<SourceRow> {
    let always = own(snapshot).into_iter().chain(cert_manager(snapshot)).chain(others(snapshot));
    let parts = snapshot.hidden_parts.iter().map(|part| {
        let shows = if part.resource.ends_with(".cert-manager.io") { SIGNERS } else { WEBHOOKS };
        SourceRow::of(&part.resource, &part.why, shows)
    });
    let always = always.chain(other_pods(snapshot));
    let webhooks = snapshot.webhooks.items().iter().map(|webhook| {
        let name = format!("Secret of Service {}/{}", webhook.service_namespace, webhook.service);
        SourceRow::of(name, &webhook.secret, "whether a webhook's certificate and key are sound").holds(Role::Webhook)
    });
    let secrets = snapshot.cert_manager.secrets.iter().map(|secret| {
        let name = format!("Secret {}/{}", secret.namespace, secret.name);
        SourceRow::of(name, &secret.chain, "which certificate is renewed there, an anchor or another")
            .holds(Role::Authority)
    });
    always.chain(parts.chain(webhooks).chain(secrets).filter(SourceRow::is_hidden)).collect()
}

/// The control plane's own objects.
fn own(s: &Snapshot) -> [SourceRow; 6] {
    let named = |kind: &str, name: &str| format!("{kind} {}/{name}", s.namespace);
    let roots = named("ConfigMap", "linkerd-identity-trust-roots");
    let issuer = named("Secret", "linkerd-identity-issuer");
    let overrides = named("Secret", "linkerd-config-overrides");
    let events = named("Events of Deployment", "linkerd-identity");
    [
        SourceRow::of(roots, &s.trust_roots, "which anchors new proxies and identity load").holds(Role::Anchor),
        SourceRow::of(issuer, &s.issuer, "which issuer identity signs with, and until when").holds(Role::Issuer),
        SourceRow::of(named("ConfigMap", "linkerd-config"), &s.config, "what the mesh was configured with"),
        SourceRow::of(overrides, &s.overrides, "what the next `linkerd upgrade` brings back"),
        SourceRow::of("Helm release", &s.helm, "what the next `helm upgrade` brings back"),
        SourceRow::of(events, &s.identity_events, "whether identity refused an issuer or a request"),
    ]
}

fn cert_manager(s: &Snapshot) -> [SourceRow; 4] {
    let s = &s.cert_manager;
    [
        SourceRow::of("cert-manager Certificates", &s.certificates, "what cert-manager renews, and when"),
        SourceRow::of("cert-manager Issuers", &s.issuers, SIGNERS),
        SourceRow::of("cert-manager CertificateRequests", &s.requests, "whether a renewal is stuck"),
        SourceRow::of("trust-manager Bundles", &s.bundles, "what feeds the trust bundle"),
    ]
}

fn others(s: &Snapshot) -> [SourceRow; 5] {
    [
        SourceRow::of("Pods", &s.mesh, "which proxies there are and what they have loaded"),
        SourceRow::of("Namespaces", &s.namespaces, "where pods should have a proxy"),
        SourceRow::of("Webhooks and APIServices", &s.webhooks, WEBHOOKS),
        SourceRow::of("ExternalWorkloads", &s.external_workloads, "who outside the cluster trusts these anchors"),
        SourceRow::of("multicluster Links", &s.links, "which clusters share these anchors"),
    ]
}

/// The pods that were not listed, where only those of some namespaces could be.
fn other_pods(s: &Snapshot) -> Option<SourceRow> {
    s.mesh.found().filter(|mesh| !mesh.only.is_empty())?;
    let refused: Source<()> = Source::Forbidden("list pods in all namespaces".to_owned());
    Some(SourceRow::of("Pods of other namespaces", &refused, "which proxies there are and what they have loaded"))
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Found => "found",
            Self::Missing => "missing",
            Self::Forbidden => "forbidden",
            Self::Failed => "failed",
        })
    }
}

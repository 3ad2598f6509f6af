use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::{
    mesh::FIELD_MANAGER,
    pki::{Bundle, Certificate, verify},
    snapshot::{
        FailurePolicy, Meta, Owner, ServiceRef, Snapshot, Source, Webhook, WebhookKind, WorkloadRef, condition,
    },
};

use super::{Caller, Kind};

/// A server that the API server calls for Linkerd, with everything that its certificate depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// The Service that it is behind.
    pub service: ServiceRef,
    /// Whether it is one of the control plane's own, and not an extension's.
    pub is_control_plane: bool,
    /// What calls it.
    pub hooks: Vec<Hook>,
    /// What its Secret holds, or why that is not known.
    pub secret: Result<Held, String>,
    /// Its ready pods and what each serves.
    pub pods: Vec<Pod>,
    /// Why none of them was asked, where that is so.
    pub unasked: Option<String>,
    /// Who renews its certificate.
    pub keeper: Keeper,
}

/// Something that calls a server.
#[derive(Clone, Debug, PartialEq)]
pub struct Hook {
    /// The kind of object.
    pub kind: Kind,
    /// The object's name.
    pub configuration: String,
    /// The webhooks in it that call the server; an `APIService` is called by its own name.
    pub names: Vec<String>,
    /// The distinct caBundles among these; `None` is one that is empty.
    pub bundles: Vec<Option<Vec<Certificate>>>,
    /// What becomes of a request when the server cannot be called: the strictest of these.
    pub failure_policy: Option<FailurePolicy>,
    /// For an `APIService`: whether it is available.
    pub available: Option<bool>,
    /// `metadata.resourceVersion`.
    pub version: String,
    /// Who writes the object.
    pub owners: Vec<Owner>,
    /// cert-manager's annotation, where it fills the caBundle.
    pub injected_from: Option<String>,
}

/// What a server's Secret holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// The Secret.
    pub meta: Meta,
    /// The certificate first.
    pub chain: Vec<Certificate>,
    /// Whether its key is there and fits, in a form that the server reads.
    pub has_key: bool,
    /// Whether this program wrote it last.
    pub is_ours: bool,
}

/// A ready pod of a server.
#[derive(Clone, Debug, PartialEq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// What replaces it.
    pub workload: Option<WorkloadRef>,
    /// The certificates that it serves; `None` where it did not answer.
    pub serves: Option<Vec<Certificate>>,
}

/// Who renews a server's certificate.
#[derive(Clone, Debug, PartialEq)]
pub enum Keeper {
    /// Nobody: the charts make it once, and each upgrade makes another.
    Nobody,
    /// cert-manager.
    CertManager {
        /// Namespace and name of the Certificate, where it is known.
        certificate: Option<(String, String)>,
        /// Whether a renewal is under way.
        asked: bool,
        /// When the certificate in the Secret was made, where it was.
        renewed_at: Option<Timestamp>,
        /// What cert-manager says is wrong.
        trouble: Vec<String>,
    },
}

/// Every server that something of Linkerd's calls, by Service.
pub(in crate::plan) fn servers(snapshot: &Snapshot) -> Vec<Server> {
    let webhooks = snapshot.webhooks.items();
    let services: BTreeSet<ServiceRef> = webhooks.iter().map(Webhook::of).collect();
    services.into_iter().map(|service| server(snapshot, service)).collect()
}

fn server(snapshot: &Snapshot, service: ServiceRef) -> Server {
    let calling: Vec<&Webhook> = snapshot.webhooks.items().iter().filter(|one| one.of() == service).collect();
    let mut hooks: Vec<Hook> = Vec::new();
    for webhook in &calling {
        let same = |hook: &&mut Hook| hook.kind == webhook.kind.into() && hook.configuration == webhook.meta.name;
        match hooks.iter_mut().find(same) {
            Some(hook) => hook.add(webhook),
            None => hooks.push(Hook::of(webhook)),
        }
    }
    let secret = calling.first().map_or_else(|| Err("nothing calls it".to_owned()), |webhook| held(webhook));
    let mut pods: Vec<Pod> = Vec::new();
    for pod in calling.iter().flat_map(|webhook| &webhook.servers) {
        if !pods.iter().any(|known| known.name == pod.name) {
            let serves = pod.chain.as_ref().ok().cloned();
            pods.push(Pod { name: pod.name.clone(), workload: pod.workload.clone(), serves });
        }
    }
    // A snapshot of an earlier version knows only one pod, and not its name.
    let served = calling.iter().find_map(|webhook| webhook.served.as_ref());
    if let (true, Some(Ok(chain))) = (pods.is_empty(), served) {
        pods.push(Pod { name: service.name.clone(), workload: None, serves: Some(chain.clone()) });
    }
    let unasked = if pods.is_empty() { served.and_then(|served| served.as_ref().err().cloned()) } else { None };
    let keeper = keeper(snapshot, &secret, &hooks);
    Server { is_control_plane: service.namespace == snapshot.namespace, service, hooks, secret, pods, unasked, keeper }
}

/// The policy validator reads keys in PKCS #8 or PKCS #1 alone (linkerd-kubert 0.27, `load_private_key`).
fn held(webhook: &Webhook) -> Result<Held, String> {
    let secret = match &webhook.secret {
        Source::Found(secret) => secret,
        Source::Missing => return Err(format!("there is no Secret for Service {}", webhook.of())),
        hidden => {
            let why = hidden.hidden().map(ToString::to_string).unwrap_or_default();
            return Err(format!("the Secret of Service {} cannot be read: {why}", webhook.of()));
        }
    };
    let chain = secret.chain.as_ref().map(|chain| chain.certificates.clone()).unwrap_or_default();
    let unreadable = secret.key_is_sec1 && webhook.service == "linkerd-policy-validator";
    Ok(Held {
        has_key: chain.first().is_some_and(|first| secret.key.fits(first)) && !unreadable,
        is_ours: secret.changed_by.as_deref() == Some(FIELD_MANAGER),
        meta: secret.meta.clone(),
        chain,
    })
}

fn keeper(snapshot: &Snapshot, secret: &Result<Held, String>, hooks: &[Hook]) -> Keeper {
    let held = secret.as_ref().ok();
    let found = held.and_then(|held| snapshot.cert_manager.that_fills(&held.meta.namespace, &held.meta.name));
    let by_annotation = held.and_then(|held| {
        let named = held.meta.owners.iter().find_map(|owner| match owner {
            Owner::CertManager { certificate } => Some(certificate.clone()),
            _ => None,
        });
        named.map(|name| (held.meta.namespace.clone(), name))
    });
    let certificate = found.map(|one| (one.meta.namespace.clone(), one.meta.name.clone())).or(by_annotation);
    if certificate.is_none() && hooks.iter().all(|hook| hook.injected_from.is_none()) {
        return Keeper::Nobody;
    }
    let conditions = found.map(|one| one.conditions.as_slice()).unwrap_or_default();
    let issuing = condition(conditions, "Issuing").filter(|issuing| issuing.status == "True");
    let trouble = certificate.as_ref().map(|(namespace, name)| snapshot.cert_manager.trouble(namespace, name));
    let trouble = trouble.unwrap_or_default();
    let renewed_at = held.and_then(|held| held.chain.first()).map(|first| first.lifetime().not_before);
    Keeper::CertManager { certificate, asked: issuing.is_some(), renewed_at, trouble }
}

impl Hook {
    fn of(webhook: &Webhook) -> Self {
        let mut hook = Self {
            kind: webhook.kind.into(),
            configuration: webhook.meta.name.clone(),
            names: Vec::new(),
            bundles: Vec::new(),
            failure_policy: None,
            available: webhook.available.as_ref().map(Result::is_ok),
            version: webhook.meta.resource_version.clone(),
            owners: webhook.meta.owners.clone(),
            injected_from: webhook.injects_ca_from.clone(),
        };
        hook.add(webhook);
        hook
    }

    fn add(&mut self, webhook: &Webhook) {
        self.names.push(webhook.name.clone());
        let bundle = webhook.ca_bundle.as_ref().map(Bundle::each_once);
        if !self.bundles.contains(&bundle) {
            self.bundles.push(bundle);
        }
        if webhook.kind != WebhookKind::ApiService && self.failure_policy != Some(FailurePolicy::Fail) {
            self.failure_policy = webhook.failure_policy;
        }
    }

    /// Whether the API server accepts this chain for `name` in each call from here.
    pub fn accepts(&self, chain: &[Certificate], name: &str, at: Timestamp) -> bool {
        self.bundles.iter().all(|bundle| match bundle {
            Some(anchors) => accepts(anchors, chain, name, at),
            // An APIService may skip verification; an empty caBundle otherwise means the system's roots, which know
            // nothing of Linkerd.
            None => self.kind == Kind::ApiService && self.available != Some(false),
        })
    }

    /// Everything that its caBundles hold, each once.
    pub fn anchors(&self) -> Vec<Certificate> {
        Bundle::of(self.bundles.iter().flatten().flatten().cloned()).each_once()
    }

    /// Whether each of its caBundles holds these and nothing else.
    pub fn holds_just(&self, anchors: &[Certificate]) -> bool {
        let wanted = Bundle::of(anchors.iter().cloned());
        self.bundles.iter().all(|bundle| match bundle {
            Some(held) => Bundle::of(held.iter().cloned()).same_set(&wanted),
            None => true,
        })
    }

    /// Which object, and which of the servers that it calls.
    pub fn caller(&self, server: &Server) -> Caller {
        Caller { kind: self.kind, name: self.configuration.clone(), calls: server.service.clone() }
    }
}

/// Whether the API server, with these anchors for a caBundle, accepts a chain that is served for `name`: Go's crypto/x509
/// takes a certificate that is itself a root, as the charts make them, and refuses a root that has expired.
#[must_use]
pub fn accepts(anchors: &[Certificate], chain: &[Certificate], name: &str, at: Timestamp) -> bool {
    let names = chain.first().map(Certificate::dns_names).unwrap_or_default();
    names.iter().any(|own| matches_name(own, name))
        && verify::as_identity(chain, &Bundle::of(anchors.iter().cloned()), at).is_ok()
}

fn matches_name(pattern: &str, wanted: &str) -> bool {
    let tail = |name: &str| name.split_once('.').map(|(_, tail)| tail.to_ascii_lowercase());
    pattern.eq_ignore_ascii_case(wanted) || (pattern.starts_with("*.") && tail(pattern) == tail(wanted))
}

impl Held {
    /// Whether a server with this can be called, given a caBundle that verifies it.
    pub fn is_good(&self, name: &str, at: Timestamp) -> bool {
        self.has_key && self.is_named(name) && self.chain.first().is_some_and(|first| first.lifetime().contains(at))
    }

    /// Whether its certificate is for this name.
    pub fn is_named(&self, name: &str) -> bool {
        self.chain.first().is_some_and(|first| first.dns_names().iter().any(|own| matches_name(own, name)))
    }
}

impl Server {
    /// The name by which the API server verifies what is served.
    pub fn name(&self) -> String {
        self.service.server_name()
    }

    /// The certificate in its Secret.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.secret.as_ref().ok()?.chain.first()
    }

    /// Whether every caller accepts this chain.
    pub fn is_accepted(&self, chain: &[Certificate], at: Timestamp) -> bool {
        let name = self.name();
        self.hooks.iter().all(|hook| hook.accepts(chain, &name, at))
    }

    /// Whether every pod serves what the Secret holds.
    pub fn serves_held(&self) -> bool {
        let held = self.certificate();
        let serves = |pod: &Pod| pod.serves.as_ref().is_some_and(|chain| held.is_some() && chain.first() == held);
        !self.pods.is_empty() && self.pods.iter().all(serves)
    }

    /// Whether a call works now, as far as it was seen, and will with what the Secret holds.
    pub fn is_callable(&self, at: Timestamp) -> bool {
        let served = self.pods.iter().filter_map(|pod| pod.serves.as_ref()).all(|chain| self.is_accepted(chain, at));
        let held = self.secret.as_ref().is_ok_and(|held| self.is_accepted(&held.chain, at) && held.has_key);
        served && held
    }

    /// What replaces its pods.
    pub fn workloads(&self) -> BTreeSet<WorkloadRef> {
        self.pods.iter().filter_map(|pod| pod.workload.clone()).collect()
    }

    /// The strictest of its callers' failure policies.
    pub fn failure_policy(&self) -> Option<FailurePolicy> {
        let policies = || self.hooks.iter().filter_map(|hook| hook.failure_policy);
        policies().find(|policy| *policy == FailurePolicy::Fail).or_else(|| policies().next())
    }

    /// Whether it is what gives pods their proxies.
    pub fn is_proxy_injector(&self) -> bool {
        self.is_control_plane && self.service.name == "linkerd-proxy-injector"
    }

    pub(super) fn serve_held(&mut self) {
        let Ok(held) = &self.secret else { return };
        self.unasked = None;
        if self.pods.is_empty() {
            self.pods.push(Pod { name: self.service.name.clone(), workload: None, serves: None });
        }
        self.pods.iter_mut().for_each(|pod| pod.serves = Some(held.chain.clone()));
    }
}

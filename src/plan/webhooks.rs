//! Webhook certificates: what to do next to each server that the API server calls, without a moment in which a call
//! fails that worked before.
//!
//! Nothing is remembered. Each server has a certificate that it shall serve in the end (`target`): the one in its Secret
//! where that is good, else the one at hand. What is not yet as it should be gives the next step, and each kind of step
//! is taken for all servers before the next kind: the kubelet then brings all changed Secrets in one go.
//!
//! 1. **bundle**: every caBundle verifies that certificate, and everything that it verified before.
//! 2. **secret**: the Secret holds it; never before 1.
//! 3. **served**: every pod behind the Service serves it.
//! 4. **proof**: the API server calls the server.
//! 5. **trim**: every caBundle verifies that certificate and nothing else; then the proof again.

mod ailment;
mod server;
mod target;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    mesh::ServerPair,
    pki::Certificate,
    snapshot::{ServiceRef, WebhookKind},
};

pub use ailment::{Ailment, due_from};
pub(super) use server::servers;
pub use server::{Held, Hook, Keeper, Pod, Server, accepts};

use self::target::{Target, target};
use super::{Done, Next, Refusal, Request, Standing, Step};

/// Which webhook certificates are to be new, and what is at hand for it.
#[derive(Clone, Debug, Default)]
pub struct Renewal {
    /// These servers', each with the certificate that was made or brought for it.
    pub servers: BTreeMap<ServiceRef, Option<Certified>>,
    /// Also those that are not due.
    pub anyway: bool,
}

/// A certificate for a server, and what verifies it.
#[derive(Clone, Debug, PartialEq)]
pub struct Certified {
    /// The certificate first, then what stands between it and its authority.
    pub chain: Vec<Certificate>,
    /// The authority; where it is signed by itself, the certificate.
    pub authority: Certificate,
}

impl From<&ServerPair> for Certified {
    /// The pair without its key.
    fn from(pair: &ServerPair) -> Self {
        Self { chain: pair.pair.chain.clone(), authority: pair.authority.clone() }
    }
}

impl Renewal {
    /// A renewal with these.
    pub fn with(pairs: &[ServerPair], anyway: bool) -> Self {
        let servers = pairs.iter().map(|pair| (pair.of.clone(), Some(pair.into())));
        Self { servers: servers.collect(), anyway }
    }
}

/// One webhook configuration or `APIService`, as far as it calls one server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Caller {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The server.
    pub calls: ServiceRef,
}

/// A kind of object with a caBundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `MutatingWebhookConfiguration`.
    Mutating,
    /// `ValidatingWebhookConfiguration`.
    Validating,
    /// `APIService`.
    ApiService,
}

/// One step towards new webhook certificates.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Writes the caBundle of one object.
    Bundle {
        /// The object.
        of: Caller,
        /// What it shall verify with.
        anchors: Vec<Certificate>,
        /// Whether something goes from it.
        trims: bool,
    },
    /// Writes a server's Secret.
    Secret {
        /// The server.
        of: ServiceRef,
        /// Namespace and name of the Secret.
        secret: (String, String),
        /// What it shall hold.
        chain: Vec<Certificate>,
    },
    /// Asks cert-manager for a new certificate.
    Ask {
        /// The server.
        of: ServiceRef,
        /// Namespace and name of the Certificate.
        certificate: (String, String),
    },
    /// Waits until cert-manager has made new certificates, and everything that verifies them knows it.
    AwaitRenewed {
        /// Whose.
        of: Vec<ServiceRef>,
    },
    /// Waits until every pod of these servers serves what its Secret holds; restarts what does not reload it.
    AwaitServed {
        /// Which.
        of: Vec<ServiceRef>,
    },
    /// Has the API server call these servers.
    Prove {
        /// Which.
        of: Vec<ServiceRef>,
    },
}

impl Kind {
    /// As manifests have it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mutating => "MutatingWebhookConfiguration",
            Self::Validating => "ValidatingWebhookConfiguration",
            Self::ApiService => "APIService",
        }
    }
}

impl From<WebhookKind> for Kind {
    fn from(kind: WebhookKind) -> Self {
        match kind {
            WebhookKind::Mutating => Self::Mutating,
            WebhookKind::Validating => Self::Validating,
            WebhookKind::ApiService => Self::ApiService,
        }
    }
}

impl Caller {
    /// Kind and name.
    pub fn reference(&self) -> String {
        format!("{} {}", self.kind.word(), self.name)
    }
}

impl Act {
    /// What kind of step it is, in a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Bundle { trims: false, .. } => "bundle",
            Self::Bundle { trims: true, .. } => "trim",
            Self::Secret { .. } => "secret",
            Self::Ask { .. } | Self::AwaitRenewed { .. } => "renew",
            Self::AwaitServed { .. } => "served",
            Self::Prove { .. } => "proof",
        }
    }

    /// The server that it writes something for.
    pub fn writes_for(&self) -> Option<&ServiceRef> {
        match self {
            Self::Bundle { of, .. } => Some(&of.calls),
            Self::Secret { of, .. } | Self::Ask { of, .. } => Some(of),
            Self::AwaitRenewed { .. } | Self::AwaitServed { .. } | Self::Prove { .. } => None,
        }
    }
}

/// The next step towards what `request` asks of webhook certificates, by the order alone.
///
/// # Errors
/// Why there is no way.
pub fn decide(standing: &Standing, request: &Request) -> Result<Next, Refusal> {
    let step = match writes(standing, request)? {
        Some(act) => Some(act),
        None => after_writes(standing, request)?,
    };
    Ok(step.map_or_else(|| Next::Done(Done::default()), |act| Next::Do(Step::Webhook(Box::new(act)))))
}

/// The next write for webhooks of the control plane that stand in the way of new pods: those that the API server cannot
/// call, or whose Secret holds what it would not accept. What follows the writes is left to [`finish`].
#[must_use]
pub fn in_the_way(standing: &Standing, request: &Request) -> Option<Result<Next, Refusal>> {
    let narrowed = narrowed(request, &broken(standing));
    as_next(writes(standing, &narrowed))
}

/// The rest for the webhooks that `request` names: that they are served, that they are called, and the trim.
#[must_use]
pub fn finish(standing: &Standing, request: &Request) -> Option<Result<Next, Refusal>> {
    match decide(standing, request) {
        Ok(Next::Done(_)) => None,
        other => Some(other),
    }
}

/// The control plane's webhooks whose calls fail, or will as soon as what their Secrets hold is served.
#[must_use]
pub fn broken(standing: &Standing) -> BTreeSet<ServiceRef> {
    let own = standing.webhooks.iter().filter(|server| server.is_control_plane);
    own.filter(|server| !server.is_callable(standing.at)).map(|server| server.service.clone()).collect()
}

fn narrowed(request: &Request, to: &BTreeSet<ServiceRef>) -> Request {
    let mut narrowed = request.clone();
    narrowed.renewal.servers.retain(|service, _| to.contains(service));
    narrowed
}

fn as_next(act: Result<Option<Act>, Refusal>) -> Option<Result<Next, Refusal>> {
    act.transpose().map(|act| act.map(|act| Next::Do(Step::Webhook(Box::new(act)))))
}

/// The servers that a request names, with what each shall serve.
fn wanted<'a>(standing: &'a Standing, request: &'a Request) -> Result<Vec<(&'a Server, Target<'a>)>, Refusal> {
    let mut wanted = Vec::new();
    for (service, at_hand) in &request.renewal.servers {
        let server = standing.webhooks.iter().find(|server| server.service == *service).ok_or_else(|| {
            Refusal::Unseen(format!("nothing calls Service {service} any more, so there is nothing to renew"))
        })?;
        wanted.push((server, target(server, at_hand.as_ref(), standing.at, request)?));
    }
    Ok(wanted)
}

/// 1 and 2: what has to be written before anything can be waited for.
fn writes(standing: &Standing, request: &Request) -> Result<Option<Act>, Refusal> {
    let wanted = wanted(standing, request)?;
    for (server, target) in &wanted {
        match target {
            Target::Asked { certificate, asked: false } => {
                return Ok(Some(Act::Ask { of: server.service.clone(), certificate: certificate.clone() }));
            }
            Target::Asked { .. } | Target::Kept => {}
            Target::Serves { chain, authorities } => {
                let refuses = |hook: &&Hook| !hook.accepts(chain, &server.name(), standing.at);
                if let Some(hook) = server.hooks.iter().find(refuses) {
                    return Ok(Some(extended(server, hook, authorities)));
                }
            }
        }
    }
    for (server, target) in &wanted {
        let Target::Serves { chain, .. } = target else { continue };
        let Ok(held) = &server.secret else { continue };
        if held.chain != **chain {
            let secret = (held.meta.namespace.clone(), held.meta.name.clone());
            return Ok(Some(Act::Secret { of: server.service.clone(), secret, chain: chain.to_vec() }));
        }
    }
    Ok(None)
}

/// What a caBundle holds, and these. Nothing goes from it here: what a pod serves that could not be seen stays accepted.
fn extended(server: &Server, hook: &Hook, authorities: &[Certificate]) -> Act {
    let mut anchors = hook.anchors();
    for authority in authorities {
        if !anchors.contains(authority) {
            anchors.push(authority.clone());
        }
    }
    Act::Bundle { of: hook.caller(server), anchors, trims: false }
}

/// 3 to 5.
fn after_writes(standing: &Standing, request: &Request) -> Result<Option<Act>, Refusal> {
    let wanted = wanted(standing, request)?;
    let names = |which: &dyn Fn(&Server, &Target<'_>) -> bool| -> Vec<ServiceRef> {
        let those = wanted.iter().filter(|(server, target)| which(server, target));
        those.map(|(server, _)| server.service.clone()).collect()
    };
    let renewing = names(&|_, target| matches!(target, Target::Asked { .. }));
    if !renewing.is_empty() {
        return Ok(Some(Act::AwaitRenewed { of: renewing }));
    }
    let unserved = names(&|server, _| !server.serves_held());
    if !unserved.is_empty() {
        return Ok(Some(Act::AwaitServed { of: unserved }));
    }
    let trims = |target: &Target<'_>, hook: &Hook| match target {
        Target::Serves { authorities, .. } => !hook.holds_just(authorities),
        Target::Asked { .. } | Target::Kept => false,
    };
    let to_trim = |server: &Server, target: &Target<'_>| server.hooks.iter().any(|hook| trims(target, hook));
    let is = |server: &Server, proven: bool| standing.proofs.get(&server.service) == Some(&proven);
    let first = names(&|server, target| to_trim(server, target) && !is(server, true));
    if !first.is_empty() {
        return Ok(Some(Act::Prove { of: first }));
    }
    for (server, target) in &wanted {
        if let (Some(hook), Target::Serves { authorities, .. }) =
            (server.hooks.iter().find(|hook| trims(target, hook)), target)
        {
            return Ok(Some(Act::Bundle { of: hook.caller(server), anchors: authorities.clone(), trims: true }));
        }
    }
    let last = names(&|server, _| is(server, false));
    Ok((!last.is_empty()).then_some(Act::Prove { of: last }))
}

impl Standing {
    /// The server behind a Service.
    pub fn webhook_server(&self, service: &ServiceRef) -> Option<&Server> {
        self.webhooks.iter().find(|server| server.service == *service)
    }

    /// What an act makes of a standing when it does what it is meant to do.
    pub(super) fn acted(&mut self, act: &Act) {
        let at = self.at;
        if let Some(service) = act.writes_for() {
            self.proofs.insert(service.clone(), false);
        }
        let among = |of: &[ServiceRef], server: &Server| of.contains(&server.service);
        match act {
            Act::Bundle { of, anchors, .. } => {
                let servers = self.webhooks.iter_mut().filter(|server| server.service == of.calls);
                let hooks = servers.flat_map(|server| &mut server.hooks);
                for hook in hooks.filter(|hook| hook.kind == of.kind && hook.configuration == of.name) {
                    hook.bundles = vec![Some(anchors.clone())];
                }
            }
            Act::Secret { of, chain, .. } => {
                for server in self.webhooks.iter_mut().filter(|server| server.service == *of) {
                    if let Ok(held) = &mut server.secret {
                        (held.is_ours, held.has_key) = (true, true);
                        held.chain.clone_from(chain);
                    }
                }
            }
            Act::Ask { of, .. } => {
                for server in self.webhooks.iter_mut().filter(|server| server.service == *of) {
                    if let Keeper::CertManager { asked, .. } = &mut server.keeper {
                        *asked = true;
                    }
                }
            }
            Act::AwaitRenewed { of } => {
                for server in self.webhooks.iter_mut().filter(|server| among(of, server)) {
                    if let Keeper::CertManager { asked, renewed_at, .. } = &mut server.keeper {
                        (*asked, *renewed_at) = (false, Some(at));
                    }
                }
            }
            Act::AwaitServed { of } => {
                self.webhooks.iter_mut().filter(|server| among(of, server)).for_each(Server::serve_held);
            }
            Act::Prove { of } => self.proofs.extend(of.iter().map(|service| (service.clone(), true))),
        }
    }
}

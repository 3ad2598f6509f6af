//! Webhooks' servers, the kubelet that brings them their Secrets, and the API server that calls them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::{
    mesh::{self, Admission, IssuerPair, Proof, ServerPair, Write},
    pki::{Bundle, Certificate, Fingerprint, KeyState, authority::BACKDATED, verify},
    plan::webhooks::{Caller, Kind, accepts},
    snapshot::{FailurePolicy, ServerPod, ServiceRef, Snapshot, Source, Webhook, WorkloadRef},
};

use super::{
    Fault, World,
    sign::{NotSigned, Server as Wanted, Signer},
    world::Kept,
};

/// The least and most that a changed Secret takes until a server has loaded it.
const SOONEST: i64 = 5;
const LATEST: i64 = 90;

/// What calls a server, its caBundle, and what becomes of a request when it cannot be called.
type Calling = (Caller, Kept<Option<Vec<Certificate>>>, Option<FailurePolicy>);

/// A server that the API server calls.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) service: ServiceRef,
    pub(super) secret: Option<Kept<IssuerPair>>,
    /// What calls it: its caBundle, and what becomes of a request when it cannot be called.
    pub(super) callers: Vec<Calling>,
    /// What its pods belong to; it has one of its own where that is not simulated.
    workload: Option<WorkloadRef>,
    /// What each pod serves.
    loaded: BTreeMap<String, Vec<Certificate>>,
    /// When a pod will load its Secret.
    reloads: BTreeMap<String, Timestamp>,
}

/// A call failed that had worked before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncalled {
    /// When it was first seen.
    pub at: Timestamp,
    /// The server.
    pub service: ServiceRef,
}

/// Likenesses of the webhooks' certificates.
struct Likenesses<'a> {
    signer: &'a mut Signer,
    made: BTreeMap<Fingerprint, IssuerPair>,
}

impl Likenesses<'_> {
    fn authority(&mut self, real: &Certificate) -> Result<IssuerPair, NotSigned> {
        if !self.made.contains_key(&real.fingerprint()) {
            let made = self.signer.anchor(&super::likeness::like(real))?;
            self.made.insert(real.fingerprint(), made);
        }
        Ok(self.made[&real.fingerprint()].clone())
    }

    fn server(&mut self, real: &[Certificate], known: &[Certificate]) -> Result<Option<IssuerPair>, NotSigned> {
        let Some(first) = real.first() else { return Ok(None) };
        if let Some(made) = self.made.get(&first.fingerprint()) {
            return Ok(Some(made.clone()));
        }
        let lifetime = first.lifetime();
        let names = first.dns_names();
        let wanted = Wanted { name: first.name(), names, from: lifetime.not_before, until: lifetime.not_after };
        let above = if first.is_self_issued() {
            None
        } else {
            let signs = |one: &&Certificate| verify::leads_to(real, one);
            let authority = known.iter().chain(&real[1..]).find(signs).cloned();
            // One that nothing here knows is a stranger's.
            Some(match authority {
                Some(authority) => self.authority(&authority)?,
                None => self.signer.anchor(&super::likeness::like(first))?,
            })
        };
        let made = self.signer.server(&wanted, above.as_ref())?;
        self.made.insert(first.fingerprint(), made.clone());
        Ok(Some(made))
    }
}

/// The servers of a snapshot.
pub(super) fn servers(snapshot: &Snapshot, signer: &mut Signer) -> Result<Vec<Server>, NotSigned> {
    let mut likenesses = Likenesses { signer, made: BTreeMap::new() };
    let webhooks = snapshot.webhooks.items();
    let known: Vec<Certificate> =
        webhooks.iter().filter_map(|one| one.ca_bundle.as_ref()).flat_map(Bundle::each_once).collect();
    let services: BTreeSet<ServiceRef> = webhooks.iter().map(Webhook::of).collect();
    let mut servers = Vec::new();
    for service in services {
        let calling: Vec<&Webhook> = webhooks.iter().filter(|one| one.of() == service).collect();
        servers.push(server(snapshot, service, &calling, &known, &mut likenesses)?);
    }
    Ok(servers)
}

fn server(
    snapshot: &Snapshot,
    service: ServiceRef,
    calling: &[&Webhook],
    known: &[Certificate],
    likenesses: &mut Likenesses<'_>,
) -> Result<Server, NotSigned> {
    let now = snapshot.taken_at;
    let found = calling.iter().find_map(|one| one.secret.found());
    let chain = found.and_then(|secret| secret.chain.as_ref());
    let mut secret = None;
    if let Some((found, chain)) = found.zip(chain)
        && let Some(mut pair) = likenesses.server(&chain.certificates, known)?
    {
        if !chain.first().is_some_and(|first| found.key.fits(first)) {
            // A key that does not fit is that of another.
            pair.key = likenesses.signer.anchor(&super::likeness::like(&pair.chain[0]))?.key;
        }
        secret = Some(Kept::new(pair, found.changed_at.unwrap_or(now)));
    }
    let mut loaded = BTreeMap::new();
    for pod in calling.iter().flat_map(|one| &one.servers) {
        if let Ok(chain) = &pod.chain {
            let pair = likenesses.server(chain, known)?;
            loaded.extend(pair.map(|pair| (pod.name.clone(), pair.chain)));
        }
    }
    let workload = calling.iter().flat_map(|one| &one.servers).find_map(|pod| pod.workload.clone());
    let workload = workload.or_else(|| workload_of(snapshot, &service));
    let served = calling.iter().find_map(|one| one.served.as_ref()?.as_ref().ok());
    let served = served.map(|chain| likenesses.server(chain, known)).transpose()?.flatten().map(|pair| pair.chain);
    let served = served.or_else(|| secret.as_ref().map(|secret: &Kept<IssuerPair>| secret.value.chain.clone()));
    for name in workload.iter().flat_map(|workload| pod_names(snapshot, workload)).chain([service.name.clone()]) {
        if let Some(chain) = &served {
            loaded.entry(name).or_insert_with(|| chain.clone());
        }
    }
    let mut callers: Vec<Calling> = Vec::new();
    for one in calling {
        let caller = Caller { kind: one.kind.into(), name: one.meta.name.clone(), calls: service.clone() };
        if callers.iter().any(|(known, ..)| *known == caller) {
            continue;
        }
        let mut bundle = one.ca_bundle.as_ref().map(|_| Vec::new());
        for real in one.ca_bundle.iter().flat_map(Bundle::each_once) {
            let own = likenesses.made.get(&real.fingerprint()).cloned();
            let likeness = if let Some(made) = own { made } else { likenesses.authority(&real)? };
            bundle.get_or_insert_default().push(likeness.chain[0].clone());
        }
        callers.push((caller, Kept::new(bundle, now), one.failure_policy));
    }
    Ok(Server { service, secret, callers, workload, loaded, reloads: BTreeMap::new() })
}

/// The control plane's validators are in the pods of destination.
fn workload_of(snapshot: &Snapshot, service: &ServiceRef) -> Option<WorkloadRef> {
    let mesh = snapshot.mesh.found()?;
    let component = match service.name.as_str() {
        "linkerd-proxy-injector" => Some("proxy-injector"),
        "linkerd-sp-validator" | "linkerd-policy-validator" => Some("destination"),
        _ => None,
    };
    let own = |namespace: &str| namespace == service.namespace;
    let found = match component {
        Some(component) if own(&snapshot.namespace) => mesh.component(component),
        _ => mesh.workloads.iter().find(|one| own(&one.namespace) && one.name == service.name),
    };
    found.map(crate::snapshot::Workload::key)
}

fn pod_names(snapshot: &Snapshot, workload: &WorkloadRef) -> Vec<String> {
    let workloads = snapshot.mesh.found().map(|mesh| mesh.workloads.as_slice()).unwrap_or_default();
    let own = workloads.iter().filter(|one| one.key() == *workload);
    own.flat_map(|one| &one.groups).flat_map(|group| group.names.clone()).collect()
}

impl Server {
    fn accepts(&self, chain: &[Certificate], at: Timestamp) -> bool {
        let name = self.service.server_name();
        let Some(first) = chain.first() else { return false };
        // The usual case, which is asked at every moment: a certificate that is in caBundle itself.
        let own = first.lifetime().contains(at) && first.dns_names().contains(&name);
        self.callers.iter().all(|(_, bundle, _)| match &bundle.value {
            Some(anchors) => (own && anchors.contains(first)) || accepts(anchors, chain, &name, at),
            None => false,
        })
    }
}

impl World {
    /// A call that failed although the same had worked before, once for each server.
    pub fn uncalled(&self) -> &[Uncalled] {
        &self.uncalled
    }

    /// Whether the API server can call every server now.
    pub fn is_callable(&self) -> bool {
        (0..self.servers.len()).all(|index| self.calls(index))
    }

    /// What a server's Secret holds.
    pub fn server_chain(&self, service: &ServiceRef) -> Option<&[Certificate]> {
        let server = self.servers.iter().find(|server| server.service == *service)?;
        server.secret.as_ref().map(|secret| secret.value.chain.as_slice())
    }

    /// Every caBundle of a server.
    pub fn server_bundles(&self, service: &ServiceRef) -> Vec<Vec<Certificate>> {
        let servers = self.servers.iter().filter(|server| server.service == *service);
        servers
            .flat_map(|server| &server.callers)
            .map(|(_, bundle, _)| bundle.value.clone().unwrap_or_default())
            .collect()
    }

    /// New certificates for these servers, as the charts make them.
    ///
    /// # Errors
    /// When they cannot be signed.
    pub fn make_servers(
        &mut self,
        of: impl IntoIterator<Item = ServiceRef>,
        lifetime: SignedDuration,
    ) -> Result<Vec<ServerPair>, NotSigned> {
        let (from, until) = (self.now - BACKDATED, self.now + lifetime);
        let make = |of: ServiceRef| {
            let names = [of.server_name()];
            let pair = self.signer.server(&Wanted { name: &names[0], names: &names, from, until }, None)?;
            let authority = pair.chain[0].clone();
            Ok(ServerPair { of, pair, authority })
        };
        of.into_iter().map(make).collect()
    }

    /// Lets the certificate of each server that signed it itself be one that ends in `left`, whoever holds it.
    ///
    /// # Errors
    /// When they cannot be signed.
    pub fn age_servers(&mut self, left: SignedDuration) -> Result<(), NotSigned> {
        const LIFETIME: SignedDuration = SignedDuration::from_hours(365 * 24);
        let until = self.now + left;
        for server in &mut self.servers {
            let names = [server.service.server_name()];
            let wanted = Wanted { name: &names[0], names: &names, from: until - LIFETIME, until };
            let Some(secret) = &mut server.secret else { continue };
            let Some(old) = secret.value.chain.first().filter(|old| old.is_self_issued()).cloned() else { continue };
            let pair = self.signer.server(&wanted, None)?;
            let held = server.callers.iter_mut().filter_map(|(_, bundle, _)| bundle.value.as_mut()).flatten();
            for one in held.chain(server.loaded.values_mut().flatten()).filter(|one| **one == old) {
                *one = pair.chain[0].clone();
            }
            secret.value = pair;
        }
        self.called.clear();
        self.witness_calls();
        Ok(())
    }

    /// Sets what becomes of requests when a server cannot be called.
    pub fn set_failure_policy(&mut self, policy: FailurePolicy) {
        for (.., own) in
            self.servers.iter_mut().flat_map(|server| &mut server.callers).filter(|(.., own)| own.is_some())
        {
            *own = Some(policy);
        }
    }

    /// The names of a server's ready pods.
    fn pods_of(&self, server: &Server) -> Vec<String> {
        let own = server.workload.as_ref().and_then(|key| self.workloads.iter().find(|one| one.key == *key));
        match own {
            Some(own) => own.pods.iter().filter(|pod| pod.is_ready(self.now)).map(|pod| pod.name.clone()).collect(),
            None => vec![server.service.name.clone()],
        }
    }

    /// A pod has started: it has the Secrets as they are.
    pub(super) fn serve_from_start(&mut self, workload: usize, pod: &str) {
        let key = self.workloads[workload].key.clone();
        for server in self.servers.iter_mut().filter(|server| server.workload.as_ref() == Some(&key)) {
            if let Some(secret) = &server.secret {
                server.loaded.insert(pod.to_owned(), secret.value.chain.clone());
            }
        }
    }

    /// The kubelet will bring the changed Secret to each pod, which loads it unless it misses the change.
    fn server_secret_changed(&mut self, index: usize) {
        let (now, pods) = (self.now, self.pods_of(&self.servers[index]));
        let server = &mut self.servers[index];
        if self.faults.contains(&Fault::MissedReload(server.service.name.clone())) {
            return;
        }
        let spread = LATEST - SOONEST;
        for (pod, place) in pods.into_iter().zip(0_i64..) {
            let offset = i64::try_from(index).unwrap_or(0) * 7 + place * 23 + i64::from(self.writes) * 5;
            let at = now + SignedDuration::from_secs(SOONEST + offset % spread);
            server.reloads.insert(pod, at);
        }
    }

    /// Servers whose time has come load their Secrets. Returns whether any did.
    pub(super) fn reload_servers(&mut self) -> bool {
        let now = self.now;
        let mut any = false;
        for server in &mut self.servers {
            let due: Vec<String> =
                server.reloads.iter().filter(|(_, at)| **at <= now).map(|(pod, _)| pod.clone()).collect();
            for pod in due {
                any = true;
                server.reloads.remove(&pod);
                if let Some(secret) = server.secret.as_ref().filter(|secret| fits(&secret.value)) {
                    server.loaded.insert(pod, secret.value.chain.clone());
                }
            }
        }
        any
    }

    /// When a server loads its Secret next.
    pub(super) fn next_reload(&self) -> Option<Timestamp> {
        self.servers.iter().flat_map(|server| server.reloads.values().copied()).filter(|at| *at > self.now).min()
    }

    /// Whether the API server can call a server, whichever of its pods it comes to.
    fn calls(&self, index: usize) -> bool {
        let server = &self.servers[index];
        let pods = self.pods_of(server);
        let good = |pod: &String| server.loaded.get(pod).is_some_and(|chain| server.accepts(chain, self.now));
        !pods.is_empty() && pods.iter().all(good)
    }

    /// Takes note of calls that fail now and had worked before.
    pub(super) fn witness_calls(&mut self) {
        for index in 0..self.servers.len() {
            let service = self.servers[index].service.clone();
            if self.calls(index) {
                self.called.insert(service);
            } else if self.called.contains(&service) && !self.uncalled.iter().any(|known| known.service == service) {
                self.uncalled.push(Uncalled { at: self.now, service });
            }
        }
    }

    /// What the injector makes of a new pod.
    pub(super) fn admit(&self) -> Admission {
        let is_injector = |server: &Server| {
            server.service.name == "linkerd-proxy-injector" && server.service.namespace == self.base.namespace
        };
        let Some(index) = self.servers.iter().position(is_injector).filter(|index| !self.calls(*index)) else {
            return Admission::Proxy(Bundle::of(self.injected_anchors()));
        };
        match self.policy(index) {
            Some(FailurePolicy::Fail) => Admission::Refused(CALL_FAILED.to_owned()),
            _ => Admission::Bare,
        }
    }

    fn policy(&self, index: usize) -> Option<FailurePolicy> {
        self.servers[index].callers.iter().find_map(|(.., policy)| *policy)
    }

    /// What each ready pod of a server serves.
    pub(super) fn ask_servers(&self, service: &ServiceRef) -> Result<Vec<ServerPod>, mesh::Fault> {
        let server = self.servers.iter().find(|server| server.service == *service);
        let Some(server) = server else { return Err(mesh::Fault::Failed(format!("Service {service} does not exist"))) };
        let pods = self.server_pods(server);
        if pods.is_empty() {
            return Err(mesh::Fault::Failed(format!("no pod behind Service {service} is ready")));
        }
        Ok(pods)
    }

    fn server_pods(&self, server: &Server) -> Vec<ServerPod> {
        let pod = |name: String| {
            let chain = server.loaded.get(&name).cloned().ok_or_else(|| format!("pod {name}: connection refused"));
            let workload = server.workload.clone().filter(|key| self.workloads.iter().any(|one| one.key == *key));
            ServerPod { name, workload, chain }
        };
        self.pods_of(server).into_iter().map(pod).collect()
    }

    /// Whether the API server calls what `caller` names.
    pub(super) fn try_call(&self, caller: &Caller) -> Proof {
        let Some(index) = self.servers.iter().position(|server| server.service == caller.calls) else {
            return Proof::NotCalled(format!("nothing calls Service {}", caller.calls));
        };
        let known = ["linkerd-proxy-injector", "linkerd-sp-validator", "linkerd-policy-validator"];
        if caller.kind != Kind::ApiService && !known.contains(&caller.calls.name.as_str()) {
            return Proof::Untried;
        }
        if !self.calls(index) {
            return Proof::NotCalled(CALL_FAILED.to_owned());
        }
        Proof::Called(match caller.kind {
            Kind::Mutating => "a new pod would get its proxy".to_owned(),
            Kind::Validating => "an object that is not valid was refused by it".to_owned(),
            Kind::ApiService => "its condition Available is True".to_owned(),
        })
    }

    /// The version of the object that `write` is about, where it is one of a webhook's.
    pub(super) fn server_version(&self, write: &Write) -> Option<u64> {
        match write {
            Write::CaBundle { of, .. } => {
                let callers = self.servers.iter().flat_map(|server| &server.callers);
                callers.filter(|(caller, ..)| caller == of).map(|(_, bundle, _)| bundle.version).next()
            }
            Write::Server { pair, .. } => {
                let server = self.servers.iter().find(|server| server.service == pair.of)?;
                server.secret.as_ref().map(|secret| secret.version)
            }
            _ => None,
        }
    }

    /// Writes an object of a webhook.
    pub(super) fn apply_to_server(&mut self, write: &Write) {
        let now = self.now;
        match write {
            Write::CaBundle { of, anchors, .. } => {
                let callers = self.servers.iter_mut().flat_map(|server| &mut server.callers);
                for (_, bundle, _) in callers.filter(|(caller, ..)| caller == of) {
                    bundle.replace(Some(anchors.clone()), now);
                }
            }
            Write::Server { pair, .. } => {
                let Some(index) = self.servers.iter().position(|server| server.service == pair.of) else { return };
                if let Some(secret) = &mut self.servers[index].secret {
                    secret.replace(pair.pair.clone(), now);
                }
                self.server_secret_changed(index);
            }
            _ => {}
        }
        self.witness_calls();
    }

    /// Somebody else writes an object of a webhook and leaves its content.
    pub(super) fn meddle_with_server(&mut self, write: &Write) {
        let now = self.now;
        match write {
            Write::CaBundle { of, .. } => {
                let callers = self.servers.iter_mut().flat_map(|server| &mut server.callers);
                callers.filter(|(caller, ..)| caller == of).for_each(|(_, bundle, _)| bundle.touch(now));
            }
            Write::Server { pair, .. } => {
                let servers = self.servers.iter_mut().filter(|server| server.service == pair.of);
                servers.filter_map(|server| server.secret.as_mut()).for_each(|secret| secret.touch(now));
            }
            _ => {}
        }
    }

    /// The webhooks as a reading shows them; `asks`: whether their servers are asked.
    pub(super) fn read_webhooks(&self, webhooks: &mut [Webhook], asks: bool) {
        for webhook in webhooks {
            let of = webhook.of();
            let Some(index) = self.servers.iter().position(|server| server.service == of) else { continue };
            let server = &self.servers[index];
            let own = server
                .callers
                .iter()
                .find(|(caller, ..)| caller.name == webhook.meta.name && caller.kind == webhook.kind.into());
            if let Some((_, bundle, policy)) = own {
                webhook.ca_bundle = bundle.value.as_ref().map(|anchors| Bundle::of(anchors.iter().cloned()));
                webhook.meta.resource_version = bundle.version.to_string();
                webhook.failure_policy = *policy;
            }
            if let (Source::Found(found), Some(secret)) = (&mut webhook.secret, &server.secret) {
                found.chain = Some(Bundle::of(secret.value.chain.iter().cloned()));
                found.key = KeyState::of_pem(secrecy::ExposeSecret::expose_secret(&secret.value.key).as_bytes());
                found.key_is_sec1 = false;
                found.changed_at = Some(secret.changed_at);
                found.changed_by = secret.is_ours.then(|| mesh::FIELD_MANAGER.to_owned());
                found.meta.resource_version = secret.version.to_string();
            }
            if webhook.available.is_some() {
                let failed = || format!("FailedDiscoveryCheck: {CALL_FAILED}");
                webhook.available = Some(if self.calls(index) { Ok(()) } else { Err(failed()) });
            }
            (webhook.served, webhook.servers) = (None, Vec::new());
            if asks {
                let pods = self.server_pods(server);
                let held = server.secret.as_ref().and_then(|secret| secret.value.chain.first());
                let other = pods.iter().find(|pod| pod.chain.as_ref().is_ok_and(|chain| chain.first() != held));
                let none = || Err(format!("no pod behind Service {of} is ready"));
                webhook.served = Some(other.or(pods.first()).map_or_else(none, |pod| pod.chain.clone()));
                webhook.servers = pods;
            }
        }
    }
}

const CALL_FAILED: &str = "failed calling webhook: tls: failed to verify certificate: x509";

fn fits(pair: &IssuerPair) -> bool {
    let key = KeyState::of_pem(secrecy::ExposeSecret::expose_secret(&pair.key).as_bytes());
    pair.chain.first().is_some_and(|first| key.fits(first))
}

//! Webhooks' servers, the kubelet that brings them their Secrets, and the API server that calls them.

mod likeness;
mod port;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::{
    mesh::{IssuerPair, ServerPair},
    pki::{Certificate, KeyState, authority::BACKDATED},
    plan::webhooks::{Caller, accepts},
    snapshot::{FailurePolicy, ServiceRef, WorkloadRef},
};

pub(super) use self::likeness::servers;
use super::{
    Fault, World,
    sign::{NotSigned, Server as Wanted},
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
}

fn fits(pair: &IssuerPair) -> bool {
    let key = KeyState::of_pem(secrecy::ExposeSecret::expose_secret(&pair.key).as_bytes());
    pair.chain.first().is_some_and(|first| key.fits(first))
}

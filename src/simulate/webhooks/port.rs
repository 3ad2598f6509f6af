//! What the port asks of simulated webhooks, and what a reading shows of them.

use crate::{
    mesh::{self, Admission, Proof, Write},
    pki::{Bundle, KeyState},
    plan::webhooks::{Caller, Kind},
    snapshot::{FailurePolicy, ServerPod, ServiceRef, Source, Webhook},
};

use super::{super::World, Server};

const CALL_FAILED: &str = "failed calling webhook: tls: failed to verify certificate: x509";

impl World {
    /// What the injector makes of a new pod.
    pub(in crate::simulate) fn admit(&self) -> Admission {
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
    pub(in crate::simulate) fn ask_servers(&self, service: &ServiceRef) -> Result<Vec<ServerPod>, mesh::Fault> {
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
    pub(in crate::simulate) fn try_call(&self, caller: &Caller) -> Proof {
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
    pub(in crate::simulate) fn server_version(&self, write: &Write) -> Option<u64> {
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
    pub(in crate::simulate) fn apply_to_server(&mut self, write: &Write) {
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
    pub(in crate::simulate) fn meddle_with_server(&mut self, write: &Write) {
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
    pub(in crate::simulate) fn read_webhooks(&self, webhooks: &mut [Webhook], asks: bool) {
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

//! Servers that are like those of an observed mesh, with keys of their own.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    mesh::IssuerPair,
    pki::{Bundle, Certificate, Fingerprint, verify},
    plan::webhooks::Caller,
    snapshot::{ServiceRef, Snapshot, Webhook, WorkloadRef},
};

use super::{
    super::{
        likeness::like,
        sign::{NotSigned, Server as Wanted, Signer},
        world::Kept,
    },
    Calling, Server,
};

/// Likenesses of the webhooks' certificates.
struct Likenesses<'a> {
    signer: &'a mut Signer,
    made: BTreeMap<Fingerprint, IssuerPair>,
}

impl Likenesses<'_> {
    fn authority(&mut self, real: &Certificate) -> Result<IssuerPair, NotSigned> {
        if !self.made.contains_key(&real.fingerprint()) {
            let made = self.signer.anchor(&like(real))?;
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
                None => self.signer.anchor(&like(first))?,
            })
        };
        let made = self.signer.server(&wanted, above.as_ref())?;
        self.made.insert(first.fingerprint(), made.clone());
        Ok(Some(made))
    }
}

/// The servers of a snapshot.
pub(in crate::simulate) fn servers(snapshot: &Snapshot, signer: &mut Signer) -> Result<Vec<Server>, NotSigned> {
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
            pair.key = likenesses.signer.anchor(&like(&pair.chain[0]))?.key;
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

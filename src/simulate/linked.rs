//! Two simulated clusters that share a trust anchor.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
};

use crate::{mesh::ProbeScope, snapshot::LinkedCluster};

use super::{
    NoLikeness, Simulation, World,
    sign::Signer,
    world::{Refused, accepts},
};

impl Simulation {
    /// Links this cluster with another one, which is read whenever this one is.
    pub fn link(&self, name: &str, other: &Arc<Self>) {
        let mut linked = self.linked.lock().unwrap_or_else(PoisonError::into_inner);
        linked.push((name.to_owned(), Arc::downgrade(other)));
    }

    /// Reads the linked clusters at the time that it is here.
    pub(super) fn read_linked(&self, scope: ProbeScope) -> Vec<LinkedCluster> {
        let scope = if scope == ProbeScope::All { ProbeScope::All } else { ProbeScope::Sample };
        let now = self.world().now;
        let linked = self.linked.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let read = |(context, other): (String, std::sync::Weak<Self>)| {
            let other = other.upgrade().ok_or_else(|| "it does not answer".to_owned());
            let seen = other.map(|other| {
                let mut world = other.world();
                if world.now < now {
                    let behind = now.duration_since(world.now);
                    world.pass(behind);
                }
                Box::new(world.read(scope))
            });
            LinkedCluster { context, link: None, seen }
        };
        linked.into_iter().map(read).collect()
    }
}

impl World {
    /// Another cluster that is like this one, under the same anchors.
    ///
    /// # Errors
    /// When no key can be made for its proxies.
    pub fn twin(&self) -> Result<Self, NoLikeness> {
        Ok(Self {
            now: self.now,
            base: self.base.clone(),
            roots: self.roots.clone(),
            copies: self.copies.clone(),
            issuer: self.issuer.clone(),
            first_issuer: self.first_issuer,
            workloads: self.workloads.clone(),
            events: self.events.clone(),
            lease: None,
            notes: Vec::new(),
            concerns: self.concerns.clone(),
            faults: Vec::new(),
            signer: Signer::new()?,
            authorities: self.authorities.clone(),
            leads: BTreeMap::new(),
            refused: Vec::new(),
            writes: 0,
            named: self.named,
            servers: self.servers.clone(),
            called: self.called.clone(),
            uncalled: Vec::new(),
        })
    }

    /// Every pair of a live proxy here and one of `other` of which one refuses the other now.
    pub fn refused_across(&self, other: &Self) -> Vec<Refused> {
        let mut leads = BTreeMap::new();
        let mut refused = Vec::new();
        for (servers, clients) in [(self, other), (other, self)] {
            for (server, pod) in servers.pods().filter(|(_, pod)| pod.is_live(servers.now)) {
                let Some(leaf) = &pod.leaf else { continue };
                for (client, pod) in clients.pods().filter(|(_, pod)| pod.is_live(clients.now)) {
                    if !accepts(&mut leads, leaf, &pod.anchors) {
                        let (presents, refuses) = (server.key.clone(), client.key.clone());
                        refused.push(Refused { at: self.now, presents, refuses });
                    }
                }
            }
        }
        refused
    }
}

//! The identity controller and the injector, by the rules of linkerd2 (controller/cmd/identity, pkg/identity/service.go).

use jiff::SignedDuration;

use crate::{
    mesh::IssuerPair,
    pki::{Bundle, Certificate, verify},
    snapshot::{IdentityEvent, IdentityEventKind},
};

use super::{
    Fault, World,
    pod::{Controller, Leaf, RETRY},
};

/// From a write of the issuer Secret until identity looks at it.
const RELOAD: SignedDuration = SignedDuration::from_secs(7);
/// From a write of a ConfigMap until the kubelet has changed the mounted copy.
const MOUNT: SignedDuration = SignedDuration::from_secs(60);
/// How long a leaf lives.
pub(super) const LEAF: SignedDuration = SignedDuration::from_hours(24);

impl World {
    /// A controller starts in this pod: it loads the issuer, or ends and is started again.
    pub(super) fn start_controller(&mut self, workload: usize, pod: usize) {
        let anchors = self.roots_now().value.clone();
        let issuer = self.loads(&self.issuer.value, &anchors).then(|| self.issuer.value.clone());
        let reloads_at = issuer.is_none().then(|| self.now + RETRY);
        self.workloads[workload].pods[pod].controller = Some(Controller { anchors, issuer, reloads_at });
    }

    fn loads(&self, issuer: &IssuerPair, anchors: &[Certificate]) -> bool {
        let first = issuer.chain.first().map(Certificate::fingerprint);
        let refused = self.faults.contains(&Fault::RefusedIssuer) && first != self.first_issuer;
        !refused && verify::as_identity(&issuer.chain, &Bundle::of(anchors.iter().cloned()), self.now).is_ok()
    }

    /// Every controller will look at the changed Secret, unless it misses the change.
    pub(super) fn secret_changed(&mut self) {
        if self.faults.contains(&Fault::MissedUpdate) {
            return;
        }
        let at = self.now + RELOAD;
        for pod in self.workloads.iter_mut().flat_map(|workload| &mut workload.pods) {
            if let Some(controller) = &mut pod.controller {
                controller.reloads_at = Some(at);
            }
        }
    }

    /// Controllers whose time has come look at the Secret. Returns whether any did.
    pub(super) fn reload(&mut self) -> bool {
        let due: Vec<(usize, usize)> =
            self.controllers(|world, controller| controller.reloads_at.is_some_and(|at| at <= world.now));
        for &(workload, pod) in &due {
            let Some(controller) = self.workloads[workload].pods[pod].controller.clone() else { continue };
            // One that never loaded an issuer was ended, and reads everything anew.
            if controller.issuer.is_none() {
                self.start_controller(workload, pod);
                continue;
            }
            let kind = if self.loads(&self.issuer.value, &controller.anchors) {
                let issuer = self.issuer.value.clone();
                self.workloads[workload].pods[pod].controller =
                    Some(Controller { issuer: Some(issuer), reloads_at: None, ..controller });
                IdentityEventKind::IssuerUpdated
            } else {
                self.workloads[workload].pods[pod].controller = Some(Controller { reloads_at: None, ..controller });
                IdentityEventKind::IssuerUpdateSkipped
            };
            let message = format!("{kind:?} in the simulation");
            self.events.push(IdentityEvent { kind, at: self.now, count: 1, message });
        }
        !due.is_empty()
    }

    fn controllers(&self, which: impl Fn(&Self, &Controller) -> bool) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        for (index, workload) in self.workloads.iter().enumerate() {
            for (at, pod) in workload.pods.iter().enumerate() {
                if pod.controller.as_ref().is_some_and(|controller| which(self, controller)) {
                    found.push((index, at));
                }
            }
        }
        found
    }

    /// Proxies whose time has come ask for a leaf. Returns whether any got one.
    pub(super) fn certify(&mut self) -> bool {
        let mut certified = false;
        for index in 0..self.workloads.len() {
            for at in 0..self.workloads[index].pods.len() {
                if self.workloads[index].pods[at].asks_at <= self.now {
                    certified |= self.ask(index, at);
                }
            }
        }
        certified
    }

    /// One proxy asks; whether it got a leaf. It checks the answer with its own anchors and keeps what it has where that
    /// fails.
    fn ask(&mut self, index: usize, at: usize) -> bool {
        let (now, identity) = (self.now, self.workloads[index].identity.clone());
        let own = self.workloads[index].pods[at].controller.is_some().then_some((index, at));
        let signs = self.controllers(|_, controller| controller.issuer.is_some());
        // A pod of identity asks the controller beside it as soon as that signs; others ask any.
        let source = own.filter(|own| signs.contains(own)).or_else(|| {
            let many = signs.len().max(1);
            signs.get(usize::try_from(self.named).unwrap_or(0) % many).copied()
        });
        let controller = source.and_then(|(workload, pod)| self.workloads[workload].pods[pod].controller.clone());
        let issuer = controller.and_then(|one| Some((one.issuer?, one.anchors)));
        // It verifies its issuer before each leaf, and minds the ends of both (pkg/identity/service.go).
        let still = |issuer: &IssuerPair, anchors: Vec<Certificate>| {
            let has_begun_and_not_ended = |one: &Certificate| one.lifetime().contains(now);
            // Dates are cheaper to ask for than signatures, and a dead mesh asks for weeks.
            issuer.chain.iter().all(has_begun_and_not_ended)
                && anchors.iter().any(has_begun_and_not_ended)
                && verify::as_identity(&issuer.chain, &Bundle::of(anchors), now).is_ok()
        };
        let valid = issuer.and_then(|(issuer, anchors)| still(&issuer, anchors).then_some(issuer));
        let leaf = valid.and_then(|issuer| {
            let certificate = self.signer.leaf(&issuer, &identity, now, LEAF)?;
            Some(Leaf { certificate, chain: issuer.chain })
        });
        let pod = &mut self.workloads[index].pods[at];
        let accepted = leaf.filter(|leaf| verify::issuer_as_proxy(&leaf.chain, &pod.anchors, now).is_ok());
        let Some(leaf) = accepted else {
            pod.asks_at = now + RETRY;
            return false;
        };
        // linkerd2-proxy, linkerd/proxy/identity-client/src/certify.rs: at 70 % of what is left, but not at once.
        let left = leaf.certificate.lifetime().left(now);
        pod.asks_at = now + (left / 10 * 7).max(RETRY);
        pod.leaf = Some(leaf);
        true
    }

    /// The anchors that the injector writes into new pods: its mounted copy, as old as the mount may be.
    pub(super) fn injected_anchors(&self) -> Vec<Certificate> {
        let injector = self.workloads.iter().find(|one| one.component.as_deref() == Some("proxy-injector"));
        let started = injector.and_then(|one| one.pods.iter().map(|pod| pod.started).min());
        let seen = self.roots.iter().rev().find(|kept| {
            started.is_none_or(|started| started >= kept.changed_at) || kept.changed_at + MOUNT <= self.now
        });
        seen.unwrap_or(self.roots_now()).value.clone()
    }
}

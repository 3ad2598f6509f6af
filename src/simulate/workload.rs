use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::{
    mesh::{Admission, Obstacle, Rollout},
    snapshot::WorkloadRef,
};

use super::{Fault, World, pod::Pod};

/// A workload with a proxy in each pod.
#[derive(Clone, Debug)]
pub(super) struct Workload {
    pub(super) key: WorkloadRef,
    pub(super) component: Option<String>,
    pub(super) identity: String,
    /// How many pods it should have.
    pub(super) wanted: u32,
    pub(super) obstacle: Option<Obstacle>,
    pub(super) restarted_at: Option<Timestamp>,
    pub(super) pods: Vec<Pod>,
}

/// How long a pod's application takes to be ready.
pub(super) const START: SignedDuration = SignedDuration::from_secs(3);

impl Workload {
    /// Whether a pod is added before an old one goes.
    fn surges(&self) -> bool {
        self.key.kind == "Deployment"
    }

    pub(super) fn rollout(&self, now: Timestamp) -> Rollout {
        let count = |which: &dyn Fn(&&Pod) -> bool| u32::try_from(self.pods.iter().filter(which).count()).unwrap_or(0);
        let updated = count(&|pod| pod.updated);
        let ready = count(&|pod| pod.updated && pod.is_ready(now));
        let never = self.pods.iter().any(|pod| pod.updated && pod.ready_at.is_none());
        Rollout {
            workload: self.key.clone(),
            labels: BTreeMap::new(),
            obstacle: self.obstacle,
            wanted: self.wanted,
            updated,
            ready,
            complete: ready == self.wanted && self.pods.len() == usize::try_from(self.wanted).unwrap_or(0),
            restarted_at: self.restarted_at,
            trouble: never.then(|| "ImagePullBackOff".to_owned()),
        }
    }
}

impl World {
    /// Marks the pods of a workload as of an old template; [`World::roll`] replaces them.
    pub(super) fn restart(&mut self, key: &WorkloadRef) {
        let now = self.now;
        if let Some(workload) = self.workloads.iter_mut().find(|workload| workload.key == *key) {
            workload.restarted_at = Some(now);
            workload.pods.iter_mut().for_each(|pod| pod.updated = false);
        }
    }

    /// Takes each rollout one step further where its newest pod is ready. Returns whether anything changed.
    pub(super) fn roll(&mut self) -> bool {
        let mut changed = false;
        for index in 0..self.workloads.len() {
            changed |= self.roll_one(index);
        }
        changed
    }

    fn roll_one(&mut self, index: usize) -> bool {
        let now = self.now;
        let workload = &self.workloads[index];
        let wanted = usize::try_from(workload.wanted).unwrap_or(0);
        let coming = workload.pods.iter().any(|pod| pod.updated && !pod.is_ready(now));
        // Of those that go, what is not ready goes first (kubernetes, pkg/controller/deployment/rolling.go,
        // `cleanupUnhealthyReplicas`).
        let unready = workload.pods.iter().position(|pod| !pod.updated && !pod.is_ready(now));
        let old = unready.or_else(|| workload.pods.iter().position(|pod| !pod.updated));
        if coming || (old.is_none() && workload.pods.len() >= wanted) {
            return false;
        }
        let surges = workload.surges();
        match old {
            // There is one pod more than wanted, or one may go first.
            Some(old) if workload.pods.len() > wanted || !surges => {
                self.workloads[index].pods.remove(old);
                // The place of an ordinal or a node is filled at once.
                if !surges {
                    self.start_pod(index);
                }
                true
            }
            _ => self.start_pod(index),
        }
    }

    /// Starts a pod of the newest template; whether one could be made.
    pub(super) fn start_pod(&mut self, index: usize) -> bool {
        self.named += 1;
        let workload = &self.workloads[index];
        let never = self.faults.iter().any(|fault| *fault == Fault::NeverReady(workload.key.name.clone()));
        let admitted = if workload.component.is_some() { None } else { Some(self.admit()) };
        if matches!(admitted, Some(Admission::Refused(_))) {
            return false;
        }
        let ready_at = (!never).then(|| self.now + START);
        if matches!(admitted, Some(Admission::Bare)) {
            let pod = Pod::bare(format!("{}-{}", workload.key.name, self.named), self.now, ready_at);
            self.workloads[index].pods.push(pod);
            return true;
        }
        let anchors = match workload.component {
            // The control plane's own refer to the ConfigMap; others get the injector's copy of it.
            Some(_) => self.roots_now().value.clone(),
            None => self.injected_anchors(),
        };
        let pod = Pod {
            name: format!("{}-{}", workload.key.name, self.named),
            started: self.now,
            anchors,
            leaf: None,
            asks_at: self.now,
            controller: None,
            ready_at,
            updated: true,
            is_bare: false,
        };
        let name = pod.name.clone();
        let is_identity = workload.component.as_deref() == Some("identity");
        self.workloads[index].pods.push(pod);
        self.serve_from_start(index, &name);
        if is_identity {
            let at = self.workloads[index].pods.len() - 1;
            self.start_controller(index, at);
        }
        true
    }
}
